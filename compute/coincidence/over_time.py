"""Whether two quantities of one component change together over training."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.coincidence.lags import SURROGATES, slopes_together
from compute.coincidence.ranks import rank_correlation
from compute.smoothing import MINIMUM_POINTS, smooth

LEVEL = 0.05
# Points of the even grid of ln(1 + t) on which changes are counted.
_GRID = 121
_AT_ONCE = np.array([0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverTime:
    """How two quantities of one component go together over the steps at which both are known.

    Attributes
    ----------
    rho
        Spearman's rank correlation of their values, -1 to 1. It says nothing by itself: two that
        drift correlate whatever they are.
    r, low, high
        Correlation of their smoothed slopes by ln(1 + t), -1 to 1, and its 95 % interval.
    least
        What is left of it without the stretch of training on which it rests most.
    p
        Share of pairs of independent curves as smooth as these whose ``least`` is as far from 0;
        these three as in `LaggedCorrelation`, at no lag.
    stretches
        How many independent stretches the changes of the two are worth.
    points
        At how many steps both are known.
    reason
        Why one cannot tell, for people; empty where one can. With one, ``p`` is NaN.
    """

    rho: float
    r: float
    low: float
    high: float
    least: float
    p: float
    stretches: float
    points: int
    reason: str = ""

    @property
    def related(self) -> bool:
        """Whether fewer than one of 20 pairs of independent curves go together so."""
        return not self.reason and self.p <= LEVEL


def over_time(
    steps: Float[ndarray, " checkpoints"],
    one: Float[ndarray, " checkpoints"],
    one_errors: Float[ndarray, " checkpoints"],
    other: Float[ndarray, " checkpoints"],
    other_errors: Float[ndarray, " checkpoints"],
    *,
    generator: np.random.Generator,
    surrogates: int = SURROGATES,
) -> OverTime:
    """Return how two curves change together over training.

    Parameters
    ----------
    one, other
        In any units; NaN where not measured.
    one_errors, other_errors
        Standard errors; 0 where unknown.
    """
    known = np.isfinite(one) & np.isfinite(other)
    points, nan = int(known.sum()), float("nan")
    nothing = OverTime(
        rho=nan, r=nan, low=nan, high=nan, least=nan, p=nan, stretches=nan, points=points
    )
    if points < MINIMUM_POINTS:
        reason = f"Both are known at {points} steps; {MINIMUM_POINTS} are needed."
        return dataclasses.replace(nothing, reason=reason)
    at = steps[known]
    grid = np.linspace(np.log1p(at[0]), np.log1p(at[-1]), _GRID)
    curves = [
        smooth(at, values[known], errors[known], at=np.expm1(grid))
        for values, errors in ((one, one_errors), (other, other_errors))
    ]
    first, second = (curve for curve in curves if curve is not None)
    found = slopes_together(
        grid, first, second, _AT_ONCE, points=points, surrogates=surrogates, generator=generator
    )
    return OverTime(
        rho=float(rank_correlation(one[known], other[known])), r=found.extremum,
        low=found.extremum_low, high=found.extremum_high, least=found.least, p=found.p,
        stretches=found.stretches, points=points, reason=found.reason,
    )  # fmt: skip
