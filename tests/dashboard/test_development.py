from __future__ import annotations

import numpy as np
import pytest

from compute.records import NetworkMetrics
from compute.runs import Run
from compute.specs import LLCMeasurement, LLCSpec, NetworkMeasurement, standard_measurements
from compute.store import Store
from dashboard.development import NO_GRAPH
from dashboard.figures.edges import EdgeTable
from dashboard.figures.graphs import component_curve, graph_point
from dashboard.library import CORRUPT, Library
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=12)


def library_of(store: Store, run: Run = RUN, **options: object) -> Library:
    synthetic.fill(store, run, **options)  # type: ignore[arg-type]
    return Library(store)


def test_a_curve_holds_the_records_values_and_interval(store: Store) -> None:
    development = library_of(store).development(RUN.name)
    curve = development.curve("llc", "text.zero")
    assert curve is not None
    spec = next(s for s in standard_measurements(RUN) if isinstance(s, LLCMeasurement))
    key = next(k for k in store.keys(RUN.name, "llc") if f"/{RUN.steps[3]}/" in k)
    measured = store.get(key)
    assert measured is not None
    assert measured.spec == spec
    record = measured.record
    assert curve.values[3] == pytest.approx(record.llc)  # type: ignore[union-attr]
    half = 1.96 * record.standard_error  # type: ignore[union-attr]
    assert curve.high[3] - curve.values[3] == pytest.approx(half, rel=1e-3)


def test_missing_record_leaves_a_gap_and_is_counted_missing(store: Store) -> None:
    development = library_of(store, missing=(("llc", 4),)).development(RUN.name)
    curve = development.curve("llc", "text.zero")
    assert curve is not None
    assert np.flatnonzero(np.isnan(curve.values)).tolist() == [4]
    states = next(c.states for c in development.coverage if c.label == "LLC")
    assert states[4] == "missing"
    assert set(states[:4] + states[5:]) == {"measured"}


def test_a_failure_is_kept_with_its_reason(store: Store) -> None:
    library = library_of(store, missing=(("llc", 4),))
    synthetic.fail(store, RUN, 4, "llc", "all chains diverged")
    development = library.development(RUN.name)
    assert [(f.step, f.kind, f.reason) for f in development.failures] == [
        (RUN.steps[4], "llc", "all chains diverged")
    ]
    states = next(c.states for c in development.coverage if c.label == "LLC")
    assert states[4] == "failed"


def test_points_of_different_settings_are_never_joined(store: Store) -> None:
    library = library_of(store)
    other = LLCMeasurement(llc=LLCSpec(nbeta=99.0))
    record = synthetic.llc(5, other, np.random.default_rng(0))
    store.put(synthetic.wrap(RUN, RUN.steps[5], other, record))
    development = library.development(RUN.name)
    main, second = development.curve("llc", "text.zero"), development.curve("llc~2", "text.zero")
    assert main is not None
    assert second is not None
    assert np.isfinite(main.values).all()
    assert "nβ 99" in second.settings
    assert np.flatnonzero(np.isfinite(second.values)).tolist() == [5]


def test_metrics_at_another_threshold_are_curves_of_their_own(store: Store) -> None:
    library = library_of(store)
    standard = next(s for s in standard_measurements(RUN) if isinstance(s, NetworkMeasurement))
    at = NetworkMeasurement(graph=standard.graph, threshold=0.3)
    graph = synthetic.graph(RUN, 0, standard.graph, np.random.default_rng(0))
    record = synthetic.network(graph)
    store.put(synthetic.wrap(RUN, RUN.steps[0], at, record))
    curve = library.development(RUN.name).curve("graph.density~0.3", "text.zero")
    assert curve is not None
    assert curve.settings == "edges ≥ 0.3"


def test_a_damaged_record_is_a_failure_and_the_rest_goes_on(store: Store) -> None:
    library = library_of(store)
    key = store.keys(RUN.name, "graph")[0]
    store._cache.set(key, b"not a record")
    development = library.development(RUN.name)
    assert [f.reason for f in development.failures] == [CORRUPT]
    assert development.components


def test_new_records_appear_and_old_ones_are_not_decoded_again(store: Store) -> None:
    library = library_of(store, missing=(("llc", 4),))
    before = library.development(RUN.name)
    assert library.development(RUN.name) is before
    key = store.keys(RUN.name, "behaviour")[0]
    store._cache.set(key, b"damaged after it was read")
    spec = next(s for s in standard_measurements(RUN) if isinstance(s, LLCMeasurement))
    record = synthetic.llc(4, spec, np.random.default_rng(0))
    store.put(synthetic.wrap(RUN, RUN.steps[4], spec, record))
    after = library.development(RUN.name)
    curve = after.curve("llc", "text.zero")
    assert curve is not None
    assert np.isfinite(curve.values).all()
    assert not after.failures


def test_an_unmeasured_run_has_empty_curves(store: Store) -> None:
    store.put_run(RUN)
    development = Library(store).development(RUN.name)
    assert development.graphs == {}
    assert development.components == ()
    for curve_id in ("llc", "loss", "induction", "graph.mean_strength"):
        curve = development.curve(curve_id, NO_GRAPH)
        assert curve is not None
        assert np.isnan(curve.values).all()


def test_a_shipped_run_counts_what_it_has(store: Store) -> None:
    shipped = Run(**{**vars(RUN), "source": "shipped"})
    spec = LLCMeasurement()
    store.put_run(shipped)
    record = synthetic.llc(0, spec, np.random.default_rng(0))
    store.put(synthetic.wrap(shipped, RUN.steps[0], spec, record))
    assert [c.label for c in Library(store).development(RUN.name).coverage] == ["LLC"]


def test_edge_error_is_the_interval_over_prompts(store: Store) -> None:
    spec = standard_measurements(RUN)[0]
    graph = synthetic.graph(RUN, 100, spec, np.random.default_rng(0))  # type: ignore[arg-type]
    each = graph.group_weights()[:, 0, 1]
    expected = 1.96 * each.std(ddof=1) / np.sqrt(len(each))
    edges = graph_point(graph).edges
    assert edges.place[0] == 1  # from component 0 to component 1
    assert edges.weight_error[0] == pytest.approx(expected)


def test_a_single_prompt_has_no_interval() -> None:
    spec = next(s for s in standard_measurements(RUN) if "passage" in str(s))
    graph = synthetic.graph(RUN, 100, spec, np.random.default_rng(0))  # type: ignore[arg-type]
    edges = graph_point(graph).edges
    assert np.isnan(edges.weight_error).all()
    assert np.isnan(edges.norm_error).all()


def test_impossible_edges_are_not_there(store: Store) -> None:
    series = library_of(store).development(RUN.name).graphs["text.zero"]
    assert isinstance(series.edges, EdgeTable)
    order = series.order[series.edges.ends]
    assert (order[:, 0] < order[:, 1]).all()
    assert np.isfinite(series.edges.weight).all()


def test_a_components_curve_is_its_metric(store: Store) -> None:
    development = library_of(store).development(RUN.name)
    curve = component_curve(development.graphs["text.zero"], "in_strength", "L2H3")
    key = next(
        k for k in store.keys(RUN.name, "network")
        if f"/{RUN.steps[7]}/" in k and store.get(k).spec.graph.task.name == "text"  # type: ignore[union-attr]
    )  # fmt: skip
    record = store.get(key).record  # type: ignore[union-attr]
    assert isinstance(record, NetworkMetrics)
    row = record.node_names.index("in_strength")
    assert curve is not None
    assert curve.values[7] == record.node_values[row, record.components.index("L2H3")]
    assert component_curve(development.graphs["text.zero"], "in_strength", "L9H9") is None


def test_a_head_has_its_own_behaviour_curve(store: Store) -> None:
    curve = library_of(store).development(RUN.name).curve("induction@L2H3", "text.zero")
    best = library_of(store).development(RUN.name).curve("induction", "text.zero")
    assert curve is not None
    assert best is not None
    assert curve.component == "L2H3"
    assert curve.values[-1] == best.values[-1]


def test_regression_has_its_own_behaviours(store: Store) -> None:
    run = synthetic.regression_run()
    development = library_of(store, run).development(run.name)
    assert development.curve("prior", "regression.zero") is not None
    assert development.curve("induction", "regression.zero") is None
    assert list(development.graphs) == ["regression.zero"]
