"""Shortest paths in graphs whose edges run forward only, many graphs at once.

All functions take lengths as ``[graphs, n, n]`` with nodes in an order in which every edge leads
from a lower to a higher index (an upper triangle), and infinity where there is no edge. On such
graphs one sweep over the targets finds all shortest paths; there is no queue, and a stack of
bootstrap resamples costs hardly more than one of its graphs.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

# Candidate paths to one target that are held at once: they should stay in the processor's cache.
_AT_ONCE = 1 << 18


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Paths:
    """What shortest paths say of each graph and node.

    Attributes
    ----------
    betweenness
        Share of the ordered pairs of other nodes whose shortest path passes through, 0 to 1; pairs
        with several shortest paths count for each node by its share of them.
    closeness
        Of arriving paths: the share of the other nodes from which one arrives, over their mean
        length (Wasserman and Faust); 0 where none arrives.
    efficiency
        Mean over ordered pairs of 1 / length, 0 for pairs without a path.
    """

    betweenness: Float[ndarray, "graphs n"]
    closeness: Float[ndarray, "graphs n"]
    efficiency: Float[ndarray, " graphs"]


def path_metrics(length: Float[ndarray, "graphs n n"]) -> Paths:
    """Return the path metrics of every graph; O(graphs n³) time.

    References
    ----------
    Brandes (2001), A faster algorithm for betweenness centrality: the accumulation.
    """
    graphs, n, _ = length.shape
    chunk = max(1, _AT_ONCE // max(1, n * n))
    found = [_chunk_metrics(length[i : i + chunk]) for i in range(0, graphs, chunk)]
    return Paths(
        betweenness=np.concatenate([part.betweenness for part in found]),
        closeness=np.concatenate([part.closeness for part in found]),
        efficiency=np.concatenate([part.efficiency for part in found]),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Arrivals:
    """How the shortest paths arrive at one target, from every source before it."""

    first: Int[ndarray, "graphs sources"]
    through: Bool[ndarray, "graphs sources sources"] | None


def _sweep(length: ndarray) -> tuple[ndarray, ndarray, list[_Arrivals]]:
    """Return distances, numbers of shortest paths, and the last nodes before each target."""
    graphs, n, _ = length.shape
    distance = np.full(length.shape, np.inf, dtype=length.dtype)
    count = np.zeros(length.shape, dtype=length.dtype)
    distance[:, range(n), range(n)] = 0
    count[:, range(n), range(n)] = 1
    g, s = np.arange(graphs)[:, None], np.arange(n)[None, :]
    arrivals = [_Arrivals(np.zeros((graphs, 0), dtype=np.intp), None)]
    for j in range(1, n):
        candidates = distance[:, :j, :j] + length[:, None, :j, j]
        first = candidates.argmin(-1)
        best = candidates[g, s[:, :j], first]
        there = np.isfinite(best)
        through = candidates == np.where(there, best, np.nan)[..., None]
        distance[:, :j, j] = best
        tied = np.count_nonzero(through) > np.count_nonzero(there)
        if tied:
            count[:, :j, j] = (through * count[:, :j, :j]).sum(-1)
        else:
            count[:, :j, j] = np.where(there, count[g, s[:, :j], first], 0)
        arrivals.append(_Arrivals(first, through if tied else None))
    return distance, count, arrivals


def _chunk_metrics(length: ndarray) -> Paths:
    distance, count, arrivals = _sweep(length)
    return Paths(
        betweenness=_betweenness(count, arrivals),
        closeness=_closeness(distance),
        efficiency=_efficiency(distance),
    )


def _betweenness(count: ndarray, arrivals: list[_Arrivals]) -> ndarray:
    """Accumulate, target by target from the last, what each source's paths make of each node."""
    graphs, n, _ = count.shape
    depends = np.zeros_like(count)
    g, s = np.arange(graphs)[:, None], np.arange(n)[None, :]
    for j in range(n - 1, 0, -1):
        arrival, paths = arrivals[j], count[:, :j, j]
        share = np.divide(1 + depends[:, :j, j], paths, out=np.zeros_like(paths), where=paths > 0)
        if arrival.through is None:
            before = count[g, s[:, :j], arrival.first]
            depends[g, s[:, :j], arrival.first] += before * share
        else:
            depends[:, :j, :j] += arrival.through * count[:, :j, :j] * share[..., None]
    own = depends[:, range(n), range(n)]
    pairs = (n - 1) * (n - 2)
    return (depends.sum(1) - own) / pairs if pairs > 0 else np.zeros((graphs, n))


def _closeness(distance: ndarray) -> ndarray:
    n = distance.shape[-1]
    there = np.isfinite(distance)
    reached = there.sum(1) - 1
    total = np.where(there, distance, 0).sum(1)
    scale = reached * reached / max(1, n - 1)
    return np.divide(scale, total, out=np.zeros_like(total), where=total > 0)


def _efficiency(distance: ndarray) -> ndarray:
    n = distance.shape[-1]
    apart = distance > 0
    inverse = np.divide(1.0, distance, out=np.zeros_like(distance), where=apart)
    pairs = n * (n - 1)
    return inverse.sum((1, 2)) / pairs if pairs else np.zeros(len(distance))
