from __future__ import annotations

import numpy as np
import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from compute.errors import UnknownArchitecture
from compute.measure import ablation
from compute.measure.ablation import ablation_graph, compare
from compute.models.developments.regression_transformer import draw_sequences
from compute.specs import AblationSpec
from tests.small_models import (
    LANGUAGE,
    VOCABULARY,
    language_model,
    looped_graph,
    regression_model,
    save_language_model,
)

TOKENS = torch.randint(VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", LANGUAGE)
def test_suffix_replay_equals_the_loop_over_whole_passes(kind):
    model = language_model(kind)
    graph = ablation_graph(model, TOKENS)
    expected = looped_graph(model, TOKENS)
    assert np.array_equal(np.isnan(graph.weight), np.isnan(expected))
    np.testing.assert_allclose(graph.weight, expected, atol=1e-5)
    assert np.nanmax(expected) > 0.1


def test_suffix_replay_equals_the_loop_on_the_regression_transformer():
    model = regression_model()
    tokens = draw_sequences(model.module.config, 5, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(
        ablation_graph(model, tokens).weight, looped_graph(model, tokens), atol=1e-5
    )


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "llama"])
@pytest.mark.filterwarnings("ignore")
def test_effects_equal_those_of_transformer_lens_hooks(kind, tmp_path):
    folder = save_language_model(kind, tmp_path)
    bridge = TransformerBridge.boot_transformers(str(folder), dtype=torch.float32)
    graph = ablation_graph(language_model(kind), TOKENS)

    def zero_head(z, hook):
        z = z.clone()
        z.view(*z.shape[:2], 4, -1)[:, :, 1] = 0
        return z

    with torch.no_grad():
        _, clean = bridge.run_with_cache(TOKENS)
        with bridge.hooks(fwd_hooks=[("blocks.0.attn.hook_z", zero_head)]):
            _, ablated = bridge.run_with_cache(TOKENS)
    for layer in (1, 2):
        similarity = torch.cosine_similarity(
            clean[f"blocks.{layer}.hook_mlp_out"], ablated[f"blocks.{layer}.hook_mlp_out"], dim=-1
        )
        source = graph.components.index("L0H1")
        target = graph.components.index(f"L{layer}MLP")
        assert graph.weight[source, target] == pytest.approx(1 - similarity.mean().item(), abs=1e-5)


@pytest.mark.parametrize("kind", LANGUAGE)
def test_loss_change_is_the_change_of_the_whole_models_loss(kind):
    model = language_model(kind)
    graph = ablation_graph(model, TOKENS, first_scored=5)

    def loss():
        with torch.no_grad():
            logits = model.module(TOKENS).logits
        return torch.nn.functional.cross_entropy(
            logits[:, 4:-1].flatten(0, 1), TOKENS[:, 5:].flatten()
        ).item()

    clean = loss()
    part = model.anatomy.blocks[1]
    handle = part.mlp.register_forward_hook(lambda m, a, o: torch.zeros_like(o))
    without_mlp = loss()
    handle.remove()
    assert graph.loss == pytest.approx(clean, abs=1e-5)
    changed = graph.loss_change[graph.components.index("L1MLP")]
    assert changed == pytest.approx(without_mlp - clean, abs=1e-5)


def test_heads_reach_the_mlp_of_their_own_block_only_where_the_residual_is_sequential():
    parallel = ablation_graph(language_model("gpt_neox"), TOKENS)
    sequential = ablation_graph(language_model("gpt2"), TOKENS)
    head, mlp = (parallel.components.index(name) for name in ("L1H0", "L1MLP"))
    assert np.isnan(parallel.weight[head, mlp])
    assert sequential.weight[head, mlp] > 0


def test_edges_run_forward_only():
    graph = ablation_graph(language_model("llama"), TOKENS)
    forward = graph.order[:, None] < graph.order[None, :]
    assert np.array_equal(~np.isnan(graph.weight), forward)


def test_a_component_whose_output_is_zero_already_has_no_effect():
    model = language_model("gpt_neox")
    part = model.anatomy.blocks[0]
    with torch.no_grad():
        part.mlp.dense_4h_to_h.weight.zero_()
        part.mlp.dense_4h_to_h.bias.zero_()
    graph = ablation_graph(model, TOKENS)
    row = graph.weight[graph.components.index("L0MLP")]
    assert np.nanmax(row) == pytest.approx(0, abs=1e-6)
    assert graph.loss_change[graph.components.index("L0MLP")] == pytest.approx(0, abs=1e-6)


def test_permuting_heads_permutes_the_graph():
    model, permuted = language_model("gpt2"), language_model("gpt2")
    order = [2, 0, 3, 1]
    attention = permuted.module.transformer.h[1].attn
    columns = torch.cat([torch.arange(8) + 8 * h for h in order])
    with torch.no_grad():
        qkv = torch.cat([columns, columns + 32, columns + 64])
        attention.c_attn.weight.copy_(attention.c_attn.weight[:, qkv])
        attention.c_attn.bias.copy_(attention.c_attn.bias[qkv])
        attention.c_proj.weight.copy_(attention.c_proj.weight[columns])
    graph, after = ablation_graph(model, TOKENS), ablation_graph(permuted, TOKENS)
    n = len(graph.components)
    moved = np.arange(n)
    first = graph.components.index("L1H0")
    moved[first : first + 4] = [first + h for h in order]
    np.testing.assert_allclose(after.weight, graph.weight[np.ix_(moved, moved)], atol=1e-5)


def test_prompts_are_averaged_and_kept_apart():
    model = language_model("gpt_neox")
    whole = ablation_graph(model, TOKENS)
    alone = [ablation_graph(model, TOKENS[i : i + 1]).weight for i in range(3)]
    np.testing.assert_allclose(whole.weight, np.mean(alone, axis=0), atol=1e-6)
    np.testing.assert_allclose(whole.weight_by_prompt, alone, atol=1e-3)


def test_the_graph_does_not_depend_on_how_prompts_are_chunked(monkeypatch):
    model = language_model("llama")
    whole = ablation_graph(model, TOKENS)
    monkeypatch.setattr(ablation, "TOKENS_IN_FLIGHT", 1)
    np.testing.assert_allclose(ablation_graph(model, TOKENS).weight, whole.weight, atol=1e-6)


def test_what_is_switched_off_is_missing_and_not_zero():
    spec = AblationSpec(embedding=False, logits=False, loss_change=False)
    graph = ablation_graph(language_model("gpt_neox"), TOKENS, spec)
    assert np.isnan(graph.weight[0]).all()
    assert np.isnan(graph.weight[:, -1]).all()
    assert np.isnan([graph.loss, *graph.loss_change]).all()


def test_norm_change_sees_what_the_cosine_hides():
    clean = torch.ones(1, 4, 1, 3)
    weight, change = compare(clean, 3 * clean[None])
    assert weight.item() == pytest.approx(0, abs=1e-6)
    assert change.item() == pytest.approx(2)


def test_opposite_outputs_have_weight_two_and_vanished_ones_one():
    clean = torch.ones(1, 4, 1, 3)
    assert compare(clean, -clean[None])[0].item() == pytest.approx(2)
    assert compare(clean, 0 * clean[None])[0].item() == pytest.approx(1)


def test_a_block_that_is_not_what_its_anatomy_says_is_refused():
    model = language_model("gpt_neox_sequential")
    lying = type(model.anatomy)(**{**vars(model.anatomy), "parallel": True})
    wrong = type(model)(**{**vars(model), "anatomy": lying, "components": lying.components()})
    with pytest.raises(UnknownArchitecture, match="would be wrong"):
        ablation_graph(wrong, TOKENS)


def test_a_prompt_of_one_position_is_refused():
    with pytest.raises(ValueError, match="two positions"):
        ablation_graph(language_model("gpt2"), TOKENS[:, :1])
