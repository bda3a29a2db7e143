from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from compute.errors import MeasurementError
from compute.measure.ablation import ablation_graph
from compute.measure.replacements import donors
from compute.models.developments.regression_transformer import draw_sequences
from compute.specs import AblationSpec
from tests.small_models import (
    VOCABULARY,
    language_model,
    looped_graph,
    regression_model,
    save_language_model,
)

# How one architecture equals the loop over whole passes is in test_architectures.py.
TOKENS = torch.randint(VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))
LAYOUTS = ("gpt_neox", "gpt2", "llama", "gemma2", "opt_post_norm", "bloom", "falcon")


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


@pytest.mark.parametrize("kind", LAYOUTS)
def test_loss_and_logit_changes_are_those_of_the_whole_model(kind):
    model = language_model(kind)
    graph = ablation_graph(model, TOKENS, first_scored=5)

    def scores():
        with torch.no_grad():
            logits = model.module(TOKENS).logits[:, 4:-1].flatten(0, 1)
        answers = TOKENS[:, 5:].flatten()
        loss = torch.nn.functional.cross_entropy(logits, answers).item()
        return loss, logits[torch.arange(len(answers)), answers].mean().item()

    loss, logit = scores()
    handle = model.anatomy.blocks[1].mlp_output.register_forward_hook(
        lambda m, a, o: torch.zeros_like(o)
    )
    loss_without, logit_without = scores()
    handle.remove()
    mlp = graph.components.index("L1MLP")
    assert graph.loss == pytest.approx(loss, abs=1e-5)
    assert graph.loss_change[mlp] == pytest.approx(loss_without - loss, abs=1e-5)
    assert graph.logit_change[mlp] == pytest.approx(logit_without - logit, abs=1e-4)


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
    alone = np.stack([ablation_graph(model, TOKENS[i : i + 1]).weight for i in range(3)])
    np.testing.assert_allclose(whole.weight, alone.mean(0), atol=1e-6)
    np.testing.assert_allclose(whole.weight_error, alone.std(0, ddof=1) / 3**0.5, atol=1e-6)
    edges = np.isfinite(whole.weight)
    np.testing.assert_allclose(whole.weight_by_group, alone[:, edges], atol=1e-3)
    np.testing.assert_allclose(whole.group_weights()[:, edges], alone[:, edges], atol=1e-3)


def test_the_errors_of_losses_are_over_prompts():
    model = language_model("gpt2")
    whole = ablation_graph(model, TOKENS)
    alone = [ablation_graph(model, TOKENS[i : i + 1]) for i in range(3)]
    for name in ("loss_change", "logit_change"):
        values = np.stack([getattr(graph, name) for graph in alone])[:, :-1]
        error = getattr(whole, f"{name}_error")[:-1]
        np.testing.assert_allclose(error, values.std(0, ddof=1) / 3**0.5, atol=1e-5)
    assert np.isnan(alone[0].weight_error).all()


@pytest.mark.parametrize("kind", ["gpt_neox", "llama", "gemma2", "bloom_post_norm"])
def test_the_graph_does_not_depend_on_how_prompts_and_copies_are_chunked(kind):
    model = language_model(kind)
    whole = ablation_graph(model, TOKENS)
    for tokens in (1, 30):
        graph = ablation_graph(model, TOKENS, max_tokens_in_flight=tokens)
        np.testing.assert_allclose(graph.weight, whole.weight, atol=1e-6)
        np.testing.assert_allclose(graph.loss_change, whole.loss_change, atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "falcon", "llama"])
def test_a_blocks_own_code_gives_what_the_shortcut_gives(kind):
    model = language_model(kind)
    blocks = tuple(dataclasses.replace(b, additive=False) for b in model.anatomy.blocks)
    general = dataclasses.replace(model, anatomy=dataclasses.replace(model.anatomy, blocks=blocks))
    np.testing.assert_allclose(
        ablation_graph(general, TOKENS).weight, ablation_graph(model, TOKENS).weight, atol=1e-6
    )


@pytest.mark.parametrize("kind", LAYOUTS)
def test_mean_ablation_equals_the_loop(kind):
    model = language_model(kind)
    graph = ablation_graph(model, TOKENS, AblationSpec(ablation="mean"))
    np.testing.assert_allclose(
        graph.weight, looped_graph(model, TOKENS, stand_in="mean"), atol=1e-5
    )


@pytest.mark.parametrize("kind", LAYOUTS)
def test_resample_ablation_equals_the_loop(kind):
    model = language_model(kind)
    draw = torch.Generator().manual_seed(3)
    order = donors(len(TOKENS), draw)
    graph = ablation_graph(
        model, TOKENS, AblationSpec(ablation="resample"), torch.Generator().manual_seed(3)
    )
    expected = looped_graph(model, TOKENS, stand_in=order)
    np.testing.assert_allclose(graph.weight, expected, atol=1e-5)


def test_ablations_work_on_the_regression_transformer():
    model = regression_model()
    tokens = draw_sequences(model.module.config, 5, generator=torch.Generator().manual_seed(0))
    graph = ablation_graph(model, tokens, AblationSpec(ablation="mean"))
    np.testing.assert_allclose(
        graph.weight, looped_graph(model, tokens, stand_in="mean"), atol=1e-5
    )
    assert np.isnan(graph.logit_change).all()


def test_a_reference_batch_gives_the_means():
    model = language_model("gpt2")
    spec = AblationSpec(ablation="mean")
    same = ablation_graph(model, TOKENS[:1], spec, reference=TOKENS)
    own = ablation_graph(model, TOKENS, spec)
    edges = np.isfinite(own.weight)
    np.testing.assert_allclose(same.weight[edges], own.weight_by_group[0], atol=1e-3)


def test_every_prompt_is_the_donor_of_another():
    for prompts in (2, 3, 16):
        order = donors(prompts, torch.Generator().manual_seed(0))
        assert sorted(order.tolist()) == list(range(prompts))
        assert (order != torch.arange(prompts)).all()


def test_resampling_needs_prompts_of_one_length_and_more_than_one():
    model = language_model("gpt2")
    spec = AblationSpec(ablation="resample")
    with pytest.raises(MeasurementError, match="one prompt only"):
        ablation_graph(model, TOKENS[:1], spec)
    with pytest.raises(MeasurementError, match="without padding"):
        ablation_graph(model, TOKENS, spec, mask=torch.ones_like(TOKENS, dtype=torch.bool))


def test_resampling_identical_prompts_changes_nothing():
    model = language_model("llama")
    graph = ablation_graph(model, TOKENS[:1].repeat(4, 1), AblationSpec(ablation="resample"))
    assert np.nanmax(graph.weight) == pytest.approx(0, abs=1e-6)
    assert np.nanmax(abs(graph.loss_change)) == pytest.approx(0, abs=1e-5)


def test_what_is_switched_off_is_missing_and_not_zero():
    spec = AblationSpec(embedding=False, logits=False, loss_change=False)
    graph = ablation_graph(language_model("gpt_neox"), TOKENS, spec)
    assert np.isnan(graph.weight[0]).all()
    assert np.isnan(graph.weight[:, -1]).all()
    assert np.isnan([graph.loss, *graph.loss_change, *graph.logit_change]).all()


def test_a_prompt_of_one_position_is_refused():
    with pytest.raises(ValueError, match="two positions"):
        ablation_graph(language_model("gpt2"), TOKENS[:, :1])


def test_a_prompt_that_is_all_padding_is_refused():
    mask = torch.ones_like(TOKENS, dtype=torch.bool)
    mask[1] = False
    with pytest.raises(MeasurementError, match="all of it is padding"):
        ablation_graph(language_model("gpt2"), TOKENS, mask=mask)


@pytest.mark.parametrize("other", [{"granularity": "hooks"}, {"method": "attribution"}])
def test_another_graph_than_the_exact_one_of_components_is_refused(other):
    with pytest.raises(MeasurementError, match="hook_graph or attribution_graph"):
        ablation_graph(language_model("gpt_neox"), TOKENS, AblationSpec(**other))
