"""What a component's name says: which kind it is, and to which head it belongs."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["head", "layer", "mlp", "io"]

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
