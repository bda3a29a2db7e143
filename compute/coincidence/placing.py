"""Boundaries on the axis of ln(1 + t), and the places where chance would put them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.errors import require
from compute.smoothing import NORMAL_95

REDRAWN = 1000
MOST_BOUNDARIES = 12
ROUNDING = 1e-9


class Place(Protocol):
    """A boundary: the step it is at and its 95 % interval, in steps."""

    @property
    def step(self) -> float:
        """The step it is at."""

    @property
    def low(self) -> float:
        """The lower end of its interval."""

    @property
    def high(self) -> float:
        """The upper end of its interval."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Boundaries in ln(1 + t), ascending; ``on_grid`` if all of them lie on checkpoints."""

    at: Float[ndarray, " boundaries"]
    low: Float[ndarray, " boundaries"]
    high: Float[ndarray, " boundaries"]
    on_grid: bool


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Axis:
    """The checkpoints in ln(1 + t), and the first and last at which boundaries can lie."""

    x: Float[ndarray, " checkpoints"]
    first: int
    last: int
    turns: int
    shortest: int


def read(places: Sequence[Place], x: Float[ndarray, " checkpoints"]) -> Places:
    """Return boundaries on the axis, after checking that they can be where they are said to be."""
    require(len(places) <= MOST_BOUNDARIES, f"give at most {MOST_BOUNDARIES} boundaries to a set")
    found = np.array(sorted((p.step, p.low, p.high) for p in places), dtype=np.float64)
    at, low, high = np.log1p(found.reshape(-1, 3)).T
    inside = (low <= at) & (at <= high) & (at >= x[0] - ROUNDING) & (at <= x[-1] + ROUNDING)
    require(bool(inside.all()), "a boundary must lie within its interval and between the steps")
    near = np.abs(at[:, None] - x).min(1) if len(at) else at
    return Places(at=at, low=low, high=high, on_grid=bool((near < ROUNDING).all()))


def axis_of(x: ndarray, places: ndarray, turns: int, shortest: int) -> Axis:
    """Return the axis without its margins, which end where a boundary lies in them."""
    first = min(shortest, int(np.searchsorted(x, places.min() + ROUNDING)) - 1)
    last = max(len(x) - 1 - shortest, int(np.searchsorted(x, places.max() - ROUNDING)))
    if first >= last:
        first, last = 0, len(x) - 1
    return Axis(x=x, first=first, last=last, turns=turns, shortest=shortest)


def turned(places: Places, axis: Axis) -> Float[ndarray, "turns boundaries"]:
    """Return a set turned round the stretch by even steps; on checkpoints if it lies on them."""
    low, high = axis.x[axis.first], axis.x[axis.last]
    by = (np.arange(axis.turns) + 0.5) / axis.turns * (high - low)
    at = low + (places.at - low + by[:, None]) % (high - low)
    return _nearest(at, axis) if places.on_grid else at


def _nearest(at: ndarray, axis: Axis) -> ndarray:
    x = axis.x[axis.first : axis.last + 1]
    return np.asarray(x[np.searchsorted((x[1:] + x[:-1]) / 2, at)])


def scattered(
    places: Places, axis: Axis, generator: np.random.Generator
) -> Float[ndarray, "draws boundaries"]:
    """Return as many boundaries at checkpoints drawn alike, as far apart as they must be."""
    number, room = len(places.at), axis.last - axis.first + 1
    index = np.searchsorted(axis.x, places.at - ROUNDING)
    gap = min(axis.shortest, *np.diff(index)) if number > 1 else 1
    gap = int(max(1, min(gap, (room - 1) // max(number - 1, 1))))
    # A draw without the gaps that must be, which are then put in again, is a draw among all
    # placements that keep them.
    free = max(number, room - (number - 1) * (gap - 1))
    keys = generator.random((axis.turns, free))
    chosen = np.sort(np.argpartition(keys, number - 1, axis=1)[:, :number], axis=1)
    spread = axis.first + chosen + (gap - 1) * np.arange(number)
    return np.asarray(axis.x[np.minimum(spread, axis.last)])


def redrawn(
    places: Places, generator: np.random.Generator, draws: int = REDRAWN
) -> Float[ndarray, "draws boundaries"]:
    """Return places whose 2.5th, 50th and 97.5th percentiles are the interval's and the place's."""
    away = generator.normal(size=(draws, len(places.at)))
    side = np.where(away < 0, places.at - places.low, places.high - places.at)
    return np.asarray(places.at + away * side / NORMAL_95)
