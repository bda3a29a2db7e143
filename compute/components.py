"""What a component's name says: its kind, its layer, and the head to which it belongs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Int
from numpy import ndarray

Kind: TypeAlias = Literal["head", "layer", "mlp", "io"]

_LAYER = re.compile(r"L(\d+)")
_HEAD = re.compile(r"L\d+H\d+")
_MLP = re.compile(r"L\d+(MLP|POST)")


def kind_of(component: str) -> Kind:
    """Return the kind of a component.

    ``head``: an attention head, or its queries, keys, values or output. ``layer``: those of all
    heads of a layer. ``mlp``: an MLP, or its neurons. ``io``: the embedding, the logits.

    >>> [kind_of(name) for name in ("L0H3", "L0H3RQ", "L0RQ", "L0POST", "EMB")]
    ['head', 'head', 'layer', 'mlp', 'io']
    """
    if component in ("EMB", "LOGITS"):
        return "io"
    if _HEAD.match(component):
        return "head"
    return "mlp" if _MLP.fullmatch(component) else "layer"


def head_of(component: str) -> str:
    """Return the head to which a component belongs; what belongs to none is returned as it is.

    >>> head_of("L0H3RQ"), head_of("L0RQ")
    ('L0H3', 'L0RQ')
    """
    found = _HEAD.match(component)
    return found.group() if found else component


def layers_of(components: Sequence[str]) -> Int[ndarray, " components"]:
    """Return each component's layer: 0 for ``EMB``, 1 for block 0, .., the last for ``LOGITS``.

    >>> layers_of(("EMB", "L0H1", "L1MLP", "LOGITS")).tolist()
    [0, 1, 2, 3]
    """
    found = [_LAYER.match(name) for name in components]
    blocks = [int(m.group(1)) + 1 if m else 0 for m in found]
    last = max(blocks, default=0) + 1
    return np.array([last if n == "LOGITS" else b for n, b in zip(components, blocks, strict=True)])


def layer_names(components: Sequence[str]) -> tuple[str, ...]:
    """Return what each of the layers of `layers_of` is called, from ``EMB`` to ``LOGITS``."""
    last = int(layers_of(components).max(initial=0))
    inner = [f"layer {i - 1}" for i in range(1, last + 1)]
    return ("EMB", *([*inner[:-1], "LOGITS"] if "LOGITS" in components else inner))
