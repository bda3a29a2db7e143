"""From records to arrays over a run's checkpoints: one row per checkpoint, NaN where none is.

Every function here joins records of one setting only; the caller groups them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Group: TypeAlias = Literal["llc", "loss", "graph", "behaviour"]
Steps: TypeAlias = tuple[int, ...]
NORMAL_95 = 1.96


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One quantity over the run's checkpoints.

    Attributes
    ----------
    id
        Stands in URLs.
    unit
        What one unit of ``values`` is, for people.
    settings
        How it was measured, for people.
    values, low, high
        One for each checkpoint, in ``unit``; NaN where nothing was measured. ``low`` and ``high``
        bound a 95 % interval, NaN where there is none.
    component
        The component it belongs to, or None.
    verdicts, reasons
        Of curves whose values are judged one by one: for each checkpoint a verdict and a sentence,
        "" where nothing was measured. Empty for other curves.
    """

    id: str
    name: str
    unit: str
    group: Group
    settings: str
    values: Float[ndarray, " checkpoints"]
    low: Float[ndarray, " checkpoints"]
    high: Float[ndarray, " checkpoints"]
    component: str | None = None
    verdicts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def rows(steps: Steps, values: Mapping[int, ndarray], shape: tuple[int, ...]) -> ndarray:
    """Return ``values`` as one float32 row per checkpoint, NaN where a step has none."""
    table = np.full((len(steps), *shape), np.nan, dtype=np.float32)
    for i, step in enumerate(steps):
        if step in values:
            table[i] = values[step]
    return table


def column(steps: Steps, values: Mapping[int, float]) -> Float[ndarray, " checkpoints"]:
    """Return one float32 for each checkpoint, NaN where a step has none."""
    return rows(steps, {t: np.asarray(v) for t, v in values.items()}, ())
