"""Norms: what they are called, in which order they come, and what they multiply with."""

from __future__ import annotations

import pytest
import torch

from compute.models.norms import norms_of
from tests.small_models import LANGUAGE, NATIVE, language_model, native_model, regression_model

_PLAIN = ("attention", "mlp")
_WITHIN = ("self_attn.q_norm", "self_attn.k_norm")
# What stands in each block; all others have a norm before attention and one before the MLP.
BLOCKS = {
    **dict.fromkeys(["gptj", "codegen", "phi", "falcon", "cohere"], ("attention",)),
    "native_attention_only": ("attention",),
    "qwen3": ("attention", *_WITHIN, "mlp"),
    "gemma2": ("attention", "attention_output", "mlp", "mlp_output"),
    "gemma3": ("attention", *_WITHIN, "attention_output", "mlp", "mlp_output"),
    "olmo2": (*_WITHIN, "attention_output", "mlp_output"),
    "opt_post_norm": ("mlp", "final_layer_norm"),
}
FIRST = {kind: ["transformer.word_embeddings_layernorm"] for kind in ("bloom", "bloom_post_norm")}
KINDS = (*LANGUAGE, *NATIVE, "icl_regression")


def model_of(kind):
    if kind == "icl_regression":
        return regression_model()
    return native_model(kind) if kind in NATIVE else language_model(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_norms_are_named_for_what_they_are_there_for_in_order(kind):
    model = model_of(kind)
    layers = range(len(model.anatomy.blocks))
    expected = [f"L{layer}.{name}" for layer in layers for name in BLOCKS.get(kind, _PLAIN)]
    last = [] if kind == "opt_post_norm" else ["final"]
    norms = norms_of(model)
    assert [norm.name for norm in norms] == FIRST.get(kind, []) + expected + last
    assert all(norm.centred is not None for norm in norms)
    assert all(norm.learnt == (kind != "olmo") for norm in norms)


@pytest.mark.parametrize(
    ("kind", "path", "more", "centred"),
    [
        ("gpt2", "transformer.h.1.ln_1", 0, True),
        ("llama", "model.layers.1.input_layernorm", 0, False),
        ("gemma", "model.layers.1.input_layernorm", 1, False),
        ("native_rotary", "layers.1.ln1", 0, False),
        ("icl_regression", "blocks.1.attention_norm", 0, True),
    ],
)
def test_the_gain_is_what_normalised_numbers_are_multiplied_with(kind, path, more, centred):
    model = model_of(kind)
    (norm,) = (norm for norm in norms_of(model) if norm.name == "L1.attention")
    module = model.module.get_submodule(path)
    assert torch.equal(norm.gain, module.weight + more)
    assert norm.centred is centred


def test_norms_that_are_equal_at_initialisation_are_told_apart():
    """In a parallel block both read the same, and with equal weights they return the same."""
    model = language_model("gpt_neox")
    for block in model.module.gpt_neox.layers:
        for norm in (block.input_layernorm, block.post_attention_layernorm):
            norm.weight.fill_(1)
            norm.bias.zero_()
    names = [norm.name for norm in norms_of(model)]
    assert names[:4] == ["L0.attention", "L0.mlp", "L1.attention", "L1.mlp"]


def test_a_model_without_norms_has_none():
    model = regression_model()
    for block in model.module.blocks:
        block.attention_norm = block.mlp_norm = torch.nn.Identity()
    assert [norm.name for norm in norms_of(model)] == ["final"]
