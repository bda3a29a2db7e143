"""Where components lie: the architecture, bottom to top; the same at every checkpoint.

``assets/modules/places.mjs`` does the same for the pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

_NAME = re.compile(r"L(\d+)(?:H(\d+))?(MLP|POST|Q|K|V|Z|RQ|RK)?")
# Parts of attention: where each stands in its head's column, in its layer's row.
_PARTS = {"Q": (-1, 0), "K": (0, 0), "V": (1, 0), "RQ": (-1, 1), "RK": (0, 1), "Z": (0, 2)}
_SPREAD, _STOREY, _RAISED = 0.28, 0.27, 0.34
_BOW, _DEEPEST = 0.34, 0.55
CURVE_POINTS = 17


class Layout(NamedTuple):
    """Places in units of columns to the right and of layers upward.

    Attributes
    ----------
    x, y
        Of each component; layer 0 is at 1, the input at 0, the output above all layers.
    layers, columns
        How many there are; a column for each head, and one for the MLPs.
    """

    x: Float[ndarray, " components"]
    y: Float[ndarray, " components"]
    layers: int
    columns: int


def place(components: Sequence[str], order: Float[ndarray, " components"]) -> Layout:
    """Return the place of every component: heads in order from the left, an MLP at the right.

    An MLP is raised if it follows its block's heads (``order``). Where heads are taken apart, a
    column holds a head's queries, keys and values, over them the rotated ones and its output.
    """
    parsed = [_parse(name) for name in components]
    apart = any(part in _PARTS for _, _, part in parsed)
    layers = max((layer + 1 for layer, _, _ in parsed), default=0)
    columns = max((head + 1 for _, head, _ in parsed), default=1) + apart
    columns = max(columns, 1)
    x, y = np.zeros(len(parsed)), np.zeros(len(parsed))
    for i, (layer, head, part) in enumerate(parsed):
        if layer < 0:
            x[i], y[i] = (columns - 1) / 2, 0 if components[i] == "EMB" else layers + 1
            continue
        beside, above = _PARTS.get(part, (0, 0))
        x[i] = head + apart + beside * _SPREAD
        y[i] = layer + 1 + above * _STOREY - (_STOREY if apart else 0)
        if head < 0 and part not in _PARTS:
            heads = [k for k, p in enumerate(parsed) if p[0] == layer and p[1] >= 0]
            after = any(order[k] < order[i] for k in heads)
            x[i] = columns
            y[i] += (2 * _STOREY if apart else _RAISED) * after
    return Layout(x, y, layers, columns)


def bow(layout: Layout, source: int, target: int) -> tuple[ndarray, ndarray]:
    """Return the points of an edge: a soft bow, deeper where it would cross a component."""
    at = np.linspace(0.0, 1.0, CURVE_POINTS)
    (x0, y0), (x1, y1) = ((layout.x[i], layout.y[i]) for i in (source, target))
    rise = y1 - y0
    upright = abs(x0 - x1) < 0.01
    aside = min(_BOW * rise, 2 * _DEEPEST) if upright and rise > 1.1 else 0.1 * rise
    cx = (x0 + x1) / 2 + aside
    cy = (y0 + y1) / 2 - (0.16 if abs(rise) < 0.5 else 0.0)
    weights = (1 - at) ** 2, 2 * at * (1 - at), at**2
    x, y = (sum(w * c for w, c in zip(weights, ends, strict=True)) for ends in
            ((x0, cx, x1), (y0, cy, y1)))  # fmt: skip
    return np.asarray(x), np.asarray(y)


def _parse(name: str) -> tuple[int, int, str]:
    """Return layer and head, -1 for none, and what is taken of a head or a layer."""
    found = _NAME.fullmatch(name)
    if found is None:
        return -1, -1, ""
    layer, head, part = found.groups()
    return int(layer), -1 if head is None else int(head), part or ""
