"""Distances, main axes and flows of graphs: closed forms, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest

from compute.networks.graph_space import (
    correlation_distance,
    frobenius_distance,
    layer_flow,
    to_previous,
    trajectory,
)

NAN = np.nan


def weights(checkpoints=8, edges=30, seed=0):
    return np.random.default_rng(seed).gamma(0.7, 0.3, (checkpoints, edges))


def with_gap(weight, row):
    return np.insert(weight, row, NAN, axis=0)


@pytest.mark.parametrize("distance", [frobenius_distance, correlation_distance])
def test_distances_are_symmetric_zero_to_themselves_and_at_most_2(distance):
    found = distance(weights())
    np.testing.assert_array_equal(found, found.T)
    assert (found.diagonal() == 0).all()
    assert (found >= 0).all()
    assert (found <= 2).all()


@pytest.mark.parametrize("distance", [frobenius_distance, correlation_distance])
def test_a_gap_has_no_distance_and_does_not_change_the_others(distance):
    weight = weights()
    found = distance(with_gap(weight, 3))
    assert np.isnan(found[3]).all()
    assert np.isnan(found[:, 3]).all()
    others = np.delete(np.delete(found, 3, 0), 3, 1)
    np.testing.assert_array_equal(others, distance(weight))


def test_frobenius_distance_by_hand():
    found = frobenius_distance(np.array([[3.0, 4.0], [6.0, 8.0], [0.0, 0.0], [0.0, 0.0]]))
    # Norms 5 and 10, apart 5: 5 / 7.5. From nothing, any graph is its norm over half of it.
    assert found[0, 1] == pytest.approx(2 / 3)
    assert found[0, 2] == 2
    assert found[2, 3] == 0


def test_frobenius_distance_does_not_depend_on_the_unit():
    np.testing.assert_allclose(frobenius_distance(weights()), frobenius_distance(1e-4 * weights()))


def test_correlation_distance_is_numpys():
    weight = weights()
    np.testing.assert_allclose(correlation_distance(weight), 1 - np.corrcoef(weight), atol=1e-12)


def test_correlation_distance_sees_the_pattern_alone():
    one = weights(1)[0]
    found = correlation_distance(np.stack([one, 3 * one + 2, -one]))
    np.testing.assert_allclose(found[0], [0, 0, 2], atol=1e-12)


def test_close_graphs_keep_the_digits_of_their_distance():
    one, other = weights(2, 200)
    near, nearer = correlation_distance(np.stack([one, one + 1e-6 * other, one + 1e-7 * other]))[
        0, 1:
    ]
    assert near / nearer == pytest.approx(100, rel=1e-3)
    steps = frobenius_distance(np.stack([one, one + 1e-9 * other, one + 1e-10 * other]))[0, 1:]
    assert steps[0] / steps[1] == pytest.approx(10, rel=1e-3)


def test_equal_weights_have_no_correlation():
    # 0.1 is rounded: less its mean it is not quite 0.
    found = correlation_distance(np.stack([np.full(7, 0.1), weights(1, 7)[0], np.zeros(7)]))
    assert np.isnan(found[0]).all()
    assert np.isnan(found[2]).all()
    assert found[1, 1] == 0


def test_the_previous_checkpoint_is_the_last_measured_one():
    weight = np.array([[NAN], [1.0], [3.0], [NAN], [1.0]])
    np.testing.assert_allclose(to_previous(frobenius_distance(weight)), [NAN, NAN, 1, NAN, 1])


def test_a_straight_way_has_one_axis():
    start, course = np.array([1.0, 2.0, 3.0]), np.array([0.0, -0.6, 0.8])
    found = trajectory(start + np.arange(5.0)[:, None] * course)
    np.testing.assert_allclose(found.explained, [1, 0, 0])
    np.testing.assert_allclose(found.axes, [course, np.zeros(3), np.zeros(3)], atol=1e-12)
    np.testing.assert_allclose(found.scores[:, 0], np.arange(-2.0, 3.0), atol=1e-12)
    np.testing.assert_array_equal(found.scores[:, 1:], 0)
    np.testing.assert_allclose(found.mean, start + 2 * course)


def test_with_all_axes_the_weights_come_back():
    weight = weights(5, 9)
    found = trajectory(weight, dims=6)
    np.testing.assert_allclose(found.mean + found.scores @ found.axes, weight, atol=1e-12)
    np.testing.assert_allclose(found.axes[:4] @ found.axes[:4].T, np.eye(4), atol=1e-12)
    assert found.explained.sum() == pytest.approx(1)
    assert (np.diff(found.explained) <= 0).all()
    # Five checkpoints span four axes.
    assert (found.axes[4:] == 0).all()


def test_axes_have_a_sign():
    weight = weights()
    found, mirrored = trajectory(weight), trajectory(weight[::-1])
    for axis in found.axes:
        assert axis[np.abs(axis).argmax()] > 0
    np.testing.assert_allclose(found.axes, mirrored.axes, atol=1e-10)


def test_scores_keep_the_distances_that_the_axes_span():
    weight = weights(4, 50)
    found = trajectory(weight)
    for a in range(4):
        apart = np.linalg.norm(weight - weight[a], axis=1)
        np.testing.assert_allclose(np.linalg.norm(found.scores - found.scores[a], axis=1), apart)


def test_a_gap_has_no_place():
    weight = weights()
    found, whole = trajectory(with_gap(weight, 2)), trajectory(weight)
    assert np.isnan(found.scores[2]).all()
    np.testing.assert_allclose(np.delete(found.scores, 2, 0), whole.scores)
    np.testing.assert_allclose(found.explained, whole.explained)


def test_one_checkpoint_goes_nowhere_and_none_is_nowhere():
    single = trajectory(weights(1))
    assert (single.scores == 0).all()
    assert (single.explained == 0).all()
    nothing = trajectory(np.full((3, 4), NAN))
    assert np.isnan(nothing.scores).all()
    assert np.isnan(nothing.mean).all()
    assert trajectory(np.zeros((3, 0))).axes.shape == (3, 0)


def test_flow_by_hand():
    weight = np.array([[1.0, 2.0, 4.0, 8.0], [NAN] * 4])
    source, target = np.array([0, 0, 0, 1]), np.array([1, 1, 2, 2])
    flow = layer_flow(weight, source, target, 3)
    np.testing.assert_array_equal(flow[0], [[0, 3, 4], [0, 0, 8], [0, 0, 0]])
    assert np.isnan(flow[1]).all()


def test_all_weight_flows():
    rng = np.random.default_rng(0)
    ends = np.sort(rng.integers(0, 5, (2, 30)), axis=0)
    flow = layer_flow(weights(), ends[0], ends[1], 5)
    np.testing.assert_allclose(flow.sum((1, 2)), weights().sum(1))
