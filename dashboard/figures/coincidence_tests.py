"""The tests of the Coincidence page, all that it makes: one family, corrected together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.coincidence.boundaries import BoundaryCoincidence, boundary_distance
from compute.coincidence.lags import (
    LAGS,
    SPACING,
    LaggedCorrelation,
    fewer_points,
    lagged_correlation,
    left_by_chance,
    slopes_together,
    surrogates_for,
)
from compute.coincidence.placing import MOST_BOUNDARIES
from compute.coincidence.within import Within, within
from compute.components import layers_of
from compute.smoothing import MINIMUM_POINTS, Smoothed, smooth
from dashboard.figures.coincidence_sources import Boundaries, Mark
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.refined import by_refinement, usable
from dashboard.figures.series import NORMAL_95, Curve, Steps
from dashboard.figures.stages import stage_points

SEED = 0
TURNS = 2000
# Curves from which the band of chance over all lags is read.
BAND_DRAWS = 299
STRENGTHS = {"out_strength": "out-strength", "in_strength": "in-strength"}
_SHIFTS = np.round(np.array(LAGS) / SPACING).astype(int)
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance:
    """Two sets of boundaries and how near they lie; ``found`` is None where ``reason`` says why.

    Attributes
    ----------
    source
        The id of the curve that is compared with the LLC, or `GRAPH`.
    first, second
        What the sets are of, in the plural.
    start, end
        The stretch of steps over which both are known: boundaries outside of it do not count.
    """

    source: str
    first: str
    second: str
    found: BoundaryCoincidence | None
    start: int = 0
    end: int = 0
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lag:
    """A curve and how its slope goes with that of the LLC.

    Attributes
    ----------
    limit
        How much is left of the correlation of independent curves as smooth as these, at any lag,
        in 95 % of cases; NaN where one cannot tell.
    """

    curve: Curve
    found: LaggedCorrelation
    limit: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Refined LLCs of the components of a graph and their strengths: NaN where not measured.

    Attributes
    ----------
    errors, low, high
        Standard errors of the refined LLCs, and the ends of the 95 % intervals of the strengths.
    """

    setting: str
    names: tuple[str, ...]
    layers: tuple[int, ...]
    refined: Float[ndarray, "checkpoints components"]
    errors: Float[ndarray, "checkpoints components"]
    strength: Float[ndarray, "checkpoints components"]
    low: Float[ndarray, "checkpoints components"]
    high: Float[ndarray, "checkpoints components"]


GRAPH = "graph"


def distances(
    llc: Boundaries,
    others: Mapping[str, tuple[str, Boundaries]],
    steps: Steps,
    *,
    turns: int = TURNS,
) -> list[Distance]:
    """Return how near the LLC's boundaries lie to those of each source, like with like.

    Boundaries between phases are of neither kind: they are compared with both. Only the stretch of
    training over which both are known counts: where one cannot have a boundary, that none of it is
    there is no coincidence.

    Parameters
    ----------
    others
        By id: the name of the source, and its boundaries.
    turns
        At how many turns chance is looked at.
    """
    stages, slopes = ("LLC stages", llc.critical), ("slopes of the LLC", llc.slopes)
    made = []
    for source, (name, found) in others.items():
        common = [t for t in steps if max(llc.start, found.start) <= t <= min(llc.end, found.end)]
        rises = (f"rises and falls of {name}", found.critical)
        if source == GRAPH:
            pairs = [(own, ("graph phases", found.phases)) for own in (stages, slopes)]
        else:
            pairs = [(stages, rises), (slopes, (f"slopes of {name}", found.slopes))]
        made += [_distance(source, one, other, common, turns) for one, other in pairs]
    return made


def _distance(
    source: str,
    one: tuple[str, Sequence[Mark]],
    other: tuple[str, Sequence[Mark]],
    steps: Sequence[int],
    turns: int,
) -> Distance:
    nothing = Distance(source=source, first=one[0], second=other[0], found=None)
    if len(steps) < 2:
        reason = "The two are not known over a common stretch of training."
        return dataclasses.replace(nothing, reason=reason)
    # Steps of boundaries went through a logarithm: they are steps but for rounding.
    room = [steps[0] - _ROUNDING, steps[-1] * (1 + _ROUNDING)]
    sets = []
    for name, marks in (one, other):
        inside = [mark for mark in marks if room[0] <= mark.step <= room[1]]
        if len(inside) > MOST_BOUNDARIES:
            reason = f"{len(inside)} boundaries of {name} are too many to be told from chance."
            return dataclasses.replace(nothing, reason=reason)
        sets.append(inside)
    found = boundary_distance(sets[0], sets[1], steps, seed=SEED, permutations=turns)
    return dataclasses.replace(nothing, found=found, start=steps[0], end=steps[-1])


def page_surrogates(curves: int, metrics: int) -> int:
    """Return how many chance pairs let each test of the page pass Holm's correction.

    The page makes three tests for each curve, one for each metric and four of the graph.
    """
    return surrogates_for(3 * curves + metrics + 4)


def lags(steps: Steps, llc: Curve, curves: Sequence[Curve], *, surrogates: int) -> list[Lag]:
    """Return how each curve's slope goes with that of the LLC.

    The numbers are those of `lagged_correlation`, with the LLC smoothed once where curves are
    measured over the same stretch.
    """
    smoothed: dict[tuple[float, float], tuple[ndarray, Smoothed]] = {}
    return [_lag(steps, llc, curve, smoothed, surrogates) for curve in curves]


def _lag(
    steps: Steps,
    llc: Curve,
    curve: Curve,
    kept: dict[tuple[float, float], tuple[ndarray, Smoothed]],
    surrogates: int,
) -> Lag:
    points = [_points(c) for c in (llc, curve)]
    known = [np.log1p(np.array(steps, dtype=np.float64)[np.isfinite(v)]) for v, _ in points]
    ends = (max(x[0] for x in known), min(x[-1] for x in known)) if all(map(len, known)) else (0, 0)
    if min(map(len, known)) < MINIMUM_POINTS or ends[1] - ends[0] < 10 * SPACING:
        found = lagged_correlation(steps, *points[0], *points[1])
        return Lag(curve=curve, found=found, limit=float("nan"))
    if ends not in kept:
        grid = np.arange(ends[0], ends[1] + SPACING / 1e6, SPACING)
        kept[ends] = grid, _smooth(steps, points[0], grid)
    grid, one = kept[ends]
    other = _smooth(steps, points[1], grid)
    found = slopes_together(
        grid, one, other, _SHIFTS, points=fewer_points(points[0][0], points[1][0]),
        surrogates=surrogates, generator=np.random.default_rng(SEED),
    )  # fmt: skip
    return Lag(curve=curve, found=found, limit=_limit(grid, one, other) if found.p > 0 else np.nan)


def _points(curve: Curve) -> tuple[ndarray, ndarray]:
    values, errors = stage_points(curve)
    return values, np.full_like(values, np.nan) if errors is None else errors


def _smooth(steps: Steps, points: tuple[ndarray, ndarray], grid: ndarray) -> Smoothed:
    found = smooth(steps, *points, at=np.expm1(grid))
    assert found is not None, "as many points as this needs were counted"
    return found


def _limit(grid: ndarray, one: Smoothed, other: Smoothed) -> float:
    """Return the 95 % quantile of the most that is left of independent curves' correlations."""
    generator = np.random.default_rng(SEED + 1)
    left = left_by_chance(grid, one, other, _SHIFTS, BAND_DRAWS, generator)
    return float(np.quantile(left, 0.95))


def parts_of(curves: Sequence[Curve], series: GraphSeries, strength: str) -> Parts | None:
    """Return the parts of the most complete refined LLC that are components of a graph.

    None if there is none, or no such strength.
    """
    setting, own = next(iter(by_refinement(curves).items()), ("", []))
    place = {name: i for i, name in enumerate(series.components)}
    shared = [curve for curve in own if curve.component in place]
    found = series.metrics
    if not shared or strength not in found.node_names:
        return None
    names = tuple(str(curve.component) for curve in shared)
    at, metric = [place[name] for name in names], found.node_names.index(strength)
    tables = (found.node_values, found.node_low, found.node_high)
    values, low, high = (table[metric][:, at].astype(np.float64) for table in tables)
    spread = [(c.high - c.low).astype(np.float64) / (2 * NORMAL_95) for c in shared]
    return Parts(
        setting=setting, names=names, layers=tuple(int(k) for k in layers_of(names)),
        refined=np.stack([usable(curve) for curve in shared], axis=1),
        errors=np.stack(spread, axis=1), strength=values, low=low, high=high,
    )  # fmt: skip


def courses(parts: Parts) -> Within:
    """Return whether components' own courses go together beyond what all components do."""
    errors = np.nan_to_num(parts.errors, nan=0.0, posinf=0.0)
    below, above = (
        np.nan_to_num(np.abs(end - parts.strength), nan=0.0, posinf=0.0) / NORMAL_95
        for end in (parts.low, parts.high)
    )
    return within(
        (parts.refined, errors, errors),
        (parts.strength, below, above),
        np.array(parts.layers),
        np.random.default_rng(SEED),
    )
