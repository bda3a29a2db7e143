"""Every metric against networkx, igraph as a second opinion, and graphs checked by hand."""

from __future__ import annotations

import itertools

import igraph
import networkx as nx
import numpy as np
import pytest

from compute.networks.frames import keep, kept_weights
from compute.networks.metrics import to_networkx
from compute.networks.paths import path_metrics
from compute.networks.registry import GRAPH_METRICS, METRICS, NODE_METRICS, label_of
from compute.networks.structure import fit_tail, gini
from tests.networks.graphs import graph_of, layered, tables

GRAPHS = list(itertools.product((0, 1, 2), (2, 5), (0.0, 0.15)))
each_graph = pytest.mark.parametrize(("seed", "layers", "threshold"), GRAPHS)
CLOSE = {"rtol": 1e-9, "atol": 1e-9}

# 0 -0.5-> 1 -0.4-> 2, and 0 -0.1-> 2.
CHAIN = [[np.nan, 0.5, 0.1], [np.nan, np.nan, 0.4], [np.nan, np.nan, np.nan]]


def a_case(seed, layers, threshold):
    graph = layered(layers=layers, seed=seed)
    node, whole = tables(graph, threshold)
    return node, whole, to_networkx(graph, threshold=threshold), graph.components


def in_order(by_name, components):
    return [by_name[c] for c in components]


@each_graph
def test_node_metrics_equal_those_of_networkx(seed, layers, threshold):
    node, _, digraph, names = a_case(seed, layers, threshold)
    turned = digraph.reverse()
    exact = {"weight": "weight", "tol": 1e-15, "max_iter": 1000}
    walks = {"alpha": 0.1, "normalized": False, "weight": "weight"}
    expected = {
        "out_strength": dict(digraph.out_degree(weight="weight")),
        "in_strength": dict(digraph.in_degree(weight="weight")),
        "betweenness": nx.betweenness_centrality(digraph, weight="distance"),
        "betweenness_weight": nx.betweenness_centrality(digraph, weight="weight"),
        "closeness": nx.closeness_centrality(digraph, distance="distance"),
        "closeness_weight": nx.closeness_centrality(digraph, distance="weight"),
        "pagerank": nx.pagerank(digraph, **exact),
        "pagerank_reversed": nx.pagerank(turned, **exact),
        "katz": nx.katz_centrality_numpy(digraph, **walks),
        "katz_reversed": nx.katz_centrality_numpy(turned, **walks),
        "hub": nx.hits(digraph, tol=1e-15)[0],
        "authority": nx.hits(digraph, tol=1e-15)[1],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(node[name], in_order(values, names), **CLOSE, err_msg=name)


@each_graph
def test_node_metrics_equal_those_of_igraph(seed, layers, threshold):
    node, _, digraph, names = a_case(seed, layers, threshold)
    other = igraph.Graph.from_networkx(digraph)
    assert other.vs["_nx_name"] == list(names)
    n, lengths, weights = len(names), other.es["distance"], other.es["weight"]
    pairs = (n - 1) * (n - 2)
    expected = {
        "out_strength": other.strength(mode="out", weights=weights),
        "in_strength": other.strength(mode="in", weights=weights),
        "betweenness": np.array(other.betweenness(weights=lengths)) / pairs,
        "betweenness_weight": np.array(other.betweenness(weights=weights)) / pairs,
        "pagerank": other.pagerank(weights=weights),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(node[name], values, rtol=1e-7, atol=1e-9, err_msg=name)


@each_graph
def test_graph_metrics_equal_those_of_networkx(seed, layers, threshold):
    _, whole, digraph, names = a_case(seed, layers, threshold)
    n = len(names)
    lengths = dict(nx.all_pairs_dijkstra_path_length(digraph, weight="distance"))
    pairs = [1 / d for s, row in lengths.items() for t, d in row.items() if s != t]
    joined = digraph.subgraph([v for v in digraph if digraph.degree(v)])
    parts = [
        {names[i] for i in np.flatnonzero(whole["label"] == c)}
        for c in range(int(whole["communities"]))
    ]
    expected = {
        "nodes": joined.number_of_nodes(),
        "edges": digraph.number_of_edges(),
        "density": nx.density(joined),
        "total_strength": digraph.size(weight="weight"),
        "clustering": np.mean(list(nx.clustering(digraph, weight="weight").values())),
        "efficiency": sum(pairs) / (n * (n - 1)),
        "modularity": nx.community.modularity(joined, parts),
    }
    for name, value in expected.items():
        assert whole[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@each_graph
def test_graph_metrics_equal_those_of_igraph(seed, layers, threshold):
    _, whole, digraph, names = a_case(seed, layers, threshold)
    other = igraph.Graph.from_networkx(digraph)
    label = whole["label"] + np.where(whole["label"] < 0, 1 + np.arange(len(names)) + len(names), 0)
    modularity = other.modularity(label.tolist(), weights="weight", directed=True)
    assert whole["modularity"] == pytest.approx(modularity, rel=1e-9)
    lengths = np.array(other.distances(weights="distance"))
    reached = np.isfinite(lengths) & (lengths > 0)
    efficiency = (1 / lengths[reached]).sum() / (len(names) * (len(names) - 1))
    assert whole["efficiency"] == pytest.approx(efficiency, rel=1e-9)


@each_graph
def test_hubs_and_authorities_are_singular_vectors(seed, layers, threshold):
    graph = layered(layers=layers, seed=seed)
    node, _ = tables(graph, threshold)
    left, _, right = np.linalg.svd(kept_weights(graph, threshold))
    np.testing.assert_allclose(node["hub"], left[:, 0] / left[:, 0].sum(), **CLOSE)
    np.testing.assert_allclose(node["authority"], right[0] / right[0].sum(), **CLOSE)


def test_equally_short_paths_share():
    """Two ways of equal length from 0 to 3: each middle node carries half."""
    weight = np.full((4, 4), np.nan)
    weight[0, 1] = weight[0, 2] = weight[1, 3] = weight[2, 3] = 0.5
    node, _ = tables(graph_of(weight))
    np.testing.assert_allclose(node["betweenness"], [0, 0.5 / 6, 0.5 / 6, 0])


@pytest.mark.parametrize("seed", range(5))
def test_ties_everywhere_equal_those_of_networkx(seed):
    rng = np.random.default_rng(seed)
    there = np.triu(rng.random((9, 9)) < 0.6, 1)
    weight = np.where(there, rng.choice([0.25, 0.5, 1.0], (9, 9)), np.nan)
    graph = graph_of(weight)
    node, _ = tables(graph)
    digraph = to_networkx(graph)
    for name, length in (("betweenness", "distance"), ("betweenness_weight", "weight")):
        expected = nx.betweenness_centrality(digraph, weight=length)
        np.testing.assert_allclose(node[name], in_order(expected, graph.components), **CLOSE)


def test_a_stack_of_graphs_gives_each_what_it_gives_alone():
    stack = np.stack([kept_weights(layered(seed=seed)) for seed in range(4)] + [np.zeros((14, 14))])
    length = np.divide(1, stack, out=np.full_like(stack, np.inf), where=stack > 0)
    together = path_metrics(length)
    for i, one in enumerate(length):
        alone = path_metrics(one[None])
        np.testing.assert_array_equal(together.betweenness[i], alone.betweenness[0])
        np.testing.assert_array_equal(together.closeness[i], alone.closeness[0])
        np.testing.assert_array_equal(together.efficiency[i], alone.efficiency[0])


def test_strong_edges_are_short():
    node, whole = tables(graph_of(CHAIN))
    np.testing.assert_allclose(node["out_strength"], [0.6, 0.4, 0], atol=1e-6)
    np.testing.assert_allclose(node["in_strength"], [0, 0.5, 0.5], atol=1e-6)
    # 1/0.5 + 1/0.4 = 4.5 is shorter than 1/0.1 = 10: the one pair of others passes through 1.
    np.testing.assert_allclose(node["betweenness"], [0, 0.5, 0])
    # Node 1 is reached by one of two others at distance 2; node 2 by both, at 2.5 and 4.5.
    np.testing.assert_allclose(node["closeness"], [0, 0.5 / 2, 2 / 7], rtol=1e-6)
    assert whole["efficiency"] == pytest.approx((1 / 2 + 1 / 2.5 + 1 / 4.5) / 6)


def test_the_authors_convention_takes_strong_edges_as_long():
    node, _ = tables(graph_of(CHAIN))
    np.testing.assert_allclose(node["betweenness_weight"], [0, 0, 0])
    # Node 2 is reached by both, at 0.4 and directly at 0.1.
    np.testing.assert_allclose(node["closeness_weight"], [0, 0.5 / 0.5, 2 / 0.5], rtol=1e-6)


def test_walks_by_hand():
    node, _ = tables(graph_of(CHAIN))
    np.testing.assert_allclose(node["katz"], [1, 1.05, 1 + 0.01 + 0.04 * 1.05], rtol=1e-6)
    np.testing.assert_allclose(node["katz_reversed"], [1 + 0.05 * 1.04 + 0.01, 1.04, 1], rtol=1e-6)
    # From 0 a walker goes to 1 five times of six.
    gathers = np.array([1, 1 + 0.85 * 5 / 6, 1 + 0.85 / 6 + 0.85 * (1 + 0.85 * 5 / 6)])
    np.testing.assert_allclose(node["pagerank"], gathers / gathers.sum(), rtol=1e-6)


def test_levels_that_rise_by_one_are_perfectly_coherent():
    line = np.full((4, 4), np.nan)
    line[0, 1], line[1, 2], line[2, 3] = 0.2, 0.9, 0.4
    assert tables(graph_of(line))[1]["coherence"] == pytest.approx(1, abs=1e-6)
    # With one more edge from end to end, all of one weight, levels rise by x where
    # 3 (x - 1)² + (3x - 1)² is least: x = 1/2, and all four edges miss by 1/2.
    line[0, 1] = line[1, 2] = line[2, 3] = line[0, 3] = 0.5
    assert tables(graph_of(line))[1]["coherence"] == pytest.approx(1 - 1 / 4, abs=1e-6)


def test_the_span_counts_layers_by_weight():
    _, whole = tables(graph_of(CHAIN))
    assert whole["flow_span"] == pytest.approx((0.5 + 0.4 + 2 * 0.1) / 1.0)


def test_the_threshold_drops_edges_and_nodes():
    _, whole = tables(graph_of(CHAIN), threshold=0.3)
    assert (whole["nodes"], whole["edges"]) == (3, 2)
    assert whole["density"] == pytest.approx(2 / 6)
    assert whole["total_strength"] == pytest.approx(0.9)
    assert keep(np.array([[0.3, -1e-9, 0.29]]), 0.3).tolist() == [[0.3, 0, 0]]
    assert keep(np.array([[-1e-9, 0.1]]), 0.0).tolist() == [[0, 0.1]]


def test_a_graph_without_edges_has_no_false_numbers():
    node, whole = tables(graph_of(CHAIN), threshold=1.9)
    assert (whole["nodes"], whole["edges"], whole["density"], whole["total_strength"]) == (0,) * 4
    for name in ("gini", "weight_median", "tail_exponent", "modularity", "flow_span", "coherence"):
        assert np.isnan(whole[name]), name
    assert np.isnan(node["hub"]).all()
    assert np.isnan(node["spreader_z"]).all()
    assert (whole["label"] == -1).all()


def test_gini_by_hand():
    assert gini(np.array([1.0, 1.0, 1.0])) == pytest.approx(0)
    assert gini(np.array([0.0, 0.0, 1.0])) == pytest.approx(2 / 3)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.25)


def test_the_tail_of_a_power_law_is_found():
    rng = np.random.default_rng(0)
    light, heavy = rng.uniform(0.01, 0.1, 2000), 0.1 * (1 - rng.random(4000)) ** (-1 / 1.5)
    tail = fit_tail(np.concatenate([light, heavy]))
    assert tail.exponent == pytest.approx(2.5, abs=3 * tail.error)
    assert tail.misfit < 0.02
    assert 0.08 < tail.start < 0.2


def test_no_tail_is_fitted_to_few_or_equal_weights():
    assert np.isnan(fit_tail(np.array([0.1, 0.2, 0.3])).exponent)
    assert np.isnan(fit_tail(np.full(50, 0.3)).exponent)


def test_communities_are_the_parts_that_hang_together():
    order = np.repeat(np.arange(4), 2)
    weight = np.where(order[:, None] < order[None, :], 0.001, np.nan)
    for side in (0, 1):
        members = np.arange(side, 8, 2)
        weight[np.ix_(members, members)] *= 500
    _, whole = tables(graph_of(weight, order=order))
    assert whole["communities"] == 2
    assert len({*whole["label"][::2]}) == len({*whole["label"][1::2]}) == 1


def test_the_networkx_graph_has_names_weights_and_distances():
    digraph = to_networkx(graph_of(CHAIN), threshold=0.3)
    assert sorted(digraph.nodes) == ["L0MLP", "L1MLP", "L2MLP"]
    assert digraph["L0MLP"]["L1MLP"]["weight"] == pytest.approx(0.5)
    assert digraph["L0MLP"]["L1MLP"]["distance"] == pytest.approx(2)
    assert not digraph.has_edge("L0MLP", "L2MLP")


def test_the_registry_says_everything_of_every_metric_once():
    assert len(METRICS) == len(NODE_METRICS) + len(GRAPH_METRICS)
    for metric in METRICS.values():
        assert metric.definition.endswith(".")
        assert metric.unit
        assert metric.label
    assert all(m.convention == "distance = weight" for m in NODE_METRICS if "Rocchetti" in m.label)
    assert label_of("katz") == "Katz"
    assert label_of("some_old_name") == "some old name"
