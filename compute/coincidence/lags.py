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

from compute.coincidence.shifted import correlations, least_correlations
from compute.coincidence.stretches import independent_stretches, slope_draws, too_few
from compute.errors import require
from compute.smoothing import MINIMUM_POINTS, NORMAL_95, Smoothed, smooth

LEVEL = 0.05
# Of the grid of ln(1 + t) on which slopes are taken, and of lags.
SPACING = 0.05
LAGS = tuple(round(SPACING * k, 2) for k in range(-20, 21))
SURROGATES, REPLICATES = 999, 400
# Of as many tests as are corrected together, the smallest p must stay below 0.05 when it is
# multiplied by how many there are.
_DRAWS_PER_TEST = 40
_ROUNDING = 1e-9
# Fisher's z has one over the number of pairs less 3 as its variance: more than this many.
_FEWEST_FREE = 0.25
_SHORT_OF_ONE = 1 - 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LaggedCorrelation:
    """How the slopes of two curves go together at each lag.

    Attributes
    ----------
    lags
        In ln(1 + t), in multiples of `SPACING`. Positive: the second curve changes later.
    r, low, high
        Correlation of the slopes, -1 to 1, and its 95 % interval at each lag by itself: that of
        Fisher's z for as many pairs as there are independent stretches, and whatever slopes reach
        that are redrawn within their errors, with stretches weighted at random. NaN at a lag that
        leaves too little of the common stretch.
    left
        What is left of ``r`` without the stretch on which it rests most (`least_correlations`):
        two curves with one event each can correlate closely, and that is one coincidence and no
        relation.
    least
        The farthest of ``left`` from 0 at any lag.
    p
        Share of pairs of independent smooth curves, with the length scales of these, whose
        ``least`` is as far from 0; what was found is counted in.
    extremum, extremum_low, extremum_high
        The farthest of ``r`` from 0 among the lags about that of ``least`` at which it has the same
        sign, and its interval: at that lag by itself, so that it may hold 0 or not whatever p is.
    lag, lag_low, lag_high
        Where that is, between the lags by a parabola, and the 95 % interval among these lags, which
        is never narrower than the distance of two.
    stretches
        How many independent pairs of slopes there are (`independent_stretches`), at most as many
        as points.
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
    left: Float[ndarray, " lags"]
    lag: float
    lag_low: float
    lag_high: float
    extremum: float
    extremum_low: float
    extremum_high: float
    least: float
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
        grid, one, other, shifts, points=fewer_points(first, second), surrogates=surrogates,
        generator=np.random.default_rng(seed),
    )  # fmt: skip


def surrogates_for(tests: int) -> int:
    """Return how many chance pairs let each of so many tests pass Holm's correction."""
    return max(SURROGATES, _DRAWS_PER_TEST * tests)


def fewer_points(first: Float[ndarray, " points"], second: Float[ndarray, " points"]) -> int:
    """Return at how many points the less often known of two curves is known."""
    return min(int(np.isfinite(values).sum()) for values in (first, second))


def slopes_together(
    grid: Float[ndarray, " grid"],
    one: Smoothed,
    other: Smoothed,
    shifts: Int[ndarray, " lags"],
    *,
    points: int,
    surrogates: int,
    generator: np.random.Generator,
) -> LaggedCorrelation:
    """Return the same of curves that are smoothed already, on an even grid of ln(1 + t).

    Parameters
    ----------
    shifts
        Lags in units of the grid, ascending.
    points
        Through how many points the curves go: no more independent stretches are told from them,
        however wild the curve between.
    """
    r = correlations(one.slope[None], other.slope[None], shifts)[0]
    stretches = min(independent_stretches(one.slope, other.slope), float(points))
    reason = too_few(stretches)
    if not np.isfinite(r).any():
        return _nothing(shifts, reason or "No lag leaves half of the common stretch.")
    # Differences of a grid are not the round numbers that lags are given in.
    places = np.round(shifts * float(grid[1] - grid[0]), 9)
    length = _length(grid, one, other)
    left = least_correlations(one.slope[None], other.slope[None], shifts, length)[0]
    about = _about(r, left)
    sign, best = np.sign(r[about][0]), about.start + int(np.argmax(np.abs(r[about])))
    drawn = _replicates(grid, one, other, shifts, stretches, generator)
    low, high = _widened(_quantiles(drawn), r, stretches)
    heights = (sign * drawn)[:, about]
    ends = np.quantile(sign * heights.max(1), [0.025, 0.975])
    height_low, height_high = _widened((ends[0], ends[1]), r[best], stretches)
    at = float(_peaks(places[about], np.abs(r[about])[None])[0])
    lag_ends = np.quantile(_peaks(places[about], heights), [0.025, 0.975])
    spare = np.diff(places).max(initial=0.0) / 2
    least = float(left[np.nanargmax(np.abs(left))])
    p = np.nan
    if not reason:
        by_chance = left_by_chance(grid, one, other, shifts, surrogates, generator)
        p = (1 + (by_chance >= abs(least) - _ROUNDING).sum()) / (1 + surrogates)
    return LaggedCorrelation(
        lags=places, r=r, low=low, high=high, left=left,
        lag=at, lag_low=min(float(lag_ends[0]), at - spare),
        lag_high=max(float(lag_ends[1]), at + spare),
        extremum=float(r[best]), extremum_low=float(height_low),
        extremum_high=float(height_high), least=least, p=float(p), stretches=stretches,
        start=float(np.expm1(grid[0])), end=float(np.expm1(grid[-1])), reason=reason,
    )  # fmt: skip


def _about(r: Float[ndarray, " lags"], left: Float[ndarray, " lags"]) -> slice:
    """Return the lags about the one with most left at which ``r`` has the same sign as there."""
    most = np.abs(left) if np.nanmax(np.abs(left)) > 0 else np.abs(r)
    best = int(np.nanargmax(most))
    other = np.flatnonzero(np.sign(r) != np.sign(r[best]))
    start = int(other[other < best].max(initial=-1)) + 1
    return slice(start, int(other[other > best].min(initial=len(r))))


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


def left_by_chance(
    grid: Float[ndarray, " grid"],
    one: Smoothed,
    other: Smoothed,
    shifts: Int[ndarray, " lags"],
    draws: int,
    generator: np.random.Generator,
) -> Float[ndarray, " draws"]:
    """Return how far from 0 ``least`` lies in pairs of independent curves as smooth as these."""
    slopes, others = (slope_draws(grid, c.length_scale, draws, generator) for c in (one, other))
    left = least_correlations(slopes, others, shifts, _length(grid, one, other))
    return np.asarray(np.nanmax(np.abs(left), axis=1))


def _length(grid: ndarray, one: Smoothed, other: Smoothed) -> float:
    """Return the length scale of the smoother of two curves, in places of the grid."""
    return max(one.length_scale, other.length_scale) / float(grid[1] - grid[0])


def _peaks(
    places: Float[ndarray, " lags"], heights: Float[ndarray, "pairs lags"]
) -> Float[ndarray, " pairs"]:
    """Return where each row is highest, between even lags by a parabola through three of them."""
    top = np.nanargmax(heights, axis=1)
    rows, gaps = np.arange(len(heights)), np.diff(places)
    if len(gaps) < 2 or np.ptp(gaps) > _ROUNDING:
        return np.asarray(places[top])
    padded = np.pad(heights, ((0, 0), (1, 1)), constant_values=np.nan)
    before, at, after = (padded[rows, top + k] for k in range(3))
    bend = before - 2 * at + after
    away = np.where(bend < 0, (before - after) / (2 * np.where(bend < 0, bend, 1)), 0.0)
    return np.asarray(places[top] + gaps[0] * np.clip(np.nan_to_num(away), -0.5, 0.5))


def _widened(
    ends: tuple[ndarray, ndarray], r: ndarray | float, stretches: float
) -> tuple[ndarray, ndarray]:
    """Return intervals that also hold those of Fisher's z for as many pairs as stretches."""
    width = NORMAL_95 / np.sqrt(max(np.nan_to_num(stretches) - 3, _FEWEST_FREE))
    z = np.arctanh(np.clip(r, -_SHORT_OF_ONE, _SHORT_OF_ONE))
    return np.fmin(ends[0], np.tanh(z - width)), np.fmax(ends[1], np.tanh(z + width))


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
    points = fewer_points(first, second)
    if points < MINIMUM_POINTS:
        return f"Curves need {MINIMUM_POINTS} points each to be smoothed; one has {points}."
    if stretch < 10 * SPACING:
        return "The two are not measured over a common stretch of training."
    return ""


def _nothing(shifts: Int[ndarray, " lags"], reason: str) -> LaggedCorrelation:
    nan, gaps = float("nan"), np.full(len(shifts), np.nan)
    return LaggedCorrelation(
        lags=np.round(shifts * SPACING, 9), r=gaps, low=gaps, high=gaps, left=gaps,
        lag=nan, lag_low=nan, lag_high=nan,
        extremum=nan, extremum_low=nan, extremum_high=nan, least=nan, p=nan,
        stretches=nan, start=nan, end=nan,
        reason=reason,
    )  # fmt: skip
