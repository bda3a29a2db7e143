"""The metrics of a setting's graphs over a run: of nodes, with their ranks, and of whole graphs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.records import NetworkMetrics
from dashboard.figures.series import Steps, rows

STRENGTHS = ("out_strength", "in_strength")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class MetricSeries:
    """What was measured of each checkpoint's graph; NaN (or -1) where nothing was.

    Attributes
    ----------
    node_values, node_low, node_high, rank_low, rank_high
        As in `NetworkMetrics`, for each metric, checkpoint and component.
    community
        Numbers of one checkpoint say nothing of another's (`compute.networks.communities`).
    graph_by_group
        Of each group of prompts; a checkpoint whose groups are others than the last one's is NaN.
    """

    node_names: tuple[str, ...]
    node_values: Float[ndarray, "node_metrics checkpoints components"]
    node_low: Float[ndarray, "node_metrics checkpoints components"]
    node_high: Float[ndarray, "node_metrics checkpoints components"]
    rank_low: Float[ndarray, "node_metrics checkpoints components"]
    rank_high: Float[ndarray, "node_metrics checkpoints components"]
    community: Int[ndarray, "checkpoints components"]
    graph_names: tuple[str, ...]
    graph_values: Float[ndarray, "checkpoints graph_metrics"]
    graph_by_group: Float[ndarray, "groups checkpoints graph_metrics"]


def metric_series(
    steps: Steps, metrics: Mapping[int, NetworkMetrics], components: int
) -> MetricSeries:
    """Return the metrics of one setting and threshold; ``metrics`` must hold at least one."""
    last = metrics[max(metrics)]
    alike = {
        t: m
        for t, m in metrics.items()
        if (m.node_names, m.graph_names) == (last.node_names, last.graph_names)
    }

    def table(pick: Callable[[NetworkMetrics], ndarray], *shape: int) -> ndarray:
        found = {t: pick(m) for t, m in alike.items()}
        return rows(steps, {t: v for t, v in found.items() if v.shape == shape}, shape)

    def nodes(pick: Callable[[NetworkMetrics], ndarray]) -> ndarray:
        return table(pick, len(last.node_names), components).transpose(1, 0, 2)

    community = table(lambda m: m.community, components)
    groups, count = last.graph_by_group.shape
    return MetricSeries(
        node_names=last.node_names,
        node_values=nodes(lambda m: m.node_values),
        node_low=nodes(lambda m: m.node_low),
        node_high=nodes(lambda m: m.node_high),
        rank_low=nodes(lambda m: m.rank_low),
        rank_high=nodes(lambda m: m.rank_high),
        community=np.nan_to_num(community, nan=-1).astype(np.int16),
        graph_names=last.graph_names,
        graph_values=table(lambda m: m.graph_values, count),
        graph_by_group=table(lambda m: m.graph_by_group, groups, count).transpose(1, 0, 2),
    )


def strengths_only(
    steps: Steps, strengths: Mapping[int, Float[ndarray, "2 components"]], components: int
) -> MetricSeries:
    """Return what needs no more than the graphs: out- and in-strengths, without intervals."""
    values = rows(steps, strengths, (2, components)).transpose(1, 0, 2)
    none = np.full_like(values, np.nan)
    return MetricSeries(
        node_names=STRENGTHS,
        node_values=values,
        node_low=none,
        node_high=none,
        rank_low=none,
        rank_high=none,
        community=np.full((len(steps), components), -1, dtype=np.int16),
        graph_names=(),
        graph_values=np.zeros((len(steps), 0), dtype=np.float32),
        graph_by_group=np.zeros((0, len(steps), 0), dtype=np.float32),
    )
