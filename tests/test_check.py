from __future__ import annotations

import dataclasses

from compute.check import check_run
from compute.records import to_bytes
from compute.specs import standard_measurements
from tests.samples import GRAPH, a_measured, a_run, a_task

RUN = a_run(steps=2)
STANDARD = standard_measurements(RUN)


def fill(store):
    for step in RUN.steps:
        for spec in STANDARD:
            store.put(a_measured(a_task(RUN, step, spec)))


def test_a_complete_run_misses_nothing(store):
    fill(store)
    checked = check_run(store, RUN)
    assert (checked.records, checked.damaged, checked.failed) == (2 * len(STANDARD), {}, ())
    assert not checked.missing


def test_an_empty_store_misses_everything(store):
    checked = check_run(store, RUN)
    assert checked.records == 0
    assert checked.missing.total() == 2 * len(STANDARD)


def test_a_failure_is_listed_and_not_missing(store):
    store.put_failure(a_task(RUN, 1, STANDARD[0]).key, "not finite")
    checked = check_run(store, RUN)
    assert [(f.step, f.kind, f.reason) for f in checked.failed] == [(1, "graph", "not finite")]
    assert checked.missing.total() == 2 * len(STANDARD) - 1
    assert "  failed: step 1  graph: not finite" in list(checked.lines())


def test_a_damaged_record_is_listed_with_its_reason_and_can_be_removed(store):
    good = a_measured(a_task(RUN, 0))
    bad = a_measured(a_task(RUN, 1))
    store.put(good)
    store.put_many({bad.key: to_bytes(bad)[:100]}, RUN.name)
    checked = check_run(store, RUN, repair=True)
    assert list(checked.damaged) == [bad.key]
    assert any("damaged" in line and bad.key in line for line in checked.lines())
    assert check_run(store, RUN).damaged == {}
    assert store.keys(RUN.name) == [good.key]


def test_a_record_under_another_key_is_damaged(store):
    store.put_many({a_task(RUN, 1).key: to_bytes(a_measured(a_task(RUN, 0)))}, RUN.name)
    assert len(check_run(store, RUN).damaged) == 1


def test_records_of_another_text_do_not_count(store):
    store.put(dataclasses.replace(a_measured(a_task(RUN, 0, GRAPH)), data_digest="other"))
    assert check_run(store, RUN).missing["graph"] == 2 * sum(s.kind == "graph" for s in STANDARD)
