"""Correlations of two series on one even grid, one of them shifted: of all, and without a part."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

# A shift leaves this share of the common stretch at least.
LEAST_OVERLAP = 0.5
# So many stretches are left out in turn, evenly spaced.
_WINDOWS = 24
# How long they are: an event of the smoother curve, in its length scales, or this share of what is
# compared where that is less.
_LENGTHS, _LONGEST = 4.0, 1 / 3


def correlations(
    one: Float[ndarray, "pairs grid"],
    other: Float[ndarray, "pairs grid"],
    shifts: Int[ndarray, " lags"],
    weights: Float[ndarray, "pairs grid"] | None = None,
) -> Float[ndarray, "pairs lags"]:
    """Return the correlation of ``one`` at each place with ``other`` as many places later.

    Over the places at which both are known, whose ``weights`` are those of ``one``; NaN where
    these are less than half of all, or where one of the two does not change.
    """
    found = np.full((len(one), len(shifts)), np.nan)
    for i, shift in enumerate(shifts):
        if (places := _overlap(one.shape[1], int(shift))) is None:
            continue
        here, there = places
        a, b = one[:, here], other[:, there]
        w = np.ones((1, a.shape[1])) if weights is None else weights[:, here]
        w = w / w.sum(1, keepdims=True)
        a, b = (v - (w * v).sum(1, keepdims=True) for v in (a, b))
        spread = np.sqrt((w * a * a).sum(1) * (w * b * b).sum(1))
        found[:, i] = (w * a * b).sum(1) / np.where(spread > 0, spread, np.nan)
    return found


def least_correlations(
    one: Float[ndarray, "pairs grid"],
    other: Float[ndarray, "pairs grid"],
    shifts: Int[ndarray, " lags"],
    length: float,
) -> Float[ndarray, "pairs lags"]:
    """Return what is left of each correlation without the stretch on which it rests most.

    Parameters
    ----------
    length
        The length scale of the smoother of the two, in places of the grid.

    Returns
    -------
    least
        With the sign of the whole correlation; 0 where without some stretch there is none or one
        of the other sign. NaN as `correlations`.
    """
    found = np.full((len(one), len(shifts)), np.nan)
    for i, shift in enumerate(shifts):
        if (places := _overlap(one.shape[1], int(shift))) is None:
            continue
        here, there = places
        kept = _without_each(here.stop - here.start, length)
        r = _weighted(one[:, here], other[:, there], kept)
        sign = np.sign(r[:, :1])
        found[:, i] = sign[:, 0] * np.maximum((sign * np.nan_to_num(r)).min(1), 0)
    return found


def _overlap(size: int, shift: int) -> tuple[slice, slice] | None:
    if size - abs(shift) < max(3, LEAST_OVERLAP * size):
        return None
    return slice(max(0, -shift), size - max(0, shift)), slice(max(0, shift), size + min(0, shift))


def _without_each(size: int, length: float) -> Float[ndarray, "grid windows"]:
    """Return columns of ones: whole first, then each with a stretch of zeros."""
    width = max(1, int(min(_LENGTHS * length, _LONGEST * size)))
    starts = np.linspace(0, size - width, _WINDOWS).round()
    place = np.arange(size)[:, None]
    inside = (starts <= place) & (place < starts + width)
    return np.hstack([np.ones((size, 1)), ~inside])


def _weighted(a: ndarray, b: ndarray, kept: ndarray) -> Float[ndarray, "pairs windows"]:
    """Return the correlations over the places that each column keeps; NaN without a change."""
    number = kept.sum(0)
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    sums = [series @ kept for series in (a, b, a * a, b * b, a * b)]
    of_a, of_b = sums[2] - sums[0] ** 2 / number, sums[3] - sums[1] ** 2 / number
    spread = np.sqrt(np.maximum(of_a, 0) * np.maximum(of_b, 0))
    tiny = 1e-12 * np.sqrt(sums[2][:, :1] * sums[3][:, :1])
    return np.asarray(
        (sums[4] - sums[0] * sums[1] / number) / np.where(spread > tiny, spread, np.nan)
    )
