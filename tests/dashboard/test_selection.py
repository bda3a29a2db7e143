from __future__ import annotations

import pytest

from compute.store import Store
from dashboard.library import Library
from dashboard.selection import choose_run, default_lanes, run_name, view_from_json
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=8)


@pytest.mark.parametrize(
    ("search", "name"),
    [("?run=a", "a"), ("run=a&step=3", "a"), ("", None), (None, None), ("?step=3&x=%00", None)],
)
def test_run_name(search: str | None, name: str | None) -> None:
    assert run_name(search) == name


def test_without_a_name_the_shipped_development_is_chosen() -> None:
    runs = [synthetic.language_run("aaa", 8), RUN]
    assert choose_run(runs, "") is RUN
    assert choose_run(runs[:1], "") is runs[0]
    assert choose_run([], "") is None


def test_an_unknown_name_chooses_nothing() -> None:
    assert choose_run([RUN], "?run=other") is None


def test_first_visit_shows_llc_loss_a_graph_metric_and_a_behaviour(store: Store) -> None:
    synthetic.fill(store, RUN)
    development = Library(store).development(RUN.name)
    lanes = default_lanes(development, "text.zero")
    assert lanes == ("llc", "loss", "graph.mean_strength", "induction")
    assert all(development.curve(lane, "text.zero") for lane in lanes)


def test_a_view_ignores_what_it_does_not_know() -> None:
    view = view_from_json({"run": "a", "axis": "polar", "lanes": "llc", "theme": 7, "other": []})
    assert view is not None
    assert (view.axis, view.lanes, view.theme.scheme) == ("log", (), "light")


def test_a_view_takes_what_it_knows() -> None:
    view = view_from_json(
        {"run": "a", "axis": "index", "lanes": ["llc"] * 20, "theme": "dark", "component": "L0H1"}
    )
    assert view is not None
    assert (view.axis, len(view.lanes), view.theme.scheme, view.component) == (
        "index", 8, "dark", "L0H1",
    )  # fmt: skip


@pytest.mark.parametrize("run", [None, "", "../../etc", "a b", 7 * "0123456789"])
def test_a_view_without_a_run_is_none(run: str | None) -> None:
    assert view_from_json({"run": run}) is None
