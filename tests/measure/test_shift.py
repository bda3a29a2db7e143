"""Scaled inputs and tasks, against sequences made one pair at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from compute.behaviour_specs import ShiftMeasurement
from compute.errors import MeasurementError
from compute.measure.behaviour import regression_behaviour
from compute.measure.shift import SCALES, draw_parts, measure_shift, scaled_inputs, scaled_tasks
from compute.models.developments.regression_transformer import RegressionConfig, draw_sequences
from tests.small_models import language_model, regression_model

SPEC = ShiftMeasurement(samples=6, seed=3)
MANY = ShiftMeasurement(samples=2000, seed=0)


def drawn(spec):
    generator = torch.Generator().manual_seed(spec.seed)
    return draw_sequences(RegressionConfig(), spec.samples, generator=generator)


def sequence(task, xs, noise):
    """Tokens of one sequence, pair by pair."""
    tokens = np.zeros((16, 5))
    for pair in range(8):
        tokens[2 * pair, 1:] = xs[pair]
        tokens[2 * pair + 1, 0] = task @ xs[pair] + noise[pair]
    return tokens


def ridge(tokens, pair):
    """The prediction of a pair from those before it, by the normal equations."""
    past = tokens[0 : 2 * pair : 2, 1:]
    targets = tokens[1 : 2 * pair : 2, 0]
    task = np.linalg.solve(past.T @ past + 0.125 * np.eye(4), past.T @ targets)
    return tokens[2 * pair, 1:] @ task


def looped(model, sequences):
    """Mean squared error and mean squared distance to ridge of each sequence."""
    errors, distances = [], []
    for tokens in sequences:
        output = model.module(torch.from_numpy(tokens[None]).float())[0].detach().numpy()
        guesses = [output[2 * pair, 0] for pair in range(8)]
        errors.append(np.mean([(guesses[k] - tokens[2 * k + 1, 0]) ** 2 for k in range(8)]))
        distances.append(np.mean([(guesses[k] - ridge(tokens, k)) ** 2 for k in range(8)]))
    return np.array(errors), np.array(distances)


def parts_of(spec):
    """Each sequence's task, inputs and noise: the task by least squares, as there are 8 pairs."""
    clean, noise = draw_parts(RegressionConfig(), spec)
    for tokens, off in zip(clean.double().numpy(), noise.double().numpy(), strict=True):
        xs = tokens[0::2, 1:]
        yield np.linalg.lstsq(xs, tokens[1::2, 0], rcond=None)[0], xs, off[1::2, 0]


def test_errors_equal_those_of_sequences_made_pair_by_pair():
    model = regression_model()
    found = measure_shift(model, SPEC)
    assert found.scales.tolist() == [1, 3, 5, 10, 100]
    parts = list(parts_of(SPEC))
    for i, scale in enumerate(SCALES):
        for name, made in (
            ("input", [sequence(t, scale * xs, noise) for t, xs, noise in parts]),
            ("task", [sequence(scale * t, xs, noise) for t, xs, noise in parts]),
        ):
            errors, distances = looped(model, made)
            for what, values in (("error", errors), ("ridge", distances)):
                middle = "" if what == "error" else "ridge_"
                mean = getattr(found, f"{name}_{what}")[i]
                spread = getattr(found, f"{name}_{middle}standard_error")[i]
                assert mean == pytest.approx(values.mean(), rel=1e-3)
                assert spread == pytest.approx(values.std(ddof=1) / 6**0.5, rel=1e-3)


def test_unscaled_it_is_the_behaviour_on_the_sequences_of_that_seed():
    model = regression_model()
    found, expected = measure_shift(model, SPEC), regression_behaviour(model, tokens=drawn(SPEC))
    for error in (found.input_error[0], found.task_error[0]):
        assert error == pytest.approx(expected.loss, rel=1e-5)
    for error in (found.input_standard_error[0], found.task_standard_error[0]):
        assert error == pytest.approx(expected.loss_error, rel=1e-5)
    for distance in (found.input_ridge[0], found.task_ridge[0]):
        assert distance == pytest.approx(expected.ridge_distance, rel=1e-5)


def test_parts_are_those_of_the_training_distribution():
    clean, noise = draw_parts(RegressionConfig(), MANY)
    torch.testing.assert_close(clean + noise, drawn(MANY))
    assert not noise[:, 0::2].any()
    assert not noise[:, :, 1:].any()
    assert noise[:, 1::2, 0].var().item() == pytest.approx(0.125, rel=0.05)


def test_scaled_inputs_and_scaled_tasks_have_the_same_targets():
    clean, noise = draw_parts(RegressionConfig(), SPEC)
    inputs, tasks = scaled_inputs(clean, noise, 5.0), scaled_tasks(clean, noise, 5.0)
    assert torch.equal(inputs[:, 1::2], tasks[:, 1::2])
    assert torch.equal(inputs[:, 0::2], 5 * clean[:, 0::2])
    assert torch.equal(tasks[:, 0::2], clean[:, 0::2])


def test_a_model_that_predicts_nothing_errs_by_the_variance_of_y():
    model = regression_model()
    model.module.readout.weight.zero_()
    model.module.readout.bias.zero_()
    found = measure_shift(model, MANY)
    for i, scale in enumerate(SCALES):
        expected = 4 * scale**2 + 0.125
        assert abs(found.input_error[i] - expected) < 4 * found.input_standard_error[i]
    np.testing.assert_array_equal(found.input_error, found.task_error)
    # Ridge shrinks towards the prior, less so the larger the inputs.
    assert (found.input_ridge[1:] > found.task_ridge[1:]).all()


def test_the_same_seed_gives_the_same_record_and_another_gives_another():
    model = regression_model()
    first, same = measure_shift(model, SPEC), measure_shift(model, SPEC)
    other = measure_shift(model, dataclasses.replace(SPEC, seed=4))
    for field in dataclasses.fields(first):
        values = getattr(first, field.name)
        assert values.dtype == np.float32
        assert values.tobytes() == getattr(same, field.name).tobytes()
        assert field.name == "scales" or (values != getattr(other, field.name)).all()


def test_language_models_are_refused():
    with pytest.raises(MeasurementError, match="for regression models only"):
        measure_shift(language_model("gpt2"), SPEC)
