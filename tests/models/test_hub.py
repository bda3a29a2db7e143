"""The hub's real client against a local stand-in server, with what can go wrong on the way."""

from __future__ import annotations

import pytest

from tests.models.hub_stand_in import Client, Fault, sha256
from tests.small_models import save_language_model

WEIGHTS = "step1/model.safetensors"
FETCH = """
folder = cache(folder)
with lend(folder, repository, 1) as place:
    out["files"] = sorted(path.name for path in place.iterdir())
    out["weights"] = (place / "model.safetensors").stat().st_size
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    return {
        f"step{step}": save_language_model("gpt_neox", root / f"step{step}", seed=step)
        for step in (0, 1)
    }


def test_revisions_named_like_steps_are_fetched_opened_and_deleted(client, repository, tmp_path):
    (tmp_path / "text.txt").write_text("some text")
    code = """
    run = describe_run(repository, source="hub", text=Path(text))
    out["steps"], out["digests"], out["names"] = run.steps, [], []
    for step in run.steps:
        out["digests"].append(weights_digest(run, step))
        with open_checkpoint(run, step) as model:
            out["names"].append(model.components[-1].name)
        out["deleted"] = not model.folder.exists()
    """
    code = code.replace("\n    ", "\n")
    answer = client.run(code, repository=repository.name, text=tmp_path / "text.txt")
    assert answer["steps"] == [0, 1]
    assert answer["names"] == ["LOGITS", "LOGITS"]
    assert len(set(answer["digests"])) == 2
    assert answer["deleted"]


def test_only_what_measuring_needs_is_fetched(client, server, folders, tmp_path):
    for name in ("README.md", "pytorch_model.bin", "optimizer.bin", "generation_config.json"):
        (folders["step1"] / name).write_bytes(b"of no use")
    repository = server.add(folders)
    answer = client.run(FETCH, repository=repository.name, folder=tmp_path / "fetched")
    for name in ("README.md", "pytorch_model.bin", "optimizer.bin"):
        (folders["step1"] / name).unlink()
    assert [name for name in answer["files"] if not name.startswith(".")] == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip


def test_pickled_weights_are_fetched_where_there_are_no_others(client, server, tmp_path):
    (tmp_path / "step1").mkdir()
    for name in ("config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"):
        (tmp_path / "step1" / name).write_text(name)
    repository = server.add({"step1": tmp_path / "step1"})
    code = 'out["names"] = [file.name for file in find_listing(repository, 1).wanted]'
    names = client.run(code, repository=repository.name)["names"]
    assert names == [
        "config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ("refs", Fault(times=1, status=503)),
        ("refs", Fault(times=1, stop_after=20, reset=True)),
        ("step1", Fault(times=2, status=429, headers={"Retry-After": "0"})),
        ("step1", Fault(times=1, stop_after=0)),
        (WEIGHTS, Fault(times=1, stop_after=5000)),
        (WEIGHTS, Fault(times=1, stop_after=5000, reset=True)),
        (WEIGHTS, Fault(times=1, status=429, headers={"Retry-After": "0"})),
        (WEIGHTS, Fault(times=2, status=502)),
        (WEIGHTS, Fault(times=1, damage=True)),
        ("step1/config.json", Fault(times=1, damage=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_passes_is_recovered_from(client, repository, folders, tmp_path, request_, fault):
    repository.faults[request_] = fault
    answer = client.run(FETCH, repository=repository.name, folder=tmp_path / "fetched")
    assert "error" not in answer
    assert answer["weights"] == (folders["step1"] / "model.safetensors").stat().st_size
    assert fault.times == 0


@pytest.mark.parametrize(
    ("request_", "fault", "reason"),
    [
        ("refs", Fault(status=401), "the hub answered 401; log in"),
        ("refs", Fault(status=403), "the hub answered 403; ask its owner"),
        ("refs", Fault(status=404), "the hub answered 404; check the name"),
        ("step1", Fault(status=404), "at step1: the hub answered 404; check the name and"),
        ("step1", Fault(status=429), "the hub answered 429, again and again; try again later, or"),
        ("step1", Fault(status=429, headers={"Retry-After": "400"}), "left alone for 400 s"),
        (WEIGHTS, Fault(status=500), "at step1: the hub answered 500, again and again; try again"),
        (WEIGHTS, Fault(status=404), "at step1: the hub answered 404"),
        (WEIGHTS, Fault(stop_after=5, reset=True), "the hub cannot be reached"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_pass_is_one_line(client, repository, tmp_path, request_, fault, reason):
    repository.faults[request_] = fault
    answer = client.run(FETCH, repository=repository.name, folder=tmp_path / "fetched")
    assert answer["error"] in ("HubRefused", "HubUnreachable")
    assert answer["reason"].startswith(repository.name)
    assert reason in answer["reason"]
    assert "\n" not in answer["reason"]


def test_a_body_that_always_breaks_off_is_given_up(client, repository, tmp_path):
    repository.faults[WEIGHTS] = Fault(stop_after=0)
    code = FETCH.replace("cache(folder)", "CheckpointCache(Path(folder), patience=once)")
    code = "once = Patience(attempts=1)\n" + code
    answer = client.run(code, repository=repository.name, folder=tmp_path / "fetched")
    assert answer["error"] == "HubUnreachable"
    assert "cannot be reached" in answer["reason"]


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_file_that_comes_damaged_twice_is_named_with_both_digests(
    client, repository, folders, tmp_path, file
):
    repository.faults[f"step1/{file}"] = Fault(damage=True)
    answer = client.run(FETCH, repository=repository.name, folder=tmp_path / "fetched")
    assert answer["error"] == "HubRefused"
    assert f"at step1: {file} came damaged, twice" in answer["reason"]
    assert repository.count(f"step1/{file}") == 2
    if file == "model.safetensors":
        right = (folders["step1"] / file).read_bytes()
        wrong = right[:-1] + bytes([right[-1] ^ 1])
        assert f"{sha256(wrong)[:12]}.. and should be {sha256(right)[:12]}.." in answer["reason"]
    assert not list((tmp_path / "fetched").rglob(file))


def test_the_list_of_revisions_is_asked_for_once_and_again_for_a_new_step(
    client, server, folders, tmp_path
):
    repository = server.add(dict(folders))
    code = "for step in steps: out[str(step)] = find_listing(repository, step).revision"
    client.run(code, repository=repository.name, steps=[0, 1, 0, 1])
    assert repository.count("refs") == 1
    repository.folders["checkpoint-7"] = folders["step1"]
    answer = client.run(code, repository=repository.name, steps=[7])
    assert answer == {"7": "checkpoint-7"}
    assert repository.count("refs") == 2
    answer = client.run(code, repository=repository.name, steps=[8])
    assert answer["reason"] == f"{repository.name}: the revision of step 8 is gone"


def test_the_size_is_the_mean_of_the_first_and_the_last_that_the_hub_gives(
    client, server, repository, folders
):
    code = 'out["size"] = checkpoint_size(repository, steps)'
    wanted = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    size = sum((folders["step1"] / name).stat().st_size for name in wanted)
    known = client.run(code, repository=repository.name, steps=[0, 1])["size"]
    assert known == pytest.approx(size, rel=0.01)
    repository.faults["step0"] = Fault(status=404)
    assert client.run(code, repository=repository.name, steps=[0, 1])["size"] == size
    silent = server.add(folders, sizes=False)
    assert client.run(code, repository=silent.name, steps=[0, 1])["size"] is None


def test_a_hub_that_is_not_there(tmp_path):
    with Client("http://127.0.0.1:9", tmp_path) as lonely:
        answer = lonely.run('find_revisions("lab/small", QUICK)')
        assert answer["error"] == "HubUnreachable"
        assert "cannot be reached" in answer["reason"]
        answer = lonely.run('describe_run("not/a/name", source="hub")')
        assert answer["error"] == "HubRefused"
        assert "owner/name" in answer["reason"]


def test_a_repository_without_steps(client, server):
    answer = client.run("describe_run(name, source='hub')", name=server.add({}).name)
    assert answer["error"] == "EmptyRun"
    assert "no branch or tag named like step1000" in answer["reason"]
