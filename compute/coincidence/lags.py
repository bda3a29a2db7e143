"""Whether two quantities change at the same time in training, or one after the other.

Both are smoothed over ``x = ln(1 + t)`` and their slopes are correlated: levels of two quantities
that both drift correlate whatever they are. A lag is a distance in x: at late steps a lag of 0.5
is a factor of 1.65 in t.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.coincidence.stretches import independent_stretches, slope_draws, too_few
from compute.errors import require
from compute.smoothing import MINIMUM_POINTS, Smoothed, smooth

LEVEL = 0.05
# Of the grid of ln(1 + t) on which slopes are taken, and of lags.
SPACING = 0.05
LAGS = tuple(round(SPACING * k, 2) for k in range(-20, 21))
SURROGATES, REPLICATES = 999, 400
# A lag leaves this share of the common stretch at least.
LEAST_OVERLAP = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LaggedCorrelation:
    """How the slopes of two curves go together at each lag.

    Attributes
    ----------
    lags
        In ln(1 + t), in multiples of `SPACING`. Positive: the second curve changes later.
    r, low, high
        Correlation of the slopes, -1 to 1, and its 95 % interval at each lag by itself: slopes are
        redrawn within their errors and independent stretches are weighted at random. NaN at a lag
        that leaves too little of the common stretch.
    lag, lag_low, lag_high
        Where the correlation is farthest from 0, and the 95 % interval of that.
    extremum, extremum_low, extremum_high
        The correlation there, and its interval.
    p
        Share of pairs of independent smooth curves, with the length scales of these, that go
        farther from 0 at any of the lags; what was found is counted in.
    stretches
        How many independent pairs of slopes there are (`independent_stretches`).
    start, end
        The common stretch, in steps.
    reason
        Why one cannot tell, for people; empty where one can. With one, ``p`` is NaN: it would rest
        on a chance that does not apply.
    """

    lags: Float[ndarray, " lags"]
    r: Float[ndarray, " lags"]
    low: Float[ndarray, " lags"]
    high: Float[ndarray, " lags"]
    lag: float
    lag_low: float
    lag_high: float
    extremum: float
    extremum_low: float
    extremum_high: float
    p: float
    stretches: float
    start: float
    end: float
    reason: str = ""

    @property
    def related(self) -> bool:
        """Whether fewer than one of 20 pairs of independent curves go together so."""
        return not self.reason and self.p <= LEVEL


def lagged_correlation(
    steps: Sequence[int] | Float[ndarray, " points"],
    first: Float[ndarray, " points"],
    first_errors: Float[ndarray, " points"],
    second: Float[ndarray, " points"],
    second_errors: Float[ndarray, " points"],
    *,
    lags: Sequence[float] = LAGS,
    seed: int = 0,
    surrogates: int = SURROGATES,
) -> LaggedCorrelation:
    """Return how two quantities of one run change together, or one after the other.

    Parameters
    ----------
    first, second
        In any units. NaN where not measured; the two may be known at different steps.
    first_errors, second_errors
        Standard errors; one that is NaN counts as unknown, and the scatter is fitted.
    lags
        In ln(1 + t), rounded to multiples of `SPACING`. ``p`` holds for the whole search: the more
        lags, the larger it is.

    Raises
    ------
    SettingsError
        If there is no lag, if steps do not ascend, or if lengths differ.
    """
    x = np.log1p(np.asarray(steps, dtype=np.float64))
    shifts = np.unique(np.round(np.asarray(lags, dtype=np.float64) / SPACING).astype(int))
    require(len(shifts) > 0, "give at least one lag")
    require(bool((np.diff(x) > 0).all()), "steps must ascend")
    sizes = {len(values) for values in (x, first, first_errors, second, second_errors)}
    require(len(sizes) == 1, "values and errors must be as many as steps")
    start, end = _common(x, first, second)
    if reason := _lacking(first, second, end - start):
        return _nothing(shifts, reason)
    grid = np.arange(start, end + SPACING / 1e6, SPACING)
    curves = [
        smooth(np.expm1(x), values, errors, at=np.expm1(grid))
        for values, errors in ((first, first_errors), (second, second_errors))
    ]
    one, other = curves
    if one is None or other is None:
        return _nothing(shifts, f"Curves need {MINIMUM_POINTS} points each to be smoothed.")
    return slopes_together(
        grid, one, other, shifts, surrogates=surrogates, generator=np.random.default_rng(seed)
    )


def slopes_together(
    grid: Float[ndarray, " grid"],
    one: Smoothed,
    other: Smoothed,
    shifts: Int[ndarray, " lags"],
    *,
    surrogates: int,
    generator: np.random.Generator,
) -> LaggedCorrelation:
    """Return the same of curves that are smoothed already, on an even grid of ln(1 + t).

    Parameters
    ----------
    shifts
        Lags in units of the grid, ascending.
    """
    r = correlations(one.slope[None], other.slope[None], shifts)[0]
    stretches = independent_stretches(one.slope, other.slope)
    reason = too_few(stretches)
    if not np.isfinite(r).any():
        return _nothing(shifts, reason or "No lag leaves half of the common stretch.")
    # Differences of a grid are not the round numbers that lags are given in.
    places = np.round(shifts * float(grid[1] - grid[0]), 9)
    best = int(np.nanargmax(np.abs(r)))
    drawn = _replicates(grid, one, other, shifts, stretches, generator)
    low, high = _quantiles(drawn)
    peak = np.nanargmax(drawn * np.sign(r[best]), axis=1)
    ends = np.quantile(places[peak], [0.025, 0.975])
    height_low, height_high = np.quantile(drawn[np.arange(len(drawn)), peak], [0.025, 0.975])
    p = np.nan if reason else _chance(grid, one, other, shifts, abs(r[best]), surrogates, generator)
    at = float(places[best])
    return LaggedCorrelation(
        lags=places, r=r, low=np.minimum(low, r), high=np.maximum(high, r),
        lag=at, lag_low=min(float(ends[0]), at), lag_high=max(float(ends[1]), at),
        extremum=float(r[best]), extremum_low=min(float(height_low), float(r[best])),
        extremum_high=max(float(height_high), float(r[best])), p=float(p), stretches=stretches,
        start=float(np.expm1(grid[0])), end=float(np.expm1(grid[-1])), reason=reason,
    )  # fmt: skip


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
    size = one.shape[1]
    found = np.full((len(one), len(shifts)), np.nan)
    for i, shift in enumerate(shifts):
        if size - abs(shift) < max(3, LEAST_OVERLAP * size):
            continue
        here = slice(max(0, -shift), size - max(0, shift))
        there = slice(max(0, shift), size + min(0, shift))
        a, b = one[:, here], other[:, there]
        w = np.ones((1, a.shape[1])) if weights is None else weights[:, here]
        w = w / w.sum(1, keepdims=True)
        a, b = (v - (w * v).sum(1, keepdims=True) for v in (a, b))
        spread = np.sqrt((w * a * a).sum(1) * (w * b * b).sum(1))
        found[:, i] = (w * a * b).sum(1) / np.where(spread > 0, spread, np.nan)
    return found


def _replicates(
    grid: ndarray, one: Smoothed, other: Smoothed, shifts: ndarray, stretches: float,
    generator: np.random.Generator,
) -> Float[ndarray, "replicates lags"]:  # fmt: skip
    """Return correlations of slopes redrawn within their errors, with stretches weighted anew.

    Each independent stretch has an exponential weight (Rubin 1981, the Bayesian bootstrap). The
    errors of neighbouring slopes go together as slopes of the fitted process do.
    """
    slopes, others = (
        c.slope + c.slope_error * slope_draws(grid, c.length_scale, REPLICATES, generator)
        for c in (one, other)
    )
    blocks = max(2, min(len(grid), round(np.nan_to_num(stretches, nan=2.0))))
    offset = generator.random((REPLICATES, 1))
    block = (np.arange(len(grid)) / len(grid) * blocks + offset).astype(int)
    weights = generator.exponential(size=(REPLICATES, blocks + 1))
    return correlations(slopes, others, shifts, np.take_along_axis(weights, block, axis=1))


def _chance(
    grid: ndarray, one: Smoothed, other: Smoothed, shifts: ndarray, found: float, draws: int,
    generator: np.random.Generator,
) -> float:  # fmt: skip
    slopes, others = (slope_draws(grid, c.length_scale, draws, generator) for c in (one, other))
    farthest = np.nanmax(np.abs(correlations(slopes, others, shifts)), axis=1)
    return float((1 + (farthest >= found).sum()) / (1 + draws))


def _quantiles(drawn: ndarray) -> tuple[ndarray, ndarray]:
    known = np.isfinite(drawn).all(0)
    low, high = np.full((2, drawn.shape[1]), np.nan)
    low[known], high[known] = np.quantile(drawn[:, known], [0.025, 0.975], axis=0)
    return low, high


def _common(x: ndarray, first: ndarray, second: ndarray) -> tuple[float, float]:
    """Return the stretch of ln(1 + t) over which both are known; (0, 0) without one."""
    known = [x[np.isfinite(values)] for values in (first, second)]
    if not all(len(at) for at in known):
        return 0.0, 0.0
    return max(float(at[0]) for at in known), min(float(at[-1]) for at in known)


def _lacking(first: ndarray, second: ndarray, stretch: float) -> str:
    points = min(int(np.isfinite(values).sum()) for values in (first, second))
    if points < MINIMUM_POINTS:
        return f"Curves need {MINIMUM_POINTS} points each to be smoothed; one has {points}."
    if stretch < 10 * SPACING:
        return "The two are not measured over a common stretch of training."
    return ""


def _nothing(shifts: Int[ndarray, " lags"], reason: str) -> LaggedCorrelation:
    nan, gaps = float("nan"), np.full(len(shifts), np.nan)
    return LaggedCorrelation(
        lags=np.round(shifts * SPACING, 9), r=gaps, low=gaps, high=gaps,
        lag=nan, lag_low=nan, lag_high=nan,
        extremum=nan, extremum_low=nan, extremum_high=nan, p=nan, stretches=nan, start=nan, end=nan,
        reason=reason,
    )  # fmt: skip
