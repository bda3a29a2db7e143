"""The ablation graph on the nodes of Rocchetti (2025), by suffix replay.

Follows that work's conventions, which are those of TransformerLens' processed weights: values and
attention outputs are taken without the bias of the values, logits less their mean, and a whole
layer's similarity is the mean over its heads.

Many nodes have one effect, so few passes serve them all: a query of zero scores every key alike,
and so does a key of zero, rotated or not; a value of zero is an output of zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from compute.measure.budget import Budget
from compute.measure.comparison import Comparison, Prompts, Rows
from compute.measure.effects import PromptEffects, Tally, compare
from compute.measure.hook_nodes import HookNodes
from compute.measure.replay import (
    CleanBlock,
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

# What is left of a vector when another one is taken away is nothing below this share of it.
_ROUNDING = 2e-6


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
        self._rows = _NodeRows(self.nodes)
        self._comparison = _HookComparison(model, spec, self._rows, self._value_biases)

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
        without = self._per_head(self._value_biases[layer]).flatten().expand_as(seen.z)
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

    def _per_head(self, by_key_head: Tensor) -> Tensor:
        """Repeat ``[key_heads, head_width]`` for the query heads that share a key head."""
        return by_key_head.repeat_interleave(
            self._model.anatomy.blocks[0].heads // len(by_key_head), 0
        )

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


class _NodeRows:
    """Which nodes share an effect, and where nodes stand in the graph."""

    def __init__(self, nodes: HookNodes) -> None:
        self.nodes = nodes
        self._index = {node.name: i for i, node in enumerate(nodes.nodes())}

    def attention(self, layer: int) -> tuple[list[tuple[int, range]], tuple[Tensor, Tensor]]:
        """Return the distinct effects of a layer's attention nodes, and the nodes of each.

        An effect is a way (0: attend to all alike, 1: put out nothing) and the heads it befalls.
        The rows are node numbers, and the number of each one's effect.
        """
        heads, group = self.nodes.heads, self.nodes.heads // self.nodes.key_heads
        members: dict[tuple[int, range], list[int]] = {}
        for way, by_query, by_key in ((0, ("Q", "RQ"), ("K", "RK")), (1, ("Z",), ("V",))):
            for kind in (*by_query, *by_key):
                if kind not in self.nodes.kinds:
                    continue
                size = 1 if kind in by_query else group
                members.setdefault((way, range(heads)), []).append(self.whole(layer, kind))
                for head in range(self.nodes.heads_of(kind)):
                    befallen = range(head * size, (head + 1) * size)
                    row = self.head(layer, kind, head)
                    members.setdefault((way, befallen), []).append(row)
        pairs = [(row, i) for i, rows in enumerate(members.values()) for row in rows]
        nodes, effects = torch.tensor(pairs).T
        return list(members), (nodes, effects)

    def neurons(self, layer: int) -> slice:
        """Return the place of a layer's neurons."""
        place = self._index[f"L{layer}POST"]
        return slice(place, place + 1)

    def whole(self, layer: int, kind: str) -> int:
        """Return the place of a whole-layer node."""
        return self._index[f"L{layer}{kind}"]

    def head(self, layer: int, kind: str, head: int) -> int:
        """Return the place of a head's node."""
        return self._index[f"L{layer}H{head}{kind}"]

    def columns(self, layer: int, kind: str) -> Tensor:
        """Return the places of a kind's targets: the whole layer, then heads that are targets."""
        whole = [self.whole(layer, kind)]
        if kind in ("RQ", "RK"):
            return torch.tensor(whole)
        heads = range(self.nodes.heads_of(kind))
        return torch.tensor(whole + [self.head(layer, kind, h) for h in heads])

    def kinds(self) -> Iterator[tuple[str, str]]:
        """Yield each kind of query, key and value node, and the array that it is read from."""
        sources = {"Q": "query", "RQ": "query", "K": "key", "RK": "key", "V": "value"}
        for kind in self.nodes.kinds:
            if kind in sources:
                yield kind, sources[kind]


class _HookComparison(Comparison):
    """Compares hooks; see `Comparison`."""

    def __init__(
        self,
        model: LoadedModel,
        spec: AblationSpec,
        rows: _NodeRows,
        value_biases: list[Float[Tensor, "key_heads head_width"]],
    ) -> None:
        super().__init__(model, spec, len(rows.nodes.nodes()), centered=True)
        self._places, self._value_biases = rows, value_biases

    def start(self, prompts: Prompts, clean: CleanPass, attended: list[Attended]) -> PromptEffects:
        """Start on ``prompts``."""
        self._attended = attended
        return self.begin(prompts, clean)

    def attention(self, rows: Rows, layer: int, attended: Attended, outputs: Outputs) -> None:
        """Compare what a later layer's attention reads and puts out, and its neurons."""
        clean = self._attended[layer]
        changes = {}
        for kind, source in self._places.kinds():
            if source not in changes:
                before = getattr(clean, source).transpose(1, 2)
                after = self._by_copy(getattr(attended, source).transpose(1, 2))
                if source == "value":
                    before, after = (self._unbiased(layer, value) for value in (before, after))
                changes[source] = compare(before, after, self._mask)
            self._keep_heads(rows, layer, kind, changes[source])
        seen = self._clean.blocks[layer]
        assert outputs.z is not None
        self._keep_heads(rows, layer, "Z", self._compare_z(layer, seen, self._by_copy(outputs.z)))
        if outputs.neurons is not None:
            self.neurons(rows, layer, outputs.neurons)

    def neurons(self, rows: Rows, layer: int, neurons: Tensor) -> None:
        """Compare the neurons of a layer."""
        clean = self._clean.blocks[layer].neurons
        assert clean is not None
        change = compare(clean[:, :, None], self._by_copy(neurons)[..., None, :], self._mask)
        self._keep(rows, self._places.neurons(layer), change)

    def own_attention(self, layer: int, uniform: Tensor, without: Tensor) -> None:
        """Fill in what a layer's attention nodes do to each other.

        ``uniform`` and ``without`` are the layer's outputs under the two ways of an effect; each
        head's is its own affair.
        """
        seen = self._clean.blocks[layer]
        ways = [self._compare_z(layer, seen, z[None]) for z in (uniform, without)]
        nodes = self._places.nodes
        for kind in nodes.kinds:
            if kind != "Z":
                self._own(layer, kind, "Z", ways[kind == "V"], nodes.heads)
        if nodes.rotated:
            for kind, read in (("Q", "query"), ("K", "key")):
                before = getattr(self._attended[layer], read).transpose(1, 2)
                gone = compare(before, torch.zeros_like(before)[None], self._mask)
                self._own(layer, kind, "R" + kind, gone, nodes.heads_of(kind))

    def _own(
        self, layer: int, source: str, target: str, change: tuple[Tensor, Tensor], heads: int
    ) -> None:
        """Fill in what nodes of one kind do to those of another, head by head of the target."""
        places = self._places
        group = heads // places.nodes.heads_of(source)
        for into, values in zip((self._found.weight, self._found.norm_change), change, strict=True):
            by_head, whole = values[:, 0], places.whole(layer, target)
            row = places.whole(layer, source)
            into[:, row, whole] = by_head.mean(-1)
            if target == "Z":
                into[:, row, places.columns(layer, "Z")[1:]] = by_head
            for h in range(heads):
                row = places.head(layer, source, h // group)
                if target == "Z":
                    into[:, row, places.head(layer, "Z", h)] = by_head[:, h]
            for number, part in enumerate(by_head.split(group, dim=-1)):
                into[:, places.head(layer, source, number), whole] = part.sum(-1) / heads

    def _keep_heads(self, rows: Rows, layer: int, kind: str, change: tuple[Tensor, Tensor]) -> None:
        """Keep per-head changes, ``[B, copies, heads]``, and their mean as the whole layer's."""
        columns = self._places.columns(layer, kind)
        whole = [torch.cat([c.mean(-1, keepdim=True), c], dim=-1) for c in change]
        self._keep(rows, columns, [c[..., : len(columns)] for c in whole])

    def _compare_z(
        self, layer: int, seen: CleanBlock, z: Float[Tensor, "copies prompts positions width"]
    ) -> tuple[Tensor, Tensor]:
        assert seen.z is not None
        heads = self._model.anatomy.blocks[layer].heads
        by_head = (value.unflatten(-1, (heads, -1)) for value in (seen.z, z))
        before, after = (self._unbiased(layer, value) for value in by_head)
        return compare(before, after, self._mask)

    def _unbiased(self, layer: int, value: Float[Tensor, "*rows heads head_width"]) -> Tensor:
        """Return values, or mixes of them, without their bias; 0 where only rounding is left."""
        bias = self._value_biases[layer]
        bias = bias.repeat_interleave(value.shape[-2] // len(bias), 0)
        rest = value - bias
        noise = _ROUNDING * bias.norm(dim=-1, keepdim=True)
        return torch.where(rest.norm(dim=-1, keepdim=True) > noise, rest, 0.0)


def _within(rows: tuple[Tensor, Tensor], chosen: range) -> tuple[Tensor, Tensor]:
    """Return the rows of some of the effects, numbered from the first of them."""
    nodes, effects = rows
    kept = (effects >= chosen.start) & (effects < chosen.stop)
    return nodes[kept], effects[kept] - chosen.start


def _output_of_no_neurons(down: object) -> Tensor:
    """Return what an MLP puts out when its neurons are zero: the bias of its last linear map."""
    bias = getattr(down, "bias", None)
    return torch.zeros(()) if bias is None else bias
