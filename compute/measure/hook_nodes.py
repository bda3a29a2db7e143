"""The nodes of Rocchetti (2025): queries, keys, values and outputs of attention, and neurons.

For each layer there are whole-layer nodes ``L0Q``, ``L0K``, ``L0V``, ``L0Z`` and, where positions
are rotary, ``L0RQ`` and ``L0RK`` (queries and keys as rotated); the same of each head, ``L0H1Q``;
and ``L0POST``, the MLP's neurons after their nonlinearity. A key or value head that several query
heads share has the name of its own number.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray

KINDS = ("Q", "K", "V", "Z", "RQ", "RK")
EMBEDDING, LOGITS = "EMB", "LOGITS"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One node.

    Attributes
    ----------
    kind
        One of `KINDS`, ``POST``, ``EMB`` or ``LOGITS``.
    head
        Of the layer; None for a whole layer.
    """

    kind: str
    layer: int
    head: int | None = None

    @property
    def name(self) -> str:
        """The node's name."""
        if self.kind in (EMBEDDING, LOGITS):
            return self.kind
        return f"L{self.layer}{'' if self.head is None else f'H{self.head}'}{self.kind}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class HookNodes:
    """The nodes of one model.

    Attributes
    ----------
    heads, key_heads
        Query heads, and heads of keys and values, of a layer; the first are a multiple.
    rotated
        Whether there are nodes for rotated queries and keys.
    parallel
        The MLP of a block does not read its attention.
    """

    layers: int
    heads: int
    key_heads: int
    rotated: bool
    parallel: bool

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of attention nodes."""
        return KINDS if self.rotated else KINDS[:4]

    def heads_of(self, kind: str) -> int:
        """Return how many heads there are of a kind."""
        return self.key_heads if kind in ("K", "V", "RK") else self.heads

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes, ``EMB`` first and ``LOGITS`` last."""
        found = [Node(kind=EMBEDDING, layer=-1)]
        for layer in range(self.layers):
            found += [Node(kind=kind, layer=layer) for kind in self.kinds]
            for kind in self.kinds:
                found += [Node(kind=kind, layer=layer, head=h) for h in range(self.heads_of(kind))]
            found.append(Node(kind="POST", layer=layer))
        return (*found, Node(kind=LOGITS, layer=self.layers))

    def order(self) -> Int[ndarray, " nodes"]:
        """Return each node's depth, for drawing; `possible` says what can be an edge."""
        depth = {"RQ": 1, "RK": 1, "Z": 2, "POST": 0 if self.parallel else 3}
        return np.array(
            [4 * node.layer + depth.get(node.kind, 0) for node in self.nodes()], dtype=np.int16
        )

    def possible(self) -> Bool[ndarray, "nodes nodes"]:
        """Return where an edge can be; like its author, never into a head's rotated query or key.

        Between nodes of one hook there is none: a layer's queries contain those of its heads.
        """
        nodes = self.nodes()
        return np.array([[self._edge(source, target) for target in nodes] for source in nodes])

    def _edge(self, source: Node, target: Node) -> bool:
        if target.kind == EMBEDDING or source.kind == LOGITS:
            return False
        if target.kind in ("RQ", "RK") and target.head is not None:
            return False
        if source.layer != target.layer:
            return source.layer < target.layer
        if source.kind == "POST":
            return False
        if target.kind == "POST":
            return not self.parallel
        return target.kind in _WITHIN.get(source.kind, ()) and self._share(source, target)

    def _share(self, source: Node, target: Node) -> bool:
        """Say whether two attention nodes of a layer have a head in common."""
        if source.head is None or target.head is None:
            return True
        group = self.heads // self.key_heads
        shared = source.kind in ("K", "V", "RK")
        return (target.head // group if shared else target.head) == source.head


_WITHIN = {"Q": ("RQ", "Z"), "K": ("RK", "Z"), "V": ("Z",), "RQ": ("Z",), "RK": ("Z",)}
