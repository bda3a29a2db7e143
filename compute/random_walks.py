"""What a random walk shows along its main axes, and how much of a run's way is the same.

Along the principal components of a random walk in many dimensions lie cosines, with half a wave
over the whole walk on the first, two halves on the second, and so on; two of them make arcs, and
most of the variance is on the first few (Antognini and Sohl-Dickstein 2018, arXiv:1806.08805).
Whoever reads something into such arcs should know what chance would have drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

# ``log_time``: a checkpoint counts by the stretch of ln(1 + t) that it stands for (trapezoid rule).
# ``checkpoints``: all count alike.
Weights: TypeAlias = Literal["log_time", "checkpoints"]


def checkpoint_weights(steps: Int[ndarray, " steps"], weights: Weights) -> Float[ndarray, " steps"]:
    """Return what each checkpoint of a run counts, of sum 1; ``steps`` ascend."""
    if weights == "checkpoints" or len(steps) < 2:
        return np.full(len(steps), 1 / max(len(steps), 1))
    gaps = np.diff(np.log1p(steps))
    both = (np.append(gaps, 0) + np.insert(gaps, 0, 0)) / 2
    return np.asarray(both / both.sum())


def random_walk_shares(
    steps: Sequence[Int[ndarray, " steps"]], *, axes: int = 3, weights: Weights = "log_time"
) -> Float[ndarray, " axes"]:
    r"""Return the shares of variance that random walks have on their main axes, 0 to 1.

    The walks have independent steps in very many dimensions, are independent of each other and
    begin at one point. Their variance grows evenly along what the weights count: with the number
    of checkpoints, or with :math:`\ln(1 + t)`. For one walk of n checkpoints that count alike,
    share k is :math:`3 / (2 (n^2 - 1) \sin^2(\pi k / 2n))` [1]_; for many it comes to
    :math:`6 / (\pi k)^2`: 61, 15 and 7 %.

    Parameters
    ----------
    steps
        The checkpoints of each walk, ascending.

    References
    ----------
    .. [1] Antognini and Sohl-Dickstein (2018), arXiv:1806.08805.
    """
    times = [np.log1p(s) if weights == "log_time" else np.arange(float(len(s))) for s in steps]
    count = sum(len(some) for some in times)
    covariance, start = np.zeros((count, count)), 0
    for some in times:
        rows = slice(start, start + len(some))
        covariance[rows, rows] = np.minimum(some[:, None], some)
        start += len(some)
    weight = np.concatenate([checkpoint_weights(some, weights) for some in steps]) / len(steps)
    away = covariance - weight @ covariance
    away -= (away @ weight)[:, None]
    variance = np.linalg.eigvalsh(away * np.sqrt(np.outer(weight, weight)))[::-1]
    shares = np.zeros(axes)
    if (total := variance.sum()) > 0:
        shares[:count] = np.maximum(variance[:axes], 0) / total
    return shares


def cosine_shares(
    scores: Float[ndarray, "steps axes"], weight: Float[ndarray, " steps"]
) -> Float[ndarray, " axes"]:
    r"""Return the share of a run's variance on axis k that is :math:`\cos(\pi k s)`, 0 to 1.

    s goes from 0 to 1 over the run as weights add up. It is the squared correlation: 1 for a long
    random walk. NaN where nothing varies, and for fewer than three checkpoints.

    Parameters
    ----------
    scores
        Places on the axes.
    weight
        Of each checkpoint, of sum 1.
    """
    place = np.cumsum(weight) - weight / 2
    cosines = np.cos(np.pi * place[:, None] * np.arange(1, scores.shape[1] + 1))
    one, other = scores - weight @ scores, cosines - weight @ cosines
    both, first, second = weight @ (one * other), weight @ one**2, weight @ other**2
    shares = np.full(scores.shape[1], np.nan)
    if len(weight) > 2:
        varies = first > (1e-12 * np.abs(scores).max()) ** 2
        shares[varies] = both[varies] ** 2 / (first[varies] * second[varies])
    return shares
