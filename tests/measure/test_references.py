"""Simple predictors against loops over the text, and against what they must know."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from compute.measure.references import (
    LANGUAGE_REFERENCES,
    REGRESSION_REFERENCES,
    TextPredictors,
    regression_references,
)
from compute.models.developments.regression_transformer import RegressionConfig, draw_sequences

TEXT = np.random.default_rng(0).choice(7, size=400, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.04, 0.01])
VOCABULARY = 9  # Two tokens that the text does not have.


def slow_bigram(text, current):
    """Probabilities of the next token, count by count."""
    text = text.tolist()
    unigram = [(text.count(t) + 1) / (len(text) + VOCABULARY) for t in range(VOCABULARY)]
    after = Counter(b for a, b in itertools.pairwise(text) if a == current)
    if not after:
        return unigram
    seen, different = sum(after.values()), len(after)
    return [
        seen / (seen + different) * after[t] / seen + different / (seen + different) * unigram[t]
        for t in range(VOCABULARY)
    ]


def test_outputs_are_centred_log_probabilities_of_counted_tokens():
    current = np.array([0, 3, 6, 8, 0])
    uniform, unigram, bigram = TextPredictors(TEXT, VOCABULARY).outputs(current)
    assert LANGUAGE_REFERENCES == ("uniform", "unigram", "bigram")
    assert (uniform == 0).all()
    for row, token in enumerate(current):
        for found, expected in (
            (unigram[row], slow_bigram(TEXT, -1)),
            (bigram[row], slow_bigram(TEXT, token)),
        ):
            log = np.log(expected)
            np.testing.assert_allclose(found, log - log.mean(), atol=1e-12)
            np.testing.assert_allclose(np.exp(found) / np.exp(found).sum(), expected, atol=1e-12)


def test_a_token_that_the_text_does_not_continue_is_followed_by_the_unigram():
    _, unigram, bigram = TextPredictors(np.array([1, 1, 2]), VOCABULARY).outputs(np.arange(9))
    for token in (0, 2, 5):
        np.testing.assert_allclose(bigram[token], unigram[token], atol=1e-12)
    assert np.abs(bigram[1] - unigram[1]).max() > 0.1


def test_a_text_of_one_token_has_a_unigram_only():
    _, unigram, bigram = TextPredictors(np.array([4]), VOCABULARY).outputs(np.array([4]))
    np.testing.assert_allclose(bigram, unigram, atol=1e-12)
    assert unigram[0].argmax() == 4


def drawn(sequences=50, noise_variance=0.125):
    generator = torch.Generator().manual_seed(0)
    return draw_sequences(
        RegressionConfig(), sequences, generator=generator, noise_variance=noise_variance
    )


def test_the_prior_mean_is_zero_and_no_predictor_knows_the_first_pair():
    references = regression_references(drawn())
    assert REGRESSION_REFERENCES == ("prior mean", "ridge", "least squares")
    assert references.shape == (3, 50, 8)
    assert references.dtype == np.float64
    assert (references[0] == 0).all()
    assert (references[:, :, 0] == 0).all()


def test_ridge_and_least_squares_equal_numpys_on_every_sequence():
    tokens = drawn(6)
    _, ridge, squares = regression_references(tokens)
    x, y = tokens[:, 0::2, 1:].double().numpy(), tokens[:, 1::2, 0].double().numpy()
    for i in range(6):
        for k in range(1, 8):
            past, target = x[i, :k], y[i, :k]
            task = np.linalg.lstsq(past, target)[0]
            assert squares[i, k] == pytest.approx(x[i, k] @ task, rel=1e-6)
            # Ridge is least squares with four more pairs that say that the task is zero.
            more = np.concatenate([past, 0.125**0.5 * np.eye(4)])
            task = np.linalg.lstsq(more, np.append(target, np.zeros(4)))[0]
            assert ridge[i, k] == pytest.approx(x[i, k] @ task, rel=1e-6)


def test_without_noise_least_squares_is_right_once_pairs_fill_the_dimensions():
    tokens = drawn(noise_variance=0.0)
    y = tokens[:, 1::2, 0].numpy()
    _, _, squares = regression_references(tokens)
    np.testing.assert_allclose(squares[:, 4:], y[:, 4:], atol=1e-3)
    assert np.abs(squares[:, 3] - y[:, 3]).mean() > 0.1
