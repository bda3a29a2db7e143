"""Ranks and links over training: as others count them, and as a hand can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from compute.networks.stability import (
    churn,
    link_persistence,
    rank_biased_overlap,
    tau_b,
    top_share,
)

NAN = np.nan


def ranked(rng, checkpoints, n, levels=None):
    """Values with ties where there are few levels."""
    values = rng.standard_normal((checkpoints, n))
    return values if levels is None else np.floor(values * levels)


@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_tau_is_scipys(levels, holes):
    rng = np.random.default_rng(0)
    values = ranked(rng, 6, 40, levels)
    values[rng.random(values.shape) < holes] = NAN
    found = tau_b(values)
    for a in range(6):
        for b in range(6):
            both = np.isfinite(values[a]) & np.isfinite(values[b])
            expected = kendalltau(values[a, both], values[b, both]).statistic
            assert found[a, b] == pytest.approx(expected, abs=1e-12)


def test_tau_over_more_pairs_than_are_compared_at_once_is_scipys():
    values = ranked(np.random.default_rng(1), 2, 300, 5)
    expected = kendalltau(*values).statistic
    assert tau_b(values)[0, 1] == pytest.approx(expected, abs=1e-12)


def test_tau_by_hand():
    # Of three pairs two keep their order and one does not: (2 - 1) / 3.
    found = tau_b(np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [3.0, 2.0, 1.0]]))
    np.testing.assert_allclose(found[0], [1, 1 / 3, -1])
    # One pair of three is tied at one checkpoint: 2 / sqrt(2 * 3).
    tied = tau_b(np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 3.0]]))
    assert tied[0, 1] == pytest.approx(2 / 6**0.5)


def test_tau_depends_on_order_alone():
    values = ranked(np.random.default_rng(2), 4, 25)
    np.testing.assert_array_equal(tau_b(values), tau_b(np.exp(3 * values)))
    turned = np.random.default_rng(3).permutation(25)
    np.testing.assert_allclose(tau_b(values), tau_b(values[:, turned]), atol=1e-15)


def test_tau_is_a_gap_where_there_is_no_order():
    values = np.array([[1.0, 2.0, 3.0], [4.0, 4.0, 4.0], [NAN, NAN, NAN], [3.0, 1.0, 2.0]])
    found = tau_b(values)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 2]).all()
    assert found[0, 0] == found[3, 3] == 1


def slow_overlap(one, other, p):
    """Rank-biased overlap item by item, over the whole of both rankings."""
    shared = [i for i in range(len(one)) if np.isfinite(one[i]) and np.isfinite(other[i])]

    def head(values, depth):
        return {i for i in shared if sum(values[j] > values[i] for j in shared) < depth}

    total, agreement = 0.0, 0.0
    for depth in range(1, len(shared) + 1):
        first, second = head(one, depth), head(other, depth)
        agreement = 2 * len(first & second) / (len(first) + len(second))
        total += agreement * p**depth
    return total * (1 - p) / p + agreement * p ** len(shared)


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_overlap_is_that_counted_item_by_item(levels, holes):
    rng = np.random.default_rng(4)
    values = ranked(rng, 5, 18, levels)
    values[rng.random(values.shape) < holes] = NAN
    for p in (0.5, 0.9, 0.98):
        found = rank_biased_overlap(values, persistence=p)
        expected = [[slow_overlap(a, b, p) for b in values] for a in values]
        # At 0.5 depths from 20 on would weigh less than 1e-6.
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_overlap_by_hand():
    # Nothing shared at depth 1, everything at depth 2 and after: p.
    swapped = np.array([[2.0, 1.0], [1.0, 2.0]])
    assert rank_biased_overlap(swapped, persistence=0.9)[0, 1] == pytest.approx(0.9)
    # 3 > 2 > 1 against a tie of the first two: {a} and {a, b} agree by 2/3, then all is shared.
    tied = np.array([[3.0, 2.0, 1.0], [2.0, 2.0, 1.0]])
    expected = 0.1 * 2 / 3 + 0.9
    assert rank_biased_overlap(tied, persistence=0.9)[0, 1] == pytest.approx(expected)


def test_overlap_of_a_long_ranking_with_itself_is_1():
    found = rank_biased_overlap(ranked(np.random.default_rng(5), 3, 400))
    np.testing.assert_allclose(found.diagonal(), 1)
    np.testing.assert_array_equal(found, found.T)


def test_overlap_asks_who_is_first():
    order = np.arange(30.0)
    top, bottom = order.copy(), order.copy()
    top[[29, 28]], bottom[[0, 1]] = top[[28, 29]], bottom[[1, 0]]
    values = np.stack([order, top, bottom])
    overlap, tau = rank_biased_overlap(values)[0], tau_b(values)[0]
    assert overlap[1] < overlap[2]
    assert tau[1] == tau[2]


def test_overlap_with_an_unmeasured_checkpoint_is_a_gap():
    found = rank_biased_overlap(np.array([[1.0, 2.0], [NAN, NAN]]))
    assert found[0, 0] == 1
    assert np.isnan([found[0, 1], found[1, 0], found[1, 1]]).all()


def test_one_of_twenty_is_in_the_top_share_and_none_of_equals():
    values = np.stack([np.arange(20.0), np.ones(20), np.full(20, NAN)])
    assert top_share(values).sum(1).tolist() == [1, 0, 0]
    assert top_share(values)[0, 19]


def test_the_top_share_counts_only_what_is_known():
    values = np.array([NAN, *range(21), NAN])
    # The 95th percentile of 0 .. 20 is 19, and only above counts.
    assert np.flatnonzero(top_share(values)).tolist() == [21]
    assert top_share(values, percentile=50.0).sum() == 10


def test_churn_by_hand():
    marked = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1], [1, 0, 1], [0, 0, 0], [0, 0, 0]], bool)
    measured = np.array([True, True, False, True, True, True])
    np.testing.assert_allclose(churn(marked, measured), [NAN, 2 / 3, NAN, 0, 1, 0])


def test_link_persistence_by_hand():
    weight = np.array([[0.5, 0.2, 0.0, -1e-9], [NAN] * 4, [0.5, 0.6, 0.0, 0.1]])
    assert link_persistence(weight, 0.5).tolist() == [1, 0.5, 0, 0]
    # Without a threshold an edge still needs a weight.
    assert link_persistence(weight, 0.0).tolist() == [1, 1, 0, 0.5]
    assert np.isnan(link_persistence(weight[1:2], 0.5)).all()
