"""Trajectories against explicit singular values, by hand, and what must not change them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from compute.behaviour_records import ModelOutputs
from compute.errors import SettingsError
from compute.random_walks import checkpoint_weights, cosine_shares, random_walk_shares
from compute.trajectories import trajectory

STEPS = (0, 1, 2, 4, 9, 20, 50, 100, 200, 300)


def coarse(values):
    """Values that float16 holds exactly, so that explicit numbers are the stored ones."""
    return np.round(np.asarray(values) * 64) / 64


def wandering(rows=10, size=40, seed=0):
    generator = np.random.default_rng(seed)
    return coarse(np.cumsum(generator.normal(size=(rows, size)), axis=0))


REFERENCES = coarse(np.random.default_rng(9).normal(size=(3, 40)))


def record(row, references=REFERENCES):
    return ModelOutputs(
        outputs=row.astype(np.float16),
        square=float(row @ row),
        references=tuple(f"reference {i}" for i in range(len(references))),
        reference_squares=(references**2).sum(1),
        reference_products=references @ row,
        reference_between=references @ references.T,
    )


def run_of(points, references=REFERENCES, steps=STEPS):
    return {t: record(row, references) for t, row in zip(steps, points, strict=True)}


def trapezoid(steps):
    """Weights by the stretch of ln(1 + t) from half way to the one before to half way after."""
    x = np.log1p(steps)
    middles = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
    return np.diff(middles) / (x[-1] - x[0])


def slow(runs, references, weight, axes):
    """Scores of rows and references, and shares, from an explicit weighted stack."""
    rows = np.concatenate(runs)
    mean = weight @ rows
    _, sizes, right = np.linalg.svd(np.sqrt(weight)[:, None] * (rows - mean), full_matrices=False)
    last = len(runs[0]) - 1
    right = right * np.where((rows - mean)[last] @ right.T < 0, -1, 1)[:, None]
    shares = sizes**2 / (sizes**2).sum()
    places = (references - mean) @ right[:axes].T
    left = [
        np.linalg.norm(references - mean - places[:, :k] @ right[:k], axis=1)
        for k in range(1, axes + 1)
    ]
    return (rows - mean) @ right[:axes].T, shares[:axes], places, np.stack(left, axis=1)


@pytest.mark.parametrize("weights", ["log_time", "checkpoints"])
def test_one_run_equals_singular_values_of_the_explicit_stack(weights):
    points = wandering()
    found = trajectory({"a": run_of(points)}, axes=4, weights=weights)
    weight = trapezoid(STEPS) if weights == "log_time" else np.full(len(STEPS), 1 / len(STEPS))
    scores, shares, places, left = slow([points], REFERENCES, weight, 4)
    np.testing.assert_allclose(found.runs["a"].scores, scores, atol=1e-9)
    np.testing.assert_allclose(found.explained, shares, atol=1e-12)
    np.testing.assert_allclose(found.reference_scores, places, atol=1e-9)
    np.testing.assert_allclose(found.reference_beyond, left, atol=1e-9)


@pytest.mark.parametrize("weights", ["log_time", "checkpoints"])
def test_runs_count_the_same_however_many_checkpoints_they_have(weights):
    long, short = wandering(seed=1), wandering(4, seed=2)
    runs = {"a": run_of(long), "b": run_of(short, steps=(3, 30, 40, 700))}
    found = trajectory(runs, weights=weights)
    if weights == "log_time":
        weight = np.concatenate([trapezoid(STEPS), trapezoid((3, 30, 40, 700))]) / 2
    else:
        weight = np.concatenate([np.full(10, 1 / 20), np.full(4, 1 / 8)])
    scores, shares, places, left = slow([long, short], REFERENCES, weight, 3)
    np.testing.assert_allclose(found.runs["a"].scores, scores[:10], atol=1e-9)
    np.testing.assert_allclose(found.runs["b"].scores, scores[10:], atol=1e-9)
    np.testing.assert_allclose(found.explained, shares, atol=1e-12)
    np.testing.assert_allclose(found.reference_scores, places, atol=1e-9)
    np.testing.assert_allclose(found.reference_beyond, left, atol=1e-9)


def test_points_of_a_plane_are_found_in_it():
    angle = np.linspace(0, 2, len(STEPS))
    flat = coarse(np.stack([3 * np.cos(angle), np.sin(angle)], axis=1))
    across = np.zeros((2, 40))
    across[0, 5], across[1, 11] = 1, -1
    points = flat @ across + 2
    above = points[3] + np.eye(40)[20] / 2
    found = trajectory({"a": run_of(points, above[None])}, axes=3)
    run = found.runs["a"]
    assert found.explained[:2].sum() == pytest.approx(1)
    assert found.explained[2] == 0
    assert (run.scores[:, 2] == 0).all()
    apart = np.linalg.norm(flat[:, None] - flat, axis=-1)
    drawn = np.linalg.norm(run.scores[:, None] - run.scores, axis=-1)
    np.testing.assert_allclose(drawn, apart, atol=1e-9)
    np.testing.assert_allclose(run.beyond[:, 1:], 0, atol=1e-6)
    # What lies half a unit above a checkpoint is drawn on it, and said to lie half a unit off.
    np.testing.assert_allclose(found.reference_scores[0], run.scores[3], atol=1e-9)
    np.testing.assert_allclose(found.reference_beyond[0, 1:], 0.5, atol=1e-9)


def test_two_identical_runs_lie_where_one_of_them_does():
    points = wandering()
    one = trajectory({"a": run_of(points)})
    two = trajectory({"a": run_of(points), "b": run_of(points)})
    for name in ("a", "b"):
        np.testing.assert_allclose(two.runs[name].scores, one.runs["a"].scores, atol=1e-9)
    np.testing.assert_allclose(two.explained, one.explained, atol=1e-12)
    np.testing.assert_allclose(two.reference_scores, one.reference_scores, atol=1e-9)


def test_the_order_of_runs_changes_nothing():
    runs = {name: run_of(wandering(seed=i)) for i, name in enumerate("abc")}
    one = trajectory(runs)
    other = trajectory({name: runs[name] for name in "cab"})
    assert list(other.runs) == ["c", "a", "b"]
    for name in "abc":
        np.testing.assert_array_equal(other.runs[name].scores, one.runs[name].scores)
    for field in ("explained", "walk", "reference_scores"):
        np.testing.assert_array_equal(getattr(other, field), getattr(one, field))


def test_a_constant_vector_added_to_all_outputs_changes_nothing():
    points, offset = wandering(), coarse(np.random.default_rng(3).normal(size=40))
    one = trajectory({"a": run_of(points)})
    other = trajectory({"a": run_of(points + offset, REFERENCES + offset)})
    for field in ("scores", "beyond", "to_references", "speed"):
        found = getattr(other.runs["a"], field)
        np.testing.assert_allclose(found, getattr(one.runs["a"], field), atol=1e-6)
    np.testing.assert_allclose(other.explained, one.explained, atol=1e-12)
    np.testing.assert_allclose(other.reference_scores, one.reference_scores, atol=1e-9)
    np.testing.assert_allclose(other.reference_beyond, one.reference_beyond, atol=1e-6)


def test_a_reference_that_is_a_checkpoint_is_drawn_on_it():
    points = wandering()
    found = trajectory({"a": run_of(points, points[[2, 7]])})
    run = found.runs["a"]
    np.testing.assert_allclose(found.reference_scores, run.scores[[2, 7]], atol=1e-9)
    np.testing.assert_allclose(found.reference_beyond, run.beyond[[2, 7]], atol=1e-6)
    assert run.to_references[2, 0] == run.to_references[7, 1] == 0


def test_distances_and_speeds_by_hand():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 7.0]])
    run = trajectory({"a": run_of(points, np.array([[3.0, 3.0]]), (0, 1, 7))}).runs["a"]
    np.testing.assert_allclose(run.to_references[:, 0], [18**0.5, 1, 4])
    assert np.isnan(run.speed[0])
    np.testing.assert_allclose(run.speed[1:], [5 / np.log(2), 3 / np.log(4)])


def test_a_checkpoint_that_is_missing_or_not_finite_is_a_gap():
    points = wandering()
    run = run_of(points)
    whole = trajectory({"a": run})
    spoilt = dataclasses.replace(run[9], outputs=np.full(40, np.nan, np.float16))
    found = (with_gaps := trajectory({"a": {**run, 3: None, 250: spoilt}})).runs["a"]
    assert found.steps.tolist() == sorted((*STEPS, 3, 250))
    gaps = np.isin(found.steps, (3, 250))
    for field in ("scores", "beyond", "to_references", "speed"):
        assert np.isnan(getattr(found, field)[gaps]).all()
        np.testing.assert_array_equal(getattr(found, field)[~gaps], getattr(whole.runs["a"], field))
    np.testing.assert_array_equal(with_gaps.explained, whole.explained)


def test_a_run_without_records_is_all_gaps_and_moves_no_other():
    run = run_of(wandering())
    alone = trajectory({"b": run})
    found = trajectory({"a": dict.fromkeys(STEPS), "b": run})
    np.testing.assert_array_equal(found.runs["b"].scores, alone.runs["b"].scores)
    empty = found.runs["a"]
    for values in (empty.scores, empty.to_references):
        assert values.shape == (10, 3)
        assert np.isnan(values).all()
    assert np.isnan(empty.cosine_shares).all()


def test_outputs_that_never_change_span_no_axis():
    found = trajectory({"a": run_of(np.full((10, 40), 1 / 3).astype(np.float16).astype(float))})
    assert (found.explained == 0).all()
    assert (found.runs["a"].scores == 0).all()
    assert (found.reference_scores == 0).all()
    assert np.isnan(found.runs["a"].cosine_shares).all()


def test_the_last_checkpoint_of_the_first_run_lies_on_the_positive_side():
    for seed in range(5):
        runs = {n: run_of(wandering(seed=2 * seed + i)) for i, n in enumerate("ba")}
        assert (trajectory(runs).runs["a"].scores[-1] > 0).all()


def test_more_axes_than_checkpoints_are_empty():
    found = trajectory({"a": run_of(wandering(3), steps=(0, 1, 2))}, axes=5)
    assert found.explained.shape == found.walk.shape == (5,)
    assert found.explained[:2].sum() == pytest.approx(1)
    assert (found.explained[2:] == 0).all()
    assert (found.walk[2:] < 1e-12).all()


OTHER_INPUTS = {
    "dimensions": record(np.zeros(39), np.zeros((3, 39))),
    "reference squares": record(np.zeros(40), REFERENCES * 1.01),
    "reference names": dataclasses.replace(record(np.zeros(40)), references=("a", "b", "c")),
}


@pytest.mark.parametrize("other", list(OTHER_INPUTS))
def test_runs_on_other_inputs_are_refused(other):
    runs = {"here": run_of(wandering()), "there": {7: OTHER_INPUTS[other]}}
    with pytest.raises(SettingsError, match=r"'there' at step 7 .* measure both with the same"):
        trajectory(runs)


def test_one_checkpoint_makes_no_trajectory():
    run = {0: record(np.ones(40)), 1: None}
    for runs in ({}, {"a": {}}, {"a": run}):
        with pytest.raises(SettingsError, match="at least two checkpoints"):
            trajectory(runs)


@pytest.mark.parametrize(("axes", "weights"), [(0, "log_time"), (3, "steps")])
def test_settings_that_mean_nothing_are_refused(axes, weights):
    with pytest.raises(SettingsError):
        trajectory({"a": run_of(wandering())}, axes=axes, weights=weights)


def test_log_time_does_not_depend_on_where_checkpoints_lie_close():
    def explained(steps, weights):
        x = np.log1p(steps)
        points = coarse(np.stack([np.cos(x / 2), x / 2, np.sin(x)], 1) @ REFERENCES * 50)
        return trajectory({"a": run_of(points, steps=steps)}, weights=weights).explained

    even = np.unique(np.expm1(np.linspace(0, np.log1p(6000), 200)).round().astype(int))
    crowded = np.unique(np.concatenate([even[::2], np.arange(1000, 6001, 20)]))
    by_time = [explained(steps, "log_time") for steps in (even, crowded)]
    by_count = [explained(steps, "checkpoints") for steps in (even, crowded)]
    assert np.abs(by_time[0] - by_time[1]).max() < 0.01
    assert np.abs(by_count[0] - by_count[1]).max() > 0.05


def test_weights_of_checkpoints_by_hand():
    steps = np.array([0, 1, 3, 15])  # ln(1 + t) = 0, 1, 2, 4 times ln 2
    np.testing.assert_allclose(checkpoint_weights(steps, "log_time"), np.array([1, 2, 3, 2]) / 8)
    np.testing.assert_allclose(checkpoint_weights(steps, "checkpoints"), 0.25)
    for weights in ("log_time", "checkpoints"):
        assert checkpoint_weights(steps[:1], weights).tolist() == [1.0]


@pytest.mark.parametrize("count", [2, 3, 10, 107])
def test_shares_of_a_random_walk_are_the_closed_form(count):
    found = random_walk_shares([np.arange(count)], axes=count - 1, weights="checkpoints")
    k = np.arange(1, count)
    closed = 3 / (2 * (count**2 - 1) * np.sin(np.pi * k / (2 * count)) ** 2)
    np.testing.assert_allclose(found, closed, atol=1e-12)
    assert found.sum() == pytest.approx(1)


def walks(steps, size, generator):
    scale = np.sqrt(np.diff(np.log1p(steps), prepend=0))
    return np.cumsum(scale[:, None] * generator.normal(size=(len(steps), size)), axis=0)


def test_random_walks_have_the_shares_and_cosines_that_are_said_of_them():
    generator, steps = np.random.default_rng(0), np.array(STEPS)
    nothing = np.zeros((1, 20_000))
    runs = {n: run_of(walks(steps, 20_000, generator) / 100, nothing) for n in "ab"}
    joint = trajectory(runs, axes=5)
    np.testing.assert_allclose(joint.explained, joint.walk, atol=0.01)
    alone = trajectory({"a": runs["a"]})
    np.testing.assert_allclose(alone.explained, alone.walk, atol=0.01)
    dense = np.unique(np.expm1(np.linspace(0, 8, 120)).round())
    walk = run_of(walks(dense, 20_000, generator) / 100, nothing, dense.astype(int))
    one = trajectory({"a": walk})
    np.testing.assert_allclose(one.walk, 6 / (np.pi * np.arange(1, 4)) ** 2, atol=0.02)
    assert (one.runs["a"].cosine_shares > 0.9).all()


def test_a_run_that_circles_shares_little_with_a_walk():
    place = (np.arange(60) + 0.5) / 60
    circle = np.stack([np.cos(6 * np.pi * place), np.sin(6 * np.pi * place)], 1)
    assert cosine_shares(circle, np.full(60, 1 / 60)).max() < 0.1
    arc = np.stack([-np.cos(np.pi * place), 3 * np.cos(2 * np.pi * place)], 1)
    np.testing.assert_allclose(cosine_shares(arc, np.full(60, 1 / 60)), 1)
