from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers.models.gpt_neox.modeling_gpt_neox import apply_rotary_pos_emb

from compute.errors import MeasurementError
from compute.measure.attention_patterns import measure_attention, readable
from compute.measure.behaviour import language_behaviour, previous_token_score
from compute.measure.dispatch import measure
from compute.measure.tasks import Batch, Texts, draw_batch
from compute.models.developments.regression_transformer import RegressionConfig, draw_sequences
from compute.models.loading import open_model
from compute.specs import AttentionMeasurement, TaskSpec
from tests.small_models import VOCABULARY, language_model, regression_model, save_language_model

TOKENS = torch.randint(VOCABULARY, (3, 13), generator=torch.Generator().manual_seed(0))
HALF_PRECISION = 2.0**-11
TEXTS = Texts(
    train=lambda: np.arange(200) % VOCABULARY,
    heldout=lambda: np.arange(200) % VOCABULARY,
    passage=lambda: np.arange(9),
)


def neox_attention(model):
    """Softmax of scaled scores, from the queries and keys of each layer of GPT-NeoX."""
    found = []
    module = model.module.gpt_neox
    x = module.embed_in(TOKENS)
    turn = module.rotary_emb(x, torch.arange(TOKENS.shape[1])[None])
    for block in module.layers:
        attention = block.attention
        projected = attention.query_key_value(block.input_layernorm(x))
        split = projected.view(*TOKENS.shape, 4, 3 * attention.head_size).transpose(1, 2)
        query, key, _ = split.chunk(3, dim=-1)
        query, key = apply_rotary_pos_emb(query, key, *turn)
        scores = query @ key.transpose(-1, -2) / attention.head_size**0.5
        ahead = torch.ones(TOKENS.shape[1], TOKENS.shape[1]).triu(1).bool()
        found.append(scores.masked_fill(ahead, -torch.inf).softmax(-1).transpose(0, 1))
        x = block(x, position_embeddings=turn, attention_mask=None)
    return torch.cat(found).numpy()


def test_it_is_the_softmax_of_queries_and_keys():
    model = language_model("gpt_neox")
    record = measure_attention(model, TOKENS)
    assert record.heads == tuple(f"L{layer}H{head}" for layer in range(3) for head in range(4))
    assert record.pattern.dtype == np.float16
    np.testing.assert_allclose(
        record.pattern, neox_attention(model), rtol=HALF_PRECISION, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["gpt2", "llama", "gemma2", "regression"])
def test_rows_sum_to_one_and_nothing_looks_ahead(kind):
    if kind == "regression":
        tokens = draw_sequences(RegressionConfig(), 3, generator=torch.Generator().manual_seed(0))
        record = measure_attention(regression_model(), tokens)
    else:
        record = measure_attention(language_model(kind), TOKENS)
    pattern = record.pattern.astype(np.float64)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=5e-4)
    assert not np.triu(pattern, 1).any()


def test_head_scores_can_be_read_off_it():
    model = language_model("gpt_neox")
    half = TOKENS[:, :5]
    batch = Batch(tokens=torch.cat([TOKENS[:, -1:], half, half], 1), first_scored=6)
    record = measure_attention(model, batch.tokens)
    behaviour = language_behaviour(model, heldout=TOKENS, repeated=batch, passage=None)
    score = previous_token_score(torch.from_numpy(record.pattern.astype(np.float32)))
    np.testing.assert_allclose(score, behaviour.previous_token, atol=5e-4)


def test_the_prompts_are_those_of_the_task():
    model = language_model("gpt2")
    spec = AttentionMeasurement(task=TaskSpec(name="unigram", prompts=2, length=6))
    record = measure(spec, model, TEXTS)
    tokens = draw_batch(spec.task, model, TEXTS).tokens
    assert record.tokens == tuple(tuple(str(i) for i in row) for row in tokens.tolist())
    assert record.pattern.shape == (12, 2, 13, 13)


def test_a_prompt_that_does_not_fit_is_refused():
    spec = AttentionMeasurement(task=TaskSpec(name="uniform", prompts=1, length=40))
    with pytest.raises(MeasurementError, match="choose a shorter task length"):
        measure(spec, language_model("gpt2"), TEXTS)


def test_attention_that_is_not_what_the_model_attends_with_is_refused():
    # What Falcon of the installed transformers returns is not causal; what it computes with is.
    with pytest.raises(MeasurementError, match="'falcon' shows attention to later tokens"):
        measure_attention(language_model("falcon"), TOKENS)


def test_patterns_that_are_not_one_for_each_head_are_refused():
    model = language_model("gpt2")
    fewer = dataclasses.replace(model, components=model.components[:4])
    with pytest.raises(MeasurementError, match="12 attention patterns for its 3 heads"):
        measure_attention(fewer, TOKENS)


def test_tokens_are_pieces_of_text(tmp_path):
    model = open_model(save_language_model("gpt_neox", tmp_path / "step0"))
    # The tokenizer's vocabulary is the first 50 characters of the byte-level alphabet.
    assert readable(model, torch.tensor([[0, 1, 2]])) == (("!", '"', "#"),)


def test_a_part_of_a_character_is_called_by_its_name(tmp_path):
    model = open_model(save_language_model("gpt_neox", tmp_path / "step0"))
    beyond = torch.tensor([[49]])
    assert readable(model, beyond)[0][0] not in ("", "\ufffd")


def test_positions_of_a_regression_are_pairs():
    model = regression_model()
    tokens = draw_sequences(RegressionConfig(), 2, generator=torch.Generator().manual_seed(0))
    first, second = readable(model, tokens)
    assert first == second
    assert first[:4] == ("x1", "y1", "x2", "y2")
    assert first[-1] == "y8"
