"""Stages of a development: where its curve turns, where its slope changes, and what lies between.

Hoogland et al. 2024 (arXiv:2402.02364) cut the curve of the LLC at milestones that they choose by
hand. Of these some are critical points and others changes of slope, so the two are reported apart,
each with an interval: `compute.measure.critical_points` and `compute.measure.slope_changes` say
how they are found. Both look at the curve over ``ln(1 + t)``; what they find is given in steps.

An error that all points have in common (chains of one seed, started at every checkpoint) moves the
curve as a whole and says nothing about its slope. Errors are taken as independent here: where they
are not, they are too large, and less is found; without errors the scatter of the points decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import norm

from compute.errors import require
from compute.measure.critical_points import CriticalPoint, Turns, critical_points
from compute.measure.slope_changes import SlopeChange, slope_changes
from compute.measure.slope_process import Slopes, integral

Kind: TypeAlias = Literal["maximum", "minimum", "slope"]
StageType: TypeAlias = Literal["A", "B", "unclear"]


class Boundary(NamedTuple):
    """Where a stage may end.

    Attributes
    ----------
    step, low, high
        Where, and the ends of its 95 % interval (or as confident as the spec says), in training
        steps; none need be a checkpoint.
    kind
        ``maximum`` and ``minimum`` are critical points, ``slope`` is a change of slope.
    support
        0 to 1. Of a critical point the posterior probability that the curve turns between the
        sure rise and the sure fall beside it; of a change of slope the share of bootstrap curves in
        which it is large enough to be found again.
    """

    step: float
    low: float
    high: float
    kind: Kind
    support: float


class Stage(NamedTuple):
    """What lies between two critical points, or between one and an end of the curve.

    Attributes
    ----------
    start, end
        In training steps.
    type
        ``A`` while the curve rises, ``B`` while it falls: surely at some place of the stage, or
        from its start to its end, which are two statements. ``unclear`` where neither is sure.
    support
        Posterior probability, 0 to 1, that the curve is higher (of ``B``: lower) at the end than
        at the start; if unclear, of the likelier of the two.
    """

    start: float
    end: float
    type: StageType
    support: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageSpec:
    """How stages are looked for.

    Attributes
    ----------
    confidence
        Of all statements of a kind together (that the curve turns anywhere, that it has one more
        change of slope), and of each interval.
    curves
        Draws from the posterior of the slope.
    bootstrap
        Curves in which changes of slope are searched for again.
    most_slope_changes
        No more are looked for.
    flat
        In the unit of the values per unit of ``ln t``: Hoogland's rule lists where the slope is
        smaller.
    fewest
        With fewer points nothing is looked for: they do not tell noise from shape.
    seed
        Of posterior draws and bootstrap.
    """

    confidence: float = 0.95
    curves: int = 400
    bootstrap: int = 200
    most_slope_changes: int = 8
    flat: float = 0.25
    fewest: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        require(0.5 < self.confidence < 1, "confidence must be between 0.5 and 1")
        require(self.curves >= 100, "curves must be at least 100: intervals are read off them")
        require(self.bootstrap >= 100, "bootstrap must be at least 100: intervals are read off it")
        require(self.most_slope_changes >= 0, "most_slope_changes must not be negative")
        require(self.flat > 0, "flat must be more than 0")
        require(self.fewest >= 12, "fewest must be at least 12 points")
        require(self.seed >= 0, "seed must not be negative")


DEFAULT = StageSpec()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Stages:
    """What a curve says of the stages of its run.

    Attributes
    ----------
    critical_points
        Sign changes of the slope, ascending; maxima and minima take turns.
    slope_changes
        Knots of the piecewise linear fit, ascending; some lie at critical points.
    stages
        Between critical points and the ends of the curve, in order; types A and B take turns.
    flat
        Hoogland's rule: stretches of steps, from 1 on, where the posterior mean of the slope by
        ``ln t`` is smaller than ``StageSpec.flat``.
    reason
        Why nothing can be told, in one sentence; empty if something can.
    """

    critical_points: tuple[Boundary, ...] = ()
    slope_changes: tuple[Boundary, ...] = ()
    stages: tuple[Stage, ...] = ()
    flat: tuple[tuple[float, float], ...] = ()
    reason: str = ""


def find_stages(
    steps: Sequence[int] | Float[ndarray, " points"],
    values: Float[ndarray, " points"],
    errors: Float[ndarray, " points"] | None = None,
    spec: StageSpec = DEFAULT,
) -> Stages:
    """Return critical points, changes of slope and stages of a curve over training.

    Parameters
    ----------
    steps
        Ascending, from 0 on.
    values
        NaN where nothing is known: such a step is no point.
    errors
        Standard errors in the unit of the values, independent between points. A point with a NaN,
        and every point without ``errors``, has only the noise that is fitted to the scatter.

    Raises
    ------
    SettingsError
        If lengths differ, steps do not ascend from 0 on, a value or error is infinite or an error
        is negative.

    Notes
    -----
    The same input gives the same result. Cost grows with the cube of the number of points: about
    two seconds for 190.
    """
    t, y, own = _checked(steps, values, errors)
    if len(t) < spec.fewest:
        return Stages(
            reason=f"{len(t)} points do not tell noise from shape: at least {spec.fewest} do."
        )
    if np.ptp(y) == 0:
        return Stages(reason="All values are the same.")
    x = np.log1p(t)
    generator = np.random.default_rng(spec.seed)
    turns = critical_points(
        x, y, own, confidence=spec.confidence, curves=spec.curves, generator=generator
    )
    changes = slope_changes(
        x, y, own, most=spec.most_slope_changes, confidence=spec.confidence,
        bootstrap=spec.bootstrap, generator=generator,
    )  # fmt: skip
    return Stages(
        critical_points=tuple(
            _boundary(point, "maximum" if point.sign > 0 else "minimum") for point in turns.points
        ),
        slope_changes=tuple(_boundary(change, "slope") for change in changes),
        stages=_stages(turns, float(x[0]), float(x[-1]), spec.confidence),
        flat=_flat(turns.slopes, spec.flat),
    )


def _checked(
    steps: Sequence[int] | ndarray, values: ndarray, errors: ndarray | None
) -> tuple[ndarray, ndarray, ndarray]:
    """Return steps, values and errors of the points, an unknown error as 0."""
    t, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    own = np.full_like(y, np.nan) if errors is None else np.asarray(errors, dtype=np.float64)
    require(
        t.ndim == 1 and t.shape == y.shape == own.shape,
        f"steps, values and errors must be equally many; they are {t.size}, {y.size}, {own.size}",
    )
    require(bool(np.isfinite(t).all() and (t >= 0).all()), "steps must be finite and from 0 on")
    require(bool((np.diff(t) > 0).all()), "steps must ascend; sort them and keep one of a kind")
    require(not np.isinf(y).any(), "a value is infinite; use NaN where nothing is known")
    require(not np.isinf(own).any(), "an error is infinite; use NaN where it is unknown")
    require(not (own < 0).any(), "an error is negative; use NaN where it is unknown")
    known = np.isfinite(y)
    return t[known], y[known], np.nan_to_num(own[known])


def _boundary(found: CriticalPoint | SlopeChange, kind: Kind) -> Boundary:
    step, low, high = (float(v) for v in np.expm1([found.at, found.low, found.high]))
    return Boundary(step, low, high, kind, found.support)


def _stages(turns: Turns, first: float, last: float, confidence: float) -> tuple[Stage, ...]:
    ends = [first, *(point.at for point in turns.points), last]
    signs = [int(sign) for sign in turns.signs] or [0]
    return tuple(
        _stage(turns.slopes, start, end, sign, confidence)
        for start, end, sign in zip(ends[:-1], ends[1:], signs, strict=True)
    )


def _stage(slopes: Slopes, start: float, end: float, sign: int, confidence: float) -> Stage:
    """Return a stage whose slope is surely of a sign somewhere, or of none (0)."""
    between = np.diff(integral(slopes.nodes, np.array([start, end])), axis=0)[0]
    change = float(between @ slopes.mean)
    error = float(np.sqrt(max(between @ slopes.covariance @ between, np.finfo(float).tiny)))
    rises = float(norm.cdf(change / error))
    if not sign and max(rises, 1 - rises) >= (1 + confidence) / 2:
        sign = 1 if change > 0 else -1
    support = {1: rises, -1: 1 - rises, 0: max(rises, 1 - rises)}[sign]
    types: dict[int, StageType] = {1: "A", -1: "B", 0: "unclear"}
    return Stage(float(np.expm1(start)), float(np.expm1(end)), types[sign], support)


def _flat(slopes: Slopes, limit: float) -> tuple[tuple[float, float], ...]:
    """Return the stretches of steps where the slope by ln t is smaller than ``limit``."""
    t = np.expm1(slopes.nodes)
    # d/d ln t = t / (1 + t) d/d ln(1 + t); towards step 0 it vanishes whatever the curve does.
    flat = (np.abs(slopes.mean * t / (1 + t)) < limit) & (t >= 1)
    edges = np.flatnonzero(np.diff(flat.astype(np.int64), prepend=0, append=0))
    return tuple(
        (float(t[start]), float(t[end - 1]))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    )
