"""Several graphs of one run: by ablation, by granularity, by method, by prompts, and very wide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from compute.records import AblationGraph
from compute.specs import GraphMeasurement, NetworkMeasurement, TaskSpec
from compute.store import Store
from dashboard.development import Development
from dashboard.figures.edges import EdgeLists, EdgeTable
from dashboard.figures.graphs import GraphPoint
from dashboard.library import Library
from tests.dashboard import more_graphs, synthetic

RUN = synthetic.language_run(checkpoints=12)
EFFECTS = {
    "loss_change": 0.5, "loss_change_error": 0.1, "logit_change": -2.0, "logit_change_error": 0.3,
}  # fmt: skip


def library_of(store: Store, **options: object) -> Library:
    synthetic.fill(store, RUN, **options)  # type: ignore[arg-type]
    return Library(store)


def other_graphs(store: Store, **options: object) -> Development:
    library = library_of(store, **options)
    more_graphs.fill_settings(store, RUN)
    return library.development(RUN.name)


def test_every_setting_of_a_task_has_its_graph_in_the_order_of_the_menus(store: Store) -> None:
    development = other_graphs(store)
    assert list(development.graphs) == [
        "text.zero", "text.mean", "text.resample", "text.zero.hooks", "text.zero.attribution",
        "unigram.zero", "uniform.zero", "passage.zero",
    ]  # fmt: skip
    key = next(
        k for k in store.keys(RUN.name, "graph")
        if f"/{RUN.steps[5]}/" in k and store.get(k).spec == more_graphs.MEAN  # type: ignore[union-attr]
    )  # fmt: skip
    record = store.get(key).record  # type: ignore[union-attr]
    assert isinstance(record, AblationGraph)
    edges = development.graphs["text.mean"].edges
    assert isinstance(edges, EdgeTable)
    source, target = edges.ends.T
    assert np.array_equal(edges.weight[5], record.weight[source, target])
    assert development.graphs["text.mean"].settings == "16 prompts, mean ablation"


def test_other_prompts_of_the_same_setting_have_a_name_of_their_own(store: Store) -> None:
    library = library_of(store, missing=(("graph", 4), ("network", 4)))
    many = GraphMeasurement(task=TaskSpec(name="text", prompts=64))
    for step in RUN.steps:
        graph = synthetic.graph(RUN, step, many, np.random.default_rng(0))
        store.put(synthetic.wrap(RUN, step, many, graph))
    graphs = library.development(RUN.name).graphs
    (name,) = [n for n in graphs if n.startswith("text.zero~")]
    assert (graphs["text.zero"].prompts, graphs[name].prompts) == (16, 64)
    assert graphs[name].setting == "zero, 64 prompts, zero ablation"


def test_an_approximation_is_compared_with_the_exact_graph_step_by_step(store: Store) -> None:
    development = other_graphs(store, missing=(("graph", 4), ("network", 4)))
    near, exact = development.graphs["text.zero.attribution"], development.graphs["text.zero"]
    assert near.agreement is not None
    assert exact.agreement is None
    assert isinstance(near.edges, EdgeTable)
    assert isinstance(exact.edges, EdgeTable)
    for i in (0, 7, 11):
        expected = spearmanr(near.edges.weight[i], exact.edges.weight[i]).statistic
        assert near.agreement.rho[i] == pytest.approx(expected, abs=1e-6)
        assert near.agreement.edges[i] == 191
    assert np.isnan(near.agreement.rho[4])
    assert near.agreement.edges[4] == 0


def test_an_approximation_without_an_exact_graph_is_compared_with_nothing(store: Store) -> None:
    store.put_run(RUN)
    more_graphs.fill_settings(store, RUN, [more_graphs.ATTRIBUTION])
    series = Library(store).development(RUN.name).graphs["text.zero.attribution"]
    assert series.agreement is not None
    assert np.isnan(series.agreement.rho).all()


def test_the_curves_of_an_approximation_say_so(store: Store) -> None:
    library = library_of(store)
    more_graphs.fill_settings(store, RUN, [more_graphs.ATTRIBUTION])
    graph = synthetic.graph(RUN, 0, more_graphs.ATTRIBUTION, np.random.default_rng(0))
    spec = NetworkMeasurement(graph=more_graphs.ATTRIBUTION)
    metrics = synthetic.network(graph)
    store.put(synthetic.wrap(RUN, RUN.steps[0], spec, metrics))
    development = library.development(RUN.name)
    curve = development.curve("graph.density", "text.zero.attribution")
    assert curve is not None
    assert curve.settings == "all edges, approximation"
    assert curve.values[0] == metrics.graph_values[metrics.graph_names.index("density")]
    exact = development.curve("graph.density", "text.zero")
    assert exact is not None
    assert exact.settings == "all edges"


def test_without_metrics_components_are_ranked_by_strength(store: Store) -> None:
    series = other_graphs(store).graphs["text.resample"]
    assert isinstance(series.edges, EdgeTable)
    assert series.metrics.node_names == ("out_strength", "in_strength")
    source, target = series.edges.ends.T
    for row, ends in enumerate((source, target)):
        expected = np.bincount(ends, series.edges.weight[3], len(series.components))
        assert series.metrics.node_values[row, 3] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(series.metrics.node_low).all()


def test_attention_taken_apart_has_edges_only_where_weights_are(store: Store) -> None:
    series = other_graphs(store).graphs["text.zero.hooks"]
    assert isinstance(series.edges, EdgeTable)
    names = np.array(series.components)[series.edges.ends]
    assert {"EMB", "L0Q", "L0H3RK", "L1POST"} <= set(names[:, 0])
    assert not [t for t in names[:, 1] if "H" in t and t.endswith(("RQ", "RK"))]
    assert np.isfinite(series.edges.weight).all()


def test_effects_come_with_their_intervals(store: Store) -> None:
    library = library_of(store)
    graph = synthetic.graph(RUN, 0, more_graphs.MEAN, np.random.default_rng(0))
    n = len(graph.components)
    values = {name: np.full(n, x, np.float32) for name, x in EFFECTS.items()}
    graph = dataclasses.replace(graph, **values)  # type: ignore[arg-type]
    store.put(synthetic.wrap(RUN, RUN.steps[2], more_graphs.MEAN, graph))
    series = library.development(RUN.name).graphs["text.mean"]
    assert series.loss_change[2, 1] == pytest.approx(0.5)
    assert series.loss_error[2, 1] == pytest.approx(1.96 * 0.1)
    assert series.logit_change[2, 1] == pytest.approx(-2)
    assert series.logit_error[2, 1] == pytest.approx(1.96 * 0.3)
    assert np.isnan(series.loss_change[3]).all()


def test_a_wide_run_is_kept_small(store: Store) -> None:
    run = more_graphs.wide_run(checkpoints=3)
    more_graphs.fill_wide(store, run)
    library = Library(store)
    series = library.development(run.name).graphs["text.zero"]
    assert isinstance(series.edges, EdgeLists)
    assert series.edges.offsets.tolist() == [0, 2_000, 4_000, 6_000]
    assert series.edges.possible.tolist() == 3 * [more_graphs.WIDE_EDGES]
    assert all(
        len(p.value.edges.place) == 2_000
        for p in library._points.values()
        if p is not None and isinstance(p.value, GraphPoint)
    )
    curve = library.development(run.name).curve("induction@L35H39", "text.zero")
    assert curve is not None
    assert np.isfinite(curve.values).all()
