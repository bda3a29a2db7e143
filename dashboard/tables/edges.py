"""Tables of the edges of ablation graphs: of one checkpoint; how an approximation agrees."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from compute.errors import NotMeasured, TooMuch
from dashboard.figures.edges import EdgeLists, EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.series import NORMAL_95
from dashboard.tables.about import about_graph, graph_missing
from dashboard.tables.asked import Asked
from dashboard.tables.table import STEP, Column, Table, as_decimals, table_of

WIDEST_MATRIX = 1_000
_WEIGHT, _NORM = "1 − cosine, dimensionless", "|change| / |output|, dimensionless"

EDGES = (
    Column("source", "The component that is ablated.", kind="text"),
    Column("target", "The component whose output changes.", kind="text"),
    Column("weight", "How much it changes in direction.", _WEIGHT),
    Column("standard_error", "Of the weight, over prompts; empty for one prompt.", _WEIGHT),
    Column("low", "Lower end of the weight's 95 % interval.", _WEIGHT),
    Column("high", "Upper end of the weight's 95 % interval.", _WEIGHT),
    Column("norm_change", "How much it changes in all.", _NORM),
    Column("norm_standard_error", "Of the relative change, over prompts.", _NORM),
)
MATRIX = (
    Column("source", "The component that is ablated.", kind="text"),
    Column("*", "One column for each target, by its name: the weight of the edge; empty where "
           "no edge can be, or where it is not kept.", _WEIGHT),
)  # fmt: skip
AGREEMENT = (
    STEP,
    Column("rho", "Spearman's rank correlation of the edges' weights with the exact graph's.",
           "−1 to 1"),
    Column("edges", "How many edges it is over.", "edges", "count"),
)  # fmt: skip


class EdgesAt(NamedTuple):
    """The edges of one checkpoint that were asked for, heaviest first.

    Attributes
    ----------
    source, target
        Places of components.
    error, norm_error
        Standard errors over prompts; NaN for a single prompt.
    possible
        How many edges the graph can have; ``kept`` of them are kept of a wide graph.
    """

    source: ndarray
    target: ndarray
    weight: ndarray
    error: ndarray
    norm: ndarray
    norm_error: ndarray
    possible: int
    kept: int


def edges_at(asked: Asked) -> EdgesAt:
    """Return the edges of the checkpoint, from the threshold on, at most the first ``top``.

    Where either is asked for, they are those that a page draws, to which weights come in half
    precision: none without weight is among them.

    Raises
    ------
    NotMeasured
        If the graph is not measured there.
    """
    index, series = asked.index(), asked.series
    found = all_edges(series, index)
    if found is None:
        raise NotMeasured(graph_missing(asked, "the graph"))
    order = np.argsort(-found.weight, kind="stable")
    if asked.get("threshold") or asked.top() is not None:
        drawn = found.weight.astype(np.float16).astype(np.float64)
        heavy = np.flatnonzero((drawn > 0) & (drawn >= asked.threshold()))
        heavy = heavy[np.argsort(-drawn[heavy], kind="stable")][: asked.top()]
        order = order[np.isin(order, heavy)]
    return found._replace(
        source=found.source[order], target=found.target[order],
        weight=found.weight[order], error=found.error[order],
        norm=found.norm[order], norm_error=found.norm_error[order],
    )  # fmt: skip


def all_edges(series: GraphSeries, index: int) -> EdgesAt | None:
    """Return every edge that is kept of a checkpoint, or None where none is measured."""
    edges = series.edges
    if isinstance(edges, EdgeTable):
        at = np.flatnonzero(np.isfinite(edges.weight[index]))
        if not len(at):
            return None
        source, target = edges.ends[at].T
        weight, error, norm, norm_error = (t[index, at] for t in _values(edges))
        possible = kept = len(at)
    else:
        if not edges.possible[index]:
            return None
        start, end = edges.offsets[index : index + 2]
        source, target = edges.source[start:end], edges.target[start:end]
        weight, error, norm, norm_error = (
            v[start:end].astype(np.float32) for v in _values(edges)
        )  # fmt: skip
        possible, kept = int(edges.possible[index]), int(end - start)
    # Errors are kept as half of 95 % intervals.
    half = np.float32(NORMAL_95)
    return EdgesAt(source, target, weight, error / half, norm, norm_error / half, possible, kept)


def _values(edges: EdgeTable | EdgeLists) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    return edges.weight, edges.weight_error, edges.norm, edges.norm_error


def edges(asked: Asked) -> Table:
    """Return the edges of one checkpoint, heaviest first."""
    found, names = edges_at(asked), asked.series.components
    half = np.float32(NORMAL_95) * found.error
    values = {
        "source": [names[i] for i in found.source],
        "target": [names[i] for i in found.target],
        "weight": found.weight,
        "standard_error": found.error,
        "low": found.weight - half,
        "high": found.weight + half,
        "norm_change": found.norm,
        "norm_standard_error": found.norm_error,
    }
    told: dict[str, Any] = {
        "threshold": asked.get("threshold") or "all",
        "top": asked.get("top") or "all",
    }
    return table_of(EDGES, values, about_graph(asked, **told, **counts_of(found)))


def counts_of(found: EdgesAt) -> dict[str, Any]:
    """Return how many edges are there, of how many."""
    told: dict[str, Any] = {"edges": len(found.weight), "edges_possible": found.possible}
    if found.kept < found.possible:
        told["edges_kept"] = found.kept
    return told


def matrix(asked: Asked) -> Table:
    """Return the adjacency matrix of one checkpoint, a row for each source."""
    names, index = asked.series.components, asked.index()
    if len(names) > WIDEST_MATRIX:
        raise TooMuch(
            f"a matrix of {len(names):,} components is too wide for a table of columns; "
            "take the table of edges"
        )
    found = all_edges(asked.series, index)
    if found is None:
        raise NotMeasured(graph_missing(asked, "the graph"))
    weight = np.full((len(names), len(names)), np.nan)
    weight[found.source, found.target] = as_decimals(found.weight)
    columns = [MATRIX[0], *(Column(n, f"The weight of the edge to {n}.", _WEIGHT) for n in names)]
    values = {"source": list(names), **{n: weight[:, i] for i, n in enumerate(names)}}
    return table_of(columns, values, about_graph(asked))


def agreement(asked: Asked) -> Table:
    """Return how an approximate graph agrees with the exact one at each checkpoint."""
    found = asked.series.agreement
    if found is None:
        raise NotMeasured(
            f"graph {asked.graph} of {asked.name} is exact; only an approximation is compared"
        )
    values = {"step": list(asked.run.steps), "rho": found.rho, "edges": found.edges}
    about = about_graph(asked, at_step=False, sampled=found.sampled)
    return table_of(AGREEMENT, values, about)
