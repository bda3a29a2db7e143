"""Centralities by walks, on graphs whose edges run forward only, many graphs at once.

Weights are ``[graphs, n, n]``, row = source, 0 where there is no edge, with nodes in an order in
which every edge leads from a lower to a higher index. PageRank and Katz then need no iteration:
one sweep in that order solves them exactly.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import eigh

DAMPING = 0.85
KATZ_ALPHA = 0.1


def pagerank(weight: Float[ndarray, "graphs n n"]) -> Float[ndarray, "graphs n"]:
    """Return PageRank with damping 0.85; each graph's sums to 1.

    A walker where no edge leaves starts anew anywhere. The stationary distribution is then the
    normalised sum of all damped walks from everywhere.
    """
    out = weight.sum(-1, keepdims=True)
    step = np.divide(weight, out, out=np.zeros_like(weight), where=out > 0)
    walks = _sum_of_walks(DAMPING * step)
    return walks / walks.sum(-1, keepdims=True)


def katz(weight: Float[ndarray, "graphs n n"]) -> Float[ndarray, "graphs n"]:
    """Return 1 plus the sum over arriving walks of the product of ``0.1 w``; not normalised."""
    return _sum_of_walks(KATZ_ALPHA * weight)


def reversed_edges(weight: Float[ndarray, "graphs n n"]) -> Float[ndarray, "graphs n n"]:
    """Return the graphs with every edge reversed, nodes in reverse order: still upper triangles."""
    return weight.transpose(0, 2, 1)[:, ::-1, ::-1]


def hits(
    weight: Float[ndarray, "graphs n n"],
) -> tuple[Float[ndarray, "graphs n"], Float[ndarray, "graphs n"]]:
    """Return hubs and authorities (Kleinberg 1999), each summing to 1; NaN without edges.

    They are the leading singular vectors of the weights. Where two separate parts of a graph are
    exactly equally strong these are not unique.
    """
    graphs, n, _ = weight.shape
    hub, authority = np.full((2, graphs, n), np.nan)
    for g, matrix in enumerate(weight):
        if matrix.any():
            _, vectors = eigh(matrix.T @ matrix, subset_by_index=[n - 1, n - 1])
            right = np.abs(vectors[:, 0])
            left = matrix @ right
            hub[g], authority[g] = left / left.sum(), right / right.sum()
    return hub, authority


def _sum_of_walks(factor: ndarray) -> ndarray:
    """Solve ``x = 1 + factorᵀ x`` for upper triangles, node by node."""
    graphs, n, _ = factor.shape
    x = np.ones((graphs, n))
    for j in range(1, n):
        x[:, j] += np.einsum("gi,gi->g", factor[:, :j, j], x[:, :j])
    return x
