"""Tables of the ablation graph: its edges, its matrix, and the metrics of its components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from compute.components import kind_of, layer_names, layers_of
from compute.errors import NotMeasured, TooMuch
from compute.networks.registry import METRICS, label_of
from dashboard.figures.edges import EdgeLists, EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.rank_table import rank_rows
from dashboard.figures.series import NORMAL_95
from dashboard.tables.asked import Asked, about_run, bounded
from dashboard.tables.table import Column, Table, as_decimals, table_of

WIDEST_MATRIX = 1_000
_WEIGHT, _NORM = "1 − cosine, dimensionless", "|change| / |output|, dimensionless"
_STEP = Column("step", "The training step of the checkpoint.", "training steps", "count")
_COMPONENT = Column("component", "The component's name.", kind="text")
_KIND = Column("kind", "head, layer, mlp or io.", kind="text")
_LAYER = Column("layer", "The layer, as it is called.", kind="text")

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
RANKS = (
    Column("rank", "1 for the largest value; equal values share a rank.", "", "count"),
    _COMPONENT,
    _KIND,
    _LAYER,
    Column("value", "The metric that ranks."),
    Column("low", "Lower end of its 95 % interval over prompts."),
    Column("high", "Upper end of its 95 % interval over prompts."),
    Column("rank_low", "Lower end of the rank's 95 % interval over prompts.", "ranks"),
    Column("rank_high", "Upper end of the rank's 95 % interval over prompts.", "ranks"),
    Column("z", "Of out-strength (of in-strength where that, or a gathering metric, ranks) against "
           "the layer null.", "standard deviations"),
    Column("z_low", "Lower end of its 95 % interval over prompts.", "standard deviations"),
    Column("z_high", "Upper end of its 95 % interval over prompts.", "standard deviations"),
    Column("p", "One-sided, against the same null.", "probability"),
)  # fmt: skip
METRIC_ROWS = (
    _STEP,
    _COMPONENT,
    _KIND,
    _LAYER,
    Column("metric", "The metric's name in records.", kind="text"),
    Column("value", "Its value, in the unit of the row; empty where it is not defined."),
    Column("low", "Lower end of its 95 % interval over prompts."),
    Column("high", "Upper end of its 95 % interval over prompts."),
    Column("rank_low", "Lower end of the rank's 95 % interval over prompts.", "ranks"),
    Column("rank_high", "Upper end of the rank's 95 % interval over prompts.", "ranks"),
    Column("unit", "What one unit of the value is.", kind="text"),
)
EFFECTS = (
    _STEP,
    _COMPONENT,
    _KIND,
    _LAYER,
    Column("loss_change", "Of the loss when the component is ablated; positive: removing it hurts.",
           "unit of the loss"),
    Column("loss_low", "Lower end of its 95 % interval over prompts.", "unit of the loss"),
    Column("loss_high", "Upper end of its 95 % interval over prompts.", "unit of the loss"),
    Column("logit_change", "Of the right token's logit; negative: removing it hurts.", "logits"),
    Column("logit_low", "Lower end of its 95 % interval over prompts.", "logits"),
    Column("logit_high", "Upper end of its 95 % interval over prompts.", "logits"),
)  # fmt: skip
AGREEMENT = (
    _STEP,
    Column("rho", "Spearman's rank correlation of the edges' weights with the exact graph's.",
           "−1 to 1"),
    Column("edges", "How many edges it is over.", "edges", "count"),
)  # fmt: skip

_GATHERING = ("in_strength", "gatherer_z", "gatherer_p", "pagerank", "katz", "authority")


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

    Raises
    ------
    NotMeasured
        If the graph is not measured there.
    """
    index, series = asked.index(), asked.series
    found = all_edges(series, index)
    if found is None:
        raise NotMeasured(_missing(asked, "the graph"))
    order = np.argsort(-found.weight, kind="stable")
    order = order[found.weight[order] >= asked.threshold()][: asked.top()]
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
    return table_of(EDGES, values, _about(asked, **told, **counts_of(found)))


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
        raise NotMeasured(_missing(asked, "the graph"))
    weight = np.full((len(names), len(names)), np.nan)
    weight[found.source, found.target] = as_decimals(found.weight)
    columns = [MATRIX[0], *(Column(n, f"The weight of the edge to {n}.", _WEIGHT) for n in names)]
    values = {"source": list(names), **{n: weight[:, i] for i, n in enumerate(names)}}
    return table_of(columns, values, _about(asked))


def ranks(asked: Asked) -> Table:
    """Return the components of one checkpoint, the first rank first."""
    metric, index = asked.metric(), asked.index()
    rows = rank_rows(asked.series, index, asked.step(), metric)
    if all(row["rank"] is None for row in rows):
        raise NotMeasured(_missing(asked, label_of(metric)))
    role = "gatherer" if metric in _GATHERING else "spreader"

    def column(name: str) -> ndarray:
        found = [row.get(name) for row in rows]
        return np.array([np.nan if v is None else v for v in found], dtype=np.float64)

    values = {
        "rank": [row["rank"] for row in rows],
        "component": [row["component"] for row in rows],
        "kind": [row["kind"] for row in rows],
        "layer": [row["layer"] for row in rows],
        "value": column(metric),
        "low": column(f"{metric}_low"),
        "high": column(f"{metric}_high"),
        "rank_low": column("rank_low"),
        "rank_high": column("rank_high"),
        "z": column(f"{role}_z"),
        "z_low": column(f"{role}_z_low"),
        "z_high": column(f"{role}_z_high"),
        "p": column(f"{role}_p"),
    }
    unit = METRICS[metric].unit if metric in METRICS else ""
    about = _about(asked, metric=metric, unit=unit, null=f"{role}s against the layer null")
    return table_of(RANKS, values, about)


def metrics(asked: Asked) -> Table:
    """Return metrics of components, at one checkpoint or at all."""
    series, at, places = asked.series, asked.indices(), asked.components()
    wanted, found = asked.metrics(), asked.series.metrics
    bounded(len(wanted) * len(at) * len(places))
    picked = [found.node_names.index(name) for name in wanted]
    grid = np.ix_(picked, at, places)
    shape = len(wanted), len(at), len(places)
    of_metric, of_step, of_component = (i.ravel() for i in np.indices(shape))
    names, kinds, layers = _described(series, places)
    values = {
        "step": np.array(asked.run.steps)[at][of_step],
        "component": names[of_component],
        "kind": kinds[of_component],
        "layer": layers[of_component],
        "metric": np.array(wanted, dtype=object)[of_metric],
        "value": found.node_values[grid].ravel(),
        "low": found.node_low[grid].ravel(),
        "high": found.node_high[grid].ravel(),
        "rank_low": found.rank_low[grid].ravel(),
        "rank_high": found.rank_high[grid].ravel(),
        "unit": np.array([_unit(n) for n in wanted], dtype=object)[of_metric],
    }
    return table_of(METRIC_ROWS, values, _about(asked, at_step=False))


def effects(asked: Asked) -> Table:
    """Return what removing a component changes in the loss and in the right token's logit."""
    series, at, places = asked.series, asked.indices(), asked.components()
    bounded(len(at) * len(places))
    grid = np.ix_(at, places)
    of_step, of_component = (i.ravel() for i in np.indices((len(at), len(places))))
    names, kinds, layers = _described(series, places)
    loss, logit = series.loss_change[grid].ravel(), series.logit_change[grid].ravel()
    loss_half, logit_half = series.loss_error[grid].ravel(), series.logit_error[grid].ravel()
    values = {
        "step": np.array(asked.run.steps)[at][of_step],
        "component": names[of_component],
        "kind": kinds[of_component],
        "layer": layers[of_component],
        "loss_change": loss,
        "loss_low": loss - loss_half,
        "loss_high": loss + loss_half,
        "logit_change": logit,
        "logit_low": logit - logit_half,
        "logit_high": logit + logit_half,
    }
    return table_of(EFFECTS, values, _about(asked, at_step=False))


def agreement(asked: Asked) -> Table:
    """Return how an approximate graph agrees with the exact one at each checkpoint."""
    found = asked.series.agreement
    if found is None:
        raise NotMeasured(
            f"graph {asked.graph} of {asked.name} is exact; only an approximation is compared"
        )
    values = {"step": list(asked.run.steps), "rho": found.rho, "edges": found.edges}
    about = _about(asked, at_step=False, sampled=found.sampled)
    return table_of(AGREEMENT, values, about)


def _described(series: GraphSeries, places: Sequence[int]) -> tuple[ndarray, ndarray, ndarray]:
    """Return names, kinds and layers of some components."""
    names = series.components
    called = np.array(layer_names(names), dtype=object)
    kinds = np.array([kind_of(n) for n in names], dtype=object)
    at = list(places)
    return np.array(names, dtype=object)[at], kinds[at], called[layers_of(names)][at]


def _unit(metric: str) -> str:
    return METRICS[metric].unit if metric in METRICS else ""


def _about(asked: Asked, *, at_step: bool = True, **more: Any) -> dict[str, Any]:
    series = asked.series
    told: dict[str, Any] = {"graph": asked.graph}
    if at_step:
        told["step"] = asked.step()
    settings = {"settings": series.settings, "metric_settings": series.node_settings}
    return about_run(asked, **told, **settings, **more)


def _missing(asked: Asked, what: str) -> str:
    return (
        f"{what} of {asked.name} ({asked.graph}) is not measured at step {asked.step():,}; measure "
        f"it: ontogeny compute {asked.name} --kinds graph,network --steps {asked.step()}"
    )
