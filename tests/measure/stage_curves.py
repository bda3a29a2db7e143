"""Curves over training with known stages, at the checkpoints and with the noise of real ones."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.interpolate import PchipInterpolator

Points = Float[ndarray, " points"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Development:
    """A development as it might be.

    ``smooth`` are points of a curve that turns nowhere but at its own maxima and minima among
    them; ``broken`` are the corners of one of straight pieces. Both are over ``ln(1 + t)``, as
    pairs of a step and a value. ``errors`` are standard errors, between them by interpolation.
    """

    steps: Points
    smooth: tuple[tuple[float, float], ...]
    broken: tuple[tuple[float, float], ...]
    errors: tuple[tuple[float, float], ...]
    turns: tuple[float, ...]

    @property
    def knots(self) -> tuple[float, ...]:
        return tuple(step for step, _ in self.broken[1:-1])

    def error(self) -> Points:
        return _between(self.errors, self.steps)

    def turning(self) -> Points:
        """A smooth curve: its slope is zero at ``turns``, and changes its sign nowhere else."""
        step, value = np.array(self.smooth).T
        return PchipInterpolator(np.log1p(step), value)(np.log1p(self.steps))

    def bending(self) -> Points:
        """A curve of straight pieces, which changes its slope at ``knots``."""
        return _between(self.broken, self.steps)


def _between(pairs: tuple[tuple[float, float], ...], steps: Points) -> Points:
    step, value = np.array(pairs).T
    return np.interp(np.log1p(steps), np.log1p(step), value)


def _spaced(last: float, count: int) -> ndarray:
    return np.round(np.geomspace(1, last, count))


DEVELOPMENTS = {
    "stdlib_lm": Development(
        steps=np.unique([0, *_spaced(1000, 88), *range(1000, 6001, 100)]).astype(float),
        smooth=(
            (0, 5), (3, 10), (10, 41), (20, 70), (41, 155), (61, 249), (82, 275), (111, 237),
            (165, 190), (301, 166), (500, 183), (819, 200), (1300, 193.5), (2100, 185.5),
            (3000, 192), (4000, 217), (5000, 248), (6000, 270),
        ),
        broken=(
            (0, 5), (15, 52), (82, 275), (165, 190), (301, 166), (819, 200), (2100, 185.5),
            (3300, 199), (6000, 270),
        ),
        errors=((0, 1.5), (80, 3.8), (300, 2.3), (2000, 1.9), (6000, 3.8)),
        turns=(82, 301, 819, 2100),
    ),
    "icl_regression": Development(
        steps=np.unique([0, *_spaced(20_000, 110), *range(20_000, 100_001, 2000)]).astype(float),
        smooth=(
            (0, 5), (30, 14), (600, 5), (2500, 5.5), (3900, 6.5), (4600, 11), (5500, 24.6),
            (7500, 29), (11_000, 38), (20_000, 33), (28_000, 31), (50_000, 23.5), (100_000, 9),
        ),
        broken=(
            (0, 5), (600, 7), (3900, 6.5), (5500, 25), (11_000, 38), (40_000, 29), (100_000, 9),
        ),
        errors=((0, 1), (500, 1.2), (4000, 1), (11_000, 2.2), (100_000, 1.2)),
        turns=(30, 600, 11_000),
    ),
    "hoogland": Development(
        steps=np.unique([0, *_spaced(500_000, 110), *np.linspace(0, 500_000, 100).round()]),
        smooth=(
            (0, 12.6), (100, 13), (500, 17.7), (1465, 21.4), (2490, 39), (4232, 104), (6299, 132),
            (10_101, 155), (20_000, 167), (40_000, 170), (75_000, 167), (102_000, 160),
            (150_000, 155), (200_000, 150), (250_000, 137), (300_000, 125), (370_000, 120),
            (430_000, 122.3), (500_000, 124.5),
        ),
        broken=(
            (0, 12.6), (300, 13), (2000, 22), (4232, 104), (11_000, 158), (40_000, 170),
            (200_000, 150), (330_000, 120.5), (500_000, 124.5),
        ),
        # Of the mean of ten chains, with a standard deviation between them of 2 to 18.
        errors=(
            (0, 0.6), (3000, 0.7), (6000, 2.5), (18_000, 5.7), (24_000, 5), (40_000, 1.3),
            (250_000, 2.8), (380_000, 2.3), (500_000, 2.5),
        ),
        turns=(40_000, 370_000),
    ),
}  # fmt: skip


def rising(steps: Points) -> Points:
    """A curve that rises from 20 to 140, steeply in the middle of ln(1 + t), and never falls."""
    share = np.log1p(steps) / np.log1p(steps[-1])
    return 20 + 20 * share + 100 / (1 + np.exp(-25 * (share - 0.5)))


def line(steps: Points) -> Points:
    """A straight line over ln(1 + t)."""
    return 20 + 10 * np.log1p(steps)


def noise(error: Points, seed: int, correlation: float = 0.0) -> Points:
    """Gaussian noise of a given standard deviation, an AR(1) from point to point."""
    drawn = np.random.default_rng(seed).standard_normal(len(error))
    for i in range(1, len(drawn)):
        drawn[i] = correlation * drawn[i - 1] + np.sqrt(1 - correlation**2) * drawn[i]
    return error * drawn


@dataclasses.dataclass(kw_only=True)
class Score:
    """How often what is there was found, and how often what is not."""

    there: int = 0
    found: int = 0
    covered: int = 0
    false: int = 0
    curves: int = 0

    def add(
        self, places: tuple[float, ...], found: list[tuple[float, float, float]], near: float = 0.3
    ) -> None:
        """Count what was found of the true places, as (step, low, high), in order.

        A place is found by the nearest boundary that has it in its interval or lies within
        ``near`` of it in ``ln(1 + t)``; what finds no place, or a place found before, is false.
        """
        self.there += len(places)
        self.curves += 1
        left = list(places)
        for step, low, high in found:
            nearest = min(left, key=lambda p, s=step: abs(np.log1p(p) - np.log1p(s)), default=None)
            inside = nearest is not None and low <= nearest <= high
            if nearest is not None and (inside or abs(np.log1p(nearest) - np.log1p(step)) <= near):
                left.remove(nearest)
                self.found += 1
                self.covered += inside
            else:
                self.false += 1

    def __str__(self) -> str:
        recall, coverage = self.found / self.there, self.covered / max(self.found, 1)
        return f"{recall:6.2f} {coverage:8.2f} {self.false / self.curves:11.2f}"
