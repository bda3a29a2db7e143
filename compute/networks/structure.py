"""Metrics of whole graphs, many at once: distribution of weights, clustering, communities, levels.

Weights are ``[graphs, n, n]``, row = source, 0 where there is no edge.
"""

from __future__ import annotations

from typing import NamedTuple

import networkx as nx
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

# A power law is fitted to at least so many weights, from one of at most so many starts.
_FEWEST_IN_TAIL, _MOST_STARTS = 10, 200


class Tail(NamedTuple):
    """A power law fitted to the heaviest weights: ``p(w) ~ w^-exponent`` from ``start`` on.

    ``error`` is the exponent's standard error, ``misfit`` the Kolmogorov-Smirnov distance, 0 to 1,
    ``weights`` how many are in the tail. All NaN where there are too few weights, or all are equal.
    """

    exponent: float
    error: float
    misfit: float
    start: float
    weights: float


def gini(weights: Float[ndarray, " edges"]) -> float:
    """Return half the mean difference of two weights over their mean, 0 to 1; NaN without any."""
    n, total = len(weights), float(weights.sum())
    if not total:
        return float("nan")
    place = 2 * np.arange(1, n + 1) - n - 1
    return float(place @ np.sort(weights)) / (n * total)


def fit_tail(weights: Float[ndarray, " edges"]) -> Tail:
    """Fit a power law to the heaviest weights, from where it fits best.

    References
    ----------
    Clauset, Shalizi, Newman (2009), Power-law distributions in empirical data, SIAM Review 51.
    """
    heavy = np.sort(weights)
    starts = np.unique(heavy[: max(0, len(heavy) - _FEWEST_IN_TAIL + 1)])
    if len(starts) > _MOST_STARTS:
        starts = starts[np.linspace(0, len(starts) - 1, _MOST_STARTS).astype(int)]
    tails = [_tail_from(heavy[np.searchsorted(heavy, start) :]) for start in starts]
    known = [tail for tail in tails if np.isfinite(tail.misfit)]
    return min(known, key=lambda tail: tail.misfit, default=Tail(*[float("nan")] * 5))


def _tail_from(tail: ndarray) -> Tail:
    start, count = float(tail[0]), len(tail)
    spread = float(np.log(tail / start).sum())
    if spread <= 0:
        return Tail(*[float("nan")] * 5)
    exponent = 1 + count / spread
    model = 1 - (tail / start) ** (1 - exponent)
    above = np.arange(1, count + 1) / count - model
    misfit = float(np.maximum(above, 1 / count - above).max())
    return Tail(exponent, (exponent - 1) / count**0.5, misfit, start, count)


def clustering(weight: Float[ndarray, "graphs n n"]) -> Float[ndarray, "graphs n"]:
    """Return the directed weighted clustering of every node (Fagiolo 2007), 0 to 1.

    The weight of a triangle is the geometric mean of its edges' weights over the largest weight of
    the graph; all eight directions of the two edges at a node count as triangles that could close.
    """
    heaviest = weight.max((1, 2), keepdims=True, initial=0)
    root = np.cbrt(np.divide(weight, heaviest, out=np.zeros_like(weight), where=heaviest > 0))
    both = root + root.transpose(0, 2, 1)
    closed = ((both @ both) * both).sum(-1)
    edge = weight > 0
    degree = edge.sum(-1) + edge.sum(-2)
    mutual = (edge & edge.transpose(0, 2, 1)).sum(-1)
    could = 2.0 * (degree * (degree - 1) - 2 * mutual)
    return np.divide(closed, could, out=np.zeros_like(closed), where=could > 0)


def find_communities(weight: Float[ndarray, "n n"], *, seed: int) -> Int[ndarray, " n"]:
    """Return each node's community by Louvain's method on the directed graph; -1 without edges.

    The largest community is 0; of equally large ones, the one with the first node.
    """
    joined = (weight > 0).any(0) | (weight > 0).any(1)
    label = np.full(len(weight), -1)
    if not joined.any():
        return label
    graph = nx.from_numpy_array(weight, create_using=nx.DiGraph)
    graph.remove_nodes_from(np.flatnonzero(~joined).tolist())
    found = nx.community.louvain_communities(graph, seed=seed)
    for number, members in enumerate(sorted(found, key=lambda c: (-len(c), min(c)))):
        label[list(members)] = number
    return label


def modularity(
    weight: Float[ndarray, "graphs n n"], label: Int[ndarray, " n"]
) -> Float[ndarray, " graphs"]:
    """Return the directed modularity of given communities (Leicht and Newman 2008).

    NaN for a graph without edges.
    """
    member = (label[:, None] == np.arange(label.max(initial=-1) + 1)).astype(np.float64)
    total = weight.sum((1, 2))
    total = np.where(total > 0, total, np.nan)
    inside = ((weight @ member) * member).sum((1, 2)) / total
    out, into = weight.sum(2) @ member, weight.sum(1) @ member
    return inside - (out * into).sum(1) / total**2


def flow_span(
    weight: Float[ndarray, "graphs n n"], layer: Int[ndarray, " n"]
) -> Float[ndarray, " graphs"]:
    """Return how many layers an edge crosses, averaged by weight; NaN without edges."""
    total = weight.sum((1, 2))
    crossed = layer[None, :] - layer[:, None]
    span = (weight * crossed).sum((1, 2))
    return np.divide(span, total, out=np.full(len(weight), np.nan), where=total > 0)


def coherence(weight: Float[ndarray, "graphs n n"]) -> Float[ndarray, " graphs"]:
    """Return one minus the trophic incoherence, 0 to 1; NaN without edges.

    Levels ``h`` solve ``(diag(in + out) - W - Wᵀ) h = in - out``; the incoherence is the mean of
    ``(h_target - h_source - 1)²``, weighted by the edges. It is 0 where levels rise by exactly one
    along every edge.

    References
    ----------
    MacKay, Johnson, Sansom (2020), How directed is a directed network?, R. Soc. Open Sci. 7.
    """
    out, into = weight.sum(2), weight.sum(1)
    both = weight + weight.transpose(0, 2, 1)
    n = weight.shape[-1]
    laplacian = -both
    # Levels are free up to a constant in every connected part: a faint tie to 0 fixes it.
    tie = 1e-9 * np.maximum(both.max((1, 2), initial=0), 1e-300)[:, None]
    laplacian[:, range(n), range(n)] += out + into + tie
    level = np.linalg.solve(laplacian, (into - out)[..., None])[..., 0]
    rise = level[:, None, :] - level[:, :, None]
    total = weight.sum((1, 2))
    off = (weight * (rise - 1) ** 2).sum((1, 2))
    return 1 - np.divide(off, total, out=np.full(len(weight), np.nan), where=total > 0)
