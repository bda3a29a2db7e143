"""The folder of fetched revisions, and the workers that use it, with a stand-in for the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from compute.models import size_text
from compute.records import from_bytes
from compute.runs import Run
from compute.specs import standard_measurements
from tests.models.hub_stand_in import ROOT, Client, Fault, environment, wait_until
from tests.small_models import save_language_model

STEPS = (0, 1, 2, 3)
TEXT = "!\"#$%&'()*+,-./0123456789 " * 30
LEND = """
with lend(cache(folder, budget), repository, step) as place:
    out["files"] = sorted(path.name for path in place.iterdir())
"""
PERFORM = """
run = hub_run(repository, text=text)
outcomes = []
for step, seed, after in tasks:
    spec = GraphMeasurement(task=TaskSpec(name="text", prompts=2, length=10, seed=seed))
    digest = find_listing(repository, step).digest
    task = Task(run=run, step=step, spec=spec, weights_digest=digest, next_step=after)
    outcomes.append(perform(task, Path(folder), budget))
out["reasons"] = [outcome.reason for outcome in outcomes if isinstance(outcome, Failure)]
out["records"] = sum(isinstance(outcome, Success) for outcome in outcomes)
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    for step in STEPS:
        folder = save_language_model("gpt_neox", root / f"step{step}", seed=step)
        # Long enough for the standard tasks; positions are rotary, so no weight depends on it.
        config = json.loads((folder / "config.json").read_text())
        config["max_position_embeddings"] = 512
        (folder / "config.json").write_text(json.dumps(config))
    return {f"step{step}": root / f"step{step}" for step in STEPS}


@pytest.fixture(scope="module")
def size(folders):
    """Bytes that are fetched of one revision."""
    files = folders["step0"].iterdir()
    return sum(file.stat().st_size for file in files if file.name != "generation_config.json")


@pytest.fixture(scope="module")
def other(server, tmp_path_factory):
    with Client(server.url, tmp_path_factory.mktemp("home")) as client:
        yield client


@pytest.fixture
def fetched(tmp_path):
    return tmp_path / "fetched"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def steps_in(fetched):
    """The steps whose revision is complete in the folder."""
    if not fetched.is_dir():
        return []
    names = [place.name for place in fetched.iterdir() if place.is_dir()]
    return sorted(int(name.split("@")[1].split("-")[0]) for name in names if "." not in name)


def bytes_in(fetched):
    total = 0
    for parent, _, names in os.walk(fetched):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118
            except FileNotFoundError:
                continue
    return total


class Peak:
    """Watches the folder, and knows the most bytes that were in it."""

    def __init__(self, fetched):
        self.bytes = 0
        self._fetched, self._over = fetched, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _watch(self):
        while not self._over.wait(0.001):
            self.bytes = max(self.bytes, bytes_in(self._fetched))


def test_six_measurements_of_a_checkpoint_fetch_it_once(client, repository, fetched, text):
    tasks = [(0, seed, None) for seed in range(6)]
    answer = client.run(
        PERFORM, repository=repository.name, folder=fetched, budget=None, text=text, tasks=tasks
    )
    assert answer == {"reasons": [], "records": 6}
    assert repository.bodies("model.safetensors") == {
        "step0": 1,
        "step1": 0,
        "step2": 0,
        "step3": 0,
    }
    assert repository.count("refs") == 1


def test_the_folder_stays_within_the_budget_and_gives_up_what_was_used_longest_ago(
    client, repository, fetched, size
):
    budget = int(2.5 * size)
    with Peak(fetched) as peak:
        for step in (0, 1, 0, 2):
            client.run(LEND, repository=repository.name, folder=fetched, budget=budget, step=step)
    assert steps_in(fetched) == [0, 2]
    assert size < peak.bytes <= budget
    assert list(repository.bodies("config.json").values()) == [1, 1, 1, 0]


def test_a_revision_in_use_is_not_deleted_and_the_next_one_waits_for_it(
    client, other, repository, fetched, size, tmp_path
):
    hold = """
    with lend(cache(folder, budget), repository, 0) as place:
        while not Path(release).exists():
            time.sleep(0.01)
        out["intact"] = (place / "model.safetensors").exists()
    """.replace("\n    ", "\n")
    given = {"repository": repository.name, "folder": fetched, "budget": int(1.5 * size)}
    other.start(hold, release=tmp_path / "release", **given)
    wait_until(lambda: steps_in(fetched) == [0])
    client.start(LEND, step=1, **given)
    # It has begun, since it has asked for the list, and must not have asked for a file.
    wait_until(lambda: repository.count("step1") == 2)
    time.sleep(0.3)
    assert repository.count("step1/config.json") == 0
    assert steps_in(fetched) == [0]
    (tmp_path / "release").touch()
    assert other.finish() == {"intact": True}
    assert "model.safetensors" in client.finish()["files"]
    assert steps_in(fetched) == [1]


def test_what_can_never_fit_is_refused_before_it_is_fetched(client, repository, fetched, size):
    code = LEND.replace("budget)", "budget, free_bytes=lambda folder: free)")
    given = {"repository": repository.name, "folder": fetched, "step": 0}
    answer = client.run(code, budget=size // 2, free=10 * size, **given)
    assert answer["error"] == "NoRoom"
    assert f"at step0: a checkpoint takes {size_text(size)}," in answer["reason"]
    assert f"{size_text(size // 2)} of disk; allow more: --checkpoint-disk" in answer["reason"]
    answer = client.run(code, budget=10 * size, free=size // 2, **given)
    assert answer["error"] == "NoRoom"
    assert f"{size_text(size // 2)} are free on the disk" in answer["reason"]
    assert "\n" not in answer["reason"]
    assert repository.count("step0/config.json") == 0


def test_a_folder_that_cannot_be_made_is_one_line(client, repository, tmp_path):
    (tmp_path / "file").touch()
    answer = client.run(
        LEND, repository=repository.name, folder=tmp_path / "file", budget=None, step=0
    )
    assert answer["error"] == "NoRoom"
    assert "--checkpoints" in answer["reason"]


def test_weights_that_have_changed_are_not_taken_for_those_that_were_planned(
    client, repository, fetched
):
    code = "with cache(folder).lent(repository, 0, digest): pass"
    answer = client.run(code, repository=repository.name, folder=fetched, digest="0" * 64)
    assert answer["error"] == "HubRefused"
    assert "have changed" in answer["reason"]


def test_two_processes_that_ask_at_once_fetch_once(client, other, repository, fetched):
    hold = threading.Event()
    repository.faults["step0/model.safetensors"] = Fault(times=1, stop_after=1000, hold=hold)
    given = {"repository": repository.name, "folder": fetched, "budget": None, "step": 0}
    client.start(LEND, **given)
    wait_until(lambda: repository.count("step0/model.safetensors") == 1)
    other.start(LEND, **given)
    wait_until(lambda: len(list(fetched.glob("*.use-*"))) == 2)
    hold.set()
    assert client.finish() == other.finish()
    assert repository.bodies("model.safetensors")["step0"] == 1
    assert not list(fetched.glob("*.use-*"))


@pytest.mark.faults
def test_what_a_killed_process_left_is_finished_and_what_it_used_can_be_deleted(
    client, server, repository, fetched, tmp_path
):
    hold = threading.Event()
    repository.faults["step1/model.safetensors"] = Fault(times=1, stop_after=1000, hold=hold)
    given = {"repository": repository.name, "folder": fetched, "budget": None}
    sweep = "cache(folder).delete_unused([repository])"
    with Client(server.url, tmp_path / "home") as victim:
        code = "with lend(cache(folder), repository, 0), lend(cache(folder), repository, 1): pass"
        victim.start(code, **given)
        wait_until(lambda: repository.count("step1/model.safetensors") == 1)
        client.run(sweep, **given)
        assert steps_in(fetched) == [0]
        (partial,) = fetched.glob("*.partial")
        assert (partial / "config.json").exists()
        victim.kill()
    hold.set()
    # What was being written when the machine went down may have the right name only.
    (partial / "config.json").write_bytes((partial / "config.json").read_bytes()[:-1])
    assert "model.safetensors" in client.run(LEND, step=1, **given)["files"]
    assert steps_in(fetched) == [0, 1]
    assert repository.count("step1/config.json") == repository.count("step1/tokenizer.json") + 1
    assert repository.bodies("model.safetensors")["step1"] == 2
    (place,) = (path for path in fetched.glob("*@1-*") if path.is_dir())
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (place / name).read_bytes() == (repository.folders["step1"] / name).read_bytes()
    client.run(sweep, **given)
    assert [path.name for path in fetched.iterdir()] == [".lock"]


def test_the_next_checkpoint_is_fetched_while_this_one_is_measured(
    client, repository, fetched, tmp_path
):
    # The measurement waits for its text, which comes only when the next checkpoint is here.
    pipe = tmp_path / "text.txt"
    os.mkfifo(pipe)
    given = {"repository": repository.name, "folder": fetched, "budget": None}
    client.start(PERFORM, text=pipe, tasks=[(0, 0, 1)], **given)
    wait_until(lambda: steps_in(fetched) == [0, 1])
    with pipe.open("w") as late:
        late.write(TEXT)
    assert client.finish() == {"reasons": [], "records": 1}
    pipe.unlink()
    pipe.write_text(TEXT)
    # Nothing is fetched that is there, or that would not be used.
    tasks = [(1, 0, 0), (1, 1, 0), (1, 2, None)]
    client.run(PERFORM, text=pipe, tasks=tasks, **given)
    assert repository.bodies("model.safetensors") == {
        "step0": 1,
        "step1": 1,
        "step2": 0,
        "step3": 0,
    }


def test_reading_ahead_waits_for_nobody_and_its_failures_are_not_reported(
    client, other, repository, fetched, size, text
):
    given = {"repository": repository.name, "folder": fetched, "text": text}
    # No room beside the one that is measured; a revision that is gone; then one that comes.
    perform = (
        PERFORM
        + """
for thread in threading.enumerate():
    if thread.name == "read-ahead":
        thread.join()
"""
    )
    in_use = "with lend(cache(folder), repository, 0):" + textwrap.indent(perform, "    ")
    answer = client.run(in_use, budget=int(1.5 * size), tasks=[(0, 0, 1)], **given)
    assert answer == {"reasons": [], "records": 1}
    repository.faults["step1"] = Fault(times=1, status=404)
    answer = client.run(perform, budget=None, tasks=[(0, 1, 1)], **given)
    assert answer == {"reasons": [], "records": 1}
    assert steps_in(fetched) == [0]
    assert repository.count("step1") == 2
    # Another process is at it already.
    hold = threading.Event()
    repository.faults["step2/model.safetensors"] = Fault(times=1, stop_after=1000, hold=hold)
    other.start(LEND, repository=repository.name, folder=fetched, budget=None, step=2)
    wait_until(lambda: repository.count("step2/model.safetensors") == 1)
    ahead = "out['fetched'] = cache(folder).fetch_ahead(repository, 2)"
    assert client.run(ahead, **given) == {"fetched": False}
    hold.set()
    other.finish()
    assert client.run(ahead, **given) == {"fetched": False}
    assert client.run(ahead.replace("2)", "3)"), **given) == {"fetched": True}


def test_a_budget_that_is_taken_does_not_make_reading_ahead_delete(
    client, repository, fetched, size
):
    code = """
    kept = cache(folder, budget)
    with lend(kept, repository, 0), lend(kept, repository, 1):
        kept.fetch_ahead(repository, 2)
    """.replace("\n    ", "\n")
    answer = client.run(code, repository=repository.name, folder=fetched, budget=int(2.5 * size))
    assert answer["error"] == "NoRoom"
    assert steps_in(fetched) == [0, 1]


def cli(client, *arguments):
    code = """
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        out["code"] = cli.main(arguments)
    out["said"] = said.getvalue()
    """.replace("\n    ", "\n")
    answer = client.run(code, arguments=[str(argument) for argument in arguments])
    return answer["code"], answer["said"]


def test_the_size_is_said_before_anything_is_fetched(
    client, server, repository, folders, tmp_path, fetched, text, size
):
    options = ["--data", tmp_path / "store"]
    code, said = cli(client, "add", repository.name, "--hub", "--text", text, *options)
    name = repository.name.partition("/")[2]
    assert code == 0
    assert f"{name}: 4 checkpoints to fetch, {size_text(size)} each, " in said
    assert f"{size_text(4 * size)} in all\n" in said
    options += ["--checkpoints", fetched, "--checkpoint-disk", "0.0001"]
    code, said = cli(client, "compute", name, "--kinds", "graph", *options)
    assert (code, said.count("\n")) == (2, 1)
    assert f"a checkpoint takes {size_text(size)}, and fetched ones may take 100 kB" in said
    assert not any(repository.bodies("config.json").values())

    silent = server.add(folders, sizes=False)
    code, said = cli(client, "add", silent.name, "--hub", "--text", text, *options[:2])
    assert code == 0
    assert "4 checkpoints to fetch; the hub does not say how large they are\n" in said


def test_revisions_are_deleted_when_a_job_is_over_unless_they_are_to_be_kept(
    client, repository, fetched, store
):
    code = """
    from compute import downloads, settings
    from compute.store import Store
    kept = settings.resolve(environment={
        "ONTOGENY_CHECKPOINTS": folder, "ONTOGENY_KEEP_CHECKPOINTS": keep,
    })
    with contextlib.closing(Store(Path(store))) as store:
        store.put_run(hub_run(repository))
        with lend(cache(folder), repository, 0):
            downloads.delete_unused(store, kept)
            out["in use"] = len(cache(folder).steps(repository))
        downloads.delete_unused(store, kept)
        out["not in use"] = len(cache(folder).steps(repository))
    """.replace("\n    ", "\n")
    given = {"repository": repository.name, "folder": fetched, "store": store.folder}
    assert client.run(code, keep="yes", **given) == {"in use": 1, "not in use": 1}
    assert client.run(code, keep="no", **given) == {"in use": 1, "not in use": 0}


def test_a_job_on_a_hub_from_end_to_end(server, repository, tmp_path, fetched, text, size, store):
    repository.faults["step3"] = Fault(status=404, headers={"X-Error-Code": "RevisionNotFound"})
    run = Run(
        name="small",
        source="hub",
        location=repository.name,
        family="language",
        steps=STEPS,
        data_digest="text",
        text=str(text),
    )
    store.put_run(run)
    command = [sys.executable, "-m", "compute.cli", "compute", "small", "--kinds", "graph"]
    command += ["--data", str(store.folder), "--workers", "2", "--checkpoints", str(fetched)]
    done = subprocess.run(
        command,
        env=environment(server.url, tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stderr
    assert f"small: 4 checkpoints to fetch, {size_text(size)} each" in said
    assert f"at most 10 GB at a time on disk ({fetched}); deleted when measured" in said
    graphs = len([spec for spec in standard_measurements(run) if spec.kind == "graph"])
    found = [from_bytes(store.get_bytes(key)).step for key in store.keys("small")]
    assert sorted(found) == sorted([0, 1, 2] * graphs)
    reason = f"{repository.name} at step3: the hub answered 404; check the name and the revision"
    assert set(store.failures("small").values()) == {reason}
    assert said.count(f"step 3 graph: {reason}") == graphs
    assert list(repository.bodies("model.safetensors").values()) == [1, 1, 1, 0]
    assert [path.name for path in fetched.iterdir()] == [".lock"]
