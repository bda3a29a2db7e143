"""What single prompts say of a graph at every checkpoint, as the browser reads it.

Differences between two checkpoints, or two runs, that were measured on the same prompts have
smaller errors than either value: what is peculiar to a prompt cancels. For that the browser needs
more than an interval at each checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
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
# A percentile interval of fewer prompts is narrower than 95 %.
FEWEST = 8

SINGLE = "There is a single prompt: nothing says how much prompts differ."
WIDE = "This graph is too wide to keep its prompts apart."
FEW = f"There are fewer than {FEWEST} prompts: resamples of so few are alike, and say too little."
UNEVEN = "Checkpoints keep different numbers of prompts apart."
SLOW = "This metric takes too long to be taken of every resample of the prompts."


def prompts_identity(spec: GraphMeasurement, run: Run) -> str:
    """Return what is equal for graphs that were measured on the very same prompts.

    Prompts follow from the settings, the text and the vocabulary. The last is shared by seeds of a
    recipe that train on a text of their own, whose digest is that of its tokens: runs whose seed is
    known, because their folder says how they were trained. Anybody can name a recipe when a run is
    entered, and text that is tokenised for a run may fall into other tokens: of those, nothing is
    taken for granted.
    """
    alike = bool(run.recipe) and run.seed is not None and run.source != "hub" and not run.text
    known = [spec_to_json(spec), run.data_digest, run.recipe if alike else f"run {run.name}"]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def encode_edge_prompts(
    series: GraphSeries, graphs: Iterable[tuple[int, AblationGraph]], run: Run
) -> bytes:
    """Return by how much groups of prompts move every edge's weight, at every checkpoint.

    ``apart[checkpoint, group, edge]`` is the group's distance from the mean over groups, divided by
    ``sqrt(groups (groups - 1))``: the sum of its squares over groups is the squared standard error
    of the weight, and that of the difference of two such rows the squared standard error of a
    paired difference; ``quantile`` times that error is half of a 95 % interval. Edges are those of
    the run's table, in its order; NaN where there is none.

    ``graphs``, with their steps, are read one by one, and only where they are needed.
    """
    edges = series.edges

    def obstacle(groups: int) -> str:
        if not isinstance(edges, EdgeTable):
            return WIDE
        if groups < 2:
            return SINGLE if series.prompts < 2 else WIDE
        return WIDE if len(run.steps) * groups * len(edges.ends) > MOST_NUMBERS else ""

    def apart(graph: AblationGraph) -> Float[ndarray, "groups edges"]:
        assert isinstance(edges, EdgeTable)
        source, target = edges.ends.T
        each = graph.group_weights()[:, source, target]
        scale = np.sqrt(len(each) * (len(each) - 1))
        there = np.isfinite(graph.weight[source, target])
        return np.where(there, (each - each.mean(0)) / scale, np.nan)

    table = _Table.of(series, graphs, run, obstacle, apart)
    header, arrays = table.header(series, run), Arrays()
    if table.rows is not None:
        header["quantile"] = float(stats.t.ppf(0.975, table.groups - 1))
        header["apart"] = arrays.add(table.rows, "f2")
    return framed(header, arrays)


def encode_metric_prompts(
    series: GraphSeries,
    graphs: Iterable[tuple[int, AblationGraph]],
    run: Run,
    metric: str,
    threshold: float,
) -> bytes:
    """Return a metric of every component for the same resamples of prompts at every checkpoint.

    ``resamples[checkpoint, draw, component]`` is its distance from the metric of the graph itself.
    ``graphs`` are as in `encode_edge_prompts`.
    """

    def obstacle(groups: int) -> str:
        if len(series.components) > WIDEST:
            return WIDE
        if metric not in PAIRED:
            return SLOW
        if groups < 2:
            return SINGLE if series.prompts < 2 else WIDE
        return FEW if groups < FEWEST else ""

    def resampled(graph: AblationGraph) -> Float[ndarray, "draws components"]:
        by_group, frame = graph.group_weights(), frame_of(graph)
        drawn = node_resamples(by_group, frame, metric, threshold=threshold, resamples=RESAMPLES)
        whole = by_group.mean(0, keepdims=True)
        return drawn - PAIRED[metric](np.where(whole >= threshold, whole, 0.0), frame)

    table = _Table.of(series, graphs, run, obstacle, resampled)
    header, arrays = table.header(series, run), Arrays()
    if table.rows is not None:
        header["resamples"] = arrays.add(table.rows, "f2")
    return framed(header, arrays)


@dataclasses.dataclass(frozen=True, eq=False)
class _Table:
    """What groups of prompts say at every checkpoint, NaN where nothing; or why there is none."""

    absent: str
    groups: int = 0
    rows: ndarray | None = None

    @classmethod
    def of(
        cls,
        series: GraphSeries,
        graphs: Iterable[tuple[int, AblationGraph]],
        run: Run,
        obstacle: Callable[[int], str],
        row: Callable[[AblationGraph], ndarray],
    ) -> _Table:
        """Return ``row`` of each graph, unless there is an obstacle to so many groups of prompts.

        What stands against any number of groups is found before a graph is read.
        """
        possible = min(series.prompts, FEWEST)
        if reason := obstacle(possible):
            return cls(reason)
        table, places = cls(WIDE), {step: i for i, step in enumerate(run.steps)}
        for step, graph in graphs:
            if step not in places or graph.components != series.components:
                continue
            groups = len(graph.weight_by_group)
            if table.rows is None:
                if reason := obstacle(groups):
                    return cls(reason, groups)
            elif groups != table.groups:
                return cls(UNEVEN)
            each = row(graph)
            if table.rows is None:
                empty = np.full((len(run.steps), *each.shape), np.nan, dtype=np.float16)
                table = cls("", groups, empty)
            assert table.rows is not None
            table.rows[places[step]] = each
        return table

    def header(self, series: GraphSeries, run: Run) -> dict[str, Any]:
        """Return how the file begins."""
        return {
            "version": VERSION,
            "absent": self.absent,
            "groups": self.groups,
            "prompts": prompts_identity(series.spec, run),
        }
