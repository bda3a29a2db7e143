"""From records to arrays over a run's checkpoints: one row per checkpoint, NaN where none is.

Every function here joins records of one setting only; the caller groups them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.records import AblationGraph, NetworkMetrics

Group: TypeAlias = Literal["llc", "loss", "graph", "behaviour"]
Steps: TypeAlias = tuple[int, ...]
NORMAL_95 = 1.96


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One quantity over the run's checkpoints.

    Attributes
    ----------
    id
        Stands in URLs.
    unit
        What one unit of ``values`` is, for people.
    settings
        How it was measured, for people.
    values, low, high
        One for each checkpoint, in ``unit``; NaN where nothing was measured. ``low`` and ``high``
        bound a 95 % interval, NaN where there is none.
    component
        The component it belongs to, or None.
    """

    id: str
    name: str
    unit: str
    group: Group
    settings: str
    values: Float[ndarray, " checkpoints"]
    low: Float[ndarray, " checkpoints"]
    high: Float[ndarray, " checkpoints"]
    component: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GraphPoint:
    """What the page keeps of one ablation graph.

    Attributes
    ----------
    error
        Half of each edge's 95 % interval over prompts; NaN with a single prompt.
    """

    components: tuple[str, ...]
    order: Float[ndarray, " components"]
    weight: Float[ndarray, "components components"]
    error: Float[ndarray, "components components"]
    loss_change: Float[ndarray, " components"]
    loss: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class GraphSeries:
    """One task's ablation graphs and node metrics over a run.

    Attributes
    ----------
    edges
        Source and target of every edge that can be, as indices into ``components``.
    weight, error
        Of each edge at each checkpoint.
    node_values, node_low, node_high
        Of each metric, checkpoint and component.
    """

    task: str
    settings: str
    components: tuple[str, ...]
    order: Float[ndarray, " components"]
    edges: Int[ndarray, "edges 2"]
    weight: Float[ndarray, "checkpoints edges"]
    error: Float[ndarray, "checkpoints edges"]
    loss_change: Float[ndarray, "checkpoints components"]
    node_names: tuple[str, ...]
    node_settings: str
    node_values: Float[ndarray, "node_metrics checkpoints components"]
    node_low: Float[ndarray, "node_metrics checkpoints components"]
    node_high: Float[ndarray, "node_metrics checkpoints components"]


def graph_point(graph: AblationGraph) -> GraphPoint:
    """Return a graph without its prompts, but with the interval that they give each edge."""
    prompts = len(graph.weight_by_prompt)
    error = np.full_like(graph.weight, np.nan)
    if prompts > 1:
        spread = graph.weight_by_prompt.std(axis=0, ddof=1)
        error = NORMAL_95 * spread / np.sqrt(prompts)
    return GraphPoint(
        components=graph.components,
        order=graph.order,
        weight=graph.weight,
        error=error,
        loss_change=graph.loss_change,
        loss=graph.loss,
    )


def graph_series(
    steps: Steps,
    graphs: Mapping[int, GraphPoint],
    metrics: Mapping[int, NetworkMetrics],
    *,
    task: str,
    settings: str,
    node_settings: str,
) -> GraphSeries:
    """Return one task's graphs over the run; ``graphs`` must hold at least one.

    Checkpoints whose components are not the last graph's are left out.
    """
    last = graphs[max(graphs)]
    graphs = {t: g for t, g in graphs.items() if g.components == last.components}
    metrics = {t: m for t, m in metrics.items() if m.components == last.components}
    edges = np.argwhere(np.any([np.isfinite(g.weight) for g in graphs.values()], axis=0))
    source, target = edges.T
    names = metrics[max(metrics)].node_names if metrics else ()
    count = len(last.components)

    def nodes(pick: Callable[[NetworkMetrics], ndarray]) -> ndarray:
        table = {t: pick(m) for t, m in metrics.items() if m.node_names == names}
        return rows(steps, table, (len(names), count)).transpose(1, 0, 2)

    return GraphSeries(
        task=task,
        settings=settings,
        components=last.components,
        order=last.order,
        edges=edges.astype(np.int16),
        weight=rows(steps, {t: g.weight[source, target] for t, g in graphs.items()}, (len(edges),)),
        error=rows(steps, {t: g.error[source, target] for t, g in graphs.items()}, (len(edges),)),
        loss_change=rows(steps, {t: g.loss_change for t, g in graphs.items()}, (count,)),
        node_names=names,
        node_settings=node_settings,
        node_values=nodes(lambda m: m.node_values),
        node_low=nodes(lambda m: m.node_low),
        node_high=nodes(lambda m: m.node_high),
    )


def rows(steps: Steps, values: Mapping[int, ndarray], shape: tuple[int, ...]) -> ndarray:
    """Return ``values`` as one float32 row per checkpoint, NaN where a step has none."""
    table = np.full((len(steps), *shape), np.nan, dtype=np.float32)
    for i, step in enumerate(steps):
        if step in values:
            table[i] = values[step]
    return table


def column(steps: Steps, values: Mapping[int, float]) -> Float[ndarray, " checkpoints"]:
    """Return one float32 for each checkpoint, NaN where a step has none."""
    return rows(steps, {t: np.asarray(v) for t, v in values.items()}, ())


def component_curve(series: GraphSeries, metric: str, component: str) -> Curve | None:
    """Return one component's metric over the run, or None if there is no such thing."""
    if component not in series.components or metric not in series.node_names:
        return None
    m, c = series.node_names.index(metric), series.components.index(component)
    return Curve(
        id="component",
        name=component,
        unit=METRIC_NAMES.get(metric, metric.replace("_", " ")),
        group="graph",
        settings=series.node_settings,
        values=series.node_values[m, :, c],
        low=series.node_low[m, :, c],
        high=series.node_high[m, :, c],
        component=component,
    )


METRIC_NAMES: dict[str, str] = {
    "out_strength": "out-strength",
    "in_strength": "in-strength",
    "betweenness": "betweenness",
    "closeness": "closeness",
    "pagerank": "PageRank",
    "pagerank_reversed": "PageRank, reversed",
}
