"""Composition of heads against whole matrices, closed forms, and what must not change it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from compute.measure.composition import compose
from compute.models.head_weights import HeadWeights, head_weights
from tests.measure.built_models import induction_model
from tests.small_models import language_model, native_model, regression_model

GENERATOR = torch.Generator().manual_seed(0)


def random_layers(layers=3, heads=2, head_width=4, width=12, generator=GENERATOR):
    def draw(*shape):
        return torch.randn(heads, *shape, generator=generator)

    return [
        HeadWeights(
            query=draw(head_width, width),
            key=draw(head_width, width),
            value=draw(head_width, width),
            output=draw(width, head_width),
        )
        for _ in range(layers)
    ]


def one_head(query, key, value, output):
    return HeadWeights(query=query[None], key=key[None], value=value[None], output=output[None])


def basis(size, width=12, generator=GENERATOR):
    """Orthonormal rows of which the first ``size`` and the next ones are orthogonal."""
    rows = torch.linalg.qr(torch.randn(width, width, generator=generator)).Q.T
    return rows[:size], rows[size : 2 * size]


# By hand, for each kind of model: W_Q, W_K, W_V of every head of a block as [r, d], W_O as [d, r],
# the gain of the norm that they read, and whether that norm centres.


def neox_block(model, layer):
    block = model.module.gpt_neox.layers[layer]
    fused = block.attention.query_key_value.weight.numpy().reshape(4, 3, 8, 32)
    output = block.attention.dense.weight.numpy()
    heads = [(*fused[h], output[:, 8 * h : 8 * h + 8]) for h in range(4)]
    return heads, block.input_layernorm.weight.numpy(), True


def gpt2_block(model, layer):
    block = model.module.transformer.h[layer]
    query, key, value = np.split(block.attn.c_attn.weight.numpy().T, 3)
    output = block.attn.c_proj.weight.numpy().T
    mine = [slice(8 * h, 8 * h + 8) for h in range(4)]
    heads = [(query[m], key[m], value[m], output[:, m]) for m in mine]
    return heads, block.ln_1.weight.numpy(), True


def llama_block(model, layer):
    block = model.module.model.layers[layer]
    attention = block.self_attn
    query, key, value, output = (
        getattr(attention, f"{x}_proj").weight.numpy() for x in ("q", "k", "v", "o")
    )
    heads = []
    for h in range(4):
        mine, shared = slice(8 * h, 8 * h + 8), slice(8 * (h // 2), 8 * (h // 2) + 8)
        heads.append((query[mine], key[shared], value[shared], output[:, mine]))
    return heads, block.input_layernorm.weight.numpy(), False


def native_block(model, layer):
    block = model.module.layers[layer]
    query, key, value, output = (getattr(block.attn, x).weight.numpy() for x in "qkvo")
    mine = [slice(8 * h, 8 * h + 8) for h in range(4)]
    heads = [(query[m], key[m], value[m], output[:, m]) for m in mine]
    return heads, block.ln1.weight.numpy(), True


def regression_block(model, layer):
    block = model.module.blocks[layer]
    query, key, value, output = (
        getattr(block.attention, x).weight.numpy() for x in ("query", "key", "value", "output")
    )
    mine = [slice(16 * h, 16 * h + 16) for h in range(4)]
    heads = [(query[m], key[m], value[m], output[:, m]) for m in mine]
    return heads, block.attention_norm.weight.numpy(), True


def whole_matrices(block):
    """W_QK and W_OV of each head of a block, ``[d, d]``, as they act on the residual stream."""
    heads, gain, centres = block
    width = len(gain)
    read = np.diag(gain.astype(float))
    if centres:
        read = read @ (np.eye(width) - np.ones((width, width)) / width)
    return [(read.T @ q.T @ k @ read, o @ v @ read) for q, k, v, o in heads]


@pytest.mark.parametrize(
    ("model", "block"),
    [
        (lambda: language_model("gpt_neox"), neox_block),
        (lambda: language_model("gpt2"), gpt2_block),
        (lambda: language_model("llama"), llama_block),
        (lambda: native_model("native_attention_only"), native_block),
        (regression_model, regression_block),
    ],
)
def test_composition_equals_that_of_whole_matrices(model, block):
    model = model()
    layers = range(len(model.anatomy.blocks))
    matrices = [(layer, *both) for layer in layers for both in whole_matrices(block(model, layer))]
    found = compose(head_weights(model))
    expected = np.full((3, len(matrices), len(matrices)), np.nan)
    for i, (earlier, _, writes) in enumerate(matrices):
        for j, (later, reads, moves) in enumerate(matrices):
            if earlier < later:
                for kind, matrix in enumerate((reads.T, reads, moves)):
                    norms = np.linalg.norm(matrix) * np.linalg.norm(writes)
                    expected[kind, i, j] = np.linalg.norm(matrix @ writes) / norms
    for kind, one in enumerate((found.query, found.key, found.value)):
        np.testing.assert_allclose(one, expected[kind], rtol=2e-5)
    assert np.nanmin(expected) > 0.05
    assert found.chance == pytest.approx(matrices[0][1].shape[0] ** -0.5)


@pytest.mark.parametrize("rank", [1, 4])
def test_keys_that_read_back_what_was_written_compose_to_the_inverse_root_of_the_rank(rank):
    mine, other = basis(rank)
    first = one_head(other, other, mine, mine.T)
    second = one_head(other, mine, other, other.T)
    found = compose([first, second])
    assert found.key[0, 1].item() == pytest.approx(rank**-0.5)
    assert found.query[0, 1].item() == pytest.approx(0, abs=1e-6)
    assert found.value[0, 1].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", ["query", "key", "value"])
def test_each_kind_reads_its_own_matrix(kind):
    mine, other = basis(3)
    first = one_head(other, other, mine, mine.T)
    apart = one_head(other, other, other, other.T)
    second = dataclasses.replace(apart, **{kind: mine[None]})
    found = compose([first, second])
    for name in ("query", "key", "value"):
        expected = 3**-0.5 if name == kind else 0
        assert getattr(found, name)[0, 1].item() == pytest.approx(expected, abs=1e-6)


def test_the_induction_circuit_composes_by_keys_alone():
    """Its keys read 24 directions that are written, and one that is not, with 6 times a square."""
    model = induction_model()
    found = compose(head_weights(model))
    assert found.key[0, 1].item() == pytest.approx((24 + 6) ** -0.5)
    assert found.key[0, 1] > 2 * found.chance
    assert found.query[0, 1] == found.value[0, 1] == 0
    assert int(found.key.isfinite().sum()) == 1


def test_only_later_layers_read():
    found = compose(random_layers(layers=3, heads=2))
    layer = torch.arange(3).repeat_interleave(2)
    expected = layer[:, None] < layer
    for one in (found.query, found.key, found.value):
        assert torch.equal(one.isfinite(), expected)
        assert one[expected].min() > 0
        assert one[expected].max() < 1


def test_one_layer_has_no_pairs():
    found = compose(random_layers(layers=1))
    assert found.query.shape == (2, 2)
    assert found.query.isnan().all()
    assert found.value.isnan().all()


def changed(layers, change):
    return [dataclasses.replace(one, **change(one)) for one in layers]


TURN = torch.linalg.qr(torch.randn(12, 12, generator=GENERATOR)).Q
MIX = torch.randn(4, 4, generator=GENERATOR)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: {"value": MIX @ one.value, "output": one.output @ MIX.inverse()},
        lambda one: {"query": MIX @ one.query, "key": MIX.inverse().T @ one.key},
        lambda one: {"query": 3 * one.query, "output": -0.5 * one.output},
        lambda one: {
            "query": one.query @ TURN.T,
            "key": one.key @ TURN.T,
            "value": one.value @ TURN.T,
            "output": TURN @ one.output,
        },
    ],
    ids=["basis of values", "basis of keys", "scale", "basis of the stream"],
)
def test_what_changes_nothing_that_heads_do_changes_no_composition(change):
    layers = random_layers()
    before, after = compose(layers), compose(changed(layers, change))
    for name in ("query", "key", "value"):
        torch.testing.assert_close(
            getattr(after, name), getattr(before, name), equal_nan=True, atol=1e-5, rtol=1e-4
        )


def test_a_head_that_writes_nothing_has_no_composition():
    layers = random_layers(layers=2)
    layers[0].output[1] = 0
    layers[1].query[0] = 0
    found = compose(layers)
    assert found.value[1, 2:].isnan().all()
    assert found.key[1, 2:].isnan().all()
    assert found.key[0, 2].isnan()
    assert found.query[0, 2].isnan()
    assert found.key[0, 3].isfinite()
    assert found.value[0, 2].isfinite()


def test_chance_is_the_root_mean_square_of_random_matrices():
    generator = torch.Generator().manual_seed(1)
    layers = random_layers(layers=2, heads=60, head_width=4, width=36, generator=generator)
    # Spectra do not matter: these fall off.
    for one in layers:
        one.key.mul_(torch.tensor([8.0, 4, 2, 1])[:, None])
    found = compose(layers)
    for one in (found.query, found.key, found.value):
        assert one.square().nanmean().sqrt().item() == pytest.approx(found.chance, rel=0.02)
    assert found.chance == pytest.approx(1 / 6)
