"""R-hat and effective sample size, and where they must stay silent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compute.measure.diagnostics import bulk_ess, rank_rhat


def independent(chains: int, draws: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(chains, draws))


def test_chains_that_agree_have_an_rhat_of_one() -> None:
    assert rank_rhat(independent(4, 500)) == pytest.approx(1.0, abs=0.01)


def test_chains_that_disagree_have_a_large_rhat() -> None:
    apart = independent(4, 500) + np.array([[0.0], [0.0], [0.0], [5.0]])
    assert rank_rhat(apart) > 1.3


def test_a_common_drift_raises_rhat() -> None:
    drifting = independent(4, 500) + np.linspace(0, 5, 500)
    assert rank_rhat(drifting) > 1.3


def test_independent_draws_count_in_full() -> None:
    assert bulk_ess(independent(4, 500)) == pytest.approx(2000, rel=0.1)


def test_correlated_draws_count_by_their_correlation_time() -> None:
    noise = independent(4, 5000)
    chain = np.zeros_like(noise)
    for t in range(1, 5000):
        chain[:, t] = 0.9 * chain[:, t - 1] + noise[:, t]
    # An AR(1) of coefficient r keeps (1 - r) / (1 + r) of its draws.
    assert bulk_ess(chain) == pytest.approx(20_000 * 0.1 / 1.9, rel=0.2)


def test_a_unit_changes_neither() -> None:
    traces = independent(4, 100)
    assert rank_rhat(3 + 100 * traces) == pytest.approx(rank_rhat(traces), abs=1e-3)
    assert bulk_ess(3 + 100 * traces) == pytest.approx(bulk_ess(traces), rel=1e-3)


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_fewer_than_four_draws_say_nothing(draws: int) -> None:
    assert math.isnan(rank_rhat(independent(4, draws)))
    assert math.isnan(bulk_ess(independent(4, draws)))


def test_four_draws_are_enough() -> None:
    assert math.isfinite(rank_rhat(independent(4, 4)))
    assert math.isfinite(bulk_ess(independent(4, 4)))


def test_one_chain_has_no_rhat_but_a_sample_size() -> None:
    assert math.isnan(rank_rhat(independent(1, 100)))
    assert bulk_ess(independent(1, 100)) > 50


def test_no_chain_says_nothing() -> None:
    assert math.isnan(rank_rhat(np.empty((0, 100))))
    assert math.isnan(bulk_ess(np.empty((0, 100))))


@pytest.mark.parametrize("constant_chains", [[1], [0, 1, 2, 3]])
def test_a_constant_chain_is_not_a_perfect_one(constant_chains: list[int]) -> None:
    traces = independent(4, 100)
    traces[constant_chains] = 2.5
    assert math.isnan(rank_rhat(traces))
    assert math.isnan(bulk_ess(traces))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_says_nothing(value: float) -> None:
    traces = independent(4, 100)
    traces[2, 50] = value
    assert math.isnan(rank_rhat(traces))
    assert math.isnan(bulk_ess(traces))
