"""All metrics of the registry as tables: a row for each metric, in the registry's order.

Graphs are stacks of weights, ``[graphs, n, n]``, row = source, 0 where there is no edge: the graph
itself, its bootstrap resamples, or those of single prompts. `Frame` is what they share.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import networkx as nx
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.networks.centrality import hits, katz, pagerank, reversed_edges
from compute.networks.frames import Frame, frame_of, kept_weights
from compute.networks.paths import path_metrics
from compute.networks.registry import GRAPH_NAMES, NODE_NAMES
from compute.networks.roles import role_p, role_scores
from compute.networks.structure import (
    Tail,
    clustering,
    coherence,
    find_communities,
    fit_tail,
    flow_span,
    gini,
    modularity,
)
from compute.records import AblationGraph


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """All metrics of one graph; NaN where one is not defined.

    Attributes
    ----------
    node, whole
        In the order of the registry.
    label
        Each node's community; -1 without edges.
    tail
        The power law that was fitted to the heaviest weights.
    """

    node: Float[ndarray, "node_metrics n"]
    whole: Float[ndarray, " graph_metrics"]
    label: Int[ndarray, " n"]
    tail: Tail

    def of_nodes(self, name: str) -> Float[ndarray, " n"]:
        """Return a node metric by its name in the registry."""
        return self.node[NODE_NAMES.index(name)]

    def of_graph(self, name: str) -> float:
        """Return a graph metric by its name in the registry."""
        return float(self.whole[GRAPH_NAMES.index(name)])


def tables_of(
    graph: AblationGraph, *, threshold: float = 0.0, permutations: int = 2000, seed: int = 0
) -> Tables:
    """Return every metric of a graph, without intervals (`compute.measure.network` adds them).

    Parameters
    ----------
    threshold
        Edges lighter than this are left out.
    permutations
        For the p of roles.
    """
    generator = np.random.default_rng(seed)
    weight, frame = kept_weights(graph, threshold), frame_of(graph)
    return graph_tables(weight, frame, seed=seed, permutations=permutations, generator=generator)


def to_networkx(graph: AblationGraph, *, threshold: float = 0.0) -> nx.DiGraph:
    """Return the graph as networkx's, with ``weight`` and ``distance = 1 / weight`` on edges."""
    weight = kept_weights(graph, threshold)
    digraph = nx.DiGraph()
    digraph.add_nodes_from(graph.components)
    for source, target in np.argwhere(weight > 0).tolist():
        w = float(weight[source, target])
        ends = graph.components[source], graph.components[target]
        digraph.add_edge(*ends, weight=w, distance=1 / w)
    return digraph


def metric_tables(
    weight: Float[ndarray, "graphs n n"],
    frame: Frame,
    label: Int[ndarray, " n"],
    *,
    lengths: type[np.floating[Any]] = np.float64,
) -> tuple[Float[ndarray, "graphs node_metrics n"], Float[ndarray, "graphs graph_metrics"]]:
    """Return the metrics that the registry gives intervals over prompts; NaN for the others.

    ``label`` gives the communities, whose modularity is taken in every graph. ``lengths`` is the
    precision of paths, which take most of the time; resamples need but few digits.
    """
    ahead = weight[:, frame.forward][:, :, frame.forward]
    length = np.divide(1.0, ahead, out=np.full(ahead.shape, np.inf), where=ahead > 0)
    paths = path_metrics(length.astype(lengths))
    behind = reversed_edges(ahead)
    hub, authority = hits(ahead)
    roles = role_scores(weight, frame.blocks)
    walks = {
        "betweenness": paths.betweenness,
        "closeness": paths.closeness,
        "pagerank": pagerank(ahead),
        "pagerank_reversed": pagerank(behind)[:, ::-1],
        "katz": katz(ahead),
        "katz_reversed": katz(behind)[:, ::-1],
        "hub": hub,
        "authority": authority,
    }
    direct = {
        "out_strength": weight.sum(2),
        "in_strength": weight.sum(1),
        "spreader_z": roles.spreader_z,
        "gatherer_z": roles.gatherer_z,
    }
    nodes = direct | {name: values[:, frame.back] for name, values in walks.items()}
    wholes = _whole(weight, frame, label) | {"efficiency": paths.efficiency}
    none = np.full(weight.shape[:2], np.nan)
    return (
        np.stack([nodes.get(name, none) for name in NODE_NAMES], axis=1),
        np.stack([wholes.get(name, none[:, 0]) for name in GRAPH_NAMES], axis=1),
    )


def graph_tables(
    weight: Float[ndarray, "n n"],
    frame: Frame,
    *,
    seed: int,
    permutations: int,
    generator: np.random.Generator,
) -> Tables:
    """Return every metric of the registry for one graph."""
    label = find_communities(weight, seed=seed)
    node, whole = (table[0] for table in metric_tables(weight[None], frame, label))
    ahead = weight[frame.forward][:, frame.forward]
    authors = path_metrics(np.where(ahead > 0, ahead, np.inf)[None])
    spreader, gatherer = role_p(
        weight, frame.blocks, permutations=permutations, generator=generator
    )
    tail = fit_tail(weight[weight > 0])
    alone = {
        "spreader_p": spreader,
        "gatherer_p": gatherer,
        "betweenness_weight": authors.betweenness[0, frame.back],
        "closeness_weight": authors.closeness[0, frame.back],
    }
    for name, values in alone.items():
        node[NODE_NAMES.index(name)] = values
    found = {
        "tail_exponent": tail.exponent,
        "tail_misfit": tail.misfit,
        "communities": label.max(initial=-1) + 1,
    }
    for name, value in found.items():
        whole[GRAPH_NAMES.index(name)] = value
    return Tables(node=node, whole=whole, label=label, tail=tail)


def _whole(weight: ndarray, frame: Frame, label: ndarray) -> dict[str, ndarray]:
    edge = weight > 0
    nodes = (edge.any(1) | edge.any(2)).sum(1).astype(np.float64)
    edges, total = edge.sum((1, 2)).astype(np.float64), weight.sum((1, 2))
    pairs = nodes * (nodes - 1)
    spread = np.array([_distribution(w[e]) for w, e in zip(weight, edge, strict=True)])
    return {
        "nodes": nodes,
        "edges": edges,
        "density": np.divide(edges, pairs, out=np.zeros_like(edges), where=pairs > 0),
        "total_strength": total,
        "mean_strength": np.divide(total, nodes, out=np.zeros_like(total), where=nodes > 0),
        "weight_median": spread[:, 0],
        "weight_p90": spread[:, 1],
        "gini": spread[:, 2],
        "clustering": clustering(weight).mean(1),
        "modularity": modularity(weight, label),
        "flow_span": flow_span(weight, frame.layer),
        "coherence": coherence(weight),
    }


def _distribution(weights: ndarray) -> tuple[float, float, float]:
    if not len(weights):
        return (float("nan"),) * 3
    median, p90 = np.percentile(weights, [50, 90])
    return float(median), float(p90), gini(weights)
