"""Whether a component's degeneracy goes with its place in the graph: over training, and now.

Three questions about refined LLCs (Wang et al. 2024, arXiv:2410.02984) and strengths: do the two
change together over the training of one component; do components that have more of one have more of
the other at one step; and does a component's own course of one go with its own course of the other
beyond what all components do together. The first is on slopes, since two that drift correlate
whatever they are; the others are on ranks, so that neither unit nor scale matters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.coincidence.lags import surrogates_for
from compute.coincidence.over_time import OverTime, over_time
from compute.coincidence.ranks import orders, rank_correlation, rank_interval, standard_ranks
from compute.coincidence.within import FEWEST_COMPONENTS, Table, Within, noisy, within
from compute.errors import require
from compute.smoothing import NORMAL_95

REPLICATES = 400
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Across:
    """How the components' order by one goes with their order by the other, at each step.

    Attributes
    ----------
    rho, low, high
        Spearman's rank correlation, -1 to 1, and a 95 % interval for components that are drawn
        from many: that of Fisher's z, and whatever draws of the components with replacement reach,
        their values redrawn within their errors. NaN for fewer than `FEWEST_COMPONENTS` with both
        values, or without an order.
    p
        Share of the orders of the components that go as far from 0; all orders for up to eight.
    components
        How many have both values.
    """

    rho: Float[ndarray, " checkpoints"]
    low: Float[ndarray, " checkpoints"]
    high: Float[ndarray, " checkpoints"]
    p: Float[ndarray, " checkpoints"]
    components: Int[ndarray, " checkpoints"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ComponentsTogether:
    """The answers to the three questions.

    Attributes
    ----------
    steps
        Of the checkpoints.
    over_time
        Of each component, in the order of the columns.
    """

    steps: Float[ndarray, " checkpoints"]
    names: tuple[str, ...]
    over_time: tuple[OverTime, ...]
    across: Across
    within: Within


def components_together(
    steps: Sequence[int] | Float[ndarray, " checkpoints"],
    refined: Float[ndarray, "checkpoints components"],
    refined_errors: Float[ndarray, "checkpoints components"],
    strength: Float[ndarray, "checkpoints components"],
    strength_low: Float[ndarray, "checkpoints components"],
    strength_high: Float[ndarray, "checkpoints components"],
    names: Sequence[str],
    *,
    layers: Sequence[int] | None = None,
    seed: int = 0,
) -> ComponentsTogether:
    """Return how refined LLCs and strengths of the same components go together.

    Parameters
    ----------
    refined, strength
        NaN where not measured. The refined LLC is dimensionless; any metric of a component can
        stand for the strength.
    refined_errors
        Standard errors; one that is not finite counts as 0.
    strength_low, strength_high
        The ends of 95 % intervals; the same holds.
    layers
        Of each component: only components of one layer are exchanged for `Within.p`, since raw
        strengths also measure how early a layer is. All of them where not given.

    Raises
    ------
    SettingsError
        If the shapes differ or steps do not ascend.
    """
    at = np.asarray(steps, dtype=np.float64)
    where = np.zeros(len(names), dtype=int) if layers is None else np.asarray(layers, dtype=int)
    tables = (refined, refined_errors, strength, strength_low, strength_high)
    alike = {np.shape(table) for table in tables} == {(len(at), len(where))}
    require(alike and len(where) == len(names), "tables must be checkpoints x components, all")
    require(bool((np.diff(at) > 0).all()), "steps must ascend")
    generator = np.random.default_rng(seed)
    below, above = (
        np.nan_to_num(np.abs(end - strength), nan=0.0, posinf=0.0) / NORMAL_95
        for end in (strength_low, strength_high)
    )
    errors = np.nan_to_num(refined_errors, nan=0.0, posinf=0.0)
    surrogates = surrogates_for(len(names))
    return ComponentsTogether(
        steps=at,
        names=tuple(names),
        over_time=tuple(
            over_time(at, *(t[:, c] for t in (refined, errors, strength, (below + above) / 2)),
                      generator=generator, surrogates=surrogates)
            for c in range(len(names))
        ),
        across=_across((refined, errors, errors), (strength, below, above), generator),
        within=within((refined, errors, errors), (strength, below, above), where, generator),
    )  # fmt: skip


def _across(refined: Table, strength: Table, generator: np.random.Generator) -> Across:
    checkpoints = len(refined[0])
    rho, low, high, p = np.full((4, checkpoints), np.nan)
    number = np.zeros(checkpoints, dtype=int)
    for i in range(checkpoints):
        both = np.isfinite(refined[0][i]) & np.isfinite(strength[0][i])
        number[i] = both.sum()
        if number[i] < FEWEST_COMPONENTS:
            continue
        one, other = (tuple(t[i, both] for t in table) for table in (refined, strength))
        rho[i] = rank_correlation(one[0], other[0])
        if np.isfinite(rho[i]):
            low[i], high[i] = _interval(one, other, float(rho[i]), generator)
            p[i] = _order_p(one[0], other[0], generator)
    return Across(rho=rho, low=low, high=high, p=p, components=number)


def _interval(
    one: tuple[ndarray, ...], other: tuple[ndarray, ...], rho: float, generator: np.random.Generator
) -> tuple[float, float]:
    size = len(one[0])
    drawn = generator.integers(0, size, (REPLICATES, size))
    a, b = (
        np.take_along_axis(noisy(values, REPLICATES, generator), drawn, axis=1)
        for values in (one, other)
    )
    ends = np.nanquantile(rank_correlation(a, b), [0.025, 0.975])
    low, high = rank_interval(rho, size)
    return min(low, float(ends[0])), max(high, float(ends[1]))


def _order_p(a: ndarray, b: ndarray, generator: np.random.Generator) -> float:
    one, other = standard_ranks(a), standard_ranks(b)
    mixes, whole = orders([np.arange(len(a))], generator)
    found = np.abs(other[mixes] @ one) >= abs(float(one @ other)) - _ROUNDING
    return float(found.mean() if whole else (1 + found.sum()) / (1 + len(found)))
