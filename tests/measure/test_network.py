from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from compute.measure.network import (
    graph_metrics,
    measure_network,
    node_metrics,
    node_ranks,
    to_networkx,
)
from compute.records import AblationGraph
from compute.specs import NetworkMeasurement
from tests.samples import a_graph


def graph_of(weight, by_prompt=None, order=None) -> AblationGraph:
    return a_graph(np.asarray(weight)[None] if by_prompt is None else by_prompt, order=order)


def layered(layers=4, per_layer=3, prompts=5, seed=0) -> AblationGraph:
    rng = np.random.default_rng(seed)
    order = np.repeat(np.arange(layers), per_layer)
    possible = order[:, None] < order[None, :]
    by_prompt = np.where(possible, rng.gamma(1.0, 0.2, (prompts, *possible.shape)), np.nan)
    by_prompt = by_prompt.astype(np.float32)
    return graph_of(by_prompt.mean(0), by_prompt, order)


CHAIN = [[np.nan, 0.5, 0.1], [np.nan, np.nan, 0.4], [np.nan, np.nan, np.nan]]


def test_a_chain_of_strong_edges_goes_through_the_middle():
    metrics = node_metrics(graph_of(CHAIN))
    np.testing.assert_allclose(metrics.out_strength, [0.6, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(metrics.in_strength, [0, 0.5, 0.5], atol=1e-6)
    # 1/0.5 + 1/0.4 = 4.5 is shorter than 1/0.1 = 10: the one pair of others passes through 1.
    np.testing.assert_allclose(metrics.betweenness, [0, 0.5, 0])


def test_the_authors_distance_takes_weak_edges_as_short():
    metrics = node_metrics(graph_of(CHAIN), distance="weight")
    np.testing.assert_allclose(metrics.betweenness, [0, 0, 0])


def test_closeness_counts_incoming_paths():
    metrics = node_metrics(graph_of(CHAIN))
    # Node 1 is reached by one of two others at distance 2; node 2 by both, at 2.5 and 4.5.
    np.testing.assert_allclose(metrics.closeness, [0, 0.5 / 2, 2 / 7], rtol=1e-6)


def test_graph_metrics_count_what_the_threshold_keeps():
    metrics = graph_metrics(graph_of(CHAIN), threshold=0.3)
    assert (metrics.nodes, metrics.edges) == (3, 2)
    assert metrics.density == pytest.approx(2 / 6)
    assert metrics.total_strength == pytest.approx(0.9)
    empty = graph_metrics(graph_of(CHAIN), threshold=1.9)
    assert (empty.nodes, empty.edges, empty.density, empty.mean_strength) == (0, 0, 0, 0)


@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_metrics_equal_those_of_networkx(threshold):
    graph = layered()
    digraph = nx.DiGraph()
    digraph.add_nodes_from(graph.components)
    for i, j in np.argwhere(np.nan_to_num(graph.weight) > 0):
        w = float(graph.weight[i, j])
        if w >= threshold:
            digraph.add_edge(graph.components[i], graph.components[j], w=w, d=1 / w)
    metrics = node_metrics(graph, threshold=threshold)

    def same(values, by_name):
        np.testing.assert_allclose(values, [by_name[c] for c in graph.components], atol=1e-9)

    same(metrics.out_strength, dict(digraph.out_degree(weight="w")))
    same(metrics.in_strength, dict(digraph.in_degree(weight="w")))
    same(metrics.betweenness, nx.betweenness_centrality(digraph, weight="d"))
    same(metrics.closeness, nx.closeness_centrality(digraph, distance="d"))
    same(metrics.pagerank, nx.pagerank(digraph, weight="w"))
    same(metrics.pagerank_reversed, nx.pagerank(digraph.reverse(), weight="w"))


def test_the_networkx_graph_has_names_weights_and_distances():
    digraph = to_networkx(graph_of(CHAIN), threshold=0.3)
    assert sorted(digraph.nodes) == ["L0MLP", "L1MLP", "L2MLP"]
    assert digraph["L0MLP"]["L1MLP"]["weight"] == pytest.approx(0.5)
    assert digraph["L0MLP"]["L1MLP"]["distance"] == pytest.approx(2)
    assert not digraph.has_edge("L0MLP", "L2MLP")


def test_intervals_hold_the_value_and_shrink_with_prompts():
    def width(prompts):
        graph = layered(prompts=prompts)
        record = measure_network(graph, NetworkMeasurement(), np.random.default_rng(0))
        strength = record.node_names.index("out_strength")
        inside = (record.node_low <= record.node_values + 1e-6) & (
            record.node_values <= record.node_high + 1e-6
        )
        assert inside[strength].all()
        return (record.node_high - record.node_low)[strength].mean()

    assert width(100) < 0.5 * width(10)


def test_one_prompt_gives_no_interval():
    record = measure_network(graph_of(CHAIN), NetworkMeasurement(), np.random.default_rng(0))
    assert np.isnan(record.node_low).all()
    assert np.isnan(record.graph_high).all()
    assert np.isfinite(record.node_values).all()


def test_the_same_seed_gives_the_same_intervals():
    graph = layered()
    first, again, other = (
        measure_network(graph, NetworkMeasurement(), np.random.default_rng(seed)).node_low
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_ranks_start_at_the_highest_and_ties_share_theirs():
    weight = np.full((4, 4), np.nan)
    weight[0, 1:] = 0.9
    weight[1, 3] = weight[2, 3] = 0.1
    ranks = node_ranks(graph_of(weight), NetworkMeasurement(), np.random.default_rng(0))
    out = ranks.rank[ranks.metrics.index("out_strength")]
    np.testing.assert_array_equal(out, [1, 2.5, 2.5, 4])
    assert np.isnan(ranks.low).all()


def test_rank_intervals_hold_the_rank_and_are_wide_where_prompts_disagree():
    rng = np.random.default_rng(0)
    order = np.arange(5)
    by_prompt = np.full((40, 5, 5), np.nan)
    for source, (mean, spread) in enumerate([(1.0, 0.01), (0.3, 0.2), (0.29, 0.2), (0.05, 0.001)]):
        by_prompt[:, source, 4] = rng.normal(mean, spread, 40)
    ranks = node_ranks(graph_of(None, by_prompt, order), NetworkMeasurement(), rng)
    row = ranks.metrics.index("out_strength")
    assert (ranks.low[row] <= ranks.rank[row]).all()
    assert (ranks.rank[row] <= ranks.high[row]).all()
    assert (ranks.low[row, 0], ranks.high[row, 0]) == (1, 1)
    assert (ranks.low[row, 1], ranks.high[row, 1]) == (2, 3)
    assert (ranks.low[row, 3], ranks.high[row, 3]) == (4, 4)
