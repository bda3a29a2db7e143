"""How well an approximate graph orders its edges, beside the exact graph of the same checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from dashboard.figures.edges import Edges

FEWEST_EDGES = 3


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """Spearman's rank correlation of two graphs' weights, at each checkpoint.

    Attributes
    ----------
    rho
        -1 to 1, dimensionless; NaN where a graph is missing, or has no order.
    edges
        How many edges it is over; 0 where there is none.
    sampled
        Whether those edges were drawn at random from all of a wide graph's.
    """

    rho: Float[ndarray, " checkpoints"]
    edges: Int[ndarray, " checkpoints"]
    sampled: bool


def agreement(
    steps: Sequence[int], approximate: Mapping[int, Edges], exact: Mapping[int, Edges]
) -> Agreement:
    """Return the agreement of two settings' graphs of the same components."""
    rho = np.full(len(steps), np.nan, dtype=np.float32)
    count = np.zeros(len(steps), dtype=np.int32)
    for i, step in enumerate(steps):
        if step in approximate and step in exact:
            one, other = _common(approximate[step], exact[step])
            rho[i], count[i] = spearman(one, other), len(one)
    both = [approximate[t] for t in approximate if t in exact]
    return Agreement(rho=rho, edges=count, sampled=any(not e.whole for e in both))


def spearman(one: Float[ndarray, " edges"], other: Float[ndarray, " edges"]) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN without any order.

    >>> spearman(np.array([0.1, 0.2, 0.4]), np.array([1.0, 5.0, 9.0]))
    1.0
    """
    if len(one) < FEWEST_EDGES:
        return float("nan")
    a, b = (_centred_ranks(values) for values in (one, other))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale else float("nan")


def _centred_ranks(values: ndarray) -> Float[ndarray, " edges"]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: ndarray = (last - (counts - 1) / 2)[place]
    return ranks - (len(values) + 1) / 2


def _common(one: Edges, other: Edges) -> tuple[ndarray, ndarray]:
    """Return the weights of the edges that both graphs have; of wide graphs, those of a sample."""
    if one.whole and other.whole:
        _, a, b = np.intersect1d(one.place, other.place, assume_unique=True, return_indices=True)
        return one.weight[a], other.weight[b]
    if len(one.sample) != len(other.sample):
        return one.weight[:0], other.weight[:0]
    both = np.isfinite(one.sample) & np.isfinite(other.sample)
    return one.sample[both], other.sample[both]
