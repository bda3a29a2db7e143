from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import zipfile

import pytest

from compute.bundle import RECORDS_FILE, RUN_FILE, bundles, export_run, import_bundle
from compute.errors import BadRecord, RunNotFound
from compute.store import Store
from tests.samples import BEHAVIOUR, CALIBRATION, GRAPH, a_digest, a_measured, a_run, a_task

RUN = a_run()


@pytest.fixture
def full(store):
    store.put_run(RUN)
    for step in RUN.steps:
        for spec in (GRAPH, BEHAVIOUR):
            store.put(a_measured(a_task(RUN, step, spec)))
    return store


@pytest.fixture
def other(tmp_path):
    opened = Store(tmp_path / "other")
    yield opened
    opened.close()


@pytest.fixture
def bundle(full, tmp_path):
    export_run(full, RUN, tmp_path / "bundle", recipe={"seed": 0})
    return tmp_path / "bundle"


def test_records_come_back_byte_for_byte(full, other, bundle):
    done = import_bundle(other, bundle)
    assert done.records == 10
    assert other.keys("small") == full.keys("small")
    assert all(other.get_bytes(key) == full.get_bytes(key) for key in full.keys("small"))


def test_the_run_comes_as_shipped_without_paths_of_this_machine(other, bundle):
    import_bundle(other, bundle)
    run = other.run("small")
    assert (run.source, run.location, run.text) == ("shipped", "small", "")
    assert (run.steps, run.data_digest) == (RUN.steps, RUN.data_digest)


def test_cells_of_a_calibration_that_failed_go_along_and_other_failures_stay(full, other, tmp_path):
    cell, graph = (a_task(RUN, 1, spec).key for spec in (CALIBRATION, GRAPH))
    full.put_failure(cell, "4 of 4 SGLD chains diverged")
    full.put_failure(graph, "cannot read /home/me/secret")
    export_run(full, RUN, tmp_path / "bundle")
    assert "secret" not in (tmp_path / "bundle" / RUN_FILE).read_text()
    import_bundle(other, tmp_path / "bundle")
    assert other.failures("small") == {cell: "4 of 4 SGLD chains diverged"}


@pytest.mark.parametrize("key", ["soup", "graph/2/small/0/ab", "calibration/1/another/0/ab"])
def test_a_failure_that_is_no_cell_of_this_run_is_left_out(other, bundle, key):
    about = json.loads((bundle / RUN_FILE).read_text())
    about["failures"] = {key: "because"}
    (bundle / RUN_FILE).write_text(json.dumps(about))
    if key == "soup":
        with pytest.raises(BadRecord, match="does not describe a bundle"):
            import_bundle(other, bundle)
    else:
        import_bundle(other, bundle)
        assert other.failures("small") == {}


def test_a_bundle_says_what_it_is(bundle):
    about = json.loads((bundle / RUN_FILE).read_text())
    assert about["records"] == {"behaviour": 5, "graph": 5}
    assert about["recipe"] == {"seed": 0}
    assert about["environments"] == [{"python": "3"}]
    assert about["sha256"] == hashlib.sha256((bundle / RECORDS_FILE).read_bytes()).hexdigest()


def test_the_same_records_give_the_same_bytes(full, bundle, tmp_path):
    export_run(full, RUN, tmp_path / "again")
    assert (tmp_path / "again" / RECORDS_FILE).read_bytes() == (bundle / RECORDS_FILE).read_bytes()


def test_importing_again_does_nothing(other, bundle):
    import_bundle(other, bundle)
    revision = other.revision("small")
    assert import_bundle(other, bundle).records == 0
    assert other.revision("small") == revision


def test_a_run_that_was_removed_comes_back_with_its_bundle(other, bundle):
    import_bundle(other, bundle)
    other.drop_run("small")
    assert import_bundle(other, bundle).records == 0
    assert other.run("small").source == "shipped"
    assert len(other.keys("small")) == 10


def test_what_a_later_bundle_says_of_a_run_is_taken_over_but_not_its_settings(other, bundle):
    import_bundle(other, bundle)
    other.put_run(dataclasses.replace(other.run("small"), llc="chosen here"))
    about = json.loads((bundle / "run.json").read_text("utf-8"))
    about["run"] |= {"recipe": "small", "seed": 3, "tokens_per_step": 64, "llc": "another"}
    (bundle / "run.json").write_text(json.dumps(about), "utf-8")
    assert import_bundle(other, bundle).records == 0
    run = other.run("small")
    assert (run.recipe, run.seed, run.tokens_per_step) == ("small", 3, 64)
    assert run.llc == "chosen here"
    longer = dataclasses.replace(run, steps=(*run.steps, 10**6), seed=4)
    other.put_run(longer)
    import_bundle(other, bundle)
    assert other.run("small") == longer


def test_records_of_other_weights_or_texts_stay_behind(full, tmp_path):
    stale = dataclasses.replace(a_measured(a_task(RUN)), weights_digest="an earlier training")
    foreign = dataclasses.replace(a_measured(a_task(RUN)), data_digest="another text")
    full.put(stale)
    full.put(foreign)
    digests = {step: a_digest(RUN, step) for step in RUN.steps}
    kinds = export_run(full, RUN, tmp_path / "b", weights_digests=digests)
    assert kinds == {"graph": 5, "behaviour": 5}


def test_a_run_whose_checkpoints_are_here_keeps_its_entry(other, bundle, tmp_path):
    mine = dataclasses.replace(RUN, location=str(tmp_path))
    other.put_run(mine)
    import_bundle(other, bundle)
    assert other.run("small") == mine
    assert len(other.keys("small")) == 10


def test_a_run_whose_checkpoints_are_gone_becomes_a_shipped_one(other, bundle, tmp_path):
    other.put_run(dataclasses.replace(RUN, location=str(tmp_path / "gone")))
    import_bundle(other, bundle)
    assert other.run("small").source == "shipped"


def test_a_run_without_records_cannot_be_exported(store, tmp_path):
    store.put_run(RUN)
    with pytest.raises(RunNotFound, match="no records yet"):
        export_run(store, RUN, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_folder_without_a_bundle_is_refused(store, tmp_path):
    with pytest.raises(RunNotFound, match="no bundle"):
        import_bundle(store, tmp_path)


def test_one_changed_byte_is_noticed(other, bundle):
    path = bundle / RECORDS_FILE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadRecord, match="damaged"):
        import_bundle(other, bundle)
    assert other.runs() == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "x"}', '{"format": 1, "run": {}}'])
def test_a_damaged_description_is_refused(other, bundle, text):
    (bundle / RUN_FILE).write_text(text)
    with pytest.raises(BadRecord):
        import_bundle(other, bundle)


def repack(bundle, records):
    """Write other records with a digest that fits them."""
    with zipfile.ZipFile(bundle / RECORDS_FILE, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    about = json.loads((bundle / RUN_FILE).read_text())
    about["sha256"] = hashlib.sha256((bundle / RECORDS_FILE).read_bytes()).hexdigest()
    (bundle / RUN_FILE).write_text(json.dumps(about))


def test_records_under_wrong_names_are_refused(full, other, bundle):
    data = full.get_bytes(a_task(RUN, 1).key)
    foreign = a_measured(a_task(a_run("foreign")))
    for name in (a_task(RUN, 2).key, "../../escape", foreign.key):
        repack(bundle, {name: data})
        with pytest.raises(BadRecord, match="not what its name says"):
            import_bundle(other, bundle)


def test_a_bundle_of_pickles_is_refused(other, bundle):
    repack(bundle, {a_task(RUN).key: pickle.dumps(1)})
    with pytest.raises(BadRecord):
        import_bundle(other, bundle)


def test_a_bundle_without_its_records_is_refused(other, bundle):
    (bundle / RECORDS_FILE).unlink()
    with pytest.raises(BadRecord, match="cannot read"):
        import_bundle(other, bundle)


def test_bundles_are_found_by_name(bundle):
    assert bundles(bundle.parent) == [bundle]
    assert bundles(bundle.parent / "nowhere") == []


def outdated(key):
    kind, version, rest = key.split("/", 2)
    return f"{kind}/{int(version) - 1}/{rest}"


def test_records_of_an_earlier_version_stay_behind(full, other, tmp_path):
    key = a_task(RUN, 0, GRAPH).key
    full.put_many({outdated(key): b"of another form"}, RUN.name)
    export_run(full, RUN, tmp_path / "bundle", recipe=None)
    assert import_bundle(other, tmp_path / "bundle").records == 10


def test_a_bundle_of_an_earlier_version_says_so(other, bundle):
    with zipfile.ZipFile(bundle / RECORDS_FILE) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle / RECORDS_FILE, "w") as archive:
        for key, data in records.items():
            archive.writestr(outdated(key), data)
    about = json.loads((bundle / RUN_FILE).read_text())
    about["sha256"] = hashlib.sha256((bundle / RECORDS_FILE).read_bytes()).hexdigest()
    (bundle / RUN_FILE).write_text(json.dumps(about))
    with pytest.raises(BadRecord, match="an earlier version made all of its records"):
        import_bundle(other, bundle)
