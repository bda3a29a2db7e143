"""A run's graphs as points in the space of edge weights: distances, main axes, flows.

A row of weights is a checkpoint's; one with a weight that is not finite counts as not measured,
and what is said of it is NaN.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from scipy.spatial.distance import pdist, squareform


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """The way of a run's graph through the space of edge weights, along its main axes.

    ``mean + scores @ axes`` is the best approximation of the weights in so many dimensions.

    Attributes
    ----------
    scores
        The place of each checkpoint on each axis, in the unit of the weights; NaN where the
        checkpoint was not measured.
    explained
        Each axis's share of the variance over the measured checkpoints, 0 to 1, falling.
    axes
        Of unit length, at right angles to each other; each is turned so that its largest loading
        is positive. Where the checkpoints span fewer axes than asked for, the others are 0, and
        so are their scores and shares.
    mean
        The mean weights of the measured checkpoints; NaN without any.
    """

    scores: Float[ndarray, "checkpoints dims"]
    explained: Float[ndarray, " dims"]
    axes: Float[ndarray, "dims edges"]
    mean: Float[ndarray, " edges"]


def frobenius_distance(
    weight: Float[ndarray, "checkpoints edges"],
) -> Float[ndarray, "checkpoints checkpoints"]:
    """Return the norm of the difference of two graphs over the mean of their norms, 0 to 2.

    Both the pattern and the size of the weights count. 0 on the diagonal, and between two graphs
    without weights.
    """
    rows = _measured(weight)
    apart = squareform(pdist(weight[rows]))
    norm = np.linalg.norm(weight[rows], axis=1)
    size = (norm[:, None] + norm) / 2
    return _spread(np.divide(apart, size, out=np.zeros_like(apart), where=size > 0), rows)


def correlation_distance(
    weight: Float[ndarray, "checkpoints edges"],
) -> Float[ndarray, "checkpoints checkpoints"]:
    """Return one minus Pearson's correlation of the weights of two graphs, 0 to 2.

    Only the pattern counts: it stays when all weights are scaled, or shifted. 0 on the diagonal;
    NaN where all weights of a graph are equal.
    """
    rows = _measured(weight)
    drawn = weight[rows]
    # Less a mean that is rounded, equal weights would seem to vary.
    varies = (drawn != drawn[:, :1]).any(1)
    away = drawn - drawn.mean(1, keepdims=True) if drawn.size else drawn
    norm = np.where(varies, np.linalg.norm(away, axis=1), np.nan)
    unit = away / norm[:, None]
    # The squared chord, not 1 - u.v: close graphs would lose all their digits.
    return _spread(np.clip(squareform(pdist(unit, "sqeuclidean")) / 2, 0, 2), rows, varies)


def to_previous(
    distance: Float[ndarray, "checkpoints checkpoints"],
) -> Float[ndarray, " checkpoints"]:
    """Return each checkpoint's distance to the measured one before; NaN at the first.

    Measured are those with a distance to any checkpoint.
    """
    rows = np.flatnonzero(np.isfinite(distance).any(1))
    found = np.full(len(distance), np.nan)
    found[rows[1:]] = distance[rows[1:], rows[:-1]]
    return found


def trajectory(weight: Float[ndarray, "checkpoints edges"], *, dims: int = 3) -> Trajectory:
    """Return the run's way along the main axes of its edge weights (principal components).

    By singular values of the weights of the measured checkpoints, less their mean. Every
    checkpoint counts the same, however many steps it stands for.
    """
    rows = _measured(weight)
    scores = np.where(rows[:, None], np.zeros(dims), np.nan)
    axes, explained = np.zeros((dims, weight.shape[1])), np.zeros(dims)
    if not weight[rows].size:
        return Trajectory(
            scores=scores, explained=explained, axes=axes, mean=np.full(weight.shape[1], np.nan)
        )
    mean = weight[rows].mean(0)
    left, size, right = np.linalg.svd(weight[rows] - mean, full_matrices=False)
    real = size > np.finfo(np.float64).eps * max(weight.shape) * np.abs(weight[rows]).max(initial=0)
    kept = np.flatnonzero(real)[:dims]
    largest = np.abs(right[kept]).argmax(1)
    sign = np.sign(right[kept, largest])
    axes[: len(kept)] = right[kept] * sign[:, None]
    scores[rows, : len(kept)] = left[:, kept] * size[kept] * sign
    explained[: len(kept)] = size[kept] ** 2 / (size[real] ** 2).sum()
    return Trajectory(scores=scores, explained=explained, axes=axes, mean=mean)


def layer_flow(
    weight: Float[ndarray, "checkpoints edges"],
    source_layer: Int[ndarray, " edges"],
    target_layer: Int[ndarray, " edges"],
    layers: int,
) -> Float[ndarray, "checkpoints layers layers"]:
    """Return the summed weight of the edges from layer to layer, row = source.

    0 where no edge leads from one to the other; NaN throughout at a checkpoint that was not
    measured.
    """
    rows = _measured(weight)
    flow = np.zeros((layers * layers, len(weight)))
    np.add.at(flow, source_layer * layers + target_layer, weight.T)
    return np.where(rows[:, None, None], flow.T.reshape(-1, layers, layers), np.nan)


def _measured(weight: ndarray) -> Bool[ndarray, " checkpoints"]:
    return np.isfinite(weight).all(1)


def _spread(among: ndarray, rows: ndarray, known: ndarray | None = None) -> ndarray:
    """Return a matrix of measured checkpoints as one of all, NaN for the others."""
    whole = np.full((len(rows), len(rows)), np.nan)
    if known is not None:
        among = np.where(known[:, None] & known, among, np.nan)
    whole[np.ix_(rows, rows)] = among
    return whole
