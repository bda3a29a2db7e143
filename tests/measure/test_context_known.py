"""Models that are built by hand, whose use of context is known."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from compute.behaviour_specs import ContextMeasurement
from compute.measure.behaviour import head_scores
from compute.measure.context_use import measure_context
from compute.measure.ngrams import count_bigrams
from compute.measure.tasks import Batch, Texts, draw_windows
from tests.measure.built_models import CERTAIN, bigram_model, induction_model, repetitions

SPEC = ContextMeasurement(samples=40, length=14, early=3, late=11, around=1, ngrams=9)


def texts_of(train, heldout):
    return Texts(train=lambda: train, heldout=lambda: heldout, passage=lambda: heldout[:9])


def markov_text(table, tokens, seed):
    generator = np.random.default_rng(seed)
    text, cumulative = [0], np.cumsum(table, axis=1)
    for draw in generator.random(tokens - 1):
        text.append(min(int(np.searchsorted(cumulative[text[-1]], draw)), len(table) - 1))
    return np.array(text)


def dense(bigrams):
    table = torch.zeros(len(bigrams.successors), len(bigrams.successors), dtype=torch.float64)
    for token in range(len(table)):
        _, successor, probability = bigrams.rows(np.array([token]))
        table[token, successor] = torch.from_numpy(probability)
    return table


def test_a_bigram_table_scores_its_entropy_and_nothing_beyond():
    made = np.random.default_rng(1).dirichlet(np.full(6, 0.7), size=6)
    train, heldout = markov_text(made, 20_000, 0), markov_text(made, 20_000, 1)
    bigrams = count_bigrams(train, vocabulary=6)
    table = dense(bigrams)
    spec = ContextMeasurement(samples=300, length=24, early=3, late=20, around=2, ngrams=20)
    found = measure_context(bigram_model(table), texts_of(train, heldout), spec)
    windows = draw_windows(
        heldout, samples=300, length=24, generator=torch.Generator().manual_seed(spec.seed)
    )
    entropy = bigrams.entropy[windows[:, :-1].numpy()].mean()
    assert found.bigram == pytest.approx(entropy, abs=1e-5)
    assert found.bigram_entropy == pytest.approx(entropy, abs=1e-9)
    assert abs(found.icl) < 4 * found.icl_error
    assert found.positional == pytest.approx(1, abs=1e-6)
    assert found.positional_error == pytest.approx(0, abs=1e-6)
    loss = -table.log()
    for n, ratio in zip(found.ngrams, found.ngram, strict=True):
        arbitrary = [loss[row[n - 2], row[n - 1]].item() for row in windows]
        counted = Counter(tuple(train[i : i + n].tolist()) for i in range(len(train) - n + 1))
        frequent = [loss[ngram[-2:]].item() for ngram, _ in counted.most_common(20)]
        assert ratio == pytest.approx(np.mean(arbitrary) / np.mean(frequent), rel=1e-4)


def test_a_table_that_always_loses_the_same_has_known_scores():
    vocabulary, right = 8, 0.9
    table = torch.full((vocabulary, vocabulary), (1 - right) / (vocabulary - 1))
    for token in range(vocabulary):
        table[token, (token + 1) % vocabulary] = right
    counting = np.arange(400) % vocabulary
    found = measure_context(bigram_model(table), texts_of(counting, counting), SPEC)
    loss = -math.log(right)
    np.testing.assert_allclose(found.loss_by_position, loss, atol=1e-6)
    np.testing.assert_allclose(found.loss_by_position_error, 0, atol=1e-6)
    assert found.icl == pytest.approx(0, abs=1e-6)
    assert (found.bigram, found.bigram_entropy) == (pytest.approx(loss, abs=1e-6), 0)
    np.testing.assert_allclose(found.ngram, 1, atol=1e-6)
    assert found.positional == pytest.approx(1, abs=1e-6)


def test_an_induction_circuit_learns_from_its_context_and_by_its_positions():
    period = 8
    generator = np.random.default_rng(0)
    # Any window of twice the period repeats what it began with.
    text = np.tile(generator.permutation(np.arange(1, 24))[:period], 30)
    spec = ContextMeasurement(samples=20, length=16, early=4, late=12, around=2)
    found = measure_context(induction_model(), texts_of(text, text), spec)
    # It rests on the first token and predicts that until it comes; when it has come it is taken
    # for its own predecessor, once.
    expected = [CERTAIN] * (period - 1) + [0.0, CERTAIN] + [0.0] * (period - 2)
    np.testing.assert_allclose(found.loss_by_position, expected, atol=1e-3)
    assert found.icl == pytest.approx(-CERTAIN, abs=1e-3)
    assert found.positional > 1 + 10 * found.positional_error
    # All of its losses on n-grams are of the same kind: the first token is predicted.
    np.testing.assert_allclose(found.ngram, 1, atol=1e-5)


def test_the_heads_of_an_induction_circuit_score_one():
    prompts = repetitions(6, period=10, generator=torch.Generator().manual_seed(0))
    model = induction_model()
    previous, prefix = head_scores(model, Batch(tokens=prompts, first_scored=11))
    assert previous[0].item() == pytest.approx(1, abs=1e-4)
    assert prefix.tolist() == pytest.approx([0, 1], abs=1e-4)
    logs = model.module(prompts).log_softmax(-1)
    losses = -logs[:, :-1].gather(2, prompts[:, 1:, None])[..., 0]
    np.testing.assert_allclose(losses[:, :11], math.log(24), atol=1e-3)
    np.testing.assert_allclose(losses[:, 11:], 0, atol=1e-3)


def test_no_loss_on_frequent_ngrams_gives_no_ratio():
    vocabulary = 4
    table = torch.full((vocabulary, vocabulary), 1e-30)
    for token in range(vocabulary):
        table[token, (token + 1) % vocabulary] = 1
    counting = np.arange(100) % vocabulary
    found = measure_context(bigram_model(table), texts_of(counting, counting), SPEC)
    assert np.isnan(found.ngram).all()
    assert np.isnan(found.ngram_error).all()
    assert math.isnan(found.positional)
