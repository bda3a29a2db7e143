"""A series of four small graphs whose metrics are set by hand."""

from __future__ import annotations

import dataclasses

import numpy as np

from compute.networks.registry import GRAPH_NAMES, NODE_NAMES
from compute.specs import GraphMeasurement
from dashboard.figures.graphs import GraphSeries, graph_point, graph_series
from dashboard.figures.metrics import MetricSeries
from tests.samples import COMPONENTS, a_graph

STEPS = (0, 10, 100, 1000)
UNMEASURED = 2
ORDER = np.array([-1.0, 0.0, 1.0, 2.0], dtype=np.float32)
# Of the edges from EMB, L0H0, L0MLP (rows) to L0H0, L0MLP, LOGITS.
WEIGHT = np.array([[0.4, 0.3, 0.2], [np.nan, 0.1, 0.3], [np.nan, np.nan, 0.5]])


def small_series() -> GraphSeries:
    """Three measured checkpoints of four, the weights growing by the half from one to the next."""
    graphs = {
        step: graph_point(a_graph(_weights(1.5**k)[None], components=COMPONENTS, order=ORDER))
        for k, step in enumerate(s for i, s in enumerate(STEPS) if i != UNMEASURED)
    }
    series = graph_series(
        STEPS, graphs, {}, spec=GraphMeasurement(), setting="zero", settings="1 prompt",
        node_settings="all edges",
    )  # fmt: skip
    return dataclasses.replace(series, metrics=metrics())


def _weights(scale: float) -> np.ndarray:
    table = np.full((4, 4), np.nan)
    table[:3, 1:] = scale * WEIGHT
    return table


def metrics() -> MetricSeries:
    """Every metric the component's index from the right plus the metric's own number."""
    shape = (len(NODE_NAMES), len(STEPS), len(COMPONENTS))
    values = np.broadcast_to(3.0 - np.arange(4), shape) + np.arange(shape[0])[:, None, None]
    values = values.astype(np.float32)
    values[:, UNMEASURED] = np.nan
    bounds = np.where(np.isnan(values), np.nan, 1.0)
    whole = np.linspace(1, 2, len(STEPS))[:, None] * np.arange(1, len(GRAPH_NAMES) + 1)
    whole[UNMEASURED] = np.nan
    community = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [-1] * 4, [1, 1, 0, 0]], dtype=np.int16)
    return MetricSeries(
        node_names=NODE_NAMES, node_values=values, node_low=-bounds, node_high=bounds,
        rank_low=bounds, rank_high=4 * bounds, community=community, graph_names=GRAPH_NAMES,
        graph_values=whole, graph_by_group=np.stack([whole, whole]),
    )  # fmt: skip
