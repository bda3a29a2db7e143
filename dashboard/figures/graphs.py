"""Ablation graphs as the pages show them: what is kept of one, and one setting's over the run."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.networks.registry import label_of
from compute.records import AblationGraph, NetworkMetrics
from compute.specs import GraphMeasurement
from dashboard.figures.agreement import Agreement
from dashboard.figures.edges import Edges, EdgeSeries, condense_edges, edge_series
from dashboard.figures.metrics import MetricSeries, metric_series, strengths_only
from dashboard.figures.series import NORMAL_95, Curve, Steps, rows


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GraphPoint:
    """What the pages keep of one ablation graph.

    Attributes
    ----------
    loss_change, logit_change
        As in `AblationGraph`: of the loss, positive where removing hurts; of the right token's
        logit, negative where removing hurts. NaN where not measured.
    loss_error, logit_error
        Half of their 95 % intervals over prompts; NaN with a single prompt.
    """

    components: tuple[str, ...]
    order: Float[ndarray, " components"]
    prompts: int
    edges: Edges
    loss_change: Float[ndarray, " components"]
    loss_error: Float[ndarray, " components"]
    logit_change: Float[ndarray, " components"]
    logit_error: Float[ndarray, " components"]
    loss: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GraphSeries:
    """The ablation graphs of one setting, and their node metrics, over a run.

    Attributes
    ----------
    setting
        What the ablation is called beside the task, for people.
    settings, node_settings
        How graphs and node metrics were measured, for people.
    metrics
        Without any measured ones these are the strengths, which need no more than the graph.
    agreement
        Of an approximation with the exact graph; None for an exact one.
    """

    spec: GraphMeasurement
    setting: str
    settings: str
    components: tuple[str, ...]
    order: Float[ndarray, " components"]
    prompts: int
    edges: EdgeSeries
    loss_change: Float[ndarray, "checkpoints components"]
    loss_error: Float[ndarray, "checkpoints components"]
    logit_change: Float[ndarray, "checkpoints components"]
    logit_error: Float[ndarray, "checkpoints components"]
    node_settings: str
    metrics: MetricSeries
    agreement: Agreement | None


def shared_names(components: tuple[str, ...]) -> tuple[str, ...]:
    """Return names as the one copy of each that all records of a process share."""
    return tuple(sys.intern(name) for name in components)


def graph_point(graph: AblationGraph) -> GraphPoint:
    """Return a graph without its prompts, and of a wide one without its light edges."""
    return GraphPoint(
        components=shared_names(graph.components),
        order=graph.order,
        prompts=graph.prompts,
        edges=condense_edges(graph),
        loss_change=graph.loss_change,
        loss_error=NORMAL_95 * graph.loss_change_error,
        logit_change=graph.logit_change,
        logit_error=NORMAL_95 * graph.logit_change_error,
        loss=graph.loss,
    )


def graph_series(
    steps: Steps,
    graphs: Mapping[int, GraphPoint],
    metrics: Mapping[int, NetworkMetrics],
    *,
    spec: GraphMeasurement,
    setting: str,
    settings: str,
    node_settings: str,
    agreement: Agreement | None = None,
) -> GraphSeries:
    """Return one setting's graphs over the run; ``graphs`` must hold at least one.

    Checkpoints whose components are not the last graph's are left out.
    """
    last = graphs[max(graphs)]
    graphs = {t: g for t, g in graphs.items() if g.components == last.components}
    metrics = {t: m for t, m in metrics.items() if m.components == last.components}
    count = len(last.components)
    strengths = {
        t: np.stack([g.edges.out_strength, g.edges.in_strength]) for t, g in graphs.items()
    }
    measured = metric_series(steps, metrics, count) if metrics else None

    def nodes(pick: Callable[[GraphPoint], ndarray]) -> ndarray:
        return rows(steps, {t: pick(g) for t, g in graphs.items()}, (count,))

    return GraphSeries(
        spec=spec,
        setting=setting,
        settings=settings,
        components=last.components,
        order=last.order,
        prompts=last.prompts,
        edges=edge_series(steps, {t: g.edges for t, g in graphs.items()}, count),
        loss_change=nodes(lambda g: g.loss_change),
        loss_error=nodes(lambda g: g.loss_error),
        logit_change=nodes(lambda g: g.logit_change),
        logit_error=nodes(lambda g: g.logit_error),
        node_settings=node_settings,
        metrics=measured or strengths_only(steps, strengths, count),
        agreement=agreement,
    )


def component_curve(series: GraphSeries, metric: str, component: str) -> Curve | None:
    """Return one component's metric over the run, or None if there is no such thing."""
    found = series.metrics
    if component not in series.components or metric not in found.node_names:
        return None
    m, c = found.node_names.index(metric), series.components.index(component)
    return Curve(
        id="component",
        name=component,
        unit=label_of(metric),
        group="graph",
        settings=series.node_settings,
        values=found.node_values[m, :, c],
        low=found.node_low[m, :, c],
        high=found.node_high[m, :, c],
        component=component,
    )
