"""The record of a graph's node and graph metrics, with their intervals over prompts.

The metrics themselves are in `compute.networks`, what they mean in `compute.networks.registry`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import rankdata

from compute.networks.frames import Frame, frame_of, keep, kept_weights
from compute.networks.metrics import graph_tables, metric_tables
from compute.networks.registry import (
    GRAPH_METRICS,
    GRAPH_NAMES,
    NODE_METRICS,
    NODE_NAMES,
    Metric,
)
from compute.records import AblationGraph, NetworkMetrics
from compute.specs import NetworkMeasurement

INTERVAL = (2.5, 97.5)
_NORMAL_95 = 1.96
# Resamples of very large graphs are taken in turns, so that a turn's weights stay below 256 MB.
_WEIGHTS_AT_ONCE = 1 << 25


def measure_network(
    graph: AblationGraph, spec: NetworkMeasurement, generator: np.random.Generator
) -> NetworkMetrics:
    """Return all metrics with 95 % percentile bootstrap intervals over the graph's prompts.

    The intervals are NaN for a graph of a single prompt, or one too wide to keep its prompts apart.
    """
    frame, weight = frame_of(graph), kept_weights(graph, spec.threshold)
    found = graph_tables(
        weight, frame, seed=spec.seed, permutations=spec.permutations, generator=generator
    )
    by_group = graph.group_weights()
    nodes, wholes = _resampled(by_group, spec, frame, found.label, generator)
    node_low, node_high = _interval(nodes, found.node)
    # Ranks that were seen: there is none between the second and the third.
    rank_low, rank_high = _interval(_ranks(nodes), found.node, method="inverted_cdf")
    low, high = _interval(wholes, found.whole)
    at, half = GRAPH_NAMES.index("tail_exponent"), _NORMAL_95 * found.tail.error
    low[at], high[at] = found.tail.exponent - half, found.tail.exponent + half
    return NetworkMetrics(
        components=graph.components,
        threshold=spec.threshold,
        node_names=NODE_NAMES,
        node_values=found.node.astype(np.float32),
        node_low=_covered(node_low, NODE_METRICS),
        node_high=_covered(node_high, NODE_METRICS),
        rank_low=_covered(rank_low, NODE_METRICS),
        rank_high=_covered(rank_high, NODE_METRICS),
        community=found.label.astype(np.int16),
        graph_names=GRAPH_NAMES,
        graph_values=found.whole.astype(np.float32),
        graph_low=_covered(low, GRAPH_METRICS),
        graph_high=_covered(high, GRAPH_METRICS),
        graph_by_group=_apart(by_group, spec, frame, found.label),
    )


def _resampled(
    by_group: Float[ndarray, "groups n n"],
    spec: NetworkMeasurement,
    frame: Frame,
    label: ndarray,
    generator: np.random.Generator,
) -> tuple[Float[ndarray, "resamples metrics n"], Float[ndarray, "resamples metrics"]]:
    """Return both kinds of metrics for every resample of the prompts; none for a single prompt."""
    groups, n = by_group.shape[:2]
    resamples = spec.resamples if groups > 1 else 0
    drawn = generator.multinomial(groups, np.full(max(1, groups), 1 / max(1, groups)), resamples)
    nodes = np.zeros((resamples, len(NODE_NAMES), n))
    wholes = np.zeros((resamples, len(GRAPH_NAMES)))
    turn = max(1, _WEIGHTS_AT_ONCE // (n * n))
    for start in range(0, resamples, turn):
        part = slice(start, start + turn)
        mean = np.tensordot(drawn[part] / groups, by_group, axes=1)
        nodes[part], wholes[part] = metric_tables(
            keep(mean, spec.threshold), frame, label, lengths=np.float32
        )
    return nodes, wholes


def _apart(
    by_group: ndarray, spec: NetworkMeasurement, frame: Frame, label: ndarray
) -> Float[ndarray, "groups graph_metrics"]:
    """Return the metrics of the whole graph for each group of prompts alone."""
    if len(by_group) < 2:
        return np.zeros((0, len(GRAPH_NAMES)), dtype=np.float32)
    alone = keep(by_group, spec.threshold)
    return metric_tables(alone, frame, label, lengths=np.float32)[1].astype(np.float32)


def _ranks(values: Float[ndarray, "resamples metrics n"]) -> Float[ndarray, "resamples metrics n"]:
    """Return places, 1 for the highest, ties at their mean; NaN for a value that is NaN."""
    known = np.isfinite(values)
    return np.where(known, rankdata(np.where(known, -values, np.inf), axis=-1), np.nan)


def _interval(
    samples: ndarray, like: ndarray, method: Literal["linear", "inverted_cdf"] = "linear"
) -> tuple[ndarray, ndarray]:
    if not len(samples):
        return np.full(like.shape, np.nan), np.full(like.shape, np.nan)
    low, high = np.percentile(samples, INTERVAL, axis=0, method=method)
    return low, high


def _covered(bound: ndarray, metrics: tuple[Metric, ...]) -> ndarray:
    """Return one end of intervals, NaN for the metrics that have none."""
    named = np.array([bool(metric.interval) for metric in metrics])
    return np.where(named.reshape(-1, *[1] * (bound.ndim - 1)), bound, np.nan).astype(np.float32)
