"""Smoothing recovers what it is given, says how sure it is, and forgets units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy import ndarray
from scipy.optimize import check_grad

from compute.smoothing import MINIMUM_POINTS, _Process, smooth

STEPS = np.unique(np.round(np.geomspace(1, 6000, 50)).astype(int)) - 1
X = np.log1p(STEPS)


def a_curve(x: ndarray) -> ndarray:
    """A curve that rises, rests and rises again."""
    return 40 + 60 / (1 + np.exp(-3 * (x - 3.5))) + 20 / (1 + np.exp(-4 * (x - 7)))


def measured(seed: int, error: float = 3.0, extra: float = 0.0) -> tuple[ndarray, ndarray]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, np.hypot(error, extra), len(X))
    return a_curve(X) + noise, np.full(len(X), error)


def test_the_band_holds_the_true_curve_at_nineteen_of_twenty_places():
    held, slopes = [], []
    for seed in range(40):
        phase = np.random.default_rng(100 + seed).uniform(0, 2 * np.pi)
        values = (
            80 + 30 * np.sin(1.2 * X + phase) + np.random.default_rng(seed).normal(0, 4, len(X))
        )
        found = smooth(STEPS, values, np.full(len(X), 4.0))
        off = np.abs(80 + 30 * np.sin(1.2 * X + phase) - found.mean)
        held.append((off <= found.high - found.mean).mean())
        off = np.abs(36 * np.cos(1.2 * X + phase) - found.slope)
        slopes.append((off <= 1.96 * found.slope_error).mean())
    assert 0.9 <= np.mean(held) <= 0.99
    assert 0.9 <= np.mean(slopes) <= 0.995


def test_a_curve_that_is_sharp_here_and_flat_there_is_held_a_little_less():
    held = []
    for seed in range(20):
        found = smooth(STEPS, *measured(seed))
        held.append(((found.low <= a_curve(X)) & (a_curve(X) <= found.high)).mean())
    assert 0.85 <= np.mean(held) <= 0.99


def test_it_is_closer_to_the_truth_than_the_points_are():
    for seed in range(5):
        values, errors = measured(seed)
        found = smooth(STEPS, values, errors)
        off = np.sqrt(np.mean((found.mean - a_curve(X)) ** 2))
        assert off < 0.7 * np.sqrt(np.mean((values - a_curve(X)) ** 2))


def test_scatter_beyond_the_errors_is_found_as_noise():
    extra = []
    for seed in range(10):
        found = smooth(STEPS, *measured(seed, error=1.0, extra=4.0))
        extra.append(found.noise)
    assert np.mean(extra) == pytest.approx(4, rel=0.2)


def test_a_noisy_point_counts_for_less_than_a_sure_one():
    values, errors = measured(0)
    values[25] += 60
    errors[25] = 60
    assert smooth(STEPS, values, errors).mean[25] < a_curve(X)[25] + 10


@pytest.mark.parametrize(("shift", "factor"), [(1000.0, 1.0), (0.0, 1e-3), (-7.0, 250.0)])
def test_units_do_not_matter(shift, factor):
    values, errors = measured(1)
    plain = smooth(STEPS, values, errors)
    moved = smooth(STEPS, shift + factor * values, factor * errors)
    for name in ("mean", "low", "high"):
        expected = shift + factor * getattr(plain, name)
        np.testing.assert_allclose(getattr(moved, name), expected, atol=2e-3 * factor)
    for name in ("slope", "slope_error", "noise"):
        expected = factor * getattr(plain, name)
        np.testing.assert_allclose(getattr(moved, name), expected, atol=5e-3 * factor)
    assert moved.length_scale == pytest.approx(plain.length_scale, rel=1e-3)


def test_the_slope_of_a_line_is_its_slope_everywhere():
    found = smooth(STEPS, 5 + 7 * X, np.full(len(X), 1e-3))
    np.testing.assert_allclose(found.slope, 7, atol=0.02)
    np.testing.assert_allclose(found.mean, 5 + 7 * X, atol=0.01)


def test_the_slope_is_that_of_the_mean():
    at = np.linspace(0.5, 8, 200)
    found = smooth(STEPS, *measured(2), at=np.expm1(at))
    numeric = np.gradient(found.mean, at)
    np.testing.assert_allclose(found.slope[1:-1], numeric[1:-1], atol=0.2)


def test_a_constant_stays_one_and_its_slope_is_none():
    found = smooth(STEPS, np.full(len(X), 3.0), np.full(len(X), 0.1))
    np.testing.assert_allclose(found.mean, 3)
    assert (np.abs(found.slope) <= 1.96 * found.slope_error).all()


def test_a_gap_is_bridged_with_more_doubt_and_changes_nothing_else():
    values, errors = measured(3)
    gap = slice(20, 27)
    left_out = np.delete(np.arange(len(X)), gap)
    values[gap] = errors[gap] = np.nan
    found = smooth(STEPS, values, errors)
    alone = smooth(STEPS[left_out], values[left_out], errors[left_out])
    np.testing.assert_allclose(found.mean[left_out], alone.mean)
    assert np.isfinite(found.mean).all()
    width = found.high - found.low
    assert width[23] > 2 * np.median(width)


def test_errors_that_nobody_knows_are_fitted():
    values, errors = measured(4)
    found = smooth(STEPS, values, np.full_like(errors, np.nan))
    assert found.noise == pytest.approx(3, rel=0.35)


@pytest.mark.parametrize("points", range(MINIMUM_POINTS + 1))
def test_a_few_points_are_not_smoothed(points):
    values, errors = measured(5)
    values[points:] = np.nan
    found = smooth(STEPS, values, errors)
    assert (found is None) == (points < MINIMUM_POINTS)


def test_the_gradient_is_that_of_the_likelihood():
    values, errors = measured(6)
    y, own = (values - values.mean()) / values.std(), errors / values.std()
    for hyper in itertools.product(np.log([0.5, 3]), np.log([0.3, 2]), np.log([0.05, 0.5])):
        worst = check_grad(
            lambda h: _Process(X, y, own, h).loss(),
            lambda h: _Process(X, y, own, h).gradient(),
            np.array(hyper),
        )
        assert worst < 2e-3
