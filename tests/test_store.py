from __future__ import annotations

import pickle
import sqlite3
from types import SimpleNamespace

import pytest

from compute.errors import BadRecord, RunNotFound, StoreError, UnsafeFileSystem
from compute.records import to_bytes
from compute.store import Store
from tests.samples import BEHAVIOUR, GRAPH, a_measured, a_run, a_task

RUN = a_run()


def test_a_record_comes_back_as_it_was_put(store):
    measured = a_measured(a_task(RUN, 3))
    store.put(measured)
    assert store.has(measured.key)
    assert store.get_bytes(measured.key) == to_bytes(measured)
    assert store.get(measured.key).step == 3


def test_an_empty_store_has_nothing(store):
    assert store.get("graph/1/small/0/x") is None
    assert store.keys("small") == []
    assert store.failures("small") == {}
    assert store.runs() == []
    assert store.documents("") == {}
    assert store.revision("small") == 0


def test_a_record_is_written_once(store):
    first = a_measured(a_task(RUN))
    store.put(first)
    store.put_many({first.key: b"something else"}, RUN.name)
    assert store.get_bytes(first.key) == to_bytes(first)


def test_large_records_come_back_whole(store):
    measured = a_measured(a_task(RUN), prompts=12_000)
    store.put(measured)
    assert len(store.get_bytes(measured.key)) > 200_000
    assert store.get(measured.key).record.weight_by_group.shape[0] == 12_000


def test_nothing_is_evicted(tmp_path):
    store = Store(tmp_path)
    store._cache.reset("size_limit", 100_000)
    for step in range(60):
        store.put(a_measured(a_task(RUN, step), prompts=100))
    assert len(store.keys(RUN.name)) == 60
    store.close()


def test_keys_are_told_by_run_and_kind(store):
    for run in (RUN, a_run("small-2")):
        for spec in (GRAPH, BEHAVIOUR):
            store.put(a_measured(a_task(run, 1, spec)))
    assert len(store.keys("small")) == 2
    assert [key.split("/")[0] for key in store.keys("small", "graph")] == ["graph"]


def test_records_of_an_earlier_meaning_are_left_out(store):
    store.put_many({"graph/0/small/0/" + "a" * 64: b"old"}, RUN.name)
    assert store.keys("small") == []


def test_revision_grows_with_everything_written_about_a_run(store):
    seen = [store.revision("small")]
    measured = a_measured(a_task(RUN))
    for write in (
        lambda: store.put_run(RUN),
        lambda: store.put_failure(measured.key, "why"),
        lambda: store.put(measured),
        lambda: store.put_many({}, "small"),
        lambda: store.drop(measured.key),
        lambda: store.clear_failures("small"),
    ):
        write()
        seen.append(store.revision("small"))
    assert seen == sorted(set(seen))


def test_a_failure_is_kept_until_the_measurement_succeeds(store):
    measured = a_measured(a_task(RUN))
    store.put_failure(measured.key, "not finite")
    assert store.failures("small") == {measured.key: "not finite"}
    assert store.failures("other") == {}
    store.put(measured)
    assert store.failures("small") == {}


def test_failures_can_be_cleared(store):
    store.put_failure(a_task(RUN, 1).key, "a")
    store.put_failure(a_task(RUN, 2).key, "b")
    store.drop_failure(a_task(RUN, 2).key)
    assert store.clear_failures("small") == 1
    assert store.failures("small") == {}


def test_runs_come_back_by_name(store):
    store.put_run(a_run("b"))
    store.put_run(a_run("a"))
    assert [run.name for run in store.runs()] == ["a", "b"]
    assert store.run("b") == a_run("b")


def test_an_unknown_run_is_refused_with_the_known_ones(store):
    store.put_run(RUN)
    with pytest.raises(RunNotFound, match="small"):
        store.run("big")


def test_documents_are_found_by_prefix_in_order(store):
    for name in ("job/2", "job/1", "jobs", "other"):
        store.put_document(name, {"name": name})
    assert list(store.documents("job/")) == ["job/1", "job/2"]
    store.drop_document("job/1")
    assert list(store.documents("job/")) == ["job/2"]


def test_a_broken_off_transaction_leaves_nothing(store):
    def break_off():
        with store.transact():
            store.put_document("a", {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert store.document("a") is None


def test_a_pickled_value_is_never_read(store):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle ran",)

    key = a_task(RUN).key
    small, large = pickle.dumps(Trap()), pickle.dumps((b"x" * 100_000, Trap()))
    for data in (small, large):
        with store.transact():
            store._cache.set(key, b"")
            mode, value, name = 4, data, None
            if data is large:
                value, name = None, "trap.val"
                (store.folder / name).write_bytes(large)
            store._cache._sql(
                "UPDATE Cache SET mode = ?, value = ?, filename = ? WHERE key = ?",
                (mode, value, name, key),
            )
        with pytest.raises(BadRecord, match="pickled"):
            store.get(key)


def test_a_pickled_key_is_never_read(store):
    store.put_run(RUN)
    store._cache.set(("run/", "a tuple"), b"")
    assert store.runs() == [RUN]
    with pytest.raises(BadRecord, match="pickled"):
        list(store._cache)


def test_a_truncated_record_is_refused_and_can_be_dropped(store):
    measured = a_measured(a_task(RUN))
    store.put_many({measured.key: to_bytes(measured)[:-7]}, RUN.name)
    with pytest.raises(BadRecord):
        store.get(measured.key)
    store.drop(measured.key)
    assert not store.has(measured.key)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "NFS", "9p"])
def test_a_network_file_system_is_refused(tmp_path, kind):
    def partitions(**_):
        local = SimpleNamespace(mountpoint="/", fstype="ext4")
        return [local, SimpleNamespace(mountpoint=str(tmp_path / "share"), fstype=kind)]

    with pytest.raises(UnsafeFileSystem, match="local disk"):
        Store(tmp_path / "share" / "store", partitions=partitions)
    Store(tmp_path / "shared", partitions=partitions).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file" / "store")


def test_a_folder_with_a_foreign_database_is_refused(tmp_path):
    (tmp_path / "cache.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError):
        Store(tmp_path)


def test_a_failing_database_is_told_in_our_words(store):
    store.put_run(RUN)
    database = sqlite3.connect(store.folder / "cache.db")
    database.execute("DROP TABLE Cache")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="refuses"):
        store.runs()
    with pytest.raises(StoreError, match="refuses"):
        store.put_run(RUN)


def test_the_reserve_is_given_back(store):
    store.keep_reserve()
    assert (store.folder / "reserve").stat().st_size > 500_000
    store.spend_reserve()
    store.spend_reserve()
    assert not (store.folder / "reserve").exists()
