"""The ablation graph on the nodes of Rocchetti (2025), by suffix replay.

Follows that work's conventions, which are those of TransformerLens' processed weights: values and
attention outputs are taken without the bias of the values, logits less their mean, and a whole
layer's similarity is the mean over its heads.

Many nodes have one effect, so few passes serve them all: a query of zero scores every key alike,
and so does a key of zero, rotated or not; a value of zero is an output of zero.
"""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compute.measure.budget import Budget
from compute.measure.comparison import Prompts, Rows
from compute.measure.effects import PromptEffects, Tally
from compute.measure.hook_comparison import HookComparison, NodeRows, per_head
from compute.measure.hook_nodes import HookNodes
from compute.measure.replay import (
    CleanPass,
    Outputs,
    Recorder,
    after_attention_change,
    after_mlp_change,
    call_block,
    first_hidden,
    head_contributions,
    replay,
    run_clean,
)
from compute.models.attention import Attended, AttentionRecorder
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel
from compute.records import AblationGraph
from compute.specs import AblationSpec


def hook_graph(
    model: LoadedModel,
    tokens: Tensor,
    spec: AblationSpec,
    *,
    first_scored: int = 1,
    mask: Bool[Tensor, "prompts positions"] | None = None,
    max_tokens_in_flight: int | None = None,
) -> AblationGraph:
    """Return the ablation graph of ``model``'s hooks under zero ablation.

    The parameters are those of `compute.measure.ablation.ablation_graph`.

    Raises
    ------
    ValueError
        If ``tokens`` has fewer than two positions.
    MeasurementError
        If the model attends in a way of its own, or a prompt does not fit into memory.
    """
    prompts = Prompts(tokens=tokens, mask=mask, first_scored=first_scored)
    prompts.require_usable()
    recorder = Recorder(model, neurons=True)
    attention = AttentionRecorder(model.module, model.anatomy)
    with torch.inference_mode(), recorder, attention:
        budget = Budget(model, tokens.shape[1], max_tokens_in_flight)
        sweep = _HookSweep(model, spec, prompts, recorder, attention, budget)
        possible = torch.from_numpy(sweep.nodes.possible())
        possible[0] &= spec.embedding
        possible[:, -1] &= spec.logits
        tally = Tally(possible, len(tokens))
        for effects in budget.over_prompts(len(tokens), sweep.most_copies, sweep.effects):
            tally.add(effects)
    names = tuple(node.name for node in sweep.nodes.nodes())
    return tally.record(names, sweep.nodes.order(), "exact")


class _HookSweep:
    """Ablates every node of one checkpoint, for a few prompts at a time."""

    def __init__(
        self,
        model: LoadedModel,
        spec: AblationSpec,
        prompts: Prompts,
        recorder: Recorder,
        attention: AttentionRecorder,
        budget: Budget,
    ) -> None:
        self._budget = budget
        self._model, self._spec, self._prompts = model, spec, prompts
        self._recorder, self._attention = recorder, attention
        example = run_clean(model, example_tokens(model.module), None, recorder)
        self.nodes = self._find_nodes()
        self._value_biases = [self._value_bias(example, layer) for layer in range(self._layers)]
        self._rows = NodeRows(self.nodes)
        self._comparison = HookComparison(model, spec, self._rows, self._value_biases)

    @property
    def _layers(self) -> int:
        return len(self._model.anatomy.blocks)

    @property
    def most_copies(self) -> int:
        """The most copies of the prompts that one block needs."""
        return len(self._rows.attention(0)[0])

    def effects(self, part: slice) -> PromptEffects:
        """Return the effects of every node on the prompts of ``part``."""
        prompts = self._prompts[part]
        clean = run_clean(self._model, prompts.tokens, prompts.mask, self._recorder)
        attended = [self._attention.take(layer) for layer in range(self._layers)]
        found = self._comparison.start(prompts, clean, attended)
        if self._spec.embedding:
            zero = clean.embedding.new_zeros(1, 1, 1)
            hidden = first_hidden(self._model, prompts.tokens, prompts.mask, zero)
            self._replay(clean, slice(0, 1), 0, hidden[None])
        for layer in range(self._layers):
            self._ablate(clean, attended[layer], layer)
        return found

    def _ablate(self, clean: CleanPass, attended: Attended, layer: int) -> None:
        """Ablate the nodes of one layer: those of attention, then the neurons."""
        block, seen = self._model.anatomy.blocks[layer], clean.blocks[layer]
        assert seen.z is not None
        uniform = attended.uniform()
        without = per_head(self._value_biases[layer], block.heads).flatten().expand_as(seen.z)
        self._comparison.own_attention(layer, uniform, without)
        heads = range(block.heads)
        changes = [head_contributions(block, z - seen.z, heads) for z in (uniform, without)]
        effects, rows = self._rows.attention(layer)
        for chosen in self._budget.copies(len(effects), len(seen.hidden)):
            change = torch.stack(
                [
                    changes[way][list(heads)].sum(0)
                    for way, heads in effects[chosen.start : chosen.stop]
                ]
            )
            self._ablate_attention(clean, layer, change, _within(rows, chosen))
        if seen.mlp is not None:
            change = (_output_of_no_neurons(block.mlp_down) - seen.mlp)[None]
            hidden = after_mlp_change(block, seen, change)
            self._replay(clean, self._rows.neurons(layer), layer + 1, hidden)

    def _ablate_attention(
        self, clean: CleanPass, layer: int, change: Tensor, rows: tuple[Tensor, Tensor]
    ) -> None:
        """Change what a layer's attention puts out, once for each copy of ``change``."""
        block, seen = self._model.anatomy.blocks[layer], clean.blocks[layer]
        hidden = after_attention_change(block, seen, change)
        own = self._recorder.take(layer, hidden.flatten(0, 1))
        if own.neurons is not None and not block.parallel:
            self._comparison.neurons(rows, layer, own.neurons)
        self._replay(clean, rows, layer + 1, hidden)

    def _replay(self, clean: CleanPass, rows: Rows, first: int, hidden: Tensor) -> None:
        visit = partial(self._visit, rows)
        final = replay(self._model, clean, first, hidden, self._recorder, visit)
        self._comparison.final(rows, final)

    def _visit(self, rows: Rows, layer: int, outputs: Outputs) -> None:
        self._comparison.attention(rows, layer, self._attention.take(layer), outputs)

    def _value_bias(self, clean: CleanPass, layer: int) -> Float[Tensor, "key_heads head_width"]:
        """Return the bias of a layer's values, with what the norm's bias adds to it.

        It is what values are when the block reads zeros.
        """
        seen = clean.blocks[layer]
        call_block(self._model.anatomy.blocks[layer], seen, torch.zeros_like(seen.hidden), 1)
        self._recorder.take(layer, seen.hidden)
        return self._attention.take(layer).value[0, :, 0]

    def _find_nodes(self) -> HookNodes:
        attended = self._attention.take(0)
        first = self._model.anatomy.blocks[0]
        return HookNodes(
            layers=self._layers,
            heads=first.heads,
            key_heads=attended.key.shape[1],
            rotated=attended.rotated,
            parallel=first.parallel,
        )


def _within(rows: tuple[Tensor, Tensor], chosen: range) -> tuple[Tensor, Tensor]:
    """Return the rows of some of the effects, numbered from the first of them."""
    nodes, effects = rows
    kept = (effects >= chosen.start) & (effects < chosen.stop)
    return nodes[kept], effects[kept] - chosen.start


def _output_of_no_neurons(down: object) -> Tensor:
    """Return what an MLP puts out when its neurons are zero: the bias of its last linear map."""
    bias = getattr(down, "bias", None)
    return torch.zeros(()) if bias is None else bias
