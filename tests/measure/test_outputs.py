"""Outputs against whole logits, their projection against an explicit matrix, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compute.behaviour_specs import OutputsMeasurement
from compute.errors import MeasurementError
from compute.measure.outputs import RandomProjection, measure_outputs, summarise_outputs
from compute.measure.references import TextPredictors, regression_references
from compute.measure.tasks import Texts, draw_windows
from compute.models.developments.regression_transformer import RegressionConfig, draw_sequences
from compute.trajectories import trajectory
from tests.small_models import VOCABULARY, language_model, native_model, regression_model

TRAIN = np.random.default_rng(0).integers(0, 40, 3000)
HELDOUT = np.random.default_rng(1).integers(0, 40, 900)
TEXTS = Texts(train=lambda: TRAIN, heldout=lambda: HELDOUT, passage=lambda: HELDOUT[:20])
SPEC = OutputsMeasurement(samples=5, length=16, positions=4)
COUNT = 5 * 4 * VOCABULARY


def scaled(values, count):
    return values.reshape(-1) / count**0.5


def windows_of(spec=SPEC):
    generator = torch.Generator().manual_seed(spec.seed)
    return draw_windows(HELDOUT, samples=spec.samples, length=spec.length, generator=generator)


def slow_outputs(model, windows, positions):
    """Log-probabilities of whole passes, less their mean, before projection."""
    with torch.no_grad():
        result = model.module(windows)
    logits = getattr(result, "logits", result)[:, positions].double()
    log = logits.log_softmax(-1)
    return scaled((log - log.mean(-1, keepdim=True)).numpy(), log.numel())


def rounding(values):
    """The most that float16 can be off, of each value."""
    return np.spacing(np.abs(values).astype(np.float16)).astype(float)


@pytest.mark.parametrize("kind", ["gpt_neox", "gptj", "gemma2", "cohere", "native"])
def test_a_small_models_outputs_are_its_centred_log_probabilities(kind):
    model = native_model(kind) if kind == "native" else language_model(kind)
    found = measure_outputs(model, TEXTS, SPEC)
    windows = windows_of()
    expected = slow_outputs(model, windows, [2, 6, 10, 14])
    assert found.outputs.dtype == np.float16
    assert found.outputs.shape == (COUNT,)
    assert (np.abs(found.outputs - expected) <= rounding(expected) + 1e-6).all()
    assert found.square == pytest.approx(expected @ expected, rel=1e-5)
    current = windows[:, [2, 6, 10, 14]].flatten().numpy()
    references = TextPredictors(TRAIN, VOCABULARY).outputs(current)
    references = np.stack([scaled(r, COUNT) for r in references])
    assert found.references == ("uniform", "unigram", "bigram")
    np.testing.assert_allclose(found.reference_squares, (references**2).sum(1), atol=1e-12)
    np.testing.assert_allclose(found.reference_products, references @ expected, atol=1e-5)
    np.testing.assert_allclose(found.reference_between, references @ references.T, atol=1e-12)


def test_a_regression_gives_every_prediction():
    model = regression_model()
    found = measure_outputs(model, TEXTS, OutputsMeasurement(samples=12, seed=3))
    tokens = draw_sequences(RegressionConfig(), 12, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        expected = scaled(model.module(tokens)[:, 0::2, 0].double().numpy(), 96)
    references = np.stack([scaled(r, 96) for r in regression_references(tokens)])
    assert found.references == ("prior mean", "ridge", "least squares")
    assert (np.abs(found.outputs - expected) <= rounding(expected)).all()
    assert found.square == pytest.approx(expected @ expected)
    np.testing.assert_allclose(found.reference_products, references @ expected, rtol=1e-9)
    np.testing.assert_allclose(found.reference_between, references @ references.T, rtol=1e-9)


def slow_projection(count, dimensions, seed):
    """The explicit matrix, ``[dimensions, count]``, from the raw stream, one column at a time."""
    stream, matrix = np.random.PCG64(seed), np.zeros((dimensions, count))
    for column in range(count):
        bits = int(stream.random_raw())
        matrix[((bits >> 33) * dimensions) >> 31, column] = -1 if bits % 2 else 1
    return matrix


@pytest.mark.parametrize("dimensions", [64, 100])
def test_many_outputs_are_split_along_references_and_projected_by_the_explicit_matrix(dimensions):
    model = language_model("gpt_neox")
    spec = OutputsMeasurement(samples=5, length=16, positions=4, dimensions=dimensions)
    found, whole = measure_outputs(model, TEXTS, spec), measure_outputs(model, TEXTS, SPEC)
    windows = windows_of()
    outputs = slow_outputs(model, windows, [2, 6, 10, 14])
    current = windows[:, [2, 6, 10, 14]].flatten().numpy()
    references = TextPredictors(TRAIN, VOCABULARY).outputs(current).reshape(3, -1)[1:]
    share, *_ = np.linalg.lstsq(references.T, outputs)
    left = outputs - share @ references
    expected = slow_projection(COUNT, dimensions - 3, spec.seed) @ left
    assert found.outputs.shape == (dimensions,)
    assert (np.abs(found.outputs[3:] - expected) <= rounding(expected) + 1e-6).all()
    # The part along references has its length exactly, and nothing along the uniform one.
    along = found.outputs[:3].astype(float)
    assert along[0] == 0
    assert along @ along == pytest.approx(outputs @ outputs - left @ left, rel=2e-3)
    # All else is of the outputs before projection.
    assert found.square == whole.square
    np.testing.assert_array_equal(found.reference_products, whole.reference_products)


def test_a_projection_does_not_depend_on_how_entries_come():
    values = np.random.default_rng(0).normal(size=(2, 1000))
    whole, pieces = RandomProjection(2, 37, 5), RandomProjection(2, 37, 5)
    whole.add(values)
    for piece in np.split(values, [1, 200, 777], axis=1):
        pieces.add(piece)
    np.testing.assert_allclose(pieces.total, whole.total, atol=1e-12)


def test_a_projection_is_the_same_everywhere():
    projection = RandomProjection(1, 8, 0)
    projection.add(np.array([[1.0, 10.0, 100.0, 1000.0, 10_000.0]]))
    assert projection.total[0].tolist() == [-900, 0, -10, 0, 0, -1, -10000, 0]


def test_squares_and_products_survive_a_projection_without_bias():
    one, other = np.random.default_rng(0).normal(size=(2, 500)) / 500**0.5
    other = other + one / 2
    found = []
    for seed in range(400):
        projection = RandomProjection(2, 64, seed)
        projection.add(np.stack([one, other]))
        a, b = projection.total
        found.append((a @ a, a @ b))
    square, product = np.array(found).T
    for values, exact, variance in (
        (square, one @ one, 2 * (one @ one) ** 2 / 64),
        (product, one @ other, ((one @ one) * (other @ other) + (one @ other) ** 2) / 64),
    ):
        assert abs(values.mean() - exact) < 3 * (variance / 400) ** 0.5
        assert values.var() == pytest.approx(variance, rel=0.25)


def test_inputs_are_the_same_at_every_checkpoint_and_others_with_another_seed():
    first, later = (measure_outputs(language_model("gpt2", seed=s), TEXTS, SPEC) for s in (0, 1))
    other_seed = OutputsMeasurement(samples=5, length=16, positions=4, seed=1)
    other = measure_outputs(language_model("gpt2", seed=0), TEXTS, other_seed)
    np.testing.assert_array_equal(first.reference_squares, later.reference_squares)
    assert not np.array_equal(first.outputs, later.outputs)
    assert first.reference_squares[2] != other.reference_squares[2]


def test_a_constant_added_to_all_logits_changes_nothing():
    model = language_model("gptj")
    before = measure_outputs(model, TEXTS, SPEC)
    with torch.no_grad():
        model.module.lm_head.bias.add_(3.0)
    after = measure_outputs(model, TEXTS, SPEC)
    np.testing.assert_allclose(after.outputs, before.outputs, atol=1e-4)
    assert after.square == pytest.approx(before.square, rel=1e-5)


def test_a_model_that_says_nothing_is_the_uniform_reference():
    model = language_model("gpt_neox")
    with torch.no_grad():
        model.module.lm_head.weight.zero_()
    found = measure_outputs(model, TEXTS, SPEC)
    assert (found.outputs == 0).all()
    assert found.square == 0
    assert (found.reference_products == 0).all()


def test_windows_are_no_longer_than_the_context():
    found = measure_outputs(language_model("gpt2"), TEXTS, OutputsMeasurement(samples=2))
    positions = 2 + 4 * np.arange(16)
    windows = windows_of(OutputsMeasurement(samples=2, length=64))
    expected = slow_outputs(language_model("gpt2"), windows, positions)
    assert (np.abs(found.outputs - expected) <= rounding(expected) + 1e-6).all()
    with pytest.raises(MeasurementError, match=r"65 positions do not fit .* context of 64"):
        measure_outputs(language_model("gpt2"), TEXTS, OutputsMeasurement(positions=65))


@pytest.mark.parametrize(("bias", "reason"), [(np.nan, "not finite"), (1e9, "more than float16")])
def test_a_model_that_diverged_is_refused(bias, reason):
    model = regression_model()
    with torch.no_grad():
        model.module.readout.bias.fill_(bias)
    with pytest.raises(MeasurementError, match=f"{reason}.*diverged"):
        measure_outputs(model, TEXTS, SPEC)


def a_path(generator, count, checkpoints=12):
    """Outputs that bend through four dimensions, far from zero, ``[checkpoints, count]``."""
    x = np.linspace(0, 1, checkpoints)[:, None]
    along = np.concatenate([2 * x, np.sin(3 * x), 0.5 * np.cos(6 * x), 3 * np.ones_like(x)], 1)
    return along @ generator.normal(size=(4, count))


def records_of(path, references, dimensions, seed):
    spec = OutputsMeasurement(dimensions=dimensions, seed=seed)
    names = tuple("abc"[: len(references)])
    return {
        step: summarise_outputs(iter([(row, references)]), len(row), names, spec)
        for step, row in enumerate(path)
    }


def apart(found):
    scores = found.runs["a"].scores
    return np.linalg.norm(scores[:, None] - scores, axis=-1)[np.triu_indices(len(scores), 1)]


@pytest.mark.parametrize("seed", range(3))
def test_a_projected_trajectory_keeps_distances_shares_and_places_of_references(seed):
    generator = np.random.default_rng(seed)
    path = a_path(generator, 30_000)
    references = np.stack([path[4] + generator.normal(size=30_000) / 2, path[-1] / 2, path[9]])
    exact, projected = (
        trajectory({"a": records_of(path, references, size, seed)}, weights="checkpoints")
        for size in (30_000, 2048)
    )
    # At most: only what is outside of the span of references has an error, of 1.6 %.
    assert np.abs(apart(projected) / apart(exact) - 1).max() < 4 / (2 * 2048) ** 0.5
    np.testing.assert_allclose(projected.explained, exact.explained, atol=0.02)
    extent = apart(exact).max()
    np.testing.assert_allclose(
        projected.reference_scores, exact.reference_scores, atol=0.03 * extent
    )
    np.testing.assert_allclose(
        projected.reference_beyond[0], exact.reference_beyond[0], atol=0.03 * extent
    )
    # A reference that is a checkpoint is drawn on it, but for the rounding of records.
    np.testing.assert_allclose(
        projected.reference_scores[2], projected.runs["a"].scores[9], atol=0.01 * extent
    )
    to_reference = [t.runs["a"].to_references for t in (exact, projected)]
    np.testing.assert_array_equal(*to_reference)


def test_a_path_in_the_span_of_references_is_projected_without_error():
    generator = np.random.default_rng(0)
    references = generator.normal(size=(2, 5000))
    path = np.stack([np.linspace(0, 1, 9), np.linspace(0, 1, 9) ** 2], axis=1) @ references
    exact, projected = (
        trajectory({"a": records_of(path, references, size, 0)}) for size in (5000, 32)
    )
    np.testing.assert_allclose(apart(projected), apart(exact), atol=1e-3)
    np.testing.assert_allclose(
        projected.reference_scores[:, :2], exact.reference_scores[:, :2], atol=2e-3
    )
