"""A community keeps its number: through other names, growth, gaps and absence."""

from __future__ import annotations

import numpy as np
import pytest

from compute.networks.communities import match_communities


def matched(*rows):
    return match_communities(np.array(rows)).tolist()


def test_other_names_for_the_same_communities_change_nothing():
    rng = np.random.default_rng(0)
    same = rng.permutation(np.repeat(np.arange(4), 6))
    named = [rng.permutation(4)[same] for _ in range(5)]
    found = match_communities(np.array(named))
    assert (found == found[0]).all()
    np.testing.assert_array_equal(found[0], named[0])


def test_a_community_keeps_its_number_while_members_come_and_go():
    assert matched(
        [0, 0, 0, 0, 1, 1, 1, 1],
        [1, 0, 0, 0, 1, 1, 1, 1],
        [1, 1, 0, 0, 1, 1, 1, 1],
    )[2] == [1, 1, 0, 0, 1, 1, 1, 1]


def test_components_without_an_edge_have_no_number():
    assert matched([0, 0, 0, -1, 1, 1], [0, 0, -1, -1, 1, -1]) == [
        [0, 0, 0, -1, 1, 1],
        [0, 0, -1, -1, 1, -1],
    ]


def test_what_shares_too_little_is_new():
    # 2 of 7 members shared is 0.29; 2 of 6 is 0.33.
    assert matched([0, 0, 0, 0, -1, -1, -1], [-1, -1, 0, 0, 0, 0, 0])[1][2:] == [1] * 5
    assert matched([0, 0, 0, 0, -1, -1], [-1, -1, 0, 0, 0, 0])[1][2:] == [0] * 4


def test_a_match_that_may_not_be_does_not_keep_another_from_its_number():
    # {0..3} with {0, 1, 2}: 3/4. All else overlaps too little to be anyone's successor.
    found = matched(
        [0, 0, 0, 0, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 0, 0, 2, 2, 3, 3, 3],
    )
    assert found[1][:3] == [0, 0, 0]
    assert found[1][7:] == [1, 1, 1]
    assert set(found[1][3:7]) == {2, 3}


def test_numbers_cross_a_gap():
    assert matched([0, 0, 1, 1], [-1] * 4, [1, 1, 0, 0]) == [[0, 0, 1, 1], [-1] * 4, [0, 0, 1, 1]]


def test_one_that_comes_back_gets_its_number_again():
    one = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    without = [0, 0, 0, 1, 1, 1, -1, -1, -1]
    assert matched(one, without, without, [1, 1, 1, 2, 2, 2, 0, 0, 0])[3] == one


def test_what_merged_and_parts_again_has_its_old_numbers():
    apart, merged = [0, 0, 0, 0, 1, 1, 1], [0] * 7
    assert matched(apart, merged, apart) == [apart, merged, apart]


def test_what_is_new_gets_the_next_number_even_after_one_vanished():
    found = matched([0, 0, 0, 1, 1, 1, -1, -1], [0, 0, 0, -1, -1, -1, 1, 1])
    assert found[1] == [0, 0, 0, -1, -1, -1, 2, 2]


def test_later_checkpoints_do_not_change_earlier_numbers():
    rng = np.random.default_rng(1)
    labels = rng.integers(-1, 4, (12, 20))
    whole = match_communities(labels)
    for upto in range(1, 13):
        np.testing.assert_array_equal(match_communities(labels[:upto]), whole[:upto])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3)])
def test_without_communities_there_is_nothing_to_number(shape):
    assert (match_communities(np.full(shape, -1)) == -1).all()


def test_members_of_one_community_stay_together():
    labels = np.random.default_rng(2).integers(0, 5, (30, 15))
    for before, after in zip(labels, match_communities(labels), strict=True):
        assert ((before[:, None] == before[None, :]) == (after[:, None] == after[None, :])).all()
