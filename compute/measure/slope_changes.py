"""Where the slope of a curve changes: a continuous piecewise linear fit, and how many pieces.

`compute.measure.broken_lines` finds the best fit with a given number of knots. A further knot is
accepted as long as chance explains it in at most 5 % of curves: the largest of the standardised
changes of slope over all places is compared with the maximum of a Gaussian process of the same
correlations, bounded by the length of its path on the sphere (Davies 1987, Biometrika 74:33). Noise
that is itself estimated makes Student's t of the normal distribution.

The noise of a point is its own error and, in quadrature, an extra noise; together a stationary
AR(1) from point to point, however far apart they are. Both are read from what a fit leaves, by
restricted likelihood (Patterson and Thompson 1971, Biometrika 58:545). Which fit decides: too many
knots follow the noise and take its autocorrelation for shape, too few take shape for noise. So the
likeliest of them all is taken, where a knot must pay for the places that were tried.

A fit that has missed a change puts the knots beside it elsewhere. An interval therefore holds,
beside what a bootstrap of the fit says, the places of its knot in fits with a few more knots.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.optimize import brentq, linear_sum_assignment
from scipy.stats import norm
from scipy.stats import t as student

from compute.measure.broken_lines import SHORTEST, Line, Noise, Search, tangent_columns

# So many more knots than may be found are tried, lest they be taken for noise.
_SPARE = 2
_PHI = np.linspace(0, 0.9, 7)
# A knot must raise twice the logarithm of the likelihood by so many logarithms of the number of
# points, or what it explains is noise.
_PER_KNOT = 4.0
_PASSES, _ALIKE = 2, 1.2
# Residuals tell of the noise near by: how near, as a share of all points, and how many points as
# large as elsewhere they must outweigh.
_NEAR, _PRIOR = 0.04, 10.0
# Of the extra noise, in standard deviations of the values.
_LEAST = 1e-4
# So many fits with more knots are heard, each knot with its interval.
_ALSO = 3
# Autocorrelated points tell less of their noise, but this share of what independent ones do.
_LEAST_SHARE = 1 / 3
# In units of x: a factor of e squared in t to each side.
_WIDEST = 4.0
_TINY = 1e-10


class SlopeChange(NamedTuple):
    """A change of slope: where, its interval, and the share of bootstrap curves with it."""

    at: float
    low: float
    high: float
    support: float


def slope_changes(
    x: Float[ndarray, " points"],
    y: Float[ndarray, " points"],
    own: Float[ndarray, " points"],
    *,
    most: int,
    confidence: float,
    bootstrap: int,
    generator: np.random.Generator,
) -> tuple[SlopeChange, ...]:
    """Return where the slope of ``y`` over ``x`` changes, in ascending order.

    Parameters
    ----------
    x
        Ascending, without ties.
    own
        Standard error of each point in the unit of ``y``, 0 where unknown.
    most
        No more changes are looked for.
    confidence
        One minus the chance of a change too many, and of intervals.
    bootstrap
        Curves drawn from fit and noise, in which the knots are searched for again.

    Notes
    -----
    An interval is from the bootstrap curves in which the change is found again. It holds their
    percentiles and their symmetric interval about the knot, and the knot's place in fits with up to
    three more knots; it ends at the neighbouring knots, since knots keep their order. One that is
    wider than a factor of e squared to each side is given only if the share of such curves
    reaches ``confidence``: a change of which neither existence nor place is sure is left out.

    A curve that bends is cut where straight pieces follow it best, with as many knots as noise and
    ``most`` allow: its knots say where it bends, not that it has corners.
    """
    unit = float(y.std()) or 1.0
    y, own = (y - y.mean()) / unit, own / unit
    room = len(x) // SHORTEST - 1
    noise = _noise(x, y, own, min(most + _SPARE, room))
    search = Search(x, noise)
    found = search.lines(y, min(most + _SPARE, room))
    count, needed = _count(search, y, found, min(most, room), 1 - confidence)
    if count == 0:
        return ()
    line = found[count]
    # Real curves bend: what straight pieces miss is noise to the places of the knots.
    spread = _extra(y - line.values, own, len(x) - 2 - 2 * count)
    wider = Noise(np.maximum(np.hypot(own, spread), noise.deviation), noise.phi)
    knots, sure = search.refit(line.values + _drawn(wider, bootstrap, generator), line.knots)
    kept = sure * np.sign(search.changes(y[None], line.knots[None])[0]) > needed
    low, high = _ends(line.knots, knots, kept, confidence)
    for richer in found[count + 1 : count + 1 + _ALSO]:
        low, high = _widened(search, y, line, richer, (low, high), confidence)
    ends = [float(x[0]), *(float(knot) for knot in line.knots), float(x[-1])]
    changes = [
        SlopeChange(at, max(float(a), before), min(float(b), after), float(share))
        for before, at, after, a, b, share in zip(
            ends, ends[1:], ends[2:], low, high, kept.mean(axis=0), strict=False
        )
    ]
    return tuple(
        each for each in changes if each.high - each.low <= _WIDEST or each.support >= confidence
    )


def _ends(at: ndarray, knots: ndarray, kept: ndarray, confidence: float) -> tuple[ndarray, ndarray]:
    """Return the ends of each knot's interval, from the curves in which its change is found."""
    # Where a change is lost, its knot follows the noise.
    places = np.where(kept | ~kept.any(axis=0), knots, np.nan)
    low, high = np.nanquantile(places, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    reach = np.nanquantile(np.abs(places - at), confidence, axis=0)
    return np.minimum(low, at - reach), np.maximum(high, at + reach)


def _widened(
    search: Search,
    y: ndarray,
    line: Line,
    richer: Line,
    ends: tuple[ndarray, ndarray],
    confidence: float,
) -> tuple[ndarray, ndarray]:
    """Return intervals that also hold each knot's place in a fit with more knots.

    A knot that stands for two changes of one sign lies between them, so it may be at either.
    """
    low, high = ends[0].copy(), ends[1].copy()
    reach = float(norm.ppf((1 + confidence) / 2))
    bend, (change, error) = search.places(y, line.knots)[0], search.places(y, richer.knots)
    unlike = np.sign(bend)[:, None] != np.sign(change)
    apart = np.abs(line.knots[:, None] - richer.knots) + np.ptp(search.x) * unlike
    mine, partners = linear_sum_assignment(apart)
    for i, its in zip(mine, partners, strict=True):
        same = [its]
        place = richer.knots[its]
        if not ends[0][i] <= place <= ends[1][i]:
            other = its + (1 if place < line.knots[i] else -1)
            spare = 0 <= other < len(change) and other not in partners
            if spare and not unlike[i, other]:
                same.append(other)
        low[i] = min(low[i], *(richer.knots[same] - reach * error[same]))
        high[i] = max(high[i], *(richer.knots[same] + reach * error[same]))
    return low, high


def _count(
    search: Search, y: ndarray, found: list[Line], most: int, level: float
) -> tuple[int, float]:
    """Return how many knots chance does not explain, and what a change must exceed."""
    phi = search.noise.phi
    freedom = (len(y) - 2 * len(found)) * max((1 - phi) / (1 + phi), _LEAST_SHARE)
    needed = 0.0
    for count, line in enumerate(found[:-1]):
        size, path, pieces = search.significance(y, line)
        if count == most or _chance(size, path, pieces, freedom) > level:
            return count, needed
        needed = brentq(lambda s: _chance(s, path, pieces, freedom) - level, 0, 1e6)  # noqa: B023
    return min(len(found) - 1, most), needed


def _chance(size: float, path: float, pieces: int, freedom: float) -> float:
    """Bound the chance that the largest of all standardised changes exceeds ``size``."""
    crossing = path / np.pi * (1 + size**2 / freedom) ** (-freedom / 2)
    return float(2 * pieces * student.sf(size, freedom) + crossing)


def _noise(x: ndarray, y: ndarray, own: ndarray, most: int) -> Noise:
    """Return the likeliest noise that the best fits with up to ``most`` knots leave."""
    noise = Noise(own if own.all() else np.hypot(own, 0.1 * y.std() + _TINY), 0.0)
    for _ in range(_PASSES):
        before = noise
        left = [_left(x, y, own, line) for line in Search(x, noise).forward(y, most)]
        worth = [
            2 * each.likelihood - _PER_KNOT * np.log(len(x)) * count
            for count, each in enumerate(left)
        ]
        noise = left[int(np.argmax(worth))].noise
        shape = noise.deviation / before.deviation
        if noise.phi == before.phi and shape.max() < _ALIKE * shape.min():
            break
    return noise


class _Left(NamedTuple):
    """The noise that a fit leaves, and the logarithm of the likelihood of fit and noise."""

    noise: Noise
    likelihood: float


def _left(x: ndarray, y: ndarray, own: ndarray, line: Line) -> _Left:
    """Return the noise of the largest restricted likelihood (Patterson and Thompson 1971)."""
    tangent = tangent_columns(x, line.knots[None])[0]
    span = np.linalg.qr(tangent)[0]
    residual = y - line.values
    residual -= span @ (span.T @ residual)
    lag = np.abs(np.subtract.outer(np.arange(len(x)), np.arange(len(x))))
    along = np.bincount(lag.ravel(), (np.eye(len(x)) - span @ span.T).ravel())
    tried: list[tuple[float, float, Noise]] = []
    for phi in _PHI:
        # So much of the noise the fit leaves: one degree of freedom a column if phi is zero.
        freedom = float(along @ phi ** np.arange(len(x)))
        extra = max(_extra(residual, own, freedom), _LEAST)
        noise = Noise(np.hypot(own, extra), float(phi))
        tried.append((*_likelihoods(tangent, residual, noise), noise))
    _, likelihood, noise = max(tried, key=lambda each: each[0])
    return _Left(_locally(noise, residual, own), likelihood)


def _likelihoods(design: ndarray, residual: ndarray, noise: Noise) -> tuple[float, float]:
    """Return the logarithms of the restricted and of the full likelihood, without constants."""
    span, upper = np.linalg.qr(noise.whiten(design.T).T)
    white = noise.whiten(residual)
    misfit = float(white @ white - ((span.T @ white) ** 2).sum())
    full = -0.5 * misfit - np.log(noise.deviation).sum()
    full -= 0.5 * (len(residual) - 1) * np.log(1 - noise.phi**2)
    information = np.abs(np.diag(upper))
    return full - np.log(np.maximum(information, _TINY * information.max())).sum(), full


def _locally(noise: Noise, residual: ndarray, own: ndarray) -> Noise:
    """Return the noise raised where residuals of points without errors are larger than elsewhere.

    It is not lowered where they are smaller: what is quiet would attract all knots.
    """
    count = np.arange(len(own))
    near = np.exp(-0.5 * ((count[:, None] - count) / (_NEAR * len(own))) ** 2)
    squares = near @ (residual / noise.deviation) ** 2 + _PRIOR
    raised = np.sqrt(np.maximum(squares / (near.sum(axis=1) + _PRIOR), 1))
    return Noise(noise.deviation * np.where(own > 0, 1, raised), noise.phi)


def _extra(left: ndarray, own: ndarray, freedom: float) -> float:
    """Return the noise that makes the residuals as large as their errors say."""

    def excess(extra: float) -> float:
        return float((left**2 / (own**2 + extra**2 + _TINY)).sum()) - freedom

    most = float(np.sqrt((left**2).sum() / freedom)) + _TINY
    if not own.any():
        return most
    return 0.0 if excess(0.0) <= 0 else float(brentq(excess, 0, most))


def _drawn(
    noise: Noise, curves: int, generator: np.random.Generator
) -> Float[ndarray, "curves points"]:
    drawn = generator.standard_normal((curves, len(noise.deviation)))
    drawn[:, 1:] *= np.sqrt(1 - noise.phi**2)
    for before, at in itertools.pairwise(range(drawn.shape[1])):
        drawn[:, at] += noise.phi * drawn[:, before]
    return drawn * noise.deviation
