from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from compute.catalogue import (
    Addition,
    adding_command,
    again,
    enter,
    new_checkpoints,
    refuse_shipped_name,
    remove,
    repository,
)
from compute.cli import build_parser
from compute.errors import RunError, RunNotFound, SettingsError
from compute.jobs import Jobs
from compute.places import allowed_folder, places, recheck
from compute.records import Measured
from compute.runs import Run
from compute.store import Store
from tests.models.hub_stand_in import environment, serving
from tests.samples import BEHAVIOUR, a_record, a_run
from tests.small_models import save_language_model


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """An allowed folder with two runs, one of them deeper; beside it one that is not allowed."""
    root = tmp_path / "runs"
    for place in (root / "mine", root / "lab" / "theirs", tmp_path / "secret"):
        for step in (0, 10):
            (place / f"step{step}").mkdir(parents=True)
            (place / f"step{step}" / "config.json").write_text("{}")
    return root


def test_a_run_in_an_allowed_folder_is_found_by_its_name_or_its_whole_path(allowed: Path) -> None:
    assert allowed_folder([allowed], "mine") == allowed / "mine"
    assert allowed_folder([allowed], str(allowed / "lab" / "theirs")) == allowed / "lab" / "theirs"
    assert [(p.name, n) for p, n in places([allowed])] == [("theirs", 2), ("mine", 2)]


@pytest.mark.parametrize(
    "asked",
    ["../secret", "mine/../../secret", "SECRET", "/etc", "", "  ", ".", "gone", "mine\0x", "/"],
)
def test_what_is_elsewhere_is_refused(allowed: Path, asked: str) -> None:
    place = asked.replace("SECRET", str(allowed.parent / "secret"))
    with pytest.raises(SettingsError):
        allowed_folder([allowed], place)


def test_a_folder_whose_name_only_begins_alike_is_refused(allowed: Path) -> None:
    twin = allowed.parent / "runs-private" / "mine"
    (twin / "step0").mkdir(parents=True)
    with pytest.raises(SettingsError, match="out of which"):
        allowed_folder([allowed], str(twin))


@pytest.mark.parametrize(
    "link", ["run", "checkpoint", "weights", "parent", "corpus", "deep", "circle"]
)
def test_links_that_lead_out_are_refused(allowed: Path, link: str) -> None:
    secret, mine = allowed.parent / "secret", allowed / "mine"
    asked = "mine"
    if link == "run":
        (allowed / "linked").symlink_to(secret)
        asked = "linked"
    elif link == "parent":
        (allowed / "up").symlink_to(allowed.parent)
        asked = "up/secret"
    elif link == "checkpoint":
        (mine / "step20").symlink_to(secret / "step10")
    elif link == "corpus":
        (mine / "corpus").symlink_to("/etc")
    elif link == "deep":
        (mine / "corpus" / "parts").mkdir(parents=True)
        (mine / "corpus" / "parts" / "0.txt").symlink_to(secret / "step10" / "config.json")
    elif link == "circle":
        (mine / "corpus").symlink_to("corpus")
    else:
        (mine / "step10" / "model.safetensors").symlink_to(secret / "step10" / "config.json")
    with pytest.raises(SettingsError, match="link"):
        allowed_folder([allowed], asked)
    assert asked not in {p.name for p, _ in places([allowed])}


def test_links_within_the_allowed_folder_are_followed(allowed: Path) -> None:
    theirs = allowed / "lab" / "theirs" / "step10"
    (allowed / "mine" / "step20").symlink_to(theirs)
    assert allowed_folder([allowed], "mine") == allowed / "mine"
    (theirs / "corpus").symlink_to(allowed.parent / "secret")
    with pytest.raises(SettingsError, match="link out of"):
        allowed_folder([allowed], "mine")


def test_a_run_is_checked_for_links_again_if_it_lies_in_an_allowed_folder(allowed: Path) -> None:
    run = a_run(location=allowed / "mine")
    recheck([allowed], run)
    (allowed / "mine" / "step10" / "deep").symlink_to("/etc")
    with pytest.raises(SettingsError, match="link out of"):
        recheck([allowed], run)
    recheck([allowed.parent / "elsewhere"], run)


def test_a_folder_with_too_many_files_is_for_the_command_line(
    allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute.places._MOST_FILES", 3)
    with pytest.raises(SettingsError, match="more than 3 files"):
        allowed_folder([allowed], "mine")


def test_a_name_that_no_disk_takes_is_refused_in_words(allowed: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        allowed_folder([allowed], "x" * 5000)


def test_without_an_allowed_folder_nothing_can_be_added() -> None:
    with pytest.raises(SettingsError, match="--runs-folders"):
        allowed_folder([], "mine")


@pytest.mark.parametrize("text", ["pythia", "a/b/c", "-x/y", "a/../b", "a b/c", "--hub", "", "é/x"])
def test_only_owner_and_name_is_a_model_on_the_hub(text: str) -> None:
    with pytest.raises(SettingsError, match="OWNER/NAME"):
        repository(text)
    assert repository(" EleutherAI/pythia-14m ") == "EleutherAI/pythia-14m"


@pytest.mark.parametrize("evil", ["--data=/tmp/x", "-h", "--hub"])
def test_nothing_that_is_typed_is_read_as_an_option(evil: str) -> None:
    arguments = Addition(location=evil, name=evil, recipe=evil).arguments()
    read = build_parser().parse_args(["add", *arguments])
    assert (read.location, read.name, read.recipe, read.hub) == (evil, evil, evil, False)


def test_new_and_gone_checkpoints_are_told(allowed: Path) -> None:
    run = dataclasses.replace(a_run(location=allowed / "mine"), steps=(0, 5))
    assert new_checkpoints(run) == ([10], [5])
    assert new_checkpoints(dataclasses.replace(run, source="shipped")) is None
    with pytest.raises(RunError, match="cannot be read"):
        new_checkpoints(dataclasses.replace(run, location=str(allowed / "gone")))


def test_an_entry_keeps_its_chains_and_is_not_taken_by_another(
    store: Store, tmp_path: Path
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    first = dataclasses.replace(a_run(location=tmp_path / "here"), llc="{}")
    store.put_run(first)
    enter(store, dataclasses.replace(first, llc="", steps=(0, 1, 2, 9)))
    assert store.run("small").llc == "{}"
    assert store.run("small").steps == (0, 1, 2, 9)
    with pytest.raises(SettingsError, match="another name"):
        enter(store, a_run(location=tmp_path / "there"))


def test_the_settings_of_records_that_came_alone_are_those_of_their_checkpoints(
    store: Store, tmp_path: Path
) -> None:
    here = a_run(location=tmp_path / "here")
    store.put_run(dataclasses.replace(here, source="shipped", location="small", llc="{}"))
    enter(store, here)
    assert store.run("small") == dataclasses.replace(here, llc="{}")


def a_measured(run: Run) -> Measured:
    return Measured(
        spec=BEHAVIOUR, run=run.name, step=0, weights_digest="w", data_digest="text",
        record=a_record(BEHAVIOUR), environment={}, seconds=1.0,
    )  # fmt: skip


def test_what_a_removed_run_left_is_not_taken_by_another(store: Store, tmp_path: Path) -> None:
    first, second = (a_run(location=tmp_path / name) for name in ("here", "there"))
    for run in (first, second):
        store.put_run(run)
        remove(store, Jobs(store), run.name)
        enter(store, first)
    store.put(a_measured(first))
    remove(store, Jobs(store), "small")
    with pytest.raises(SettingsError, match="another name"):
        enter(store, second)
    enter(store, first)
    assert store.document("removed/small") is None


@pytest.mark.parametrize("gone", [False, True])
def test_pages_give_the_name_of_shipped_records_to_their_own_recipe_only(
    store: Store, tmp_path: Path, gone: bool
) -> None:
    shipped = dataclasses.replace(a_run(), source="shipped", location="small")
    store.put_run(shipped)
    store.put(a_measured(shipped))
    if gone:
        remove(store, Jobs(store), "small")
    place = tmp_path / "small"
    place.mkdir()
    for addition in (
        Addition(location=str(place)),
        Addition(location=str(tmp_path), name="small"),
        Addition(location="somebody/small", hub=True),
    ):
        with pytest.raises(SettingsError, match="another name"):
            refuse_shipped_name(store, addition)
    refuse_shipped_name(store, Addition(location=str(place), name="other"))
    (place / "recipe.json").write_text('{"name": "small"}')
    refuse_shipped_name(store, Addition(location=str(place)))
    # On the command line one knows what one does.
    enter(store, a_run(location=tmp_path))


def test_what_is_removed_leaves_its_records(store: Store) -> None:
    run = a_run()
    store.put_run(run)
    measured = a_measured(run)
    store.put(measured)
    jobs = Jobs(store)
    job = jobs.submit(run.name, [BEHAVIOUR], None)
    with pytest.raises(SettingsError, match="cancel its job"):
        remove(store, jobs, run.name)
    jobs.cancel(job.id)
    remove(store, jobs, run.name)
    with pytest.raises(RunNotFound):
        store.run(run.name)
    assert store.keys(run.name) == [measured.key]
    with pytest.raises(RunNotFound):
        remove(store, jobs, run.name)


def test_a_run_that_came_as_records_has_nothing_to_look_for() -> None:
    with pytest.raises(SettingsError, match="records only"):
        again(dataclasses.replace(a_run(), source="shipped"))


def test_the_command_enters_a_run_and_finds_its_new_checkpoints(tmp_path: Path) -> None:
    place, data = tmp_path / "runs" / "tiny", tmp_path / "store"
    for step in (0, 10):
        save_language_model("gpt_neox", place / f"step{step}")
    add = adding_command(data)
    assert "2 checkpoints, steps 0 to 10" in add(Addition(location=str(place), recipe="pair"))
    store = Store(data)
    run = store.run("tiny")
    assert (run.steps, run.recipe) == ((0, 10), "pair")
    save_language_model("gpt_neox", place / "step20")
    add(again(run))
    assert store.run("tiny").steps == (0, 10, 20)
    assert store.run("tiny").recipe == "pair"
    with pytest.raises(RunError, match="no checkpoints here"):
        add(Addition(location=str(tmp_path / "runs" / "tiny" / "step0")))
    store.close()


def test_the_command_asks_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {f"step{s}": save_language_model("gpt_neox", tmp_path / f"m{s}") for s in (0, 1)}
    with serving() as server:
        kept = server.add(folders)
        for name, value in environment(server.url, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        add = adding_command(tmp_path / "store")
        assert "2 checkpoints" in add(Addition(location=kept.name, hub=True, name="hubbed"))
        with pytest.raises(RunError) as refused:
            add(Addition(location="nobody/nothing", hub=True))
    assert "nobody/nothing" in str(refused.value)
    store = Store(tmp_path / "store")
    assert store.run("hubbed").source == "hub"
    store.close()


def test_a_command_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    assert Path(sys.executable).exists()
    with pytest.raises(RunError, match="did not answer within"):
        adding_command(tmp_path / "store", seconds=0.01)(Addition(location="x"))
