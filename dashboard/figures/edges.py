"""The edges of ablation graphs: all of a small graph, the heaviest of a wide one.

A wide graph has too many edges to keep, to send and to draw. Only its `KEPT_EDGES` heaviest are
kept of each checkpoint, beside exact totals of all, so that what is left out can be told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt16
from numpy import ndarray

from compute.records import WIDE_GRAPH, AblationGraph
from dashboard.figures.series import NORMAL_95

WIDE_EDGES = 20_000
KEPT_EDGES = 2_000
SAMPLED_PAIRS = 8_192


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Edges:
    """What is kept of one graph's edges.

    Attributes
    ----------
    place
        ``source * components + target`` of each kept edge. Of a whole graph, every edge that can
        be, ascending; else the heaviest ones, heaviest first, all heavier than 0.
    weight, norm
        One minus cosine, and the relative norm change, of each kept edge; dimensionless.
    weight_error, norm_error
        Half of their 95 % intervals over prompts; NaN with a single prompt.
    possible, positive
        Of the graph, not only of what is kept: edges that can be, and those heavier than 0.
    out_strength, in_strength
        Sum of the weights of all edges that leave each component, that arrive at it.
    whole
        Whether every edge is kept.
    sample
        Weights of pairs drawn at random, the same for all graphs of as many components, NaN where
        no edge can be; without any for a whole graph.
    """

    place: Int[ndarray, " edges"]
    weight: Float[ndarray, " edges"]
    weight_error: Float[ndarray, " edges"]
    norm: Float[ndarray, " edges"]
    norm_error: Float[ndarray, " edges"]
    possible: int
    positive: int
    out_strength: Float[ndarray, " components"]
    in_strength: Float[ndarray, " components"]
    whole: bool
    sample: Float[ndarray, " pairs"]

    @property
    def total(self) -> float:
        """Sum of the weights of all edges of the graph."""
        return float(self.out_strength.sum(dtype=np.float64))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EdgeTable:
    """Every edge of small graphs, at every checkpoint; NaN where there is none.

    Attributes
    ----------
    ends
        Source and target of every edge that can be, as indices of components.
    weight, weight_error, norm, norm_error
        As in `Edges`.
    """

    ends: Int[ndarray, "edges 2"]
    weight: Float[ndarray, "checkpoints edges"]
    weight_error: Float[ndarray, "checkpoints edges"]
    norm: Float[ndarray, "checkpoints edges"]
    norm_error: Float[ndarray, "checkpoints edges"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EdgeLists:
    """The heaviest edges of wide graphs: one list for each checkpoint, heaviest edge first.

    Attributes
    ----------
    offsets
        The list of checkpoint i is ``offsets[i]`` to ``offsets[i + 1]`` of the other arrays.
    source, target
        Indices of components.
    weight, weight_error, norm, norm_error
        As in `Edges`.
    possible, positive, total
        Of each checkpoint's whole graph, as in `Edges`; 0 where there is none.
    """

    offsets: Int[ndarray, " bounds"]
    source: UInt16[ndarray, " entries"]
    target: UInt16[ndarray, " entries"]
    weight: Float[ndarray, " entries"]
    weight_error: Float[ndarray, " entries"]
    norm: Float[ndarray, " entries"]
    norm_error: Float[ndarray, " entries"]
    possible: Int[ndarray, " checkpoints"]
    positive: Int[ndarray, " checkpoints"]
    total: Float[ndarray, " checkpoints"]


EdgeSeries: TypeAlias = EdgeTable | EdgeLists
_VALUES = ("weight", "weight_error", "norm", "norm_error")


def condense_edges(graph: AblationGraph) -> Edges:
    """Return what is kept of a graph's edges."""
    weight = graph.weight.ravel()
    possible = np.isfinite(weight)
    count = int(possible.sum())
    known = _positive_part(graph.weight)
    whole = len(graph.components) <= WIDE_GRAPH and count <= WIDE_EDGES
    kind = np.float32 if whole else np.float16
    place = np.flatnonzero(possible) if whole else heaviest(weight, KEPT_EDGES)

    def kept(values: ndarray, scale: float = 1.0) -> ndarray:
        return (scale * values.ravel()[place].astype(np.float32)).astype(kind)

    return Edges(
        place=place.astype(np.int32),
        weight=kept(graph.weight),
        weight_error=kept(graph.weight_error, NORMAL_95),
        norm=kept(graph.norm_change),
        norm_error=kept(graph.norm_change_error, NORMAL_95),
        possible=count,
        positive=int(np.count_nonzero(known)),
        out_strength=known.sum(1),
        in_strength=known.sum(0),
        whole=whole,
        sample=weight[:0] if whole else weight[sampled_pairs(len(graph.components))],
    )


def _positive_part(weight: ndarray) -> Float[ndarray, "components components"]:
    """Return weights in float32, 0 where they are negative or none can be.

    Looking halves up is five times as fast as converting and comparing them.
    """
    if weight.dtype != np.float16:
        return np.where(weight > 0, weight, np.float32(0))
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    halves[~(np.isfinite(halves) & (halves > 0))] = 0
    return halves[weight.view(np.uint16)]


def heaviest(weight: Float[ndarray, " pairs"], count: int) -> Int[ndarray, " edges"]:
    """Return where the ``count`` largest positive weights are, heaviest first, ties in order.

    The upper bits of floats that are not negative are ordered as the floats are: counting them
    finds the smallest weight to keep in a quarter of the time of a partition.
    """
    half = weight.dtype == np.float16
    upper = weight.view(np.uint16) if half else weight.view(np.uint32) >> 16
    infinite = 0x7C00 if half else 0x7F80
    counts = np.bincount(upper, minlength=infinite)[:infinite]
    from_top = np.cumsum(counts[::-1])
    least = infinite - 1 - min(int(np.searchsorted(from_top, count)), infinite - 1)
    found = np.flatnonzero((upper >= least) & (upper < infinite))
    found = found[weight[found] > 0]
    return found[np.argsort(-weight[found], kind="stable")][:count]


def sampled_pairs(components: int) -> Int[ndarray, " pairs"]:
    """Return places of pairs drawn at random, always the same for a number of components."""
    rng = np.random.default_rng(components)
    return rng.integers(components * components, size=SAMPLED_PAIRS)


def edge_series(
    steps: Sequence[int], edges: Mapping[int, Edges], components: int
) -> EdgeTable | EdgeLists:
    """Return the edges of one setting's graphs over the run: a table if all of them are whole."""
    if all(e.whole for e in edges.values()):
        return _table(steps, edges, components)
    return _lists(steps, edges, components)


def _table(steps: Sequence[int], edges: Mapping[int, Edges], components: int) -> EdgeTable:
    union = np.unique(np.concatenate([e.place for e in edges.values()]))
    tables = {name: np.full((len(steps), len(union)), np.nan, np.float32) for name in _VALUES}
    for i, step in enumerate(steps):
        if step in edges:
            at = np.searchsorted(union, edges[step].place)
            for name, table in tables.items():
                table[i, at] = getattr(edges[step], name)
    ends = np.stack(np.divmod(union, components), axis=1).astype(np.int16)
    return EdgeTable(ends=ends, **tables)


def _lists(steps: Sequence[int], edges: Mapping[int, Edges], components: int) -> EdgeLists:
    ordered = [_heaviest_of(edges[step]) if step in edges else None for step in steps]
    found = [e for e in ordered if e is not None]
    sizes = [0 if e is None else len(e.place) for e in ordered]
    source, target = np.divmod(np.concatenate([e.place for e in found]), components)
    values = {name: np.concatenate([getattr(e, name) for e in found]) for name in _VALUES}
    return EdgeLists(
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        source=source.astype(np.uint16),
        target=target.astype(np.uint16),
        possible=np.array([0 if e is None else e.possible for e in ordered], dtype=np.int32),
        positive=np.array([0 if e is None else e.positive for e in ordered], dtype=np.int32),
        total=np.array([0 if e is None else e.total for e in ordered], dtype=np.float32),
        **values,
    )


def _heaviest_of(edges: Edges) -> Edges:
    """Return the edges as those of a wide graph are kept: a list may stand beside a whole graph."""
    if not edges.whole:
        return edges
    at = heaviest(edges.weight, KEPT_EDGES)
    return dataclasses.replace(
        edges, whole=False, place=edges.place[at], **{n: getattr(edges, n)[at] for n in _VALUES}
    )
