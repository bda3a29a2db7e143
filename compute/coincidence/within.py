"""Whether components' own courses of two quantities go together beyond what all components do."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.stats import rankdata

from compute.coincidence.ranks import orders

LEVEL = 0.05
FEWEST_COMPONENTS = 5
FEWEST_STEPS = 3
REPLICATES = 400
# A component that lacks more than this share of the steps would take them from all others.
MOST_MISSING = 0.5
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Within:
    """How the courses of components go together beyond what all of them do.

    Attributes
    ----------
    r, low, high
        Correlation, -1 to 1, of ranks less their mean over the steps of a component and less their
        mean over the components at a step; its 95 % interval, over draws of the components with
        replacement and of the values within their errors.
    p
        Share of the ways to give the courses of strength to the components of the same layer that
        go as far from 0.
    smallest_p
        The least that it can be with these layers.
    components, steps
        On how many it rests: those without a gap.
    reason
        Why one cannot tell, for people; empty where one can.
    """

    r: float
    low: float
    high: float
    p: float
    smallest_p: float
    components: int
    steps: int
    reason: str = ""

    @property
    def related(self) -> bool:
        """Whether fewer than one of 20 ways to mix the components up go together so."""
        return not self.reason and self.p <= LEVEL


# Values, and their standard errors downwards and upwards.
Table = tuple[ndarray, ndarray, ndarray]


def within(
    refined: Table, strength: Table, layers: ndarray, generator: np.random.Generator
) -> Within:
    """Return how the courses of components go together, by layer: see `Within`."""
    rows, columns = _whole(np.isfinite(refined[0]) & np.isfinite(strength[0]))
    if reason := _too_small(int(columns.sum()), int(rows.sum())):
        return _nothing(int(columns.sum()), int(rows.sum()), reason)
    one, other = (
        (v[rows][:, columns], low[rows][:, columns], high[rows][:, columns])
        for v, low, high in (refined, strength)
    )
    own = layers[columns]
    mixes, whole = orders([np.flatnonzero(own == layer) for layer in np.unique(own)], generator)
    a, b = (_double_centred(_cell_ranks(t[0])) for t in (one, other))
    scale = math.sqrt(float((a * a).sum() * (b * b).sum()))
    if not scale:
        return _nothing(len(own), len(a), "One of the two does not change in its own way.")
    # Row c, column d: the course of component c with that of component d.
    products = a.T @ b / scale
    r = float(np.trace(products))
    mixed = products[np.arange(len(own)), mixes].sum(1)
    far = np.abs(mixed) >= abs(r) - _ROUNDING
    smallest = 1 / len(mixes) if whole else 1 / (1 + len(mixes))
    low, high = np.quantile(_resampled(one, other, generator), [0.025, 0.975])
    return Within(
        r=r, low=min(float(low), r), high=max(float(high), r),
        p=float(far.mean() if whole else (1 + far.sum()) / (1 + len(far))), smallest_p=smallest,
        components=len(own), steps=len(a), reason=_unreachable(smallest),
    )  # fmt: skip


def _whole(known: Bool[ndarray, "checkpoints components"]) -> tuple[ndarray, ndarray]:
    """Return the components that lack few steps, and the steps that none of these lacks."""
    measured = known.any(1)
    share = known[measured].mean(0) if measured.any() else np.zeros(known.shape[1])
    columns = np.asarray(share > MOST_MISSING)
    rows = known[:, columns].all(1) & columns.any()
    return np.asarray(rows), columns


def _cell_ranks(values: Float[ndarray, "... checkpoints components"]) -> ndarray:
    cells = values.reshape(*values.shape[:-2], -1)
    return np.asarray(rankdata(cells, axis=-1).reshape(values.shape))


def _double_centred(table: Float[ndarray, "... checkpoints components"]) -> ndarray:
    away = table - table.mean(-2, keepdims=True)
    return np.asarray(away - away.mean(-1, keepdims=True))


def _resampled(
    one: Table, other: Table, generator: np.random.Generator
) -> Float[ndarray, " replicates"]:
    """Return correlations of values redrawn within their errors, of components drawn anew."""
    number = one[0].shape[1]
    members = generator.integers(0, number, (REPLICATES, 1, number))
    a, b = (
        _double_centred(
            np.take_along_axis(_cell_ranks(noisy(table, REPLICATES, generator)), members, axis=2)
        )
        for table in (one, other)
    )
    scale = np.sqrt((a * a).sum((1, 2)) * (b * b).sum((1, 2)))
    return np.asarray((a * b).sum((1, 2))[scale > 0] / scale[scale > 0])


def noisy(
    table: tuple[ndarray, ...], draws: int, generator: np.random.Generator
) -> Float[ndarray, "draws ..."]:
    """Return values redrawn within their standard errors, downwards and upwards."""
    values, below, above = table
    away = generator.normal(size=(draws, *values.shape))
    return np.asarray(values + away * np.where(away < 0, below, above))


def _too_small(components: int, steps: int) -> str:
    if components < FEWEST_COMPONENTS:
        return f"Courses are compared among {FEWEST_COMPONENTS} components or more; {components}."
    if steps < FEWEST_STEPS:
        return f"All components are measured together at {steps} steps; {FEWEST_STEPS} are needed."
    return ""


def _unreachable(smallest: float) -> str:
    if smallest <= LEVEL:
        return ""
    return f"With so few components in a layer no p below {smallest:.2g} can be reached."


def _nothing(components: int, steps: int, reason: str) -> Within:
    nan = float("nan")
    return Within(
        r=nan, low=nan, high=nan, p=nan, smallest_p=nan, components=components, steps=steps,
        reason=reason,
    )  # fmt: skip
