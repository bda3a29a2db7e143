"""Continuous piecewise linear curves through noisy points, for many series at once.

The best knots are searched for on a grid, from fits with fewer and with more knots: each knot in
turn is moved to its best place until none moves. They are then moved off the grid by Gauss-Newton
steps. All sums over points are in one Gram matrix of whitened hinges, so that a step of the search
costs the same however many points there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

# Points between two knots, and before the first and after the last.
SHORTEST = 3
_GRID = 120
_SWEEPS, _NEWTON = 4, 5
_RESWEEPS = 2
_TINY = 1e-10


class Noise(NamedTuple):
    """Standard deviation of each point, and the correlation of neighbours, 0 to 0.9."""

    deviation: Float[ndarray, " points"]
    phi: float

    def whiten(self, series: Float[ndarray, "*many points"]) -> Float[ndarray, "*many points"]:
        """Return what has independent noise of variance 1 if ``series`` has this noise."""
        scaled = series / self.deviation
        rest = (scaled[..., 1:] - self.phi * scaled[..., :-1]) / np.sqrt(1 - self.phi**2)
        return np.concatenate([scaled[..., :1], rest], axis=-1)


class Line(NamedTuple):
    """A continuous piecewise linear curve through points.

    ``values`` are its own at the points, ``misfit`` the sum of squares of what is left, whitened.
    """

    knots: Float[ndarray, " knots"]
    values: Float[ndarray, " points"]
    misfit: float


class Search:
    """Piecewise linear fits to series that share places and noise."""

    def __init__(self, x: Float[ndarray, " points"], noise: Noise) -> None:
        self.x, self.noise = x, noise
        self.grid = _grid(x)
        self.rank = np.searchsorted(x, self.grid)
        self.basis = np.column_stack([np.ones_like(x), x, _hinges(x, self.grid)])
        self.white = self.noise.whiten(self.basis.T).T
        self.gram = self.white.T @ self.white

    def lines(self, y: Float[ndarray, " points"], most: int) -> list[Line]:
        """Return the best lines with 0, 1, .., ``most`` knots."""
        target = (self.noise.whiten(y) @ self.white)[None]
        forward = self._forward(target, most)
        backward = forward[-1]
        best = [self._refined(y, backward)]
        for ahead in reversed(forward[:-1]):
            backward = self._descended(target, self._removed(target, backward))
            misfits = [self._line(y, self.grid[each]).misfit for each in (ahead, backward)]
            best.append(self._refined(y, (ahead, backward)[int(np.argmin(misfits))]))
        return best[::-1]

    def forward(self, y: Float[ndarray, " points"], most: int) -> list[Line]:
        """Return good lines with 0, 1, .., ``most`` knots, or as many as there is room for."""
        target = (self.noise.whiten(y) @ self.white)[None]
        return [self._line(y, self.grid[each]) for each in self._forward(target, most)]

    def refit(
        self, series: Float[ndarray, "curves points"], knots: Float[ndarray, " knots"]
    ) -> tuple[Float[ndarray, "curves knots"], Float[ndarray, "curves knots"]]:
        """Return the best knots of each series, and the standardised change of slope at each.

        The first is looked for before the second of ``knots``, the second between the first and
        the third, and so on. Between places of the grid a parabola says where a knot is best.
        """
        start = np.abs(self.grid - knots[:, None]).argmin(axis=1)
        limits = np.searchsorted(self.grid, [self.grid[0], *knots, np.inf])
        # Where knots stand closer than the grid, three places are left all the same.
        first = np.clip(np.minimum(limits[:-2], start - 1), 0, _GRID - 3)
        last = np.clip(np.maximum(limits[2:], start + 2), 3, _GRID)
        places = np.tile(start, (len(series), 1))
        target = self.noise.whiten(series) @ self.white
        moved = np.empty(places.shape)
        for _ in range(_RESWEEPS):
            for i in range(len(knots)):
                among = slice(first[i], last[i])
                gains = self._gains(target, np.delete(places, i, axis=1), among)
                places[:, i] = first[i] + gains.argmax(axis=1)
                moved[:, i] = _peaks(self.grid[among], gains)
        moved = np.sort(moved, axis=1)
        return moved, self.changes(series, moved)

    def changes(
        self, series: Float[ndarray, "curves points"], knots: Float[ndarray, "curves knots"]
    ) -> Float[ndarray, "curves knots"]:
        """Return the change of slope at each knot over its standard error, places being fitted."""
        count = knots.shape[1]
        fitted, error = _solved(self.tangent(knots), self.noise.whiten(series))
        return (fitted / error)[:, 2 : 2 + count]

    def places(
        self, y: Float[ndarray, " points"], knots: Float[ndarray, " knots"]
    ) -> tuple[Float[ndarray, " knots"], Float[ndarray, " knots"]]:
        """Return the change of slope at each knot, and the standard error of its place."""
        fitted, error = _solved(self.tangent(knots[None]), self.noise.whiten(y)[None])
        bend, count = fitted[0, 2 : 2 + len(knots)], len(knots)
        return bend, error[0, 2 + count :] / np.maximum(np.abs(bend), _TINY)

    def significance(self, y: Float[ndarray, " points"], line: Line) -> tuple[float, float, int]:
        """Return the largest standardised change of slope anywhere else than at a line's knots.

        With it come the length of the path that the normalised changes describe on the sphere as
        the place moves along the grid, and in how many pieces the knots leave it.
        """
        free = self._free(np.searchsorted(self.x, line.knots)[None])[0]
        if not free.any():
            return 0.0, 0.0, 1
        span = np.linalg.qr(self.tangent(line.knots[None])[0])[0]
        hinges = self.white[:, 2:][:, free]
        left = hinges - span @ (span.T @ hinges)
        norm = np.linalg.norm(left, axis=0)
        unit = left[:, norm > _TINY * norm.max()] / norm[norm > _TINY * norm.max()]
        turned = np.abs((unit[:, 1:] * unit[:, :-1]).sum(axis=0))
        size = np.abs(self.noise.whiten(y) @ unit).max()
        pieces = 1 + int((np.diff(np.flatnonzero(free)) > 1).sum())
        return float(size), float(np.arccos(np.minimum(turned, 1)).sum()), pieces

    def _forward(self, target: ndarray, most: int) -> list[ndarray]:
        """Return the places of 0, 1, .., ``most`` knots, each from those before."""
        forward = [np.empty((1, 0), dtype=np.int64)]
        for _ in range(most):
            more = self._descended(target, self._added(target, forward[-1]))
            if more.shape[1] == forward[-1].shape[1]:
                break
            forward.append(more)
        return forward

    def _free(self, ranks: ndarray, among: slice = slice(None)) -> Bool[ndarray, "curves places"]:
        apart = np.abs(self.rank[None, among, None] - ranks[:, None, :])
        return (apart >= SHORTEST).all(axis=2)

    def _gains(
        self, target: ndarray, others: ndarray, among: slice = slice(None)
    ) -> Float[ndarray, "curves places"]:
        """Return by how much a knot at each place lowers the misfit beside the other knots."""
        curves = len(others)
        fixed = np.concatenate([np.tile([0, 1], (curves, 1)), others + 2], axis=1)
        across = self.gram[:, 2:][:, among][fixed]
        within = self.gram[fixed[:, :, None], fixed[:, None, :]]
        # Knots without room between them would make it singular.
        within = within * (1 + _TINY * np.eye(fixed.shape[1]))
        solved = np.linalg.solve(within, across)
        size = np.diag(self.gram)[2:][among]
        norm = size - (across * solved).sum(axis=1)
        given = np.take_along_axis(target, fixed, axis=1)
        left = target[:, 2:][:, among] - np.einsum("cf,cfg->cg", given, solved)
        gains = left**2 / np.maximum(norm, _TINY * size)
        return np.where(self._free(self.rank[others], among), gains, -1.0)

    def _added(self, target: ndarray, places: ndarray) -> ndarray:
        gains = self._gains(target, places)
        if gains.max() < 0:
            return places
        return np.sort(np.column_stack([places, gains.argmax(axis=1)]), axis=1)

    def _removed(self, target: ndarray, places: ndarray) -> ndarray:
        count = places.shape[1]
        lost = [
            self._gains(target, np.delete(places, i, axis=1))[0, places[0, i]] for i in range(count)
        ]
        return np.delete(places, int(np.argmin(lost)), axis=1)

    def _descended(self, target: ndarray, places: ndarray) -> ndarray:
        """Return the knots moved one by one to their best places until none moves."""
        for _ in range(_SWEEPS):
            before = places.copy()
            for i in range(places.shape[1]):
                places[:, i] = self._gains(target, np.delete(places, i, axis=1)).argmax(axis=1)
            if (places == before).all():
                break
        return np.sort(places, axis=1)

    def _refined(self, y: ndarray, places: ndarray) -> Line:
        return self._line(y, self._newton(y[None], self.grid[places]))

    def _line(self, y: ndarray, knots: ndarray) -> Line:
        values, misfit = self._fitted(y[None], knots)
        return Line(knots[0], values[0], float(misfit[0]))

    def _newton(self, series: ndarray, knots: ndarray) -> ndarray:
        """Return the knots after Gauss-Newton steps, each kept where it lowers the misfit."""
        count = knots.shape[1]
        if count == 0:
            return knots
        misfit = self._fitted(series, knots)[1]
        reach = np.interp(knots, self.grid[1:], np.diff(self.grid))
        step = np.ones((len(knots), 1))
        for _ in range(_NEWTON):
            fit, _ = _solved(self.tangent(knots), self.noise.whiten(series))
            bend = fit[:, 2 : 2 + count]
            # A knot that moves by d changes the curve by -bend * d after it.
            move = -fit[:, 2 + count :] / np.where(np.abs(bend) > _TINY, bend, np.inf)
            tried = np.clip(
                knots + step * np.clip(move, -reach, reach), self.grid[0], self.grid[-1]
            )
            new = self._fitted(series, tried)[1]
            better = (new < misfit) & (np.diff(tried, axis=1) > 0).all(axis=1)
            knots, misfit = np.where(better[:, None], tried, knots), np.where(better, new, misfit)
            step[~better] /= 2
        return knots

    def _fitted(self, series: ndarray, knots: ndarray) -> tuple[ndarray, ndarray]:
        design = _columns(self.x, knots)
        white = np.swapaxes(self.noise.whiten(np.swapaxes(design, 1, 2)), 1, 2)
        aim = self.noise.whiten(series)
        weights, _ = _solved(white, aim)
        left = aim - np.einsum("cnp,cp->cn", white, weights)
        return np.einsum("cnp,cp->cn", design, weights), (left**2).sum(axis=1)

    def tangent(self, knots: ndarray) -> Float[ndarray, "curves points columns"]:
        """Return the whitened columns of a fit, and those by which it changes as knots move."""
        both = tangent_columns(self.x, knots)
        return np.swapaxes(self.noise.whiten(np.swapaxes(both, 1, 2)), 1, 2)


def tangent_columns(
    x: Float[ndarray, " points"], knots: Float[ndarray, "curves knots"]
) -> Float[ndarray, "curves points columns"]:
    """Return the columns of each fit, and the steps that move its knots."""
    after = (x[None, :, None] > knots[:, None]).astype(np.float64)
    return np.concatenate([_columns(x, knots), after], axis=2)


def _columns(x: ndarray, knots: ndarray) -> Float[ndarray, "curves points columns"]:
    line = np.broadcast_to(np.column_stack([np.ones_like(x), x]), (len(knots), len(x), 2))
    return np.concatenate([line, np.maximum(x[None, :, None] - knots[:, None], 0)], axis=2)


def _solved(design: ndarray, aim: ndarray) -> tuple[ndarray, ndarray]:
    """Return the weights that fit each ``aim`` best, and their standard errors at unit noise."""
    scale = np.sqrt((design**2).sum(axis=1)) + _TINY
    unit = design / scale[:, None]
    normal = np.swapaxes(unit, 1, 2) @ unit + _TINY * np.eye(design.shape[2])
    inverse = np.linalg.inv(normal)
    fitted = (inverse @ (np.swapaxes(unit, 1, 2) @ aim[:, :, None]))[:, :, 0]
    return fitted / scale, np.sqrt(np.diagonal(inverse, axis1=1, axis2=2)) / scale


def _peaks(grid: ndarray, gains: ndarray) -> Float[ndarray, " curves"]:
    """Return where the parabola through each highest gain and those beside it is highest."""
    highest = gains.argmax(axis=1)
    at = np.clip(highest, 1, len(grid) - 2)
    before, here, after = (grid[at + k] for k in (-1, 0, 1))
    beside = gains[np.arange(len(gains))[:, None], at[:, None] + np.array([-1, 0, 1])]
    first, second = (np.diff(beside, axis=1) / np.stack([here - before, after - here], axis=1)).T
    curved = 2 * (first - second) / (after - before)
    # Half way between the first two places the parabola is as steep as the line through them.
    peak = (before + here) / 2 + first / np.where(curved > 0, curved, np.inf)
    known = (curved > 0) & (beside.min(axis=1) >= 0)
    return np.where(known, np.clip(peak, before, after), grid[highest])


def _hinges(x: ndarray, knots: ndarray) -> Float[ndarray, "points knots"]:
    return np.maximum(x[:, None] - knots, 0)


def _grid(x: ndarray) -> Float[ndarray, " grid"]:
    """Return places for knots: even in x by one half, and by the other as dense as points."""
    inner = np.linspace(x[SHORTEST - 1], x[-SHORTEST], 10 * _GRID)
    even = (inner - inner[0]) / np.ptp(inner)
    dense = np.interp(inner, x, np.arange(len(x)))
    mixed = even + (dense - dense[0]) / np.ptp(dense)
    return np.interp(np.linspace(0, 2, _GRID), mixed, inner)
