"""Where a curve turns: sign changes of its slope that noise does not explain, and where they lie.

Two Gaussian processes of the slope (`compute.measure.slope_process`) share the work. *That* a curve
turns is read from a smooth one (squared exponential, as in Hoogland et al. 2024,
arXiv:2402.02364): its slope must leave zero by more than the largest standardised error anywhere,
on both sides. *Where* it turns is drawn from a rough one (Ornstein-Uhlenbeck: locally the prior of
a cubic smoothing spline): a smooth process rounds a sharp bend off to one side, and is too sure of
where it has put it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import norm

from compute.measure.slope_process import SlopeProcess, Slopes, integral

# Places at which the ends of an interval are looked for.
_FINE = 4000
_ROUNDING = 1e-9


class CriticalPoint(NamedTuple):
    """A turn of a curve at ``at``, with the ends of its interval.

    ``sign`` is that of the slope before it: 1 at a maximum, -1 at a minimum. ``support`` is the
    share of drawn curves that turn inside the stretch between a sure rise and a sure fall.
    """

    at: float
    low: float
    high: float
    sign: int
    support: float


class Turns(NamedTuple):
    """What is sure of a curve's slope.

    Attributes
    ----------
    slopes
        Of the smooth process.
    signs, peaks
        Of each stretch with a sure slope, joined with its neighbours of the same sign: the sign,
        and the node at which it is surest.
    points
        One critical point between each two neighbouring stretches.
    """

    slopes: Slopes
    signs: Int[ndarray, " stretches"]
    peaks: Int[ndarray, " stretches"]
    points: tuple[CriticalPoint, ...]


def critical_points(
    x: Float[ndarray, " points"],
    y: Float[ndarray, " points"],
    own: Float[ndarray, " points"],
    *,
    confidence: float,
    curves: int,
    generator: np.random.Generator,
) -> Turns:
    """Return where ``y`` over ascending ``x`` turns, and what is sure of its slope.

    Parameters
    ----------
    own
        Standard error of each point in the unit of ``y``, 0 where unknown.
    confidence
        Of the simultaneous band of the slope, over all places, and of each interval.
    curves
        Draws from each posterior.

    Notes
    -----
    A stretch is sure where zero is outside the simultaneous band. Between two neighbouring
    stretches of opposite sign the curve turns at least once; should it turn three times, the
    critical point is the highest (or lowest) place. None lies before the first sure stretch or
    after the last: the edge of the data is no turn.
    """
    unit = float(y.std()) or 1.0
    scaled, own = (y - y.mean()) / unit, own / unit
    smooth, rough = (SlopeProcess(x, scaled, own, kernel) for kernel in ("smooth", "rough"))
    slopes = smooth.posterior(smooth.fitted())
    signs, peaks = sure_stretches(slopes, confidence, curves, generator)
    points: list[CriticalPoint] = []
    if len(signs) > 1:
        places = rough.posterior(rough.fitted())
        drawn = places.draws(curves, generator)
        for sign, first, last in zip(signs[:-1], peaks[:-1], peaks[1:], strict=True):
            between = slice(first, last + 1)
            points.append(_turn(places.part(between), drawn[:, between], int(sign), confidence))
    natural = Slopes(slopes.nodes, unit * slopes.mean, unit**2 * slopes.covariance)
    return Turns(natural, signs, peaks, tuple(points))


def sure_stretches(
    slopes: Slopes, confidence: float, curves: int, generator: np.random.Generator
) -> tuple[Int[ndarray, " stretches"], Int[ndarray, " stretches"]]:
    """Return sign and surest node of each stretch whose slope is not zero, signs alternating."""
    error = np.sqrt(np.maximum(np.diag(slopes.covariance), 0))
    error = np.maximum(error, _ROUNDING * max(error.max(), _ROUNDING))
    away = np.abs((slopes.draws(curves, generator) - slopes.mean) / error).max(axis=1)
    sureness = slopes.mean / error
    sure = np.flatnonzero(np.abs(sureness) > np.quantile(away, confidence))
    signs = np.sign(sureness[sure]).astype(np.int64)
    runs = np.split(sure, np.flatnonzero(np.diff(signs)) + 1) if len(sure) else []
    peaks = np.array([run[np.abs(sureness[run]).argmax()] for run in runs], dtype=np.int64)
    return np.sign(sureness[peaks]).astype(np.int64), peaks


def _turn(slopes: Slopes, drawn: ndarray, sign: int, confidence: float) -> CriticalPoint:
    """Return where the drawn curves are highest (lowest if ``sign`` is negative), at the median.

    Its interval holds as many of these places as ``confidence`` says, and every place about their
    median at which the slope may be zero: the bottom of a flat valley may lie anywhere in it.
    """
    nodes = slopes.nodes
    height = sign * drawn @ integral(nodes, nodes).T
    place = height.argmax(axis=1)
    inside = (place > 0) & (place < len(nodes) - 1)
    rows = np.arange(len(drawn))
    # The slope falls through zero in the cell after the highest node, or in the one before.
    cell = np.clip(np.where(sign * drawn[rows, place] > 0, place, place - 1), 0, len(nodes) - 2)
    start, end = sign * drawn[rows, cell], sign * drawn[rows, cell + 1]
    falls = (start > 0) & (end <= 0)
    share = start / np.where(falls, start - end, 1)
    found = np.where(inside & falls, nodes[cell] + share * np.diff(nodes)[cell], nodes[place])
    tail = (1 - confidence) / 2
    low, at, high = (float(v) for v in np.quantile(found, [tail, 0.5, 1 - tail]))
    first, last = _level(slopes, at, float(norm.ppf(1 - tail)))
    return CriticalPoint(at, min(low, first), max(high, last), sign, float(inside.mean()))


def _level(slopes: Slopes, at: float, limit: float) -> tuple[float, float]:
    """Return the ends of the stretch about ``at`` whose slope is within ``limit`` errors of 0."""
    error = np.sqrt(np.maximum(np.diag(slopes.covariance), np.finfo(float).tiny))
    fine = np.linspace(slopes.nodes[0], slopes.nodes[-1], _FINE)
    away = np.abs(np.interp(fine, slopes.nodes, slopes.mean / error)) > limit
    before, after = fine[away & (fine < at)], fine[away & (fine > at)]
    return (
        float(before[-1]) if len(before) else float(fine[0]),
        float(after[0]) if len(after) else float(fine[-1]),
    )
