from __future__ import annotations

import pytest
import torch
from torch import nn

from compute.errors import UnknownArchitecture
from compute.models.loading import wrap_model
from tests.small_models import language_model, language_module


@pytest.mark.parametrize(
    ("kind", "parallel", "additive"),
    [
        ("gpt_neox", True, True),
        ("gpt_neox_sequential", False, True),
        ("gptj", True, True),
        ("phi", True, True),
        ("falcon", True, True),
        ("llama", False, True),
        ("gemma2", False, False),
        ("olmo2", False, False),
        ("granite", False, False),
        ("bloom_post_norm", False, False),
    ],
)
def test_wiring_is_read_off_the_model(kind, parallel, additive):
    blocks = language_model(kind).anatomy.blocks
    assert {b.parallel for b in blocks} == {parallel}
    assert {b.additive for b in blocks} == {additive}


def test_a_block_that_changes_its_parts_outputs_in_place_is_known():
    assert language_model("falcon").anatomy.blocks[0].overwrites
    assert not language_model("gpt_neox").anatomy.blocks[0].overwrites


class Scaled(nn.Module):
    """Does more with what it wraps than to pass it on."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.o_proj = inner

    def forward(self, x):
        return 2 * self.o_proj(x)


def test_attention_that_does_more_than_add_is_refused_by_name():
    module = language_module("llama")
    attention = module.model.layers[1].self_attn
    attention.o_proj = Scaled(attention.o_proj)
    with pytest.raises(UnknownArchitecture, match=r"'llama'.*block 1.*attention's output"):
        wrap_model(module)


def test_a_final_norm_that_is_not_all_is_refused():
    module = language_module("gpt2")
    module.transformer.ln_f.register_forward_hook(lambda m, a, out: out + 1)
    wrap_model(module)  # A hook of the norm itself is part of the norm.
    module.transformer.register_forward_hook(
        lambda m, a, out: type(out)(last_hidden_state=out.last_hidden_state * 2)
    )
    with pytest.raises(UnknownArchitecture, match="more than a norm stands between"):
        wrap_model(module)


def test_logits_that_are_no_linear_map_are_refused():
    module = language_module("llama")
    module.lm_head.register_forward_hook(lambda m, a, out: out.sin())
    module.config.final_logit_softcapping = 3.0
    with pytest.raises(UnknownArchitecture, match="linear map, a scale and a soft cap"):
        wrap_model(module)


def test_a_module_without_blocks_is_refused_by_name():
    class Nothing(nn.Module):
        config = None

        def forward(self, tokens):
            return tokens

    with pytest.raises(UnknownArchitecture, match=r"'Nothing'.*no list of blocks"):
        wrap_model(Nothing())


def test_tracing_leaves_the_model_as_it_was():
    module = language_module("falcon")
    tokens = torch.arange(6)[None]
    before = module(tokens).logits
    wrap_model(module)
    assert torch.equal(module(tokens).logits, before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
