"""Compare hooks with and without an ablation; which nodes share an effect, and where they stand."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from compute.measure.comparison import Comparison, Prompts, Rows
from compute.measure.effects import PromptEffects, compare
from compute.measure.hook_nodes import HookNodes
from compute.measure.replay import CleanBlock, CleanPass, Outputs
from compute.models.attention import Attended
from compute.models.loading import LoadedModel
from compute.specs import AblationSpec

# What is left of a vector when another one is taken away is nothing below this share of it.
_ROUNDING = 2e-6


class NodeRows:
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


class HookComparison(Comparison):
    """Compares hooks; see `Comparison`."""

    def __init__(
        self,
        model: LoadedModel,
        spec: AblationSpec,
        rows: NodeRows,
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
        bias = per_head(self._value_biases[layer], value.shape[-2])
        rest = value - bias
        noise = _ROUNDING * bias.norm(dim=-1, keepdim=True)
        return torch.where(rest.norm(dim=-1, keepdim=True) > noise, rest, 0.0)


def per_head(
    by_key_head: Float[Tensor, "key_heads head_width"], heads: int
) -> Float[Tensor, "heads head_width"]:
    """Repeat what belongs to key heads for the query heads that share them."""
    return by_key_head.repeat_interleave(heads // len(by_key_head), 0)
