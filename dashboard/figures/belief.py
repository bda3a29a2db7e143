"""How far a curve is believed: marks for what is not healthy, and a smooth line through the rest.

Of a curve whose values are judged one by one, the line passes through the healthy ones only and
breaks at every other: what cannot be believed stands alone, in the shape of its verdict.
"""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from compute.smoothing import Smoothed, smooth
from dashboard.figures.series import NORMAL_95, Curve, Steps

HEALTHY = "healthy"

# Plotly's names; `assets/modules/verdicts.mjs` draws the same shapes. Never colour alone.
SYMBOLS = {
    "drifting": "triangle-right",
    "short": "circle",
    "not at a minimum": "triangle-down",
    "diverged": "x-thin",
    "frozen": "square",
}


def believed(curve: Curve) -> Bool[ndarray, " checkpoints"]:
    """Say which values are measured and not doubted; of a curve without verdicts, all measured."""
    known = np.isfinite(curve.values)
    if not curve.verdicts:
        return known
    return known & np.array([verdict == HEALTHY for verdict in curve.verdicts])


def doubted(curve: Curve) -> Bool[ndarray, " checkpoints"]:
    """Say which values are measured and have a verdict other than healthy."""
    return np.isfinite(curve.values) & ~believed(curve)


def only(
    values: Float[ndarray, " checkpoints"], there: Bool[ndarray, " checkpoints"]
) -> Float[ndarray, " checkpoints"]:
    """Return the values that are ``there``, NaN for the others."""
    return np.where(there, values, np.nan).astype(np.float32)


@functools.lru_cache(maxsize=32)
def smoothed(steps: Steps, curve: Curve) -> Smoothed | None:
    """Return a smooth curve through the believed values, NaN before the first and after the last.

    None for a curve that nobody judges, and for fewer believed values than tell noise from shape.
    """
    there = believed(curve)
    if not curve.verdicts or not there.any():
        return None
    errors = (curve.high - curve.low) / (2 * NORMAL_95)
    found = smooth(steps, only(curve.values, there), errors)
    if found is None:
        return None
    inside = np.maximum.accumulate(there) & np.maximum.accumulate(there[::-1])[::-1]
    return found._replace(
        mean=only(found.mean, inside), low=only(found.low, inside), high=only(found.high, inside)
    )
