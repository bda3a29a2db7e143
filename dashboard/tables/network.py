"""Tables of the components of ablation graphs: ranks, metrics, and what removing them does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy import ndarray

from compute.components import kind_of, layer_names, layers_of
from compute.errors import NotMeasured
from compute.networks.registry import METRICS, label_of
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.rank_table import rank_rows
from dashboard.tables.about import about_graph, graph_missing
from dashboard.tables.asked import Asked, bounded
from dashboard.tables.table import STEP, Column, Table, table_of

_COMPONENT = Column("component", "The component's name.", kind="text")
_KIND = Column("kind", "head, layer, mlp or io.", kind="text")
_LAYER = Column("layer", "The layer, as it is called.", kind="text")

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
    STEP,
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
    STEP,
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
_GATHERING = ("in_strength", "gatherer_z", "gatherer_p", "pagerank", "katz", "authority")


def ranks(asked: Asked) -> Table:
    """Return the components of one checkpoint, the first rank first."""
    metric, index = asked.metric(), asked.index()
    rows = rank_rows(asked.series, index, asked.step(), metric)
    if all(row["rank"] is None for row in rows):
        raise NotMeasured(graph_missing(asked, label_of(metric)))
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
    null = f"{role}s against the layer null"
    about = about_graph(asked, metric=metric, unit=_unit(metric), null=null)
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
    return table_of(METRIC_ROWS, values, about_graph(asked, at_step=False))


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
    return table_of(EFFECTS, values, about_graph(asked, at_step=False))


def _described(series: GraphSeries, places: Sequence[int]) -> tuple[ndarray, ndarray, ndarray]:
    """Return names, kinds and layers of some components."""
    names = series.components
    called = np.array(layer_names(names), dtype=object)
    kinds = np.array([kind_of(n) for n in names], dtype=object)
    at = list(places)
    return np.array(names, dtype=object)[at], kinds[at], called[layers_of(names)][at]


def _unit(metric: str) -> str:
    return METRICS[metric].unit if metric in METRICS else ""
