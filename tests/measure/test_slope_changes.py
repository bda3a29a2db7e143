"""Slope changes: the fit is the best there is, its number is not chance, its intervals hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from compute.measure.broken_lines import SHORTEST, Noise, Search
from compute.measure.slope_changes import (
    _WIDEST,
    _chance,
    _likelihoods,
    _noise,
    _widened,
    slope_changes,
)
from tests.measure.stage_curves import DEVELOPMENTS, Score, line, noise

X = np.sort(np.random.default_rng(0).uniform(0, 8, 40))
BROKEN = np.interp(X, [0, 2.5, 5.5, 8], [0, 5, 2, 9])


def found_in(steps, values, errors, most=8, bootstrap=100):
    return slope_changes(
        np.log1p(steps), values, errors, most=most, confidence=0.95, bootstrap=bootstrap,
        generator=np.random.default_rng(0),
    )  # fmt: skip


def generalised_misfit(x, y, knots, covariance):
    """The misfit of the best curve with these knots, from the dense covariance of the noise."""
    columns = [np.ones_like(x), x, *(np.where(x > knot, x - knot, 0) for knot in knots)]
    design, precise = np.stack(columns, axis=1), np.linalg.inv(covariance)
    weights = np.linalg.solve(design.T @ precise @ design, design.T @ precise @ y)
    left = y - design @ weights
    return left @ precise @ left


def covariance_of(of: Noise):
    lag = np.abs(np.subtract.outer(np.arange(len(of.deviation)), np.arange(len(of.deviation))))
    return of.deviation[:, None] * of.phi**lag * of.deviation


@pytest.mark.parametrize("phi", [0.0, 0.6])
@pytest.mark.parametrize("seed", range(3))
def test_two_knots_are_the_best_of_all_pairs(phi, seed):
    of = Noise(np.linspace(0.3, 1.2, len(X)), phi)
    y = BROKEN + noise(of.deviation, seed, phi)
    search, covariance = Search(X, of), covariance_of(of)
    pairs = [
        (a, b)
        for a, b in itertools.combinations(search.grid[::5], 2)
        if ((a <= X) & (b > X)).sum() >= SHORTEST
    ]
    coarse = min(generalised_misfit(X, y, pair, covariance) for pair in pairs)
    found = search.lines(y, 3)[2]
    assert found.misfit == pytest.approx(generalised_misfit(X, y, found.knots, covariance))
    assert found.misfit <= coarse + 1e-9
    near = itertools.product(*(knot + np.linspace(-0.2, 0.2, 13) for knot in found.knots))
    best = min(generalised_misfit(X, y, pair, covariance) for pair in near)
    assert found.misfit <= best * 1.01


def test_more_knots_never_fit_worse_and_none_is_the_straight_line():
    y = BROKEN + noise(np.full(len(X), 0.5), 4)
    search = Search(X, Noise(np.full(len(X), 0.5), 0.0))
    lines = search.lines(y, 5)
    assert [len(each.knots) for each in lines] == list(range(6))
    assert (np.diff([each.misfit for each in lines]) <= 1e-9).all()
    np.testing.assert_allclose(lines[0].values, np.polyval(np.polyfit(X, y, 1), X))


def test_knots_of_a_curve_without_noise_are_its_own_off_the_grid():
    search = Search(X, Noise(np.full(len(X), 0.1), 0.0))
    np.testing.assert_allclose(search.lines(BROKEN, 2)[2].knots, [2.5, 5.5], atol=1e-3)


def test_many_series_at_once_are_fitted_as_each_alone():
    of = Noise(np.full(len(X), 0.3), 0.3)
    search = Search(X, of)
    series = np.array([BROKEN + noise(of.deviation, seed, 0.3) for seed in range(5)])
    together, changes = search.refit(series, np.array([2.5, 5.5]))
    for one, knots, change in zip(series, together, changes, strict=True):
        alone, its_change = search.refit(one[None], np.array([2.5, 5.5]))
        np.testing.assert_allclose(knots, alone[0])
        np.testing.assert_allclose(change, its_change[0])
        np.testing.assert_allclose(knots, search.lines(one, 2)[2].knots, atol=0.02)
    assert (np.sign(changes) == [-1, 1]).all()


def test_a_change_is_standardised_by_its_error():
    """Over noise alone, the change at fixed knots has a variance of one."""
    of = Noise(np.linspace(0.5, 2, len(X)), 0.4)
    series = np.array([BROKEN + noise(of.deviation, seed, 0.4) for seed in range(800)])
    search = Search(X, of)
    changes = search.changes(series, np.tile([2.5, 5.5], (800, 1)))
    np.testing.assert_allclose(changes.std(axis=0), 1, atol=0.08)


def test_the_chance_of_a_change_bounds_how_often_one_is_seen():
    search = Search(X, Noise(np.ones(len(X)), 0.0))
    straight = search.lines(X, 0)[0]
    found = [search.significance(noise(np.ones(len(X)), seed), straight) for seed in range(1500)]
    sizes, (_, path, pieces) = [size for size, _, _ in found], found[0]
    assert pieces == 1
    for level in (0.3, 0.1, 0.05):
        chance = _chance(np.quantile(sizes, 1 - level), path, pieces, 10**6)
        assert 0.8 * level < chance < 1.6 * level


def test_the_likelihoods_are_those_of_the_dense_covariance():
    of, rng = Noise(np.linspace(0.3, 1.2, len(X)), 0.6), np.random.default_rng(0)
    design, left = rng.normal(size=(len(X), 5)), rng.normal(size=len(X))
    covariance = covariance_of(of)
    precise = np.linalg.inv(covariance)
    information = design.T @ precise @ design
    projected = precise - precise @ design @ np.linalg.solve(information, design.T @ precise)
    full = -0.5 * (left @ projected @ left + np.linalg.slogdet(covariance)[1])
    restricted = full - 0.5 * np.linalg.slogdet(information)[1]
    np.testing.assert_allclose(_likelihoods(design, left, of), (restricted, full))


@pytest.mark.parametrize("own", [0.0, 0.6])
def test_noise_is_read_from_what_the_knots_leave(own):
    one = DEVELOPMENTS["hoogland"]
    x, errors = np.log1p(one.steps), np.full(len(one.steps), own)
    found = [
        _noise(x, one.bending() + noise(np.ones(len(x)), seed, 0.5), errors, 10)
        for seed in range(4)
    ]
    assert np.mean([each.phi for each in found]) == pytest.approx(0.5, abs=0.12)
    assert np.mean([np.median(each.deviation) for each in found]) == pytest.approx(1, rel=0.15)


def test_where_errors_are_unknown_a_noisy_stretch_counts_for_less():
    x = np.linspace(0, 8, 160)
    truth = np.where((x > 3) & (x < 5), 3.0, 1.0)
    found = [_noise(x, x + noise(truth, seed), np.zeros(160), 8).deviation for seed in range(6)]
    inside = np.mean([each[(x > 3.5) & (x < 4.5)].mean() for each in found])
    outside = np.mean([each[(x < 2) | (x > 6)].mean() for each in found])
    assert inside > 1.25 * outside
    assert outside > 1


def test_known_changes_are_found_inside_their_intervals():
    """At least 90 % are, as far as so few curves tell; the benchmark has the shares."""
    score = Score()
    for one, seed in itertools.product(DEVELOPMENTS.values(), range(3)):
        error = one.error()
        found = found_in(one.steps, one.bending() + noise(error, seed), error)
        at = [-np.inf, *(each.at for each in found), np.inf]
        for each, before, after in zip(found, at, at[2:], strict=False):
            assert before <= each.low <= each.at <= each.high <= after
        score.add(one.knots, [tuple(np.expm1([each.at, each.low, each.high])) for each in found])
    assert binomtest(score.covered, score.found, 0.9, alternative="less").pvalue > 0.01
    assert score.found >= 0.8 * score.there
    assert score.false <= 0.35 * score.curves


def test_a_knot_that_stands_for_two_has_both_in_its_interval():
    x = np.linspace(0, 8, 80)
    y = np.interp(x, [0, 3, 5, 8], [0, 0, 2, 8]) + noise(np.full(80, 0.01), 0)
    search = Search(x, Noise(np.full(80, 0.01), 0.0))
    _, one, two = search.lines(y, 2)
    assert 3.2 < one.knots[0] < 4.8
    low, high = _widened(search, y, one, two, (one.knots - 0.1, one.knots + 0.1), 0.95)
    surer = _widened(search, y, one, two, (one.knots - 0.1, one.knots + 0.1), 0.999)
    assert surer[0][0] < low[0] < high[0] < surer[1][0]
    assert low[0] == pytest.approx(3, abs=0.1)
    assert high[0] == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("errors", ["given", "unknown"])
@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("curve", [line, np.ones_like])
def test_what_does_not_bend_has_no_change(curve, correlation, errors):
    """In about one curve of twenty noise is taken for a change; two of four are not chance."""
    one = DEVELOPMENTS["stdlib_lm"]
    error = one.error()
    given = error if errors == "given" else np.zeros_like(error)
    counts = [
        len(found_in(one.steps, curve(one.steps) + noise(error, seed, correlation), given))
        for seed in range(4)
    ]
    assert np.count_nonzero(counts) <= 1


def test_a_wide_interval_is_told_only_of_a_change_that_is_sure():
    one = DEVELOPMENTS["stdlib_lm"]
    error = 6 * one.error()
    for seed in range(3):
        for each in found_in(one.steps, one.bending() + noise(error, seed), error):
            assert each.high - each.low <= _WIDEST or each.support >= 0.95


def test_no_more_are_found_than_asked_for():
    one = DEVELOPMENTS["stdlib_lm"]
    for most in (0, 2):
        assert len(found_in(one.steps, one.bending(), one.error(), most=most)) == most


def test_twelve_points_are_enough_to_see_a_corner():
    x = np.linspace(0, 6, 12)
    (found,) = slope_changes(
        x, np.abs(x - 3.2), np.full(12, 0.02), most=6, confidence=0.95, bootstrap=100,
        generator=np.random.default_rng(0),
    )  # fmt: skip
    assert found.low <= 3.2 <= found.high
    assert found.support > 0.99
