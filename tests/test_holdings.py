from __future__ import annotations

import dataclasses

import pytest

from compute.errors import SettingsError
from compute.holdings import Head, estimate, holdings
from compute.records import Measured, to_bytes
from compute.specs import spec_digest
from compute.store import Store
from tests.samples import BEHAVIOUR, GRAPH, LLC, a_record, a_run

RUN = a_run()


def measured(spec, step: int, *, seconds: float = 2.0, weights: str = "w", run=RUN) -> Measured:
    return Measured(
        spec=spec, run=run.name, step=step, weights_digest=f"{weights}{step}",
        data_digest=run.data_digest, record=a_record(spec, step), environment={}, seconds=seconds,
    )  # fmt: skip


@pytest.fixture
def filled(store: Store) -> Store:
    store.put_run(RUN)
    for step, seconds in ((0, 1.0), (1, 3.0), (2, 20.0)):
        store.put(measured(GRAPH, step, seconds=seconds))
    store.put(measured(BEHAVIOUR, 0))
    return store


def test_what_is_held_is_counted_by_settings_and_step(filled: Store) -> None:
    found = holdings(filled, RUN)
    assert found.records == 4
    assert found.done[spec_digest(GRAPH)] == {0, 1, 2}
    assert found.seconds == {"graph": 3.0, "behaviour": 2.0}
    every = [measured(GRAPH, s, seconds=t) for s, t in ((0, 1.0), (1, 3.0), (2, 20.0))]
    assert found.size == sum(len(to_bytes(m)) for m in [*every, measured(BEHAVIOUR, 0)])
    assert (found.outdated, found.superseded, found.damaged) == (0, 0, 0)


def test_other_weights_leave_a_twin_that_is_superseded(filled: Store) -> None:
    filled.put(measured(GRAPH, 1, weights="other"))
    assert holdings(filled, RUN).superseded == 1


def test_records_of_an_earlier_version_are_out_of_date_and_take_room(filled: Store) -> None:
    before = holdings(filled, RUN).size
    key = measured(GRAPH, 4).key.split("/")
    old = "/".join([key[0], str(int(key[1]) - 1), *key[2:]])
    filled.put_many({old: b"x" * 100}, RUN.name)
    filled.put_many({old.replace("/small/", "/smaller/"): b"y"}, "smaller")
    found = holdings(filled, RUN)
    assert (found.outdated, found.records, found.size) == (1, 4, before + 100)


def test_a_damaged_record_is_counted_and_not_done(filled: Store) -> None:
    filled.put_many({measured(BEHAVIOUR, 3).key: b"nonsense"}, RUN.name)
    found = holdings(filled, RUN)
    assert found.damaged == 1
    assert 3 not in found.done[spec_digest(BEHAVIOUR)]


def test_a_record_of_odd_settings_is_counted_as_damaged(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(value: object) -> None:
        raise SettingsError("a field is unknown")

    monkeypatch.setattr("compute.holdings.spec_from_json", odd)
    assert holdings(filled, RUN).damaged == 4


def test_a_record_is_read_once(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = measured(BEHAVIOUR, 3).key
    filled.put_many({damaged: b"nonsense"}, RUN.name)
    heads: dict[str, Head] = {}
    first = holdings(filled, RUN, heads)
    late = measured(GRAPH, 4)
    filled.put(late)
    asked: list[str] = []
    read = filled.get_bytes
    monkeypatch.setattr(filled, "get_bytes", lambda key: (asked.append(key), read(key))[1])
    second = holdings(filled, RUN, heads)
    assert sorted(asked) == sorted([damaged, late.key])
    assert second == holdings(filled, RUN)
    assert second.records == first.records + 1
    filled.drop(late.key)
    assert holdings(filled, RUN, heads) == first


def test_the_rest_is_estimated_from_the_runs_own_records_first(filled: Store) -> None:
    own = holdings(filled, RUN)
    other = dataclasses.replace(
        own, seconds={"graph": 99.0, "llc": 7.0}, sizes={"graph": 1.0, "llc": 50.0}
    )
    found = estimate(RUN, [GRAPH, BEHAVIOUR, LLC], own, [other])
    assert found.missing == {"graph": 2, "behaviour": 4, "llc": 5}
    assert found.seconds == pytest.approx(2 * 3.0 + 4 * 2.0 + 5 * 7.0)
    assert found.size == pytest.approx(2 * own.sizes["graph"] + 4 * own.sizes["behaviour"] + 250)
    assert found.unknown == ()


def test_kinds_that_nobody_measured_are_said_to_be_unknown(filled: Store) -> None:
    own = holdings(filled, RUN)
    assert estimate(RUN, [LLC], own, []).seconds is None
    some = estimate(RUN, [GRAPH, LLC], own, [])
    assert some.unknown == ("llc",)
    assert some.seconds == pytest.approx(6.0)
    assert estimate(RUN, [], own, []).seconds == 0
