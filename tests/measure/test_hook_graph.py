"""Rocchetti's nodes, against that author's way of measuring them with TransformerLens."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformer_lens.model_bridge import TransformerBridge

from compute.errors import MeasurementError, SettingsError
from compute.measure.hook_graph import hook_graph
from compute.measure.hook_nodes import HookNodes
from compute.specs import AblationSpec
from tests.small_models import VOCABULARY, language_model, regression_model, save_language_model

TOKENS = torch.randint(1, VOCABULARY, (2, 12), generator=torch.Generator().manual_seed(0))
HOOKS = AblationSpec(granularity="hooks")
LAYERS, HEAD_WIDTH = 3, 8
KINDS = {"q": "Q", "k": "K", "v": "V", "z": "Z", "rot_q": "RQ", "rot_k": "RK"}


class AuthorsLoop:
    """For every hook and head: zero it, run on, and compare every hook and head that follows."""

    def __init__(self, folder) -> None:
        self.bridge = TransformerBridge.boot_transformers(str(folder), dtype=torch.float32)
        self.bridge.enable_compatibility_mode()
        with torch.no_grad():
            self.logits, self.clean = self.bridge.run_with_cache(TOKENS)
        self.nodes = {"hook_embed": "EMB"}
        for layer in range(LAYERS):
            for kind, name in KINDS.items():
                # The bridge's joint attention of GPT-NeoX never reaches its rotation hooks.
                if f"blocks.{layer}.attn.hook_{kind}" in self.clean:
                    self.nodes[f"blocks.{layer}.attn.hook_{kind}"] = f"L{layer}{name}"
            self.nodes[f"blocks.{layer}.mlp.hook_post"] = f"L{layer}POST"

    def weights(self, index: dict[str, int]) -> np.ndarray:
        found = np.full((len(index),) * 2, np.nan)
        for hook, node in self.nodes.items():
            heads = range(self._by_head(hook, self.clean[hook]).shape[2]) if "attn" in hook else ()
            for head in (None, *heads):
                row = index[node if head is None else node[:2] + f"H{head}" + node[2:]]
                self._fill(found[row], index, *self._ablated(hook, head))
        return found

    def _ablated(self, hook: str, head: int | None):
        kept: dict[str, torch.Tensor] = {}

        def zero(value, hook):
            value = value.clone()
            self._by_head(hook.name, value)[:, :, slice(None) if head is None else head] = 0
            return value

        def keep(value, hook, name):
            kept[name] = value.clone()

        hooks = [(hook, zero if hook != "hook_embed" else lambda v, hook: torch.zeros_like(v))]
        hooks += [(n, lambda v, hook, n=n: keep(v, hook, n)) for n in self.nodes]
        with torch.no_grad(), self.bridge.hooks(fwd_hooks=hooks):
            return kept, self.bridge(TOKENS)

    def _fill(self, row, index, kept, logits) -> None:
        row[index["LOGITS"]] = 1 - cosine_similarity(logits, self.logits, dim=-1).mean()
        for hook, node in self.nodes.items():
            clean, other = (self._by_head(hook, v[hook]) for v in (self.clean, kept))
            similarity = cosine_similarity(other, clean, dim=-1)
            row[index[node]] = 1 - similarity.mean()
            if "attn" in hook:
                for head in range(similarity.shape[2]):
                    name = node[:2] + f"H{head}" + node[2:]
                    row[index[name]] = 1 - similarity[:, :, head].mean()

    @staticmethod
    def _by_head(hook: str, value):
        inside = "attn" in hook or ("blocks" in hook and value.shape[-1] == HEAD_WIDTH)
        return value.view(*value.shape[:2], -1, HEAD_WIDTH) if inside else value[:, :, None]


@pytest.mark.parametrize(
    "kind", ["gpt_neox", "gpt_neox_sequential", "gpt2", "llama", "qwen2", "phi"]
)
@pytest.mark.filterwarnings("ignore")
def test_every_edge_equals_the_authors_loop(kind, tmp_path):
    graph = hook_graph(language_model(kind), TOKENS, HOOKS)
    index = {name: i for i, name in enumerate(graph.components)}
    expected = AuthorsLoop(save_language_model(kind, tmp_path)).weights(index)
    edges = np.isfinite(graph.weight) & np.isfinite(expected)
    assert edges.sum() >= (1500 if "neox" in kind else np.isfinite(graph.weight).sum())
    np.testing.assert_allclose(graph.weight[edges], expected[edges], atol=1e-5)


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt_neox_sequential", "llama", "opt_post_norm"])
def test_an_edge_is_where_the_nodes_say_that_one_can_be(kind):
    model = language_model(kind)
    graph = hook_graph(model, TOKENS, HOOKS)
    nodes = HookNodes(
        layers=3,
        heads=4,
        key_heads=2 if kind == "llama" else 4,
        rotated=kind != "opt_post_norm",
        parallel=kind == "gpt_neox",
    )
    assert graph.components == tuple(node.name for node in nodes.nodes())
    np.testing.assert_array_equal(np.isfinite(graph.weight), nodes.possible())


def test_pythia_14m_has_the_authors_187_sources_and_140_targets():
    possible = HookNodes(layers=6, heads=4, key_heads=4, rotated=True, parallel=True).possible()
    # The embedding is a target in the author's table, with nothing before it.
    assert possible.any(1).sum() == 187
    assert possible.any(0).sum() == 140 - 1


def test_a_query_of_zero_does_what_a_key_of_zero_does_rotated_or_not():
    graph = hook_graph(language_model("gpt_neox"), TOKENS, HOOKS)
    later = [i for i, name in enumerate(graph.components) if name.startswith(("L1", "L2"))]
    rows = [graph.weight[graph.components.index(f"L0H2{kind}"), later] for kind in ("Q", "K", "RQ")]
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_the_graph_does_not_depend_on_how_prompts_and_copies_are_chunked():
    model = language_model("llama")
    whole = hook_graph(model, TOKENS, HOOKS)
    small = hook_graph(model, TOKENS, HOOKS, max_tokens_in_flight=24)
    np.testing.assert_allclose(small.weight, whole.weight, atol=1e-6)


def test_padded_prompts_give_what_they_give_alone():
    model = language_model("gpt_neox")
    mask = torch.ones_like(TOKENS, dtype=torch.bool)
    mask[0, :5] = False
    graph = hook_graph(model, TOKENS.masked_fill(~mask, 0), HOOKS, mask=mask)
    alone = [hook_graph(model, TOKENS[i : i + 1, mask[i]], HOOKS).weight for i in range(2)]
    np.testing.assert_allclose(graph.weight, np.mean(alone, axis=0), atol=1e-5)


@pytest.mark.parametrize("kind", ["gptj", "bloom", "gemma2"])
def test_models_that_attend_in_a_way_of_their_own_are_refused_by_name(kind):
    with pytest.raises(MeasurementError, match=f"{kind}.*use granularity 'components'"):
        hook_graph(language_model(kind), TOKENS, HOOKS)


def test_the_regression_transformer_is_refused_too():
    tokens = torch.zeros(2, 16, 5)
    with pytest.raises(MeasurementError, match="use granularity 'components'"):
        hook_graph(regression_model(), tokens, HOOKS)


def test_the_model_attends_afterwards_as_before():
    model = language_model("gpt2")
    before = model.module(TOKENS).logits
    hook_graph(model, TOKENS, HOOKS)
    assert model.module.config._attn_implementation == "sdpa"
    assert torch.equal(model.module(TOKENS).logits, before)


def test_hooks_are_for_exact_zero_ablation():
    for other in ({"ablation": "mean"}, {"method": "attribution"}):
        with pytest.raises(SettingsError, match="use granularity 'components'"):
            AblationSpec(granularity="hooks", **other)
