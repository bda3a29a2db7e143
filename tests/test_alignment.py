"""Bands and alignments against slow implementations, and what must hold of any of them."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from compute.alignment import Timeline, align, band, match_boundaries
from compute.errors import SettingsError

KINDS = ("maximum", "minimum")


class Turn(NamedTuple):
    step: float
    low: float
    high: float
    kind: str


def turn(step: float, kind: str = "maximum", spread: float = 0.1) -> Turn:
    return Turn(step, step * (1 - spread), step * (1 + spread), kind)


def turns(rng: np.random.Generator, count: int, *, alternating: bool = False) -> list[Turn]:
    at = np.sort(np.exp(rng.uniform(1, 10, count))).round(3)
    kinds = [KINDS[(i if alternating else int(rng.integers(2))) % 2] for i in range(count)]
    return [turn(float(step), kind) for step, kind in zip(at, kinds, strict=True)]


def slow_matches(first: list[Turn], second: list[Turn]) -> tuple[int, float]:
    """Count and cost of the best of all ways to pair boundaries, tried one by one."""
    best = (0, 0.0)
    for size in range(1, min(len(first), len(second)) + 1):
        for some in itertools.combinations(first, size):
            for others in itertools.combinations(second, size):
                pairs = list(zip(some, others, strict=True))
                if all(a.kind == b.kind for a, b in pairs):
                    cost = sum(abs(math.log((1 + b.step) / (1 + a.step))) for a, b in pairs)
                    best = min(best, (-size, cost))
    return -best[0], best[1]


def test_a_band_is_the_mean_over_the_runs_that_have_the_step():
    nan = float("nan")
    curves = {
        "a": ((0, 10, 20), np.array([1.0, 2.0, nan])),
        "b": ((0, 20, 30), np.array([3.0, 5.0, nan])),
        "c": ((0, 10), np.array([8.0, 2.5])),
    }
    found = band(curves)
    assert found.steps.tolist() == [0, 10, 20, 30]
    assert found.runs.tolist() == [3, 2, 1, 0]
    np.testing.assert_allclose(found.mean, [4.0, 2.25, 5.0, nan])
    np.testing.assert_allclose(found.least, [1.0, 2.0, 5.0, nan])
    np.testing.assert_allclose(found.most, [8.0, 2.5, 5.0, nan])
    assert np.isnan(found.low[2:]).all()
    assert np.isnan(found.high[2:]).all()


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_is_students_over_runs(seed):
    rng = np.random.default_rng(seed)
    steps = sorted(rng.choice(1000, 12, replace=False).tolist())
    curves = {}
    for k in range(int(rng.integers(2, 7))):
        own = sorted(rng.choice(steps, 9, replace=False).tolist())
        values = rng.normal(3, 2, 9)
        values[rng.random(9) < 0.2] = np.nan
        curves[f"run{k}"] = (own, values)
    found = band(curves)
    for i, step in enumerate(found.steps):
        sample = [
            v for own, values in curves.values()
            for t, v in zip(own, values, strict=True) if t == step and np.isfinite(v)
        ]  # fmt: skip
        assert found.runs[i] == len(sample)
        if len(sample) < 2:
            assert np.isnan(found.low[i])
            continue
        low, high = stats.t.interval(0.95, len(sample) - 1, np.mean(sample), stats.sem(sample))
        np.testing.assert_allclose([found.low[i], found.high[i]], [low, high])
        assert (found.least[i], found.most[i]) == (min(sample), max(sample))


def test_the_interval_holds_the_mean_of_all_seeds_as_often_as_it_says():
    rng = np.random.default_rng(0)
    trials = 4000
    runs = {f"s{k}": (range(trials), 7 + rng.normal(0, 3, trials)) for k in range(3)}
    found = band(runs)
    share = ((found.low < 7) & (found.high > 7)).mean()
    assert abs(share - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)
    beyond = (found.high - found.low) > (found.most - found.least)
    assert beyond.all()


def test_a_band_of_no_runs_and_of_runs_without_checkpoints_is_empty():
    assert len(band({}).steps) == 0
    assert len(band({"a": ((), np.zeros(0))}).steps) == 0


@pytest.mark.parametrize(
    ("steps", "words"), [((0, 1), "one value for each"), ((2, 1, 3), "ascending")]
)
def test_a_band_refuses_what_is_no_curve(steps, words):
    with pytest.raises(SettingsError, match=f"run a.*{words}"):
        band({"a": (steps, np.zeros(3))})


@pytest.mark.parametrize("seed", range(60))
def test_matching_is_the_best_of_all_ways_to_match(seed):
    rng = np.random.default_rng(seed)
    first, second = (turns(rng, int(rng.integers(0, 7)), alternating=seed % 2 == 0) for _ in "ab")
    found = match_boundaries(first, second)
    count, cost = slow_matches(first, second)
    assert len(found) == count
    mine = sum(abs(math.log((1 + m.second.step) / (1 + m.first.step))) for m in found)
    assert mine == pytest.approx(cost)
    for a, b in itertools.pairwise(found):
        assert a.first.step < b.first.step
        assert a.second.step < b.second.step
    assert all(m.first.kind == m.second.kind for m in found)


def test_more_matches_go_before_nearer_ones():
    first = [turn(10), turn(100, "minimum"), turn(1000)]
    second = [turn(900), turn(5000, "minimum"), turn(9000)]
    found = match_boundaries(first, second)
    assert [m.second.step for m in found] == [900, 5000, 9000]
    near = match_boundaries(first[:1], [turn(2), turn(12), turn(90)])
    assert [m.second.step for m in near] == [12]


def test_boundaries_at_one_place_or_at_the_start_are_not_both_matched():
    twice = [turn(0), turn(50), turn(50, "minimum")]
    found = match_boundaries(twice, [turn(0), turn(40), turn(60, "minimum")])
    assert len(found) == 1
    assert found[0].first.step == 50


@pytest.mark.parametrize("seed", range(30))
def test_an_alignment_goes_up_has_an_inverse_and_meets_its_matches(seed):
    rng = np.random.default_rng(seed)
    steps = tuple(sorted({0, *rng.integers(1, 30_000, 40).tolist()}))
    first = Timeline("a", steps, 4096, tuple(turns(rng, 4, alternating=True)))
    second = Timeline("b", steps, 8192, tuple(turns(rng, 5, alternating=True)))
    for by in ("step", "tokens", "boundary"):
        found = align(first, second, by=by)
        assert found.reason == ""
        assert found.steps[0] == 0
        assert (np.diff(found.steps) > 0).all()
        np.testing.assert_allclose(found.inverse(found.steps), steps, atol=1e-6)
        np.testing.assert_allclose(found.forward(np.array(steps)), found.steps)
    for match in found.matches:
        there = found.forward(np.array([match.second.step]))
        assert there[0] == pytest.approx(match.first.step)


def test_between_matches_time_is_stretched_and_beyond_them_shifted():
    first = Timeline("a", (0,), boundaries=(turn(999), turn(9_999, "minimum")))
    second = Timeline("b", (0, 99, 9, 999, 9_999)[:2], boundaries=(turn(99), turn(999, "minimum")))
    found = align(first, second, by="boundary")
    at = found.forward(np.array([0.0, 9.0, 99.0, 999.0, 99_999.0]))
    np.testing.assert_allclose(at, [0, 1000**0.5 - 1, 999, 9_999, 999_999])
    assert [m.factor for m in found.matches] == pytest.approx([0.1, 0.1])


def test_the_factor_has_the_interval_that_draws_of_both_boundaries_have():
    rng = np.random.default_rng(1)
    spreads = (0.10, 0.25)
    middles = (np.log1p(500.0), np.log1p(1200.0))
    drawn = [m + s * rng.normal(size=200_000) for m, s in zip(middles, spreads, strict=True)]
    made = [
        Turn(np.expm1(m), np.expm1(m - 1.96 * s), np.expm1(m + 1.96 * s), "maximum")
        for m, s in zip(middles, spreads, strict=True)
    ]
    (match,) = match_boundaries(made[:1], made[1:])
    low, high = np.quantile(np.exp(drawn[1] - drawn[0]), [0.025, 0.975])
    assert match.factor == pytest.approx(1201 / 501)
    assert match.low == pytest.approx(low, rel=0.01)
    assert match.high == pytest.approx(high, rel=0.01)
    bare = match_boundaries(made[:1], [Turn(5.0, math.nan, math.nan, "maximum")])
    assert np.isnan([bare[0].low, bare[0].high]).all()


def test_by_tokens_a_run_of_larger_batches_lies_later():
    found = align(Timeline("a", (0, 1), 1000), Timeline("b", (0, 10, 30), 4000), by="tokens")
    assert found.steps.tolist() == [0, 40, 120]
    assert found.scale == 4


def test_what_cannot_be_aligned_says_why_and_what_to_do():
    known, unknown = Timeline("a", (0, 1), 1000), Timeline("b", (0, 1))
    found = align(known, unknown, by="tokens")
    assert found.reason == (
        "Nobody said how many tokens one step of b sees: add the run again with "
        "ontogeny add .. --tokens-per-step N."
    )
    assert np.isnan(found.steps).all()
    assert found.nearest((0, 1)).tolist() == [-1, -1]
    both = align(unknown, Timeline("c", (0,)), by="tokens")
    assert "one step of b and of c sees" in both.reason
    turned = Timeline("d", (0, 1), boundaries=(turn(10),))
    assert align(turned, known, by="boundary").reason == (
        "The curve of a has no boundary to align by."
    )
    other = Timeline("e", (0, 1), boundaries=(turn(10, "minimum"),))
    assert align(turned, other, by="boundary").reason == (
        "No boundary of d is of the kind of one of e."
    )


def test_the_nearest_checkpoint_ends_where_the_run_ends():
    first = (0, 10, 100, 1000, 10_000)
    found = align(Timeline("a", first), Timeline("b", (0, 12, 90, 800)), by="step")
    assert found.nearest(first).tolist() == [0, 1, 2, 3, -1]
    late = align(Timeline("a", first), Timeline("b", (150, 11_000)), by="step")
    assert late.nearest(first).tolist() == [-1, -1, 0, 0, 1]
    assert align(Timeline("a", first), Timeline("b", ()), by="step").nearest(first).max() == -1


def test_a_wrong_way_and_wrong_steps_are_refused():
    with pytest.raises(SettingsError, match="use one of step, tokens, boundary"):
        align(Timeline("a", (0,)), Timeline("b", (0,)), by="epoch")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="run b: give its checkpoints in ascending order"):
        align(Timeline("a", (0,)), Timeline("b", (3, 1)), by="step")
