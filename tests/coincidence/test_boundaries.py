"""Boundaries that coincide are told from those that do not as often as is said."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest

from compute.coincidence.boundaries import BoundaryCoincidence, boundary_distance, set_distance
from compute.coincidence.placing import axis_of, read, redrawn, scattered, turned
from compute.errors import SettingsError

STEPS = np.unique(np.round(np.geomspace(1, 6001, 60)).astype(int)) - 1
X = np.log1p(STEPS)
LAST = len(STEPS) - 1


class Boundary(NamedTuple):
    step: float
    low: float
    high: float


def at(*indices: int) -> list[Boundary]:
    """Boundaries at checkpoints, known exactly."""
    return [Boundary(*(3 * [float(STEPS[i])])) for i in indices]


def vague(places: list[float], width: float) -> list[Boundary]:
    """Boundaries at places in ln(1 + t) with intervals of plus and minus ``width``."""
    return [Boundary(*(math.expm1(p + d) for d in (0, -width, width))) for p in places]


def drawn(rng: np.random.Generator, number: int) -> list[int]:
    """Checkpoints for independent boundaries, uniform in ln(1 + t) and four apart."""
    while True:
        places = np.sort(np.abs(X[:, None] - rng.uniform(X[4], X[LAST - 4], number)).argmin(0))
        if number == 1 or np.diff(places).min() >= 4:
            return [int(p) for p in places]


def slow_distance(one: list[float], other: list[float]) -> float:
    there = sum(min(abs(a - b) for b in other) for a in one) / len(one)
    back = sum(min(abs(a - b) for a in one) for b in other) / len(other)
    return (there + back) / 2


def slow_p(one: list[int], other: list[int], turns: int) -> float:
    """Turn the second set round the stretch, one turn and one boundary at a time."""
    low, high = X[4], X[LAST - 4]
    fixed, moved = [float(X[i]) for i in one], [float(X[i]) for i in other]
    found, reached = slow_distance(fixed, moved), 1
    for turn in range(turns):
        by = (turn + 0.5) / turns * (high - low)
        there = []
        for place in moved:
            turned_to = place + by
            if turned_to >= high:
                turned_to -= high - low
            there.append(min(X[4 : LAST - 3], key=lambda x: abs(x - turned_to)))
        reached += slow_distance(fixed, there) <= found + 1e-9
    return reached / (1 + turns)


def slow_pairs(one: list[Boundary], other: list[Boundary]) -> int:
    small, large = sorted((one, other), key=len)
    return max(
        sum(a.low <= b.high and b.low <= a.high for a, b in zip(small, order, strict=False))
        for order in itertools.permutations(large)
    )


def test_the_distance_by_hand() -> None:
    one, other = np.array([1.0, 4.0]), np.array([2.0, 4.0, 7.0])
    # From one: 1, 0. From the other: 1, 0, 3.
    assert set_distance(one, other) == pytest.approx((1 / 2 + 4 / 3) / 2)
    assert set_distance(other, one) == set_distance(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_distance_p_and_pairs_are_those_of_a_slow_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = drawn(rng, 4), drawn(rng, 3)
    found = boundary_distance(at(*one), at(*other), STEPS, permutations=99)
    assert found.distance == pytest.approx(slow_distance(list(X[one]), list(X[other])))
    assert found.p == pytest.approx(slow_p(one, other, 99))
    wide = [vague(list(rng.uniform(2, 7, n)), 0.5) for n in (4, 3)]
    assert boundary_distance(*wide, STEPS, permutations=19).shared == slow_pairs(*wide)


def test_the_order_of_sets_and_of_boundaries_does_not_matter() -> None:
    one, other = at(10, 22, 40), at(11, 41)
    found = boundary_distance(one, other, STEPS)
    other_way = boundary_distance(other, one[::-1], STEPS)
    assert (other_way.distance, other_way.p) == (found.distance, found.p)
    assert (other_way.first, other_way.second) == (2, 3)


def test_the_same_seed_gives_the_same_result() -> None:
    sets = vague([2.0, 5.0], 0.2), vague([2.2, 6.0], 0.3)
    assert boundary_distance(*sets, STEPS, seed=3) == boundary_distance(*sets, STEPS, seed=3)


@pytest.mark.parametrize("sizes", [(2, 2), (2, 5), (4, 4), (6, 6)])
def test_independent_sets_rarely_coincide(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    ps = []
    for _ in range(400):
        one, other = (X[drawn(rng, number)] for number in sizes)
        ps.append(p_of(one, other))
    assert 0.02 <= np.mean(np.array(ps) <= 0.05) <= 0.075
    assert 0.4 <= np.mean(ps) <= 0.6


def p_of(one: np.ndarray, other: np.ndarray, turns: int = 199) -> float:
    """The p of boundaries at checkpoints, without the rest of what is said of them."""
    sets = [read([Boundary(*3 * [math.expm1(p)]) for p in places], X) for places in (one, other)]
    large, small = sets if len(one) >= len(other) else sets[::-1]
    axis = axis_of(X, np.concatenate([one, other]), turns, 4)
    by_chance = set_distance(turned(small, axis), large.at)
    found = set_distance(large.at, small.at)
    return float((1 + (by_chance <= found + 1e-9).sum()) / (1 + turns))


@pytest.mark.parametrize("number", [2, 3, 4])
def test_planted_coincidences_are_found(number: int) -> None:
    rng = np.random.default_rng(number)
    told = []
    for _ in range(30):
        places = drawn(rng, number)
        near = [int(np.clip(p + rng.integers(-1, 2), 4, LAST - 4)) for p in places]
        told.append(boundary_distance(at(*places), at(*near), STEPS, permutations=199).p <= 0.05)
    assert np.mean(told) >= 0.6


def test_a_turn_keeps_the_spacing_and_the_stretch() -> None:
    places = read(vague([2.0, 3.5, 6.0], 0.1), X)
    axis = axis_of(X, places.at, 50, 4)
    low, high = X[axis.first], X[axis.last]
    gaps = np.sort(np.diff(np.append(places.at, places.at[0] + high - low)))
    for turn in np.sort(turned(places, axis), axis=1):
        found = np.sort(np.diff(np.append(turn, turn[0] + high - low)))
        assert found == pytest.approx(gaps)
        assert low <= turn.min() <= turn.max() <= high


def test_what_is_scattered_keeps_its_number_its_gaps_and_the_margins() -> None:
    places = read(at(10, 20, 30, 40), X)
    axis = axis_of(X, places.at, 2000, 4)
    found = np.searchsorted(X, scattered(places, axis, np.random.default_rng(0)) - 1e-9)
    assert found.shape == (2000, 4)
    assert np.diff(found, axis=1).min() == 4
    assert (found.min(), found.max()) == (4, LAST - 4)


def test_redrawn_places_have_the_interval_as_their_percentiles() -> None:
    places = read([Boundary(math.expm1(4.0), math.expm1(3.9), math.expm1(4.6))], X)
    ends = np.quantile(redrawn(places, np.random.default_rng(0), 40_000), [0.025, 0.5, 0.975])
    assert ends == pytest.approx([3.9, 4.0, 4.6], abs=0.02)


@pytest.mark.parametrize("apart", [0.0, 0.3, 0.8])
def test_the_interval_holds_the_true_distance(apart: float) -> None:
    rng = np.random.default_rng(round(10 * apart))
    true = np.array([2.0, 4.5, 7.0]), np.array([2.0, 4.5, 7.0]) + apart
    held = []
    for _ in range(60):
        sets = [vague(list(t + rng.normal(0, 0.15, 3)), 1.96 * 0.15) for t in true]
        found = boundary_distance(*sets, STEPS, permutations=19)
        held.append(found.low <= apart <= found.high)
    assert np.mean(held) >= 0.9


@pytest.mark.parametrize(("one", "other"), [((), (5, 9)), ((7,), ()), ((), ())])
def test_an_empty_set_is_a_reason_not_a_zero(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    found = boundary_distance(at(*one), at(*other), STEPS)
    assert math.isnan(found.distance)
    assert math.isnan(found.p)
    assert "no boundary" in found.reason
    assert not found.coincide
    assert (found.first, found.second) == (len(one), len(other))


def test_one_boundary_among_few_checkpoints_cannot_tell() -> None:
    steps = STEPS[::6]
    same = [Boundary(*3 * [float(steps[5])])]
    found = boundary_distance(same, same, steps)
    assert found.distance == 0
    assert found.smallest_p > 0.05
    assert "few boundaries" in found.reason
    assert not found.coincide


@pytest.mark.parametrize("on_checkpoints", [True, False])
def test_no_p_is_below_the_smallest(on_checkpoints: bool) -> None:
    """Also where turns of another spacing, laid on the larger set, would be near more often."""
    rng = np.random.default_rng(0)
    steps = np.expm1(np.linspace(0, 8, 81))
    for _ in range(60):
        where = np.sort(rng.choice(np.arange(6, 75), 2, replace=False)) / 10
        places = np.expm1(where + (0 if on_checkpoints else 0.03))
        large = [Boundary(*3 * [float(steps[i])]) for i in (12, 40, 68)]
        small = [Boundary(*3 * [float(place)]) for place in places]
        found = boundary_distance(large, small, steps, permutations=199)
        assert found.p >= found.smallest_p


def test_places_known_too_vaguely_cannot_tell() -> None:
    found = boundary_distance(vague([3.0, 5.0], 1.5), vague([4.0, 6.0], 1.5), STEPS)
    assert found.smallest_p <= 0.05 < found.usual_p
    assert "too vaguely" in found.reason


def test_equal_sets_coincide() -> None:
    found: BoundaryCoincidence = boundary_distance(at(10, 25, 40), at(10, 25, 40), STEPS)
    assert found.coincide
    assert (found.distance, found.low, found.shared) == (0, 0, 3)
    assert found.p == found.smallest_p
    assert found.chance_shared < 1


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        ([Boundary(1e6, 1e6, 1e6)], "between the steps"),
        ([Boundary(50, 60, 70)], "within its interval"),
        (13 * [Boundary(50, 40, 60)], "at most 12"),
    ],
)
def test_what_cannot_be_a_boundary_is_refused(places: list[Boundary], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        boundary_distance(places, at(10), STEPS)


def test_steps_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(SettingsError, match="ascend"):
        boundary_distance(at(10), at(12), STEPS[::-1])
