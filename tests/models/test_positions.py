from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from compute.models.loading import LoadedModel, wrap_model
from compute.models.positions import without_positions
from tests.small_models import (
    LANGUAGE,
    NATIVE,
    VOCABULARY,
    language_model,
    native_model,
    regression_model,
)

TOKENS = torch.tensor([[3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 32, 38]])
PERMUTED = torch.cat([TOKENS[:, [4, 9, 0, 7, 2, 10, 1, 8, 3, 6, 5]], TOKENS[:, -1:]], dim=1)
OTHERS = TOKENS.clone()
OTHERS[0, 4] = 41


def falcon_with_alibi() -> LoadedModel:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "falcon",
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        alibi=True,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=0,
    )
    return wrap_model(AutoModelForCausalLM.from_config(config, attn_implementation="sdpa"))


def model_of(kind: str) -> LoadedModel:
    if kind == "falcon_alibi":
        return falcon_with_alibi()
    return native_model(kind) if kind in NATIVE else language_model(kind)


def first_layer_only(model: LoadedModel) -> LoadedModel:
    first = model.anatomy.blocks[0].block
    for owner in model.module.modules():
        if isinstance(owner, nn.ModuleList) and len(owner) and owner[0] is first:
            del owner[1:]
    return wrap_model(model.module)


def last_output(model: LoadedModel, tokens: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model.trunk(tokens)[:, -1]


@pytest.mark.parametrize("kind", [*LANGUAGE, *NATIVE, "falcon_alibi"])
def test_without_positions_one_layer_reads_its_context_as_a_set(kind):
    model = first_layer_only(model_of(kind))
    assert len(model.anatomy.blocks) == 1
    scale = last_output(model, TOKENS).abs().max()
    assert (last_output(model, TOKENS) - last_output(model, PERMUTED)).abs().max() > 1e-3 * scale
    context = without_positions(model)
    assert context is not None
    with context:
        found = last_output(model, TOKENS)
        torch.testing.assert_close(found, last_output(model, PERMUTED), rtol=1e-4, atol=1e-5)
        # It still reads which tokens they are.
        assert (found - last_output(model, OTHERS)).abs().max() > 1e-4 * scale


@pytest.mark.parametrize("kind", [*LANGUAGE, *NATIVE, "falcon_alibi"])
def test_the_model_is_left_as_it_was_and_the_context_can_be_entered_again(kind):
    model = model_of(kind)
    before = last_output(model, TOKENS)
    context = without_positions(model)
    assert torch.equal(last_output(model, TOKENS), before)
    with context:
        without = last_output(model, TOKENS)
    assert not torch.allclose(without, before, atol=1e-3)
    assert torch.equal(last_output(model, TOKENS), before)
    with context:
        assert torch.equal(last_output(model, TOKENS), without)


def test_an_error_inside_leaves_the_model_as_it_was():
    model = language_model("gpt2")
    before = last_output(model, TOKENS)
    with pytest.raises(IndexError), without_positions(model):
        last_output(model, TOKENS + VOCABULARY)
    assert torch.equal(last_output(model, TOKENS), before)


@pytest.mark.parametrize(
    ("kind", "table"), [("gpt2", "transformer.wpe"), ("gpt_neo", "transformer.wpe")]
)
def test_learned_positions_become_their_mean_over_the_input(kind, table):
    model = language_model(kind)
    same = copy.deepcopy(model.module)
    weight = same.get_submodule(table).weight
    weight[:] = weight[: TOKENS.shape[1]].mean(0)
    with without_positions(model):
        torch.testing.assert_close(model.module(TOKENS).logits, same(TOKENS).logits)


@pytest.mark.parametrize("kind", ["gpt_neox", "llama", "gptj", "codegen", "phi"])
def test_rotary_positions_become_that_of_the_first_token(kind):
    model = language_model(kind)
    expected = model.module(
        TOKENS, position_ids=torch.zeros_like(TOKENS), attention_mask=torch.ones_like(TOKENS)
    ).logits
    with without_positions(model):
        torch.testing.assert_close(model.module(TOKENS).logits, expected)


def test_alibi_becomes_no_bias():
    model = language_model("bloom")
    unbiased = copy.deepcopy(model.module)
    for block in unbiased.transformer.h:
        block.self_attention.beta = 0.0
    with without_positions(model):
        torch.testing.assert_close(model.module(TOKENS).logits, unbiased(TOKENS).logits)


def test_a_model_without_positions_is_not_changed():
    model = native_model("native")
    model.module.pos.weight.zero_()
    before = last_output(model, TOKENS)
    with without_positions(model):
        torch.testing.assert_close(last_output(model, TOKENS), before)


class _NumberedEmbedding(nn.Embedding):
    """Adds the positions to the tokens where nobody looks for them."""

    def forward(self, tokens):
        return super().forward(tokens) + torch.arange(tokens.shape[1])[:, None]


class _Nearsighted(nn.Module):
    """Attention that tells the neighbour from the others by a way of its own."""

    def __init__(self, attention):
        super().__init__()
        self.inner = attention

    def forward(self, hidden, **settings):
        attended, pattern = self.inner(hidden, **settings)
        return attended + self.inner.o(hidden.roll(1, 1)), pattern


def test_positions_that_cannot_be_taken_away_give_none():
    hidden = native_model("native")
    numbered = _NumberedEmbedding(VOCABULARY, 32)
    numbered.weight.data = hidden.module.tok_embed.weight.data
    hidden.module.tok_embed = numbered
    assert without_positions(wrap_model(hidden.module)) is None
    assert without_positions(regression_model()) is None


@pytest.mark.parametrize("layer", [0, 2])
def test_attention_with_positions_of_its_own_gives_none_in_any_layer(layer):
    model = native_model("native")
    block = model.module.layers[layer]
    block.attn = _Nearsighted(block.attn)
    # Its anatomy is that of before: tracing would refuse such a block already.
    blocks = list(model.anatomy.blocks)
    blocks[layer] = dataclasses.replace(blocks[layer], attention=block.attn)
    anatomy = dataclasses.replace(model.anatomy, blocks=tuple(blocks))
    assert without_positions(dataclasses.replace(model, anatomy=anatomy)) is None
