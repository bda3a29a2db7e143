"""What single prompts say of a graph at every checkpoint, as the browser reads it.

Differences between two checkpoints, or two runs, that were measured on the same prompts have
smaller errors than either value: what is peculiar to a prompt cancels. For that the browser needs
more than an interval at each checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

from compute.networks.frames import frame_of
from compute.networks.resampling import PAIRED, node_resamples
from compute.records import AblationGraph
from compute.runs import Run
from compute.specs import GraphMeasurement, spec_to_json
from dashboard.arrays import Arrays, framed
from dashboard.figures.edges import EdgeTable
from dashboard.figures.graphs import GraphSeries

VERSION = 1
RESAMPLES = 200
# Of half-precision numbers: 48 MB for a file of edges.
MOST_NUMBERS = 24_000_000
WIDEST = 96

SINGLE = "There is a single prompt: nothing says how much prompts differ."
WIDE = "This graph is too wide to keep its prompts apart."
SLOW = "This metric takes too long to be taken of every resample of the prompts."


def prompts_identity(spec: GraphMeasurement, run: Run) -> str:
    """Return what is equal for graphs that were measured on the very same prompts.

    Prompts follow from the settings, the text and the vocabulary; runs of one recipe share the
    last, and of others nothing is taken for granted.
    """
    known = [spec_to_json(spec), run.data_digest, run.recipe or f"run {run.name}"]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def encode_edge_prompts(
    series: GraphSeries, graphs: Mapping[int, AblationGraph], run: Run
) -> bytes:
    """Return by how much groups of prompts move every edge's weight, at every checkpoint.

    ``apart[checkpoint, group, edge]`` is the group's distance from the mean over groups, divided by
    ``sqrt(groups (groups - 1))``: the sum of its squares over groups is the squared standard error
    of the weight, and that of the difference of two such rows the squared standard error of a
    paired difference; ``quantile`` times that error is half of a 95 % interval. Edges are those of
    the run's table, in its order; NaN where there is none.
    """
    groups = group_count(graphs)
    reason = _obstacle(series, groups, len(run.steps))
    header: dict[str, Any] = {"version": VERSION, "absent": reason, "groups": groups}
    header["prompts"] = prompts_identity(series.spec, run)
    arrays = Arrays()
    if not reason:
        header["quantile"] = float(stats.t.ppf(0.975, groups - 1))
        header["apart"] = arrays.add(_edges_apart(series, graphs, run, groups), "f2")
    return framed(header, arrays)


def encode_metric_prompts(
    series: GraphSeries,
    graphs: Mapping[int, AblationGraph],
    run: Run,
    metric: str,
    threshold: float,
) -> bytes:
    """Return a metric of every component for the same resamples of prompts at every checkpoint.

    ``resamples[checkpoint, draw, component]`` is its distance from the metric of the graph itself.
    """
    groups, wide = group_count(graphs), len(series.components) > WIDEST
    known = metric in PAIRED
    reason = WIDE if wide else SLOW if not known else SINGLE if groups < 2 else ""
    header: dict[str, Any] = {"version": VERSION, "absent": reason, "groups": groups}
    header["prompts"] = prompts_identity(series.spec, run)
    arrays = Arrays()
    if not reason:
        found = _resampled(series, graphs, run, metric, threshold)
        header["resamples"] = arrays.add(found, "f2")
    return framed(header, arrays)


def group_count(graphs: Mapping[int, AblationGraph]) -> int:
    """Return into how many groups prompts fall; 0 if that is not the same at all checkpoints."""
    found = {len(graph.weight_by_group) for graph in graphs.values()}
    return found.pop() if len(found) == 1 else 0


def _obstacle(series: GraphSeries, groups: int, steps: int) -> str:
    if not isinstance(series.edges, EdgeTable):
        return WIDE
    if groups < 2:
        return SINGLE if series.prompts < 2 else WIDE
    return WIDE if steps * groups * len(series.edges.ends) > MOST_NUMBERS else ""


def _edges_apart(
    series: GraphSeries, graphs: Mapping[int, AblationGraph], run: Run, groups: int
) -> Float[ndarray, "checkpoints groups edges"]:
    assert isinstance(series.edges, EdgeTable)
    ends = series.edges.ends
    found = np.full((len(run.steps), groups, len(ends)), np.nan, dtype=np.float32)
    scale = np.sqrt(groups * (groups - 1))
    for i, step in enumerate(run.steps):
        graph = graphs.get(step)
        if graph is None or graph.components != series.components:
            continue
        each = graph.group_weights()[:, ends[:, 0], ends[:, 1]]
        there = np.isfinite(graph.weight[ends[:, 0], ends[:, 1]])
        found[i] = np.where(there, (each - each.mean(0)) / scale, np.nan)
    return found


def _resampled(
    series: GraphSeries,
    graphs: Mapping[int, AblationGraph],
    run: Run,
    metric: str,
    threshold: float,
) -> Float[ndarray, "checkpoints draws components"]:
    shape = (len(run.steps), RESAMPLES, len(series.components))
    found = np.full(shape, np.nan, dtype=np.float32)
    for i, step in enumerate(run.steps):
        graph = graphs.get(step)
        if graph is None or graph.components != series.components:
            continue
        by_group, frame = graph.group_weights(), frame_of(graph)
        drawn = node_resamples(by_group, frame, metric, threshold=threshold, resamples=RESAMPLES)
        whole = by_group.mean(0, keepdims=True)
        found[i] = drawn - PAIRED[metric](np.where(whole >= threshold, whole, 0.0), frame)
    return found
