"""The record of a graph's metrics: intervals over prompts, ranks, what one prompt lacks."""

from __future__ import annotations

import numpy as np
import pytest

from compute.measure.network import measure_network
from compute.networks.registry import GRAPH_NAMES, METRICS, NODE_NAMES
from compute.specs import NetworkMeasurement
from tests.networks.graphs import graph_of, layered, tables

CHAIN = [[np.nan, 0.5, 0.1], [np.nan, np.nan, 0.4], [np.nan, np.nan, np.nan]]
SPEC = NetworkMeasurement(permutations=99)


def measured(graph, spec=SPEC, seed=0):
    return measure_network(graph, spec, np.random.default_rng(seed))


def row(record, table, name):
    return getattr(record, table)[record.node_names.index(name)]


def test_the_record_holds_every_metric_of_the_registry():
    graph = layered()
    record = measured(graph)
    node, whole = tables(graph)
    for name in NODE_NAMES:
        if not name.endswith("_p"):
            np.testing.assert_allclose(row(record, "node_values", name), node[name], rtol=1e-6)
    np.testing.assert_allclose(record.graph_values, [whole[g] for g in GRAPH_NAMES], rtol=1e-6)
    np.testing.assert_array_equal(record.community, whole["label"])


def test_intervals_are_there_where_the_registry_says_so():
    record = measured(layered(layers=6, heads=5))
    for i, name in enumerate(NODE_NAMES):
        assert np.isfinite(record.node_low[i]).any() == bool(METRICS[name].interval), name
        assert np.isfinite(record.rank_high[i]).any() == bool(METRICS[name].interval), name
    for i, name in enumerate(GRAPH_NAMES):
        assert np.isfinite(record.graph_low[i]) == bool(METRICS[name].interval), name


def test_intervals_hold_the_value_and_shrink_with_prompts():
    def width(prompts):
        record = measured(layered(prompts=prompts))
        low, high = (row(record, t, "out_strength") for t in ("node_low", "node_high"))
        value = row(record, "node_values", "out_strength")
        assert ((low <= value + 1e-6) & (value <= high + 1e-6)).all()
        return (high - low).mean()

    assert width(100) < 0.5 * width(10)


def test_one_prompt_gives_no_interval():
    record = measured(graph_of(CHAIN))
    for table in (record.node_low, record.node_high, record.rank_low, record.graph_low):
        assert np.isnan(table).all()
    assert record.graph_by_group.shape == (0, len(GRAPH_NAMES))


def test_prompts_apart_are_measured_as_graphs_of_one_prompt():
    graph = layered(prompts=3)
    record = measured(graph)
    assert record.graph_by_group.shape == (3, len(GRAPH_NAMES))
    weight = np.where(np.isnan(graph.weight), np.nan, graph.group_weights()[1])
    _, whole = tables(graph_of(weight, order=graph.order))
    for name in ("edges", "total_strength", "clustering", "efficiency", "gini"):
        found = record.graph_by_group[1, GRAPH_NAMES.index(name)]
        assert found == pytest.approx(whole[name], rel=1e-5), name


def test_the_same_seed_gives_the_same_record_and_another_seed_another():
    graph = layered()
    first, again, other = (measured(graph, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.node_low, again.node_low)
    np.testing.assert_array_equal(first.node_values, again.node_values)
    assert not np.array_equal(first.node_low, other.node_low)


def test_rank_intervals_are_wide_where_prompts_disagree():
    rng = np.random.default_rng(0)
    by_prompt = np.full((40, 5, 5), np.nan)
    for source, (mean, spread) in enumerate([(1.0, 0.01), (0.3, 0.2), (0.29, 0.2), (0.05, 0.001)]):
        by_prompt[:, source, 4] = rng.normal(mean, spread, 40)
    record = measured(graph_of(None, by_prompt, np.arange(5)))
    low, high = (row(record, t, "out_strength") for t in ("rank_low", "rank_high"))
    assert (low[0], high[0]) == (1, 1)
    assert (low[1], high[1]) == (2, 3)
    assert (low[3], high[3]) == (4, 4)
    assert np.isnan(row(record, "rank_low", "spreader_z")).all()


def test_resampling_in_turns_changes_nothing(monkeypatch):
    graph = layered(prompts=6)
    whole = measured(graph)
    monkeypatch.setattr("compute.measure.network._WEIGHTS_AT_ONCE", 14 * 14 * 7)
    turns = measured(graph)
    np.testing.assert_allclose(whole.node_low, turns.node_low, rtol=1e-6)
    np.testing.assert_allclose(whole.graph_high, turns.graph_high, rtol=1e-6)
