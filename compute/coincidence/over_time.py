"""Whether two quantities of one component go together over training, on ranks."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.coincidence.ranks import standard_ranks
from compute.coincidence.stretches import curve_draws, independent_stretches, too_few
from compute.smoothing import MINIMUM_POINTS, NORMAL_95, Smoothed, smooth

LEVEL = 0.05
SURROGATES = 999
# Points of the even grid of ln(1 + t) on which changes are counted.
_GRID = 121
# The variance of Fisher's z of a rank correlation, times the number of pairs less 3 (Fieller et
# al. 1957, Biometrika 44:470).
_RANK_VARIANCE = 1.06


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverTime:
    """How two quantities of one component go together over the steps at which both are known.

    Attributes
    ----------
    rho, low, high
        Spearman's rank correlation, -1 to 1, and its 95 % interval by Fisher's z for as many pairs
        as there are independent stretches. Errors of the values take it towards 0, which the
        interval does not mend.
    p
        Share of pairs of independent smooth curves, with the length scales, spreads and noises of
        these, that go as far from 0, what was found counted in.
    stretches
        How many independent stretches the changes of the two are worth.
    points
        At how many steps both are known.
    reason
        Why one cannot tell, for people; empty where one can. With one, all but ``rho`` and
        ``stretches`` is NaN.
    """

    rho: float
    low: float
    high: float
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
    """Return how two curves go together over training.

    Parameters
    ----------
    one, other
        In any units; NaN where not measured.
    one_errors, other_errors
        Standard errors; 0 where unknown.
    """
    known = np.isfinite(one) & np.isfinite(other)
    points, nan = int(known.sum()), float("nan")
    if points < MINIMUM_POINTS:
        reason = f"Both are known at {points} steps; {MINIMUM_POINTS} are needed."
        return OverTime(
            rho=nan, low=nan, high=nan, p=nan, stretches=nan, points=points, reason=reason
        )
    x = np.log1p(steps[known])
    ranks = [standard_ranks(values[known]) for values in (one, other)]
    rho = float(ranks[0] @ ranks[1]) if all(np.isfinite(r).all() for r in ranks) else nan
    curves = _smoothed(x, ((one[known], one_errors[known]), (other[known], other_errors[known])))
    stretches = independent_stretches(*(c.slope for c in curves)) if math.isfinite(rho) else nan
    if reason := too_few(stretches):
        return OverTime(
            rho=rho, low=nan, high=nan, p=nan, stretches=stretches, points=points, reason=reason
        )
    # Steps are as many independent pairs at most, however wild the curve between them.
    pairs = min(stretches, points)
    width = NORMAL_95 * math.sqrt(_RANK_VARIANCE / (pairs - 3))
    z = math.atanh(min(max(rho, -1 + 1e-9), 1 - 1e-9))
    drawn = [standard_ranks(_chance(x, curve, surrogates, generator)) for curve in curves]
    by_chance = np.abs((drawn[0] * drawn[1]).sum(1))
    return OverTime(
        rho=rho, low=math.tanh(z - width), high=math.tanh(z + width),
        p=float((1 + (by_chance >= abs(rho) - 1e-9).sum()) / (1 + surrogates)),
        stretches=stretches, points=points,
    )  # fmt: skip


def _smoothed(x: ndarray, curves: tuple[tuple[ndarray, ndarray], ...]) -> list[Smoothed]:
    grid = np.linspace(x[0], x[-1], _GRID)
    found = [smooth(np.expm1(x), v, e, at=np.expm1(grid)) for v, e in curves]
    return [curve for curve in found if curve is not None]


def _chance(
    x: ndarray, curve: Smoothed, draws: int, generator: np.random.Generator
) -> Float[ndarray, "draws points"]:
    """Return curves of the same length scale, spread and noise at the same steps."""
    drawn = curve_draws(x, curve.length_scale, draws, generator)
    drawn -= drawn.mean(1, keepdims=True)
    spread = drawn.std(1, keepdims=True)
    noise = curve.noise * generator.normal(size=drawn.shape)
    return np.asarray(drawn / np.where(spread > 0, spread, 1) * curve.mean.std() + noise)
