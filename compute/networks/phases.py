"""Phases: stretches of training between the changes of a graph's metrics.

The metrics are standardised over the measured checkpoints, cut into stretches of constant level
where that leaves the least squared deviation, and tested against noise like their own:
`compute.networks.change_points` says how. Noise is counted from checkpoint to checkpoint, however
many steps lie between them. Metrics that drift are cut too, where the best staircase has steps.

Before that they are reduced to their principal components, up to 99 % of the variance, and these
are scaled by their noise: metrics of one graph move together, and a change is judged by the noise
in its own direction. A metric that is given twice counts little more than once.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.errors import SettingsError
from compute.networks.change_points import (
    Noise,
    Rule,
    resampled_ends,
    search,
    segmentations,
    whitened,
)

# A replicate has a boundary where it has one within so many checkpoints, or inside the interval.
NEAR = 2
INTERVAL = (0.025, 0.975)
# The share of the variance that is kept, and what is constant but for rounding.
_KEPT, _ROUNDING = 0.99, 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseSpec:
    """How phases are looked for.

    Attributes
    ----------
    shortest
        Measured checkpoints that a phase has at least.
    most_boundaries
        No more are looked for.
    fewest
        With fewer measured checkpoints none are: noise could not be told from change.
    surrogates
        Series without further change, from which the penalty of one more boundary is read, and
        redrawn series, from which its interval is.
    level
        The chance that one boundary too many is found in noise.
    """

    shortest: int = 4
    most_boundaries: int = 8
    fewest: int = 20
    surrogates: int = 199
    level: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.shortest < 2:
            raise SettingsError("shortest must be at least 2 checkpoints")
        if self.most_boundaries < 1:
            raise SettingsError("most_boundaries must be at least 1")
        if self.fewest < 4 * self.shortest:
            raise SettingsError("fewest must be at least 4 times shortest")
        if self.surrogates < 19:
            raise SettingsError("surrogates must be at least 19")
        if not 0 < self.level < 1:
            raise SettingsError("level must be between 0 and 1")


DEFAULT = PhaseSpec()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boundary:
    """Where one phase ends and the next begins, in checkpoints counted from 0.

    Attributes
    ----------
    index
        The first checkpoint of the new phase.
    low, high
        95 % interval of ``index``: where it falls in series redrawn with the same levels and noise.
        It says how sure the cut is, not how long the change takes.
    agreement
        Share of the replicates that have a boundary inside that interval, or within two measured
        checkpoints of ``index``; NaN without replicates.
    """

    index: int
    low: int
    high: int
    agreement: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phases:
    """What was found.

    Attributes
    ----------
    boundaries
        In order; empty where none stands out.
    metrics
        Which columns were used: those without a gap that change at all.
    penalty
        What the last boundary that was tested had to gain: squared distance from the levels, in
        variances of the noise, over checkpoints; NaN where none could be looked for.
    gain
        What it gains.
    memory
        Lag-1 autocorrelation of the noise, from one measured checkpoint to the next.
    first, last
        The first and the last measured checkpoint.
    reason
        Why nothing could be looked for, for people; empty otherwise.
    """

    boundaries: tuple[Boundary, ...]
    metrics: tuple[int, ...]
    penalty: float
    gain: float
    memory: float
    first: int
    last: int
    reason: str = ""

    @property
    def limited(self) -> bool:
        """Whether the last boundary looked for still stood out: there may be more."""
        return self.gain > self.penalty


def find_phases(
    series: Float[ndarray, "checkpoints metrics"],
    *,
    replicates: Float[ndarray, "replicates checkpoints metrics"] | None = None,
    spec: PhaseSpec = DEFAULT,
    generator: np.random.Generator,
) -> Phases:
    """Return the boundaries between phases of several metrics together.

    Parameters
    ----------
    series
        In any units. NaN where a checkpoint was not measured; boundaries are counted in all
        checkpoints.
    replicates
        The same metrics of other prompts or seeds. Each is standardised by itself and cut into as
        many stretches, for `Boundary.agreement`; one with too few checkpoints, or without a metric
        that changes, is left out.
    """
    rows, used = _usable(series)
    if len(rows) < spec.fewest or not used:
        nan = float("nan")
        return Phases(
            boundaries=(), metrics=(), penalty=nan, gain=nan, memory=nan,
            first=int(rows.min(initial=0)), last=int(rows.max(initial=0)),
            reason=_lacking(len(rows), spec),
        )  # fmt: skip
    rule = _rule(spec, len(rows))
    scores = _scores(series[rows][:, used], rule)
    found = search(scores, rule, generator)
    drawn = resampled_ends(scores, found, rule, generator)
    others = [] if replicates is None else _other_cuts(replicates, len(found.ends) - 1, spec)
    return Phases(
        boundaries=tuple(
            _boundary(int(cut), redrawn, others, rows)
            for cut, redrawn in zip(found.ends[:-1], drawn.T, strict=False)
        ),
        metrics=tuple(used),
        penalty=found.penalty,
        gain=found.gain,
        memory=_memory(found.noise),
        first=int(rows[0]),
        last=int(rows[-1]),
    )


def _usable(series: ndarray) -> tuple[Int[ndarray, " measured"], list[int]]:
    """Return which checkpoints were measured, and the metrics known at all of them that change."""
    rows = np.flatnonzero(np.isfinite(series).any(1))
    known = series[rows]
    whole = np.flatnonzero(np.isfinite(known).all(0))
    return rows, [
        int(m) for m in whole if np.ptp(known[:, m]) > _ROUNDING * np.abs(known[:, m]).max()
    ] if len(rows) else []


def _lacking(rows: int, spec: PhaseSpec) -> str:
    if not rows:
        return "no checkpoint with graph metrics"
    if rows < spec.fewest:
        return f"{rows} checkpoints; phases are looked for in at least {spec.fewest}"
    return "no metric that changes"


def _scores(known: ndarray, rule: Rule) -> Float[ndarray, "measured dims"]:
    """Return standardised metrics along their principal components, in units of their noise."""
    standard = (known - known.mean(0)) / known.std(0)
    left, size, _ = np.linalg.svd(standard, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(size**2), _KEPT * (size**2).sum())) + 1
    return whitened(left[:, :kept] * size[:kept], rule)


def _rule(spec: PhaseSpec, rows: int) -> Rule:
    return Rule(
        most=min(spec.most_boundaries, rows // spec.shortest - 1),
        shortest=spec.shortest,
        surrogates=spec.surrogates,
        level=spec.level,
    )


def _other_cuts(
    replicates: ndarray, changes: int, spec: PhaseSpec
) -> list[Int[ndarray, " changes"]]:
    """Return where the phases of each replicate begin, counted in all checkpoints."""
    cuts = []
    for series in replicates:
        rows, used = _usable(series)
        if len(rows) >= spec.fewest and len(rows) // spec.shortest > changes and used:
            scores = _scores(series[rows][:, used], _rule(spec, len(rows)))
            cuts.append(rows[segmentations(scores, changes, spec.shortest)[-1][:-1]])
    return cuts


def _boundary(cut: int, redrawn: ndarray, others: list[ndarray], rows: ndarray) -> Boundary:
    low = int(np.quantile(redrawn, INTERVAL[0], method="lower"))
    high = int(np.quantile(redrawn, INTERVAL[1], method="higher"))
    # What was found belongs to its own interval, even where redrawn series lean to one side.
    low, high = min(low, cut), max(high, cut)
    first = rows[max(0, min(low, cut - NEAR))]
    last = rows[min(len(rows) - 1, max(high, cut + NEAR))]
    agree = [bool(((cuts >= first) & (cuts <= last)).any()) for cuts in others]
    return Boundary(
        index=int(rows[cut]),
        low=int(rows[low]),
        high=int(rows[high]),
        agreement=float(np.mean(agree)) if agree else np.nan,
    )


def _memory(noise: Noise) -> float:
    """Return the mean over the noise's axes, weighted by variance; 0 without noise."""
    variance = noise.deviation**2
    return float(variance @ noise.phi / variance.sum()) if variance.any() else 0.0
