"""Curves that change together, or one after the other, are told from curves that do not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compute.coincidence.lags import (
    LAGS,
    SPACING,
    LaggedCorrelation,
    lagged_correlation,
    slopes_together,
)
from compute.coincidence.shifted import correlations, least_correlations
from compute.coincidence.stretches import (
    FEWEST_STRETCHES,
    independent_stretches,
    slope_draws,
)
from compute.errors import SettingsError
from compute.smoothing import Smoothed
from tests.coincidence.courses import course

STEPS = np.unique(np.round(np.geomspace(1, 6001, 40)).astype(int)) - 1
X = np.log1p(STEPS)
GRID = np.arange(0, 8.7, SPACING)
SHIFTS = np.arange(-20, 21, 4)
TENTHS = [k / 10 for k in range(-10, 11)]


def smoothed(slope: np.ndarray, length: float) -> Smoothed:
    """A curve of which only the slope is looked at, known to a tenth of its spread."""
    error = np.full(len(slope), 0.1 * slope.std())
    return Smoothed(slope, slope, slope, slope, error, length, 0.0)


def jump(middle: float) -> np.ndarray:
    """The slope of one sharp transition."""
    return np.exp(-0.5 * ((GRID - middle) / 0.25) ** 2)


def test_correlations_are_those_of_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 30))
    weights = rng.exponential(size=30)
    shifts = np.array([-4, 0, 7, 16])
    found = correlations(one[None], other[None], shifts, weights[None])[0]
    for shift, r in zip(shifts[:-1], found[:-1], strict=True):
        triples = [(weights[i], one[i], other[i + shift]) for i in range(30) if 0 <= i + shift < 30]
        total = sum(w for w, _, _ in triples)
        mean_a, mean_b = (sum(t[0] * t[k] for t in triples) / total for k in (1, 2))
        cov = sum(w * (a - mean_a) * (b - mean_b) for w, a, b in triples)
        var_a = sum(w * (a - mean_a) ** 2 for w, a, _ in triples)
        var_b = sum(w * (b - mean_b) ** 2 for w, _, b in triples)
        assert r == pytest.approx(cov / math.sqrt(var_a * var_b))
    assert math.isnan(found[-1]), "less than half of the stretch is left"


def test_what_is_left_of_a_correlation_is_that_of_a_slow_loop() -> None:
    rng = np.random.default_rng(3)
    one = rng.normal(size=40)
    other = one + 0.5 * rng.normal(size=40)
    width, shift = 8, 2  # four length scales of two places
    other[shift:] += one[:-shift]
    pairs = [(one[i], other[i + shift]) for i in range(40 - shift)]
    left = []
    for start in np.linspace(0, len(pairs) - width, 24).round().astype(int):
        kept = pairs[:start] + pairs[start + width :]
        left.append(np.corrcoef(np.array(kept).T)[0, 1])
    found = least_correlations(one[None], other[None], np.array([shift, 30]), 2.0)[0]
    assert found[0] == pytest.approx(min(left))
    assert found[0] < correlations(one[None], other[None], np.array([shift]))[0, 0]
    assert math.isnan(found[1])


def test_one_common_event_is_no_relation() -> None:
    flat = np.random.default_rng(0).normal(size=(2, len(GRID))) * 0.01
    pair = (jump(3.0) + flat[0], jump(3.1) + flat[1])
    whole = correlations(pair[0][None], pair[1][None], np.array([0]))[0, 0]
    least = least_correlations(pair[0][None], pair[1][None], np.array([0]), 0.5 / SPACING)[0, 0]
    assert whole > 0.9
    assert least < 0.3


def test_drawn_slopes_are_the_derivative_of_drawn_curves() -> None:
    rng = np.random.default_rng(0)
    kernel = np.exp(-0.5 * (GRID[:, None] - GRID) ** 2) + 1e-9 * np.eye(len(GRID))
    curves = rng.normal(size=(4000, len(GRID))) @ np.linalg.cholesky(kernel).T
    numeric = np.gradient(curves, GRID, axis=1)[:, 5:-5]
    direct = slope_draws(GRID, 1.0, 4000, rng)[:, 5:-5]
    for apart in (0, 10, 30):
        expected = (numeric[:, 50] * numeric[:, 50 + apart]).mean()
        assert (direct[:, 50] * direct[:, 50 + apart]).mean() == pytest.approx(expected, abs=0.08)


@pytest.mark.parametrize("lengths", [(0.5, 0.5), (0.6, 1.2)])
def test_independent_smooth_curves_rarely_go_together(lengths: tuple[float, float]) -> None:
    rng = np.random.default_rng(round(10 * sum(lengths)))
    ones, others = (slope_draws(GRID, length, 2000, rng) for length in lengths)
    r = np.nanmax(np.abs(correlations(ones, others, SHIFTS)), axis=1)
    again = (slope_draws(GRID, length, 999, rng) for length in lengths)
    chance = np.nanmax(np.abs(correlations(*again, SHIFTS)), axis=1)
    ps = np.array([(1 + (chance >= found).sum()) / 1000 for found in r])
    told = np.array(
        [independent_stretches(a, b) >= FEWEST_STRETCHES for a, b in zip(ones, others, strict=True)]
    )
    assert told.mean() > 0.9
    assert 0.03 <= np.mean(ps[told] <= 0.05) <= 0.07


def test_two_sharp_transitions_near_each_other_cannot_tell() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        one, other = (jump(middle) for middle in rng.uniform(1.5, 5, 2))
        found = slopes_together(
            GRID, smoothed(one, 0.4), smoothed(other, 0.4), SHIFTS,
            points=99, surrogates=19, generator=rng,
        )  # fmt: skip
        assert found.stretches < FEWEST_STRETCHES
        assert math.isnan(found.p)
        assert not found.related
        assert "independent stretches" in found.reason


def test_more_bends_are_more_stretches() -> None:
    rng = np.random.default_rng(2)

    def median(length: float) -> float:
        pairs = slope_draws(GRID, length, 60, rng).reshape(30, 2, -1)
        return float(np.median([independent_stretches(*pair) for pair in pairs]))

    assert median(0.3) > 1.5 * median(0.8) > 1.5 * median(2.0) * 1.2
    assert independent_stretches(jump(3.0), jump(3.2)) < 3
    assert math.isnan(independent_stretches(jump(3.0), np.full(len(GRID), 2.0)))


def shifted_pair(seed: int, lag: float, sign: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth curve and the same one ``lag`` later, with noise of a twentieth."""
    rng = np.random.default_rng(seed)
    both = np.concatenate([X, X - lag])
    kernel = np.exp(-0.5 * ((both[:, None] - both) / 0.7) ** 2) + 1e-9 * np.eye(len(both))
    drawn = np.linalg.cholesky(kernel) @ rng.normal(size=len(both))
    noise = 0.05 * rng.normal(size=len(both))
    return (drawn + noise)[: len(X)], sign * (drawn + noise)[len(X) :]


def together(
    one: np.ndarray, other: np.ndarray, surrogates: int = 199, seed: int = 0
) -> LaggedCorrelation:
    errors = np.full(len(one), 0.05)
    return lagged_correlation(
        STEPS, one, errors, other, errors, lags=TENTHS, surrogates=surrogates, seed=seed
    )


def test_a_planted_lag_is_found_with_its_interval() -> None:
    found = [together(*shifted_pair(seed, 0.5)) for seed in range(10)]
    assert np.mean([f.lag_low <= 0.5 <= f.lag_high for f in found]) >= 0.9
    assert np.mean([f.related for f in found]) >= 0.75
    assert np.median([f.lag_high - f.lag_low for f in found]) < 0.3
    assert all(f.extremum_low <= f.extremum <= f.extremum_high for f in found)


def test_the_sign_of_lag_and_of_correlation() -> None:
    one, other = shifted_pair(3, 0.5, sign=-1.0)
    found, swapped = together(one, other), together(other, one)
    assert found.extremum < 0
    assert found.lag == pytest.approx(0.5, abs=0.11)
    assert swapped.lag == pytest.approx(-found.lag)
    assert swapped.extremum == pytest.approx(found.extremum)
    np.testing.assert_allclose(swapped.r, found.r[::-1])


@pytest.mark.parametrize("lag", [0.33, 0.12, 0.02])
def test_a_lag_between_those_looked_at_is_in_its_interval(lag: float) -> None:
    steps = np.expm1(np.linspace(0, 8.7, 90))
    x, errors = np.log1p(steps), np.full(90, 0.02)
    rng = np.random.default_rng(0)
    one, other = (
        sum(np.sin(k * (x - by) + k) / k for k in (1, 2, 3)) + 0.02 * rng.normal(size=90)
        for by in (0, lag)
    )
    found = lagged_correlation(steps, one, errors, other, errors, surrogates=19)
    assert found.lag_low <= lag <= found.lag_high
    assert found.lag == pytest.approx(lag, abs=0.025)
    assert found.lag_high - found.lag_low >= SPACING - 1e-9


def test_what_is_told_is_of_the_lag_at_which_most_is_left() -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        one, other = (slope_draws(GRID, 0.7, 1, rng)[0] for _ in range(2))
        found = slopes_together(
            GRID, smoothed(one, 0.7), smoothed(other, 0.7), SHIFTS,
            points=99, surrogates=19, generator=rng,
        )  # fmt: skip
        assert found.least in (found.left[np.nanargmax(np.abs(found.left))], 0)
        assert found.extremum * found.least >= 0
        assert found.lag_low <= found.lag <= found.lag_high
        assert found.extremum_low <= found.extremum <= found.extremum_high


def test_no_more_stretches_are_told_than_there_are_points() -> None:
    rng = np.random.default_rng(0)
    steps = np.expm1(np.linspace(0, 8, 9))
    one, other = rng.normal(size=(2, 9))
    errors = np.full(9, 0.01)
    found = lagged_correlation(steps, one, errors, other, errors, surrogates=19)
    assert found.stretches <= 9


@pytest.mark.parametrize("kind", ["drift", "walk", "jump"])
def test_curves_that_drift_or_jump_by_themselves_rarely_go_together(kind: str) -> None:
    """Levels of such curves correlate almost always."""
    passing = 0
    for seed in range(20):
        rng = np.random.default_rng([seed, len(kind)])
        one, other = (course(kind, X, rng) + 0.1 * rng.normal(size=len(X)) for _ in range(2))
        errors = np.full(len(X), 0.1)
        passing += lagged_correlation(STEPS, one, errors, other, errors, surrogates=39).related
    assert passing <= 3


def test_units_do_not_matter_and_the_same_seed_gives_the_same() -> None:
    one, other = shifted_pair(4, 0.3)
    errors = np.full(len(one), 0.05)
    plain = together(one, other, seed=5)
    moved = lagged_correlation(
        STEPS, 100 + 7 * one, 7 * errors, other, errors, lags=TENTHS, surrogates=199, seed=5
    )
    np.testing.assert_allclose(moved.r, plain.r, atol=2e-3)
    assert together(one, other, seed=5).p == plain.p
    assert plain.lags.tolist() == pytest.approx(TENTHS)


def test_lags_that_leave_less_than_half_are_gaps() -> None:
    one, other = shifted_pair(5, 0.0)
    errors = np.full(len(one), 0.05)
    found = lagged_correlation(
        STEPS, one, errors, other, errors, lags=[-6.0, 0.0, 6.0], surrogates=19
    )
    assert np.isnan(found.r).tolist() == [True, False, True]
    assert found.lag == 0
    assert np.isnan(found.low).tolist() == [True, False, True]


@pytest.mark.parametrize("points", [0, 5])
def test_few_points_are_a_reason(points: int) -> None:
    one, other = shifted_pair(6, 0.0)
    one[points:] = np.nan
    found = together(one, other, surrogates=19)
    assert f"one has {points}" in found.reason
    assert np.isnan([found.p, found.lag, found.extremum]).all()
    assert np.isnan(found.r).all()


def test_curves_without_a_common_stretch_are_a_reason() -> None:
    one, other = shifted_pair(7, 0.0)
    one[20:], other[:20] = np.nan, np.nan
    assert "common stretch" in together(one, other, surrogates=19).reason


def test_a_constant_curve_is_a_reason() -> None:
    one, _ = shifted_pair(8, 0.0)
    for value in (3.0, 0.1, 7.3):
        constant = np.full(len(one), value)
        flat = lagged_correlation(STEPS, one, 0 * one, constant, 0 * one, surrogates=19)
        assert flat.reason == "One of the two does not change."
        assert not flat.related


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"lags": []}, "at least one lag"), ({"steps": STEPS[::-1]}, "ascend")],
)
def test_bad_input_is_refused(change: dict[str, object], reason: str) -> None:
    one, other = shifted_pair(9, 0.0)
    given = {"steps": STEPS, "lags": LAGS} | change
    with pytest.raises(SettingsError, match=reason):
        lagged_correlation(given["steps"], one, one, other, one, lags=given["lags"])
