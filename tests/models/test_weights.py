"""Slices of weights: whose they are is shown by what changing them changes."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from compute.errors import UnknownArchitecture
from compute.measure.model_loss import functional_loss
from compute.models.developments.regression_transformer import (
    RegressionAttention,
    RegressionConfig,
    RegressionTransformer,
)
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel, wrap_model
from compute.models.weights import weights_of
from tests.small_models import (
    LANGUAGE,
    NATIVE,
    language_model,
    language_module,
    native_model,
    regression_model,
)

KINDS = (*LANGUAGE, *NATIVE, "icl_regression")
PARTS = ("heads", "mlps", "layers", "embeddings")
# How many query heads share a key and a value, by hand.
_GROUPED = "llama mistral qwen2 qwen3 gemma gemma2 gemma3 phi3 olmo olmo2 stablelm starcoder2"
SHARING = {
    **dict.fromkeys(KINDS, 1),
    **dict.fromkeys([*_GROUPED.split(), "cohere", "granite", "native_rotary"], 2),
    **dict.fromkeys(["gpt_bigcode", "falcon"], 4),
}
HEADS, LAYER = 4, 1


def model_of(kind: str) -> LoadedModel:
    if kind == "icl_regression":
        return regression_model()
    return native_model(kind) if kind in NATIVE else language_model(kind)


def logits(model: LoadedModel) -> torch.Tensor:
    with torch.no_grad():
        result = model.module(example_tokens(model.module, positions=6))
    return getattr(result, "logits", result)


def seen_at(model: LoadedModel, part: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """What a module is given, and what it returns."""
    kept = []
    # Falcon adds to what its MLP returns in place.
    handle = part.register_forward_hook(lambda m, args, out: kept.append((args[0], out.clone())))
    logits(model)
    handle.remove()
    return kept[0]


def parameter(model: LoadedModel, name: str) -> torch.Tensor:
    return model.module.get_parameter(name).view(-1)


def pairs(entries) -> set[tuple[str, int]]:
    return {(name, place) for name, places in entries.items() for place in places.tolist()}


def is_merge(model: LoadedModel, name: str) -> bool:
    return model.module.get_parameter(name) is model.anatomy.blocks[LAYER].merge.weight


@pytest.mark.parametrize("kind", KINDS)
def test_heads_have_four_matrices_and_overlap_only_in_shared_keys_and_values(kind):
    model = model_of(kind)
    heads = {name: pairs(entries) for name, entries in weights_of(model, "heads").items()}
    assert list(heads) == [c.name for c in model.components if c.kind == "head"]
    width = 64 if kind == "icl_regression" else 32
    matrix = width * width // HEADS
    assert {len(found) for found in heads.values()} == {4 * matrix}
    for (i, one), (j, other) in itertools.combinations(enumerate(heads.values()), 2):
        same_group = i // HEADS == j // HEADS and i // SHARING[kind] == j // SHARING[kind]
        assert len(one & other) == (2 * matrix if same_group else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_heads_of_a_layer_are_the_matrices_of_its_attention(kind):
    model = model_of(kind)
    attention = {id(p) for p in model.anatomy.blocks[LAYER].attention.parameters()}
    expected = {
        (name, place)
        for name, p in model.module.named_parameters()
        if id(p) in attention and p.ndim == 2
        for place in range(p.numel())
    }
    heads = weights_of(model, "heads")
    found = set().union(*(pairs(heads[f"L{LAYER}H{h}"]) for h in range(HEADS)))
    assert found == expected
    mlp = pairs(weights_of(model, "mlps").get(f"L{LAYER}MLP", {}))
    assert not found & mlp
    assert pairs(weights_of(model, "layers")[f"L{LAYER}"]) == found | mlp


@pytest.mark.parametrize("head", range(HEADS))
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_head_reads_changes_only_heads_that_share_it(kind, head):
    model = model_of(kind)
    block = model.anatomy.blocks[LAYER]
    if kind == "olmo2":  # Its norms are over the queries of all heads.
        block.attention.q_norm = block.attention.k_norm = nn.Identity()
    before, _ = seen_at(model, block.merge)
    for name, places in weights_of(model, "heads")[f"L{LAYER}H{head}"].items():
        if not is_merge(model, name):
            parameter(model, name)[places] *= 1.5
    after, _ = seen_at(model, block.merge)
    change = (after - before).unflatten(-1, (HEADS, -1)).abs().amax((0, 1, 3))
    group = head // SHARING[kind]
    for other in range(HEADS):
        assert (change[other] > 1e-3) == (other // SHARING[kind] == group)
        assert change[other] > 1e-3 or change[other] < 1e-5


@pytest.mark.parametrize("head", [0, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_without_its_output_matrix_a_head_is_ablated(kind, head):
    model = model_of(kind)
    clean = logits(model)

    def ablate(merge, args):
        z = args[0].clone().unflatten(-1, (HEADS, -1))
        z[..., head, :] = 0
        return (z.flatten(-2), *args[1:])

    handle = model.anatomy.blocks[LAYER].merge.register_forward_pre_hook(ablate)
    expected = logits(model)
    handle.remove()
    for name, places in weights_of(model, "heads")[f"L{LAYER}H{head}"].items():
        if is_merge(model, name):
            parameter(model, name)[places] = 0
    torch.testing.assert_close(logits(model), expected, atol=1e-5, rtol=1e-4)
    assert (expected - clean).abs().max() > 1e-3


# Those whose queries, keys and values have no biases and whose heads have no slopes of their own.
@pytest.mark.parametrize(
    "kind", ["gptj", "codegen", "gpt_neo", "llama", "phi3", "falcon", "icl_regression"]
)
def test_heads_that_change_places_change_nothing(kind):
    model = model_of(kind)
    before, heads = logits(model), weights_of(model, "heads")
    first, second = heads[f"L{LAYER}H0"], heads[f"L{LAYER}H1"]
    changed = 0
    for name in first:
        weight = parameter(model, name)
        old = weight.clone()
        weight[first[name]], weight[second[name]] = old[second[name]], old[first[name]]
        changed += int((weight != old).sum())
    torch.testing.assert_close(logits(model), before, atol=1e-5, rtol=1e-4)
    shared = 2 if SHARING[kind] > 1 else 0
    per_matrix = len(pairs(first)) // 4
    assert changed == 2 * (4 - shared) * per_matrix


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "native_attention_only"])
def test_without_its_matrices_an_mlp_puts_out_the_same_for_every_token(kind):
    model = model_of(kind)
    part = model.anatomy.blocks[LAYER].mlp_output
    for name, places in weights_of(model, "mlps")[f"L{LAYER}MLP"].items():
        parameter(model, name)[places] = 0
    _, out = seen_at(model, part)
    rows = out.reshape(-1, out.shape[-1])
    assert torch.equal(rows, rows[:1].expand_as(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_is_made_of_matrices_that_the_loss_is_a_function_of(kind):
    model = model_of(kind)
    _, params = functional_loss(model.module, model.family)
    for parts in PARTS:
        for entries in weights_of(model, parts).values():
            for name, places in entries.items():
                assert params[name].ndim == 2
                assert places.dtype == torch.int64
                assert bool((places.diff() > 0).all())
                assert 0 <= places[0] <= places[-1] < params[name].numel()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("gpt_neox", {"EMB": "gpt_neox.embed_in.weight", "UNEMBED": "lm_head.weight"}),
        ("gpt2", {"EMB": "transformer.wte.weight"}),
        ("opt_post_norm", {"EMB": "model.decoder.embed_tokens.weight"}),
        ("native", {"EMB": "tok_embed.weight", "UNEMBED": "head.weight"}),
        ("icl_regression", {"EMB": "embed.weight", "UNEMBED": "readout.weight"}),
    ],
)
def test_an_unembedding_is_a_part_of_its_own_unless_it_is_tied(kind, expected):
    model = model_of(kind)
    found = weights_of(model, "embeddings")
    assert {part: list(entries) for part, entries in found.items()} == {
        part: [name] for part, name in expected.items()
    }
    for part, name in expected.items():
        assert torch.equal(found[part][name], torch.arange(parameter(model, name).numel()))


def test_blocks_without_an_mlp_have_none():
    model = native_model("native_attention_only")
    assert weights_of(model, "mlps") == {}
    assert list(weights_of(model, "layers")) == ["L0", "L1", "L2"]


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "qwen3", "falcon", "native_rotary"])
def test_to_look_leaves_the_model_and_the_generator_as_they_were(kind):
    model = model_of(kind)
    before, state = logits(model), torch.get_rng_state()
    weights = {name: value.clone() for name, value in model.module.state_dict().items()}
    weights_of(model, "heads")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, weights[n]) for n, v in model.module.state_dict().items())
    assert not any(p.requires_grad for p in model.module.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.module.modules())
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("factor", [0.0, 1e4])
@pytest.mark.parametrize("kind", ["gpt_neox", "qwen3", "olmo2", "icl_regression"])
def test_slices_do_not_depend_on_the_weights(kind, factor):
    """With zeros no head depends on anything; large weights let attention saturate."""
    model = model_of(kind)
    expected = weights_of(model, "heads")
    for block in model.anatomy.blocks:
        for p in block.attention.parameters():
            p *= factor
    found = weights_of(model, "heads")
    assert {n: pairs(e) for n, e in found.items()} == {n: pairs(e) for n, e in expected.items()}


def test_attention_that_clips_its_queries_in_place_is_no_obstacle():
    module = language_module("olmo")
    module.config.clip_qkv = 8.0
    found = weights_of(wrap_model(module), "heads")
    expected = weights_of(language_model("olmo"), "heads")
    assert {n: pairs(e) for n, e in found.items()} == {n: pairs(e) for n, e in expected.items()}


def regression_with(attention: type[RegressionAttention]) -> LoadedModel:
    torch.manual_seed(0)
    module = RegressionTransformer(RegressionConfig())
    module.blocks[LAYER].attention = attention(RegressionConfig())
    return wrap_model(module)


class Interleaved(RegressionAttention):
    """Neighbouring outputs of a projection belong to different heads, in reverse order."""

    def _by_head(self, x):
        return x.unflatten(-1, (-1, self.heads)).flip(-1).permute(0, 3, 1, 2)


def test_an_unusual_layout_is_read_off():
    heads = weights_of(regression_with(Interleaved), "heads")
    rows = torch.arange(64 * 64).view(64, 64)
    for head in range(HEADS):
        found = heads[f"L{LAYER}H{head}"]
        for name in ("query", "key", "value"):
            mine = rows[HEADS - 1 - head :: HEADS].flatten()
            assert torch.equal(found[f"blocks.{LAYER}.attention.{name}.weight"], mine)
        mine = rows[:, head * 16 : (head + 1) * 16].flatten()
        assert torch.equal(found[f"blocks.{LAYER}.attention.output.weight"], mine)


class Mixing(RegressionAttention):
    """Every head reads a little of its neighbour."""

    def _by_head(self, x):
        heads = super()._by_head(x)
        return heads + 0.1 * heads.roll(1, dims=1)


class CommonKeys(RegressionAttention):
    """All heads attend alike: they have one key, but a value each."""

    def __init__(self, config):
        super().__init__(config)
        self.key = nn.Linear(config.width, config.width // config.heads, bias=False)

    def forward(self, x):
        query, value = self._by_head(self.query(x)), self._by_head(self.value(x))
        key = self.key(x)[:, None].expand_as(query)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.output(mixed.transpose(-2, -3).flatten(-2))


class Idle(RegressionAttention):
    """Has a matrix that it never calls."""

    def __init__(self, config):
        super().__init__(config)
        self.spare = nn.Linear(config.width, config.width)


class Unread(RegressionAttention):
    """Projects to more numbers than its heads read."""

    def __init__(self, config):
        super().__init__(config)
        self.query = nn.Linear(config.width, config.width + 1, bias=False)

    def _by_head(self, x):
        return super()._by_head(x[..., :64])


class Transposing(nn.Linear):
    """Says that it is a linear map, but stores its weight the other way round."""

    def forward(self, x):
        return x @ self.weight


class Transposed(RegressionAttention):
    """Has keys from a map that is not what its class says."""

    def __init__(self, config):
        super().__init__(config)
        self.key = Transposing(config.width, config.width, bias=False)


class TransposedOutput(RegressionAttention):
    """Merges heads by a map that is not what its class says."""

    def __init__(self, config):
        super().__init__(config)
        self.output = Transposing(config.width, config.width, bias=False)


@pytest.mark.parametrize(
    ("attention", "message"),
    [
        (Mixing, "has a head that does not read one query, key and value"),
        (CommonKeys, "has heads that share more or less than keys and values"),
        (Idle, "does not call every linear map of its attention"),
        (Unread, "projects to numbers that none of its heads reads"),
        (Transposed, "does more with a weight of attention than to multiply"),
        (TransposedOutput, "does more with a weight of attention than to multiply"),
    ],
)
def test_heads_that_cannot_be_told_apart_are_refused(attention, message):
    model = regression_with(attention)
    with pytest.raises(UnknownArchitecture, match=rf"block 1 {message}; measure the LLC of the"):
        weights_of(model, "heads")
    assert not any(m._forward_hooks for m in model.module.modules())


@pytest.mark.parametrize("parts", ["mlps", "layers"])
@pytest.mark.parametrize("stray", [nn.Linear(4, 4), nn.Embedding(4, 4)])
def test_a_matrix_that_belongs_to_no_part_is_refused(stray, parts):
    model = regression_model()
    model.anatomy.blocks[LAYER].block.adapter = stray
    with pytest.raises(UnknownArchitecture, match="block 1 has a matrix that is of neither"):
        weights_of(model, parts)
