"""The search for changes: exact segmentations, honest noise, and no change that hides another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from compute.networks.change_points import Rule, resampled_ends, search, segmentations, whitened

RULE = Rule(most=8, shortest=4, surrogates=59, level=0.05)


def noise(rng, rows, dims, phi):
    fresh = rng.standard_normal((rows, dims))
    for row in range(1, rows):
        fresh[row] = phi * fresh[row - 1] + np.sqrt(1 - phi**2) * fresh[row]
    return fresh


def levels(ends, heights):
    return np.repeat(np.asarray(heights, dtype=float), np.diff(ends, prepend=0), axis=0)


def searched(series, rule=RULE):
    return search(series, rule, np.random.default_rng(0))


def cost(series, ends):
    parts = np.split(series, ends[:-1])
    return sum(((part - part.mean(0)) ** 2).sum() for part in parts)


@pytest.mark.parametrize("seed", range(5))
def test_segmentations_are_the_best_of_all(seed):
    series = np.random.default_rng(seed).standard_normal((14, 2))
    for changes, found in enumerate(segmentations(series, 3, 3)):
        every = [
            [*cuts, 14]
            for cuts in itertools.combinations(range(3, 12), changes)
            if min(np.diff([0, *cuts, 14])) >= 3
        ]
        assert found.tolist() == min(every, key=lambda ends: cost(series, ends))


@pytest.mark.parametrize("size", [4, 10, 40])
def test_large_changes_do_not_pass_for_persistent_noise(size):
    """The larger three changes are, the more what one leaves looks like a slow wave."""
    ends = [20, 45, 80, 107]
    for seed in range(8):
        rng = np.random.default_rng(seed)
        heights = size * np.array([[0, 0, 0], [1, 1, -1], [0, 1, 1], [-1, 0, 1]])
        found = searched(levels(ends, heights) + noise(rng, 107, 3, 0.4)).ends
        assert all(np.abs(found - end).min() <= 1 for end in ends)
        assert len(found) <= 5


def test_a_change_is_seen_across_noise_that_all_columns_share():
    """Noise of deviation 6 in the sum, a step of 3 in the difference."""
    rng = np.random.default_rng(0)
    shared = 6 * noise(rng, 80, 1, 0.3)
    series = shared + noise(rng, 80, 2, 0.3) + levels([40, 80], [[0, 0], [3, -3]])
    assert searched(whitened(series, RULE)).ends.tolist() == pytest.approx([40, 80], abs=1)
    assert searched(series).ends.tolist() == [80]


def test_whitened_noise_is_alike_in_all_directions():
    rng = np.random.default_rng(1)
    mixed = noise(rng, 2000, 3, 0.0) @ np.diag([1.0, 3.0, 0.5]) @ rng.standard_normal((3, 3))
    variance = np.linalg.eigvalsh(np.cov(whitened(mixed, RULE).T))
    assert variance.max() < 1.2
    # A direction with hardly any noise stays short of 1: the ridge holds it down.
    assert variance.min() > 0.05


@pytest.mark.parametrize("phi", [0.0, 0.4, 0.7])
def test_the_noise_is_what_was_put_in(phi):
    phis, deviations = [], []
    for seed in range(12):
        series = levels([50, 120], [[0, 0], [9, -9]])
        series += noise(np.random.default_rng(seed), 120, 2, phi) * [2.0, 1.0]
        fitted = searched(series).noise
        phis.append(fitted.phi.mean())
        deviations.append(fitted.deviation)
    assert np.mean(phis) == pytest.approx(phi, abs=0.08)
    np.testing.assert_allclose(np.mean(deviations, axis=0), [2, 1], rtol=0.12)


def test_without_noise_every_step_is_found_and_no_other():
    series = levels([10, 25, 40], [[0, 1], [2, 1], [2, 5]])
    found = searched(whitened(series, RULE))
    assert found.ends.tolist() == [10, 25, 40]
    assert found.gain == pytest.approx(0, abs=1e-9)
    drawn = resampled_ends(series, found, RULE, np.random.default_rng(0))
    assert (drawn == found.ends).all()


def test_a_search_that_ends_at_the_most_says_so_by_its_gain():
    series = levels([20, 40, 60, 80], [[0], [8], [0], [8]])
    series += noise(np.random.default_rng(0), 80, 1, 0.0)
    limited = searched(series, Rule(most=2, shortest=4, surrogates=59, level=0.05))
    assert len(limited.ends) == 3
    assert limited.gain > limited.penalty
    whole = searched(series)
    assert whole.ends.tolist() == [20, 40, 60, 80]
    assert whole.gain <= whole.penalty


def test_the_unit_of_the_series_changes_nothing_but_the_unit():
    series = levels([30, 60], [[0, 0], [3, 0]]) + noise(np.random.default_rng(3), 60, 2, 0.2)
    one, other = searched(series), searched(1e4 * series)
    assert one.ends.tolist() == other.ends.tolist()
    assert other.penalty == pytest.approx(1e8 * one.penalty)
    np.testing.assert_allclose(other.noise.deviation, 1e4 * one.noise.deviation)
