"""Refined LLCs side by side: which parts develop alike, and whether those that matter stand out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.coincidence.ranks import rank_correlation, rank_interval, standard_ranks
from compute.curve_clusters import CurveClusters, cluster_curves
from dashboard.arrays import Arrays, framed
from dashboard.figures.agreement import spearman
from dashboard.figures.axis import positions
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.series import NORMAL_95, Curve, Steps

VERSION = 1
SEED = 0
KIND = "refined"
RESAMPLES = 500
PERMUTATIONS = 999
LEVEL = 0.05
FEWEST_PARTS = 5
# What these say of a number: it is no learning coefficient.
UNUSABLE = ("frozen", "diverged", "not at a minimum")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Together:
    """How the order of parts by refined LLC goes with their order by an effect of ablation.

    Attributes
    ----------
    rho
        Spearman's rank correlation at each checkpoint, -1 to 1; NaN for fewer than `FEWEST_PARTS`
        parts with both values, or without an order.
    low, high
        A 95 % interval for parts that are drawn from many: that of Fisher's z, and whatever draws
        of the parts with replacement reach, since ``rho`` may hang on single parts.
    p
        Share of permutations whose ``rho`` lies as far from 0, the one found counted in.
    parts
        How many parts have both values.
    sign
        1 or -1 where the interval leaves out 0 and ``p`` is at most `LEVEL`; 0 where one cannot
        tell.
    """

    rho: Float[ndarray, " checkpoints"]
    low: Float[ndarray, " checkpoints"]
    high: Float[ndarray, " checkpoints"]
    p: Float[ndarray, " checkpoints"]
    parts: Int[ndarray, " checkpoints"]
    sign: Int[ndarray, " checkpoints"]


def by_refinement(curves: Iterable[Curve]) -> dict[str, list[Curve]]:
    """Return the curves of every setting of refined LLCs, by the name of the setting.

    A curve's id is that name, ``@`` and the part.
    """
    found: dict[str, list[Curve]] = {}
    for curve in curves:
        setting, _, part = curve.id.partition("@")
        if part and setting.split("~")[0] == KIND:
            found.setdefault(setting, []).append(curve)
    return found


def usable(curve: Curve) -> Float[ndarray, " checkpoints"]:
    """Return a curve's values, NaN where the verdict says that they are no learning coefficient."""
    spoilt = np.isin(curve.verdicts or ("",) * len(curve.values), UNUSABLE)
    return np.where(spoilt, np.nan, curve.values).astype(np.float64)


def cluster_parts(steps: Steps, curves: Sequence[Curve]) -> CurveClusters:
    """Return which parts' curves have the same shape, on the logarithmic time axis."""
    values = np.stack([usable(curve) for curve in curves])
    errors = np.stack([(c.high - c.low).astype(np.float64) for c in curves]) / (2 * NORMAL_95)
    return cluster_curves(
        values, errors, positions(steps, "log"), generator=np.random.default_rng(SEED)
    )


def effects(curves: Sequence[Curve], series: GraphSeries) -> dict[str, Together]:
    """Return how refined LLCs go with what ablating the same component does, by effect.

    ``loss_change``: how much the loss rises without it. ``out_strength``: how much it changes
    what comes after.
    """
    place = {name: i for i, name in enumerate(series.components)}
    shared = [curve for curve in curves if curve.component in place]
    if not shared:
        return {}
    at = [place[str(curve.component)] for curve in shared]
    llc = np.stack([usable(curve) for curve in shared], axis=1)
    found = series.metrics
    tables = {"loss_change": series.loss_change}
    if "out_strength" in found.node_names:
        tables["out_strength"] = found.node_values[found.node_names.index("out_strength")]
    return {name: together(llc, table[:, at]) for name, table in tables.items()}


def together(
    one: Float[ndarray, "checkpoints parts"], other: Float[ndarray, "checkpoints parts"]
) -> Together:
    """Return the rank correlation of two quantities of the same parts, at each checkpoint."""
    generator = np.random.default_rng(SEED)
    rho, low, high, p = np.full((4, len(one)), np.nan)
    parts = np.zeros(len(one), dtype=np.int32)
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        both = np.isfinite(a) & np.isfinite(b)
        parts[i] = both.sum()
        if parts[i] < FEWEST_PARTS:
            continue
        a, b = a[both], b[both]
        rho[i] = spearman(a, b)
        if np.isfinite(rho[i]):
            ends = (_interval(a, b, generator), rank_interval(rho[i], len(a)))
            low[i], high[i] = min(e[0] for e in ends), max(e[1] for e in ends)
            p[i] = _chance(a, b, rho[i], generator)
    apart = (low > 0) | (high < 0)
    sign = np.where(apart & (p <= LEVEL), np.sign(np.nan_to_num(rho)), 0).astype(np.int32)
    return Together(rho=rho, low=low, high=high, p=p, parts=parts, sign=sign)


def _interval(a: ndarray, b: ndarray, generator: np.random.Generator) -> tuple[float, float]:
    drawn = generator.integers(0, len(a), (RESAMPLES, len(a)))
    low, high = np.nanquantile(rank_correlation(a[drawn], b[drawn]), [0.025, 0.975])
    return float(low), float(high)


def _chance(a: ndarray, b: ndarray, rho: float, generator: np.random.Generator) -> float:
    mixed = generator.permuted(np.tile(np.arange(len(a)), (PERMUTATIONS, 1)), axis=1)
    found = standard_ranks(b)[mixed] @ standard_ranks(a)
    return float((1 + (np.abs(found) >= abs(rho) - 1e-9).sum()) / (1 + PERMUTATIONS))


def encode_clusters(
    steps: Steps, found: Mapping[str, tuple[Sequence[Curve], CurveClusters]]
) -> bytes:
    """Return the clusters of every setting as the browser reads them: see `dashboard.arrays`."""
    arrays = Arrays()
    settings = {
        setting: {
            "parts": [curve.component for curve in curves],
            "k": c.k,
            "sure": c.sure,
            "reason": c.reason,
            "labels": arrays.add(c.labels, "i2"),
            "sureness": arrays.add(c.sureness, "f4"),
            "centres": arrays.add(joined(c.centres, steps), "f4"),
            "checkpoints": int(c.used.sum()),
            "silhouettes": arrays.add(c.silhouettes, "f4"),
            "silhouette": _known(c.silhouette),
            "chance": _known(c.chance),
            "p": _known(c.p),
            "stability": _known(c.stability),
        }
        for setting, (curves, c) in found.items()
    }
    return framed({"version": VERSION, "settings": settings}, arrays)


def joined(
    centres: Float[ndarray, "clusters checkpoints"], steps: Steps
) -> Float[ndarray, "clusters checkpoints"]:
    """Return mean shapes with straight lines between the checkpoints they are of, as clustered."""
    at = positions(steps, "log")
    lines = centres.copy()
    for line in lines:
        known = np.flatnonzero(np.isfinite(line))
        inside = slice(known[0], known[-1] + 1)
        line[inside] = np.interp(at[inside], at[known], line[known])
    return lines


def encode_effects(found: Mapping[str, Mapping[str, Together]]) -> bytes:
    """Return how every setting goes with the effects of ablation, as the browser reads it."""
    arrays = Arrays()
    settings: dict[str, dict[str, Any]] = {
        setting: {
            name: {
                "rho": arrays.add(t.rho, "f4"),
                "low": arrays.add(t.low, "f4"),
                "high": arrays.add(t.high, "f4"),
                "p": arrays.add(t.p, "f4"),
                "parts": arrays.add(t.parts, "i4"),
                "sign": arrays.add(t.sign, "i2"),
            }
            for name, t in every.items()
        }
        for setting, every in found.items()
    }
    return framed({"version": VERSION, "settings": settings}, arrays)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
