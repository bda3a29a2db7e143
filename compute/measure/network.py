"""Node and graph metrics of an ablation graph.

Weights are strengths: a heavier edge is a stronger tie. Where an algorithm wants lengths, ours are
``1 / weight``, so that a strong edge is short; ``distance="weight"`` gives the convention of
Rocchetti (2025), arXiv:2509.15269, which takes the weight itself as length. Unweighted betweenness
is not offered: on a layered graph it says nothing.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

import networkx as nx
import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import rankdata

from compute.records import AblationGraph, NetworkMetrics
from compute.specs import NetworkMeasurement

Distance: TypeAlias = Literal["inverse", "weight"]
INTERVAL = (2.5, 97.5)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NodeMetrics:
    """One value for each component, in the graph's order; dimensionless.

    Attributes
    ----------
    out_strength, in_strength
        Sum of the weights of the edges that leave, that arrive. Spreaders and gatherers.
    betweenness
        Share of shortest paths between other pairs that pass through, 0 to 1.
    closeness
        Of the incoming paths (Wasserman and Faust's form), per unit length.
    pagerank, pagerank_reversed
        Damping 0.85; of the graph (who gathers), and with every edge reversed (who spreads).
    """

    out_strength: Float[ndarray, " components"]
    in_strength: Float[ndarray, " components"]
    betweenness: Float[ndarray, " components"]
    closeness: Float[ndarray, " components"]
    pagerank: Float[ndarray, " components"]
    pagerank_reversed: Float[ndarray, " components"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphMetrics:
    """One value for the whole graph.

    Attributes
    ----------
    nodes
        Components with at least one edge.
    edges
        Edges with a weight above the threshold (and above 0).
    density
        Edges over ``nodes * (nodes - 1)``, 0 to 1 (a layered graph cannot reach 1).
    total_strength, mean_strength
        Sum of the weights; the same over ``nodes``.
    """

    nodes: float
    edges: float
    density: float
    total_strength: float
    mean_strength: float


def kept_weights(graph: AblationGraph, threshold: float = 0.0) -> Float[ndarray, "n n"]:
    """Return the weights of the edges at or above ``threshold``; 0 where there is no edge."""
    weight = np.nan_to_num(graph.weight.astype(np.float64), nan=0.0)
    return np.where(weight >= threshold, weight, 0.0)


def node_metrics(
    graph: AblationGraph, *, threshold: float = 0.0, distance: Distance = "inverse"
) -> NodeMetrics:
    """Return the node metrics of ``graph`` after dropping edges lighter than ``threshold``."""
    return _node_metrics(kept_weights(graph, threshold), distance)


def graph_metrics(graph: AblationGraph, *, threshold: float = 0.0) -> GraphMetrics:
    """Return the graph metrics of ``graph`` after dropping edges lighter than ``threshold``."""
    return _graph_metrics(kept_weights(graph, threshold))


def to_networkx(graph: AblationGraph, *, threshold: float = 0.0) -> nx.DiGraph:
    """Return the graph as networkx's, with ``weight`` and ``distance = 1 / weight`` on edges."""
    weight = kept_weights(graph, threshold)
    return nx.relabel_nodes(_digraph(weight, "inverse"), dict(enumerate(graph.components)))


def measure_network(
    graph: AblationGraph, spec: NetworkMeasurement, generator: np.random.Generator
) -> NetworkMetrics:
    """Return all metrics with 95 % percentile bootstrap intervals over the graph's prompts.

    The intervals are NaN for a graph of a single prompt.
    """
    weight = kept_weights(graph, spec.threshold)
    node = _stack(_node_metrics(weight, "inverse"))
    whole = _stack(_graph_metrics(weight))
    nodes, wholes = _resampled(graph, spec, generator)
    node_low, node_high = _interval(nodes, node)
    graph_low, graph_high = _interval(wholes, whole)
    return NetworkMetrics(
        components=graph.components,
        threshold=spec.threshold,
        node_names=tuple(f.name for f in dataclasses.fields(NodeMetrics)),
        node_values=node.astype(np.float32),
        node_low=node_low,
        node_high=node_high,
        graph_names=tuple(f.name for f in dataclasses.fields(GraphMetrics)),
        graph_values=whole.astype(np.float32),
        graph_low=graph_low,
        graph_high=graph_high,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NodeRanks:
    """The place of every component by every metric: 1 for the highest, ties share their mean.

    ``low`` and ``high`` bound a 95 % percentile bootstrap interval over the graph's prompts; NaN
    for a graph of a single prompt, or one too wide to keep its prompts apart.
    """

    components: tuple[str, ...]
    metrics: tuple[str, ...]
    rank: Float[ndarray, "metrics components"]
    low: Float[ndarray, "metrics components"]
    high: Float[ndarray, "metrics components"]


def node_ranks(
    graph: AblationGraph, spec: NetworkMeasurement, generator: np.random.Generator
) -> NodeRanks:
    """Return the components' ranks by each of `NodeMetrics`, with their intervals."""
    ranks = _ranks(_stack(_node_metrics(kept_weights(graph, spec.threshold), "inverse")))
    nodes, _ = _resampled(graph, spec, generator)
    low, high = _interval([_ranks(values) for values in nodes], ranks)
    return NodeRanks(
        components=graph.components,
        metrics=tuple(f.name for f in dataclasses.fields(NodeMetrics)),
        rank=ranks,
        low=low,
        high=high,
    )


def _ranks(values: Float[ndarray, "metrics components"]) -> Float[ndarray, "metrics components"]:
    return rankdata(-values, method="average", axis=1)


def _resampled(
    graph: AblationGraph, spec: NetworkMeasurement, generator: np.random.Generator
) -> tuple[list[ndarray], list[ndarray]]:
    """Return both kinds of metrics for every resample of the prompts."""
    by_group = graph.group_weights()
    groups = len(by_group)
    nodes, wholes = [], []
    for _ in range(spec.resamples if groups > 1 else 0):
        mean = by_group[generator.integers(groups, size=groups)].mean(0)
        weight = np.where(mean >= spec.threshold, mean, 0.0)
        nodes.append(_stack(_node_metrics(weight, "inverse")))
        wholes.append(_stack(_graph_metrics(weight)))
    return nodes, wholes


def _interval(samples: list[ndarray], like: ndarray) -> tuple[ndarray, ndarray]:
    if not samples:
        empty = np.full(like.shape, np.nan, dtype=np.float32)
        return empty, empty
    low, high = np.percentile(samples, INTERVAL, axis=0).astype(np.float32)
    return low, high


def _stack(metrics: NodeMetrics | GraphMetrics) -> ndarray:
    return np.array([getattr(metrics, f.name) for f in dataclasses.fields(metrics)])


def _node_metrics(weight: ndarray, distance: Distance) -> NodeMetrics:
    digraph = _digraph(weight, distance)
    return NodeMetrics(
        out_strength=weight.sum(1),
        in_strength=weight.sum(0),
        betweenness=_values(nx.betweenness_centrality(digraph, weight="distance")),
        closeness=_values(nx.closeness_centrality(digraph, distance="distance")),
        pagerank=_values(nx.pagerank(digraph)),
        pagerank_reversed=_values(nx.pagerank(digraph.reverse(copy=False))),
    )


def _graph_metrics(weight: ndarray) -> GraphMetrics:
    edges = weight > 0
    nodes = int((edges.any(0) | edges.any(1)).sum())
    pairs = nodes * (nodes - 1)
    return GraphMetrics(
        nodes=nodes,
        edges=int(edges.sum()),
        density=edges.sum() / pairs if pairs else 0.0,
        total_strength=weight.sum(),
        mean_strength=weight.sum() / nodes if nodes else 0.0,
    )


def _digraph(weight: ndarray, distance: Distance) -> nx.DiGraph:
    digraph = nx.DiGraph()
    digraph.add_nodes_from(range(len(weight)))
    for source, target in np.argwhere(weight > 0).tolist():
        w = float(weight[source, target])
        length = 1 / w if distance == "inverse" else w
        digraph.add_edge(source, target, weight=w, distance=length)
    return digraph


def _values(by_node: dict[int, float]) -> ndarray:
    return np.array([by_node[i] for i in range(len(by_node))])
