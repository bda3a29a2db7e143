from __future__ import annotations

import dataclasses
import json
import math
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from numpy import ndarray

from compute.coincidence.boundaries import boundary_distance
from compute.coincidence.components import components_together
from compute.coincidence.lags import lagged_correlation
from compute.coincidence.within import Within
from compute.coincidence.words import across_text
from compute.errors import RunNotFound
from compute.jobs import Jobs
from compute.measure.stages import Boundary, Stages
from compute.store import Store
from dashboard import coincidence_api
from dashboard.coincidences import Coincidences, components_file
from dashboard.context import Context
from dashboard.development import Development
from dashboard.dynamics_api import Dynamics
from dashboard.figures.coincidence import VERSION, Coincidence, encode_coincidence, verdict_of
from dashboard.figures.coincidence_sources import (
    Boundaries,
    Mark,
    compared,
    graph_phases,
    metric_curves,
)
from dashboard.figures.coincidence_tests import (
    Distance,
    distances,
    lags,
    page_surrogates,
    parts_of,
)
from dashboard.figures.series import Curve
from dashboard.figures.stages import stage_points
from dashboard.figures.structure import structure
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages.coincidence import PANELS, layout
from dashboard.payloads import Payloads
from dashboard.stages import Stagings
from dashboard.tables.registry import make_table
from dashboard.tables.sources import Sources
from tests.dashboard import coincidence_samples, stage_samples, synthetic

RUN = coincidence_samples.full(26)
GRAPH = coincidence_samples.GRAPH
FOUND = Stages(
    critical_points=(
        Boundary(60.0, 50.0, 75.0, "maximum", 0.97),
        Boundary(700.0, 600.0, 800.0, "minimum", 0.99),
    ),
    slope_changes=(
        Boundary(200.0, float("nan"), 260.0, "slope", 1.0),
        Boundary(2000.0, 1900.0, 2100.0, "slope", 0.9),
        Boundary(3300.0, 3100.0, 3500.0, "slope", 0.9),
    ),
)


class Counting:
    """Finds the same boundaries in every curve, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, steps: Sequence[int], values: ndarray, errors: ndarray | None) -> Stages:
        self.asked += 1
        return FOUND if np.isfinite(values).any() else Stages(reason="0 points.")


@dataclasses.dataclass
class Served:
    """A store behind the routes alone."""

    library: Library
    payloads: Payloads
    stagings: Stagings
    find: Counting
    found: Coincidences
    store: Store
    client: FlaskClient

    def path(self, file: str, run: str = RUN.name) -> str:
        """The address of a file of the run's data as it is now."""
        return self.payloads.address(run).replace(".bin", f"/coincidence/{file}.json")


def serve(store: Store) -> Served:
    library = Library(store)
    payloads = Payloads(library, "/")
    find = Counting()
    stagings = Stagings(library, payloads, find)
    server = Flask("coincidence")
    server.testing = True
    found = Coincidences(library, payloads, stagings)
    coincidence_api.register(server, Context(library, payloads, Jobs(store), "/"), found)
    return Served(library, payloads, stagings, find, found, store, server.test_client())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("coincidence") / "store")
    coincidence_samples.fill_full(opened, RUN)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(filled: Store) -> Served:
    return serve(filled)


@pytest.fixture(scope="module")
def development(served: Served) -> Development:
    return served.library.development(RUN.name)


@pytest.fixture(scope="module")
def told(served: Served) -> dict[str, Any]:
    answer = served.client.get(served.path(GRAPH))
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.headers["Cache-Control"] == FOREVER
    return dict(answer.get_json())


def test_the_exported_table_has_the_tests_of_the_page(served: Served, told: dict[str, Any]) -> None:
    before = served.find.asked
    sources = Sources(
        served.library, served.payloads, served.stagings, served.found, Dynamics(served.store)
    )
    table = make_table(sources, RUN.name, "coincidence", {"graph": GRAPH})
    assert served.find.asked == before
    every = [*told["distances"], *told["lags"], *told["courses"]]
    assert table.values["words"] == [test["words"] for test in every]
    assert table.values["verdict"] == [test["verdict"] for test in every]
    estimates = [*(d["found"] and d["found"]["distance"] for d in told["distances"])]
    estimates += [lag["lag"] for lag in told["lags"]] + [c["r"] for c in told["courses"]]
    numbers = np.array([np.nan if e is None else e for e in estimates], float)
    assert np.array_equal(table.values["estimate"], numbers, equal_nan=True)
    assert table.about["settings"] == told["settings"]


def curve(values: Sequence[float], name: str = "graph.density") -> Curve:
    level = np.asarray(values, dtype=np.float32)
    none = np.full_like(level, np.nan)
    return Curve(
        id=name, name=name, unit="", group="graph", settings="", values=level, low=none, high=none
    )


# -- what is compared ----------------------------------------------------------------------------


def test_the_curves_are_those_of_the_list_and_what_lacks_is_named(development: Development) -> None:
    found = compared(development.curves, "language")
    assert found.llc is not None
    assert found.llc.id == "llc"
    assert [c.id for c in found.curves] == ["loss", "copying", "induction", "previous"]
    assert found.missing == (
        "in-context learning", "bigram score", "2-gram score", "3-gram score", "4-gram score",
    )  # fmt: skip


def test_phases_are_those_of_the_network_page(development: Development) -> None:
    series = development.graphs[GRAPH]
    found, metrics = graph_phases(series, RUN.steps)
    phases = structure(series, threshold=0.1).phases
    assert [m.step for m in found.phases] == [RUN.steps[b.index] for b in phases.boundaries]
    assert [(m.low, m.high) for m in found.phases] == [
        (RUN.steps[b.low], RUN.steps[b.high]) for b in phases.boundaries
    ]
    assert metrics == phases.metrics
    assert len(found.phases) > 0


def test_a_metric_that_is_another_times_a_constant_is_no_second_test() -> None:
    nan = float("nan")
    one = curve([1, 2, nan, 4], "graph.total_strength")
    twice = curve([0.1, 0.2, nan, 0.4], "graph.mean_strength")
    other = curve([1, 2, 3, 4], "graph.gini")
    bent = curve([1, 2, nan, 5], "graph.efficiency")
    metrics = ("total_strength", "mean_strength", "gini", "efficiency", "absent")
    found = metric_curves([twice, one, other, bent], metrics)
    assert [c.id for c in found] == ["graph.total_strength", "graph.gini", "graph.efficiency"]


# -- the tests -----------------------------------------------------------------------------------


def test_distances_are_those_of_the_sets_as_they_are(told: dict[str, Any]) -> None:
    assert len(told["distances"]) == coincidence_samples.DISTANCES
    rows = {s["id"]: s["marks"] for s in told["sources"]}
    marks = {
        i: [Mark(m["step"], m["low"], m["high"], m["kind"], 0) for m in r] for i, r in rows.items()
    }
    turns, slopes = ([m for m in marks["llc"] if (m.kind == "slope") == s] for s in (False, True))
    for own, row in zip((turns, slopes), told["distances"][:2], strict=True):
        expected = boundary_distance(own, marks["graph"], RUN.steps)
        assert (row["start"], row["end"]) == (RUN.steps[0], RUN.steps[-1])
        assert row["source"] == "graph"
        assert row["found"]["distance"] == pytest.approx(expected.distance)
        assert (row["found"]["p"], row["found"]["p_scattered"]) == (
            expected.p,
            expected.p_scattered,
        )
        assert row["factor"][0] == pytest.approx(math.exp(expected.distance))
    loss = [row for row in told["distances"] if row["source"] == "loss"]
    assert [row["found"]["first"] for row in loss] == [2, 3]
    assert [row["found"]["distance"] for row in loss] == [0, 0]
    assert loss[0]["second"] == "rises and falls of loss"


def test_an_end_that_is_unknown_is_the_place_itself(told: dict[str, Any]) -> None:
    (llc, *_) = told["sources"]
    assert [m["kind"] for m in llc["marks"]] == ["maximum", "slope", "minimum", "slope", "slope"]
    assert (llc["marks"][1]["low"], llc["marks"][1]["high"]) == (200, 260)


def test_lags_are_those_of_the_statistics(development: Development) -> None:
    curves = {c.id: c for c in development.curves}
    llc, loss = curves["llc"], curves["loss"]
    (found,) = lags(RUN.steps, llc, [loss], surrogates=199)
    points = [stage_points(c) for c in (llc, loss)]
    assert all(errors is not None for _, errors in points)
    expected = lagged_correlation(RUN.steps, *points[0], *points[1], surrogates=199)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found.found.r, expected.r)
    np.testing.assert_array_equal(found.found.low, expected.low)
    assert found.found.p == pytest.approx(expected.p, nan_ok=True)
    assert found.found.lag_high == expected.lag_high
    assert math.isnan(found.limit) == bool(expected.reason)


def test_the_band_of_chance_holds_where_p_is_5_percent() -> None:
    steps = tuple(np.unique(np.geomspace(1, 30_000, 120).astype(int)).tolist())
    x = np.log1p(steps)
    bent, later = (np.sin(2 * t) + np.sin(5 * t) + np.sin(9 * t) for t in (x, x - 0.3))
    (found,) = lags(steps, curve(bent.tolist()), [curve(later.tolist())], surrogates=499)
    assert found.found.lag == pytest.approx(0.3, abs=0.051)
    assert found.found.related
    assert 0 < found.limit < abs(found.found.extremum)


def test_curves_that_are_too_short_say_why_and_have_no_p() -> None:
    (found,) = lags((0, 1, 2), curve([1, 2, 3]), [curve([3, 2, 1])], surrogates=19)
    assert "6 points" in found.found.reason
    assert math.isnan(found.found.p)
    assert math.isnan(found.limit)


def test_every_p_is_multiplied_by_how_many_are_left(told: dict[str, Any]) -> None:
    tests = [(r["found"] or {}).get("p") for r in told["distances"]]
    every = [*told["distances"], *told["lags"], *told["courses"]]
    tests += [r["p"] for r in (*told["lags"], *told["courses"])]
    kept = [p is not None and r["adjusted"] is not None for r, p in zip(every, tests, strict=True)]
    known = sorted((p, i) for i, p in enumerate(tests) if kept[i])
    family = told["family"]
    assert family["size"] == len(known) == family["distances"] + family["lags"] + family["courses"]
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        assert every[i]["adjusted"] == pytest.approx(largest)
    out = [r for r, p, kept_ in zip(every, tests, kept, strict=True) if p is not None and not kept_]
    assert all("is left out" in r["words"] or "cannot be told" in r["words"] for r in out)
    assert all(least(r) > told["level"] / len(every) for r in out)
    assert all(r["adjusted"] is None for r, p in zip(every, tests, strict=True) if p is None)


def least(row: dict[str, Any]) -> float:
    return float((row.get("found") or row)["smallest_p"])


def test_what_a_test_says_follows_from_its_corrected_p(told: dict[str, Any]) -> None:
    for row in (*told["distances"], *told["lags"], *told["courses"]):
        assert row["verdict"] in ("together", "caution", "chance", "untold")
        if row["adjusted"] is None:
            assert row["verdict"] == "untold"
        assert ("cannot be told" in row["words"]) == (row["verdict"] == "untold")
    assert verdict_of("", 0.001, 0.04) == "together"
    assert verdict_of("", 0.001, 0.06) == "chance"
    assert verdict_of("Too few.", 0.001, 0.01) == "untold"
    assert verdict_of("", math.nan, math.nan) == "untold"


def test_any_test_can_pass_however_many_there_are() -> None:
    for curves, metrics in ((1, 0), (9, 12), (40, 12)):
        tests = 3 * curves + metrics + 4
        assert tests / (1 + page_surrogates(curves, metrics)) < 0.05


def test_too_many_boundaries_are_not_compared_and_say_so() -> None:
    marks = tuple(Mark(t, t, t, "maximum", 1) for t in RUN.steps[2:16])
    whole = {"start": RUN.steps[0], "end": RUN.steps[-1]}
    llc = Boundaries(critical=marks, slopes=marks[:2], **whole)
    loss = Boundaries(critical=marks[:3], **whole)
    found = distances(llc, {"loss": ("loss", loss)}, RUN.steps)
    assert found[0].found is None
    assert found[0].reason.startswith("14 boundaries of LLC stages are too many")
    assert found[1].found is not None
    assert found[1].found.reason == "The second set has no boundary."


def test_only_the_stretch_over_which_both_are_known_counts() -> None:
    steps = tuple(range(0, 3000, 100))
    late = tuple(Mark(t, t, t, "slope", 1) for t in (2000.0, 2300.0, 2500.0))
    early = Mark(300.0, 300.0, 300.0, "slope", 1)
    llc = Boundaries(slopes=late, start=1800, end=2900)
    loss = Boundaries(slopes=(early, *late), start=0, end=2700)
    (_, found) = distances(llc, {"loss": ("loss", loss)}, steps)
    assert (found.start, found.end) == (1800, 2700)
    assert found.found is not None
    assert (found.found.first, found.found.second, found.found.distance) == (3, 3, 0)
    expected = boundary_distance(late, late, [t for t in steps if 1800 <= t <= 2700])
    assert (found.found.p, found.found.chance) == (expected.p, expected.chance)
    assert expected.chance < boundary_distance(late, late, steps).chance
    apart = distances(llc, {"loss": ("loss", Boundaries(start=0, end=1800))}, steps)
    assert apart[0].reason == "The two are not known over a common stretch of training."


# -- components ----------------------------------------------------------------------------------


def test_what_cannot_stand_out_is_left_out_and_says_so() -> None:
    one = FOUND.critical_points
    found = boundary_distance(one, one, RUN.steps, permutations=99)
    few, sure = (
        dataclasses.replace(found, reason="", p=p, smallest_p=p, p_scattered=p)
        for p in (0.04, 0.001)
    )
    course = Within(r=0.5, low=0.1, high=0.8, p=0.03, smallest_p=0.03, components=5, steps=9)
    distances_ = tuple(
        Distance(source=str(i), first="a", second="b", found=one, start=0, end=79)
        for i, one in enumerate((few, sure, few))
    )
    told = json.loads(
        encode_coincidence(
            Coincidence(
                llc=None, sources=(), distances=distances_, lags=(), missing=(),
                courses={"in_strength": course},
            )
        )
    )  # fmt: skip
    assert told["family"] == {"distances": 1, "lags": 0, "courses": 0, "size": 1}
    assert [d["verdict"] for d in told["distances"]] == ["untold", "together", "untold"]
    assert [d["adjusted"] for d in told["distances"]] == [None, 0.001, None]
    assert "cannot fall below 0.04" in told["distances"][0]["words"]
    assert told["distances"][0]["found"]["reason"] in told["distances"][0]["words"]
    assert told["courses"][0]["verdict"] == "untold"
    assert "cannot fall below 0.03" in told["courses"][0]["words"]


def test_components_are_those_of_the_statistics(served: Served, development: Development) -> None:
    answer = served.client.get(served.path(f"{GRAPH}/out_strength"))
    told = answer.get_json()
    assert told["version"] == VERSION
    parts = parts_of(development.curves, development.graphs[GRAPH], "out_strength")
    assert parts is not None
    expected = components_together(
        RUN.steps, parts.refined, parts.errors, parts.strength, parts.low, parts.high, parts.names,
        layers=parts.layers,
    )  # fmt: skip
    assert [row["name"] for row in told["overTime"]] == list(parts.names)
    assert parts.layers == tuple(1 + int(name[1]) for name in parts.names)
    assert [row["r"] for row in told["overTime"]] == pytest.approx(
        [one.r for one in expected.over_time]
    )
    assert [row["least"] for row in told["overTime"]] == pytest.approx(
        [one.least for one in expected.over_time]
    )
    assert [math.nan if p is None else p for p in told["across"]["p"]] == pytest.approx(
        expected.across.p.tolist(), nan_ok=True
    )
    assert told["across"]["words"][20] == across_text(expected, 20)
    assert len(told["across"]["words"]) == len(RUN.steps)


def test_courses_of_both_strengths_are_tested_on_the_page(told: dict[str, Any]) -> None:
    assert [row["name"] for row in told["courses"]] == ["out-strength", "in-strength"]
    for row in told["courses"]:
        assert row["components"] == 16
        assert f"refined LLC and {row['name']}" in row["words"]


# -- what is missing -----------------------------------------------------------------------------


def test_an_imported_llc_serves_where_the_run_has_none_of_its_own(store: Store) -> None:
    coincidence_samples.fill_imported(store, RUN)
    served = serve(store)
    told = served.client.get(served.path("-")).get_json()
    assert told["llc"]["name"] == "imported: llc"
    assert next(s["group"] for s in told["sources"]) == "llc"
    assert {row["source"] for row in told["distances"]} == {
        "loss",
        "copying",
        "induction",
        "previous",
    }
    assert told["courses"] == []
    assert served.client.get(served.path(GRAPH)).status_code == 404


def test_a_run_without_anything_says_what_to_do(store: Store) -> None:
    run = coincidence_samples.bare()
    store.put_run(run)
    served = serve(store)
    told = served.client.get(served.path("-", run.name)).get_json()
    assert "ontogeny compute RUN --kinds llc" in told["reason"]
    assert (told["llc"], told["sources"], told["distances"], told["lags"]) == (None, [], [], [])
    assert told["family"]["size"] == 0
    assert "loss" in told["missing"]


def test_a_graph_without_refined_llcs_has_no_components(store: Store) -> None:
    run = synthetic.language_run("plain", checkpoints=6)
    stage_samples.fill(store, run, graphs=1)
    served = serve(store)
    told = served.client.get(served.path(GRAPH, run.name)).get_json()
    assert told["courses"] == []
    assert "phases" in next(s for s in told["sources"] if s["id"] == "graph")["reason"]
    development = served.library.development(run.name)
    assert components_file(development, GRAPH, "out_strength") is None
    assert served.client.get(served.path(f"{GRAPH}/out_strength", run.name)).status_code == 404


# -- serving -------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["none", f"{GRAPH}/spreader", "none/out_strength"])
def test_what_is_not_there_is_not_found(served: Served, file: str) -> None:
    assert served.client.get(served.path(file)).status_code == 404


def test_other_data_or_another_run_is_not_found(served: Served) -> None:
    path = served.path(GRAPH)
    stale = path.replace(served.payloads.digest(RUN.name), "0" * 64)
    assert served.client.get(stale).status_code == 404
    with pytest.raises(RunNotFound):
        served.client.get(stale.replace(RUN.name, "none"))


def test_boundaries_are_found_once_and_files_made_once(filled: Store) -> None:
    served = serve(filled)
    digest = served.payloads.digest(RUN.name)
    served.stagings.file(RUN.name, digest, "llc")
    coincidences = Coincidences(served.library, served.payloads, served.stagings)
    together = threading.Barrier(3)

    def ask(_: int) -> bytes | None:
        together.wait()
        return coincidences.tests(RUN.name, digest, "-")

    with ThreadPoolExecutor(3) as pool:
        files = set(pool.map(ask, range(3)))
    assert len(files) == 1
    # The LLC was known; the loss and three behaviours were not.
    assert served.find.asked == 5


def test_the_page_names_its_run_and_its_panels(filled: Store) -> None:
    library = Library(filled)
    context = Context(library, Payloads(library, "/"), Jobs(filled), "/")
    text = json.dumps(layout(context, f"?run={RUN.name}"), default=lambda c: c.to_plotly_json())
    assert '"data-page": "coincidence"' in text
    assert all(f'"{name}-body"' in text for name in PANELS)
