"""The time axis: where a checkpoint lies, and where the ticks are.

``log`` places step t at ``log10(1 + t)``, so that step 0 has a place; ``tokens`` does too.
``assets/modules/axis.mjs`` does the same in the browser, and names the ticks where it draws any.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

AxisKind: TypeAlias = Literal["log", "linear", "index", "tokens"]
AXIS_KINDS: tuple[AxisKind, ...] = ("log", "linear", "index", "tokens")
_LOG = ("log", "tokens")


def positions(steps: tuple[int, ...], kind: AxisKind) -> Float[ndarray, " checkpoints"]:
    """Return each checkpoint's place on the axis, in the axis's own unit."""
    t = np.asarray(steps, dtype=np.float64)
    if kind in _LOG:
        return np.log10(1.0 + t)
    return t if kind == "linear" else np.arange(len(t), dtype=np.float64)


def extent(steps: tuple[int, ...], kind: AxisKind) -> tuple[float, float]:
    """Return the axis's two ends; an axis of one checkpoint gets a width."""
    at = positions(steps, kind)
    if len(at) == 0:
        return 0.0, 1.0
    low, high = float(at[0]), float(at[-1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def ticks(steps: tuple[int, ...], kind: AxisKind) -> tuple[list[float], list[str]]:
    """Return places and labels: powers of ten, or about six round steps, and the last step."""
    if not steps:
        return [], []
    wanted = _tick_steps(steps, kind)
    at = dict(zip(steps, positions(steps, kind), strict=True))
    places = [float(at[t]) if kind == "index" else _place(t, kind) for t in wanted]
    return places, [f"{t:,}" for t in wanted]


def _place(step: int, kind: AxisKind) -> float:
    return float(np.log10(1.0 + step)) if kind in _LOG else float(step)


def _tick_steps(steps: tuple[int, ...], kind: AxisKind) -> list[int]:
    first, last = steps[0], steps[-1]
    if kind == "index":
        chosen = np.linspace(0, len(steps) - 1, min(7, len(steps))).round().astype(int)
        return [steps[i] for i in dict.fromkeys(chosen.tolist())]
    if kind in _LOG:
        powers = [10**k for k in range(12) if first < 10**k < 0.6 * last]
        return [first, *powers, last] if last > first else [first]
    width = round_step(max(1.0, (last - first) / 6))
    inner = [t for t in range(first, last, width) if last - t > width / 2]
    return [*inner, last]


def round_step(width: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, .. that is at least ``width``."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if size * factor >= width:
                return size * factor
        size *= 10
