"""Matrices of heads: what they say that a head does is what it does."""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from compute.errors import UnknownArchitecture
from compute.measure.behaviour import attention_patterns
from compute.models.developments.regression_transformer import (
    RegressionAttention,
    RegressionConfig,
    RegressionTransformer,
)
from compute.models.forward import example_tokens
from compute.models.head_weights import head_weights
from compute.models.loading import LoadedModel, wrap_model
from tests.small_models import (
    LANGUAGE,
    NATIVE,
    language_model,
    native_model,
    regression_model,
)

KINDS = (*LANGUAGE, *NATIVE, "icl_regression")
# Those that norm what attention puts out before they add it.
NORMED_OUTPUT = ("gemma2", "gemma3", "olmo2")
ROOT_MEAN_SQUARE = ("llama", "phi3", "native_rotary")
HEADS, LAYER, POSITIONS = 4, 1, 6


def model_of(kind: str) -> LoadedModel:
    """A model without biases, of which matrices say nothing."""
    if kind == "icl_regression":
        model = regression_model()
    else:
        model = native_model(kind) if kind in NATIVE else language_model(kind)
    for name, parameter in model.module.named_parameters():
        if name.endswith("bias"):
            parameter.zero_()
    return model


def tokens_of(model: LoadedModel) -> torch.Tensor:
    return example_tokens(model.module, positions=POSITIONS)


def seen(model: LoadedModel, part: nn.Module, head: int | None = None):
    """What block `LAYER` reads and what ``part`` returns, with one head alone if it is given."""
    block, kept = model.anatomy.blocks[LAYER], {}

    def read(module, args, kwargs):
        kept["stream"] = (args[0] if args else kwargs["hidden_states"]).clone()

    def alone(merge, args):
        if head is None:
            return args
        z = torch.zeros_like(args[0]).unflatten(-1, (HEADS, -1))
        z[..., head, :] = args[0].unflatten(-1, (HEADS, -1))[..., head, :]
        return (z.flatten(-2), *args[1:])

    with torch.no_grad(), contextlib.ExitStack() as stack:
        for handle in (
            block.block.register_forward_pre_hook(read, with_kwargs=True),
            block.merge.register_forward_pre_hook(alone),
            part.register_forward_hook(lambda m, args, out: kept.update(out=out.clone())),
        ):
            stack.callback(handle.remove)
        model.module(tokens_of(model))
    return kept["stream"][0], kept["out"].reshape(POSITIONS, -1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_position_moves_its_own_value(kind):
    """It attends to itself alone, so a head adds W_O W_V of what it reads, but for its size."""
    model = model_of(kind)
    block, weights = model.anatomy.blocks[LAYER], head_weights(model)[LAYER]
    part = block.block.post_attention_layernorm if kind in NORMED_OUTPUT else block.merge
    for head in range(HEADS):
        stream, added = seen(model, part, head)
        expected = weights.output[head] @ weights.value[head] @ stream[0]
        assert expected.norm() > 1e-2
        assert torch.cosine_similarity(expected, added[0], dim=0) == pytest.approx(1, abs=1e-5)


class Unrotated(nn.Module):
    """Rotary positions whose angles are all zero."""

    def __init__(self, rotary: nn.Module):
        super().__init__()
        self.rotary = rotary

    def forward(self, *args, **kwargs):
        cos, sin = self.rotary(*args, **kwargs)
        return torch.ones_like(cos), torch.zeros_like(sin)


def stop_rotating(model: LoadedModel) -> None:
    for part in list(model.module.modules()):
        if isinstance(getattr(part, "rotary_emb", None), nn.Module):
            part.rotary_emb = Unrotated(part.rotary_emb)
        if isinstance(angles := getattr(part, "embed_positions", None), torch.Tensor):
            sin, cos = angles.chunk(2, dim=-1)
            sin.zero_()
            cos.fill_(1)
        if hasattr(part, "cos_cached"):
            part.cos_cached.fill_(1)
            part.sin_cached.zero_()


@pytest.mark.parametrize(
    "kind",
    [
        *("gpt_neox", "gpt2", "llama", "native_attention_only", "native_rotary", "icl_regression"),
        *("gptj", "codegen", "gpt_neo", "gpt_bigcode", "opt", "phi", "phi3", "cohere"),
    ],
)
def test_without_rotation_patterns_follow_from_queries_and_keys(kind):
    model = model_of(kind)
    stop_rotating(model)
    weights = head_weights(model)[LAYER]
    stream, _ = seen(model, model.anatomy.blocks[LAYER].merge)
    if kind in ROOT_MEAN_SQUARE:
        size = stream.square().mean(-1).sqrt()
    else:
        size = stream.std(-1, correction=0)
    normed = stream / size[:, None]
    scale = 1 if kind == "gpt_neo" else weights.query.shape[1] ** -0.5
    with torch.no_grad():
        patterns = attention_patterns(model, tokens_of(model))[LAYER * HEADS :]
    for head in range(HEADS):
        scores = normed @ weights.query[head].T @ weights.key[head] @ normed.T * scale
        for query in range(POSITIONS):
            row = scores[query, : query + 1].softmax(-1)
            torch.testing.assert_close(
                patterns[head, 0, query, : query + 1], row, atol=1e-4, rtol=1e-3
            )


def test_heads_that_share_keys_and_values_each_have_them():
    weights = head_weights(language_model("llama"))[0]
    assert torch.equal(weights.key[0], weights.key[1])
    assert torch.equal(weights.value[2], weights.value[3])
    assert not torch.equal(weights.key[1], weights.key[2])
    assert not torch.equal(weights.query[0], weights.query[1])


@pytest.mark.parametrize("factor", [0.0, 2.0**13])
def test_matrices_of_any_size_are_found(factor):
    model, same = regression_model(), regression_model()
    for block in model.anatomy.blocks:
        for parameter in block.attention.parameters():
            parameter *= factor
    found, expected = head_weights(model)[LAYER], head_weights(same)[LAYER]
    torch.testing.assert_close(found.query, expected.query * factor)
    torch.testing.assert_close(found.output, expected.output * factor)


@pytest.mark.parametrize("kind", ["gpt_neox", "gemma3", "native_rotary"])
def test_to_look_leaves_the_model_as_it_was(kind):
    model = model_of(kind)
    before, state = model.module(tokens_of(model)), torch.get_rng_state()
    head_weights(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.module.modules())
    assert not any(p.requires_grad or p.grad is not None for p in model.module.parameters())
    after = model.module(tokens_of(model))
    assert torch.equal(getattr(after, "logits", after), getattr(before, "logits", before))


def regression_with(part: str, module: nn.Module) -> LoadedModel:
    torch.manual_seed(0)
    model = RegressionTransformer(RegressionConfig())
    setattr(model.blocks[LAYER], part, module)
    return wrap_model(model)


class Reversed(RegressionAttention):
    """Multiplies the first number of a query with the last one of a key."""

    def forward(self, x):
        query, key, value = (self._by_head(m(x)) for m in (self.query, self.key, self.value))
        mixed = nn.functional.scaled_dot_product_attention(
            query, key.flip(-1), value, is_causal=True
        )
        return self.output(mixed.transpose(-2, -3).flatten(-2))


class Interleaved(RegressionAttention):
    """Neighbouring outputs of a projection belong to different heads, in reverse order."""

    def _by_head(self, x):
        return x.unflatten(-1, (-1, self.heads)).flip(-1, -2).permute(0, 3, 1, 2)


class BentNorm(nn.LayerNorm):
    """Does more than to centre and scale."""

    def forward(self, x):
        return super().forward(x).tanh()


def test_queries_and_keys_that_are_paired_in_another_way_are_refused():
    with pytest.raises(UnknownArchitecture, match="block 1 lays out queries, keys or values"):
        head_weights(regression_with("attention", Reversed(RegressionConfig())))


def test_a_norm_that_is_no_linear_map_is_refused():
    with pytest.raises(UnknownArchitecture, match=r"L1\.attention is a norm that does more than"):
        head_weights(regression_with("attention_norm", BentNorm(64)))


class Bend(nn.Module):
    """Stands where a norm should."""

    def forward(self, x):
        return x.tanh()


def test_attention_that_reads_no_norm_of_the_stream_is_refused():
    with pytest.raises(UnknownArchitecture, match="reads in block 1 comes from no known norm"):
        head_weights(regression_with("attention_norm", Bend()))


def test_an_unusual_order_is_read_off():
    model = regression_with("attention", Interleaved(RegressionConfig()))
    attention = model.module.blocks[LAYER].attention
    found = head_weights(model)[LAYER]
    gained = attention.value.weight - attention.value.weight.mean(1, keepdim=True)
    for head in range(HEADS):
        # The last output of a value is the first that the output projection reads.
        torch.testing.assert_close(found.value[head], gained[HEADS - 1 - head :: HEADS].flip(0))
