from __future__ import annotations

import numpy as np
import pytest
import torch

from compute.measure.behaviour import (
    attention_patterns,
    language_behaviour,
    prefix_matching_score,
    previous_token_score,
    regression_behaviour,
    ridge_predictions,
)
from compute.measure.tasks import Batch
from compute.models.developments.regression_transformer import RegressionConfig, draw_sequences
from tests.small_models import VOCABULARY, language_model, native_model, regression_model

TOKENS = torch.randint(VOCABULARY, (4, 13), generator=torch.Generator().manual_seed(0))


def repeated_batch(period=5):
    half = TOKENS[:, :period]
    return Batch(tokens=torch.cat([TOKENS[:, -1:], half, half], 1), first_scored=period + 1)


def test_a_head_that_looks_one_back_scores_one():
    pattern = torch.zeros(1, 1, 6, 6)
    pattern[..., 0, 0] = 1
    for query in range(1, 6):
        pattern[..., query, query - 1] = 1
    assert previous_token_score(pattern).tolist() == [1.0]


def test_a_head_that_looks_after_the_first_occurrence_scores_one():
    period, length = 3, 7  # [BOS] a b c a b c
    pattern = torch.zeros(1, 1, length, length)
    for query in range(length):
        pattern[..., query, max(query - period + 1, 0)] = 1
    assert prefix_matching_score(pattern, period).tolist() == [1.0]
    assert previous_token_score(pattern).item() < 0.5


def test_uniform_attention_scores_one_over_the_position():
    pattern = torch.ones(1, 1, 7, 7).tril() / torch.arange(1, 8)[:, None]
    expected = np.mean([1 / (query + 1) for query in (4, 5, 6)])
    assert prefix_matching_score(pattern, 3).item() == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "llama"])
def test_attention_rows_sum_to_one_and_the_model_is_left_as_it_was(kind):
    model = language_model(kind)
    before = model.module(TOKENS).logits
    patterns = attention_patterns(model, TOKENS)
    assert patterns.shape == (12, 4, 13, 13)
    torch.testing.assert_close(patterns.sum(-1), torch.ones(12, 4, 13))
    torch.testing.assert_close(model.module(TOKENS).logits, before)


def test_the_regression_transformers_patterns_are_what_it_attends_with():
    model = regression_model()
    tokens = draw_sequences(RegressionConfig(), 3, generator=torch.Generator().manual_seed(0))
    patterns = attention_patterns(model, tokens)
    block = model.module.blocks[0]
    x = model.module.embed(tokens) + model.module.positions.weight
    normed = block.attention_norm(x)
    value = block.attention.value(normed).unflatten(-1, (4, -1)).transpose(1, 2)
    mixed = (patterns[:4].transpose(0, 1) @ value).transpose(1, 2).flatten(-2)
    torch.testing.assert_close(block.attention.output(mixed), block.attention(normed))


def test_losses_and_the_passage_are_those_of_the_whole_model():
    model = language_model("gpt_neox")
    passage = Batch(tokens=TOKENS[:1], first_scored=12)
    found = language_behaviour(model, heldout=TOKENS, repeated=repeated_batch(), passage=passage)
    logits = model.module(TOKENS).logits
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), TOKENS[:, 1:], reduction="none"
    ).mean(1)
    assert found.loss == pytest.approx(losses.mean().item(), abs=1e-5)
    assert found.loss_error == pytest.approx(losses.std().item() / 2, abs=1e-5)
    answer = TOKENS[0, -1]
    assert found.correct_logit == pytest.approx(logits[0, -2, answer].item(), abs=1e-4)
    assert found.correct_probability == pytest.approx(
        logits[0, -2].softmax(-1)[answer].item(), abs=1e-5
    )
    assert found.heads[:2] == ("L0H0", "L0H1")
    assert found.previous_token.shape == found.prefix_matching.shape == (12,)


def test_without_a_passage_its_scores_are_missing():
    found = language_behaviour(
        language_model("gpt2"), heldout=TOKENS, repeated=repeated_batch(), passage=None
    )
    assert np.isnan(found.correct_logit)
    assert np.isnan(found.correct_probability)


def test_without_a_token_before_it_the_first_token_of_each_half_is_left_out():
    model = native_model("native_attention_only")
    half = TOKENS[:, :5]
    repeated = Batch(tokens=torch.cat([half, half], 1), first_scored=5)
    found = language_behaviour(model, heldout=TOKENS, repeated=repeated, passage=None)
    with torch.no_grad():
        logits = model.module(repeated.tokens)
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), repeated.tokens[:, 1:], reduction="none"
    )
    assert found.first_loss == pytest.approx(losses[:, :4].mean().item(), abs=1e-5)
    assert found.second_loss == pytest.approx(losses[:, 5:].mean().item(), abs=1e-5)


def test_ridge_is_the_best_predictor_of_its_own_sequences():
    tokens = draw_sequences(RegressionConfig(), 4000, generator=torch.Generator().manual_seed(0))
    errors = (ridge_predictions(tokens) - tokens[:, 1::2, 0]).square().mean(0)
    assert errors[0].item() == pytest.approx(4 + 0.125, rel=0.1)
    assert (errors[1:] < errors[:-1]).all()
    # With many pairs the error approaches the noise variance.
    assert errors[-1].item() < 0.7


def test_ridge_equals_the_normal_equations_of_one_sequence():
    tokens = draw_sequences(RegressionConfig(), 1, generator=torch.Generator().manual_seed(1))
    x = tokens[0, 0::2, 1:].double().numpy()
    y = tokens[0, 1::2, 0].double().numpy()
    task = np.linalg.solve(x[:5].T @ x[:5] + 0.125 * np.eye(4), x[:5].T @ y[:5])
    assert ridge_predictions(tokens)[0, 5].item() == pytest.approx(x[5] @ task)


def test_a_model_that_predicts_nothing_scores_the_variance_of_y():
    model = regression_model()
    with torch.no_grad():
        model.module.readout.weight.zero_()
        model.module.readout.bias.zero_()
    tokens = draw_sequences(RegressionConfig(), 4000, generator=torch.Generator().manual_seed(0))
    found = regression_behaviour(model, tokens=tokens)
    assert found.task_prior_score == 0
    assert found.loss == pytest.approx(tokens[:, 1::2, 0].square().mean().item(), rel=1e-5)
    assert found.loss_by_pair.shape == (8,)
