r"""Runs side by side: a band over the runs of one recipe, and one run's time on another's axis.

Time is :math:`u = \ln(1 + t)` of training step t, as everywhere. Two runs are aligned by step, by
the tokens they have seen, or by the boundaries of their stages: two runs of one recipe that pass
the same turns at other steps can be compared turn by turn.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.special import stdtrit

from compute.errors import require, require_one_of

By: TypeAlias = Literal["step", "tokens", "boundary"]
WAYS: tuple[By, ...] = ("step", "tokens", "boundary")
CONFIDENCE = 0.95


class Turn(Protocol):
    """A boundary between stages: ``step`` with its 95 % interval, NaN where unknown, in steps."""

    @property
    def step(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102


class Band(NamedTuple):
    """One quantity of several runs at every step at which any of them has a checkpoint.

    Attributes
    ----------
    steps
        Training steps, ascending.
    mean
        Over the runs that have a value there, in the values' unit; NaN where none has.
    low, high
        95 % interval of that mean by Student's t over the runs; NaN for fewer than two.
    least, most, runs
        Of the runs' values, NaN where no run has one; and how many have one.
    """

    steps: Int[ndarray, " steps"]
    mean: Float[ndarray, " steps"]
    low: Float[ndarray, " steps"]
    high: Float[ndarray, " steps"]
    least: Float[ndarray, " steps"]
    most: Float[ndarray, " steps"]
    runs: Int[ndarray, " steps"]


class Timeline(NamedTuple):
    """What of a run decides where it lies beside another.

    ``steps`` are its checkpoints, ascending; ``tokens_per_step`` is how many tokens one step of
    training sees, 0 where nobody said; ``boundaries`` are of the curve that runs are aligned by.
    """

    name: str
    steps: tuple[int, ...]
    tokens_per_step: int = 0
    boundaries: tuple[Turn, ...] = ()


class Match(NamedTuple):
    """A boundary of the first run and the one of the second that is taken for the same.

    ``factor`` is (1 + t of the second) / (1 + t of the first), dimensionless: above 1 where the
    second run comes later. ``low`` and ``high`` are the ends of its 95 % interval, from those of
    both boundaries; NaN where one has none.
    """

    first: Turn
    second: Turn
    factor: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """Where a second run's training lies on a first run's step axis.

    Attributes
    ----------
    reason
        Why it cannot be told, and what to do, in a sentence; "" where it can.
    steps
        For each of the second run's checkpoints its place on the first run's axis, in steps of the
        first run, not decreasing; NaN where there is a reason.
    matches
        The boundaries taken for the same, in the order of time; empty but for ``boundary``.
    scale
        Steps of the first run in one of the second run, dimensionless; but for ``boundary``.
    """

    by: By
    reason: str
    steps: Float[ndarray, " second"]
    matches: tuple[Match, ...] = ()
    scale: float = 1.0

    def forward(self, steps: Float[ndarray, " at"]) -> Float[ndarray, " at"]:
        """Return where steps of the second run, 0 or more, lie on the first run's axis."""
        return self._map(steps, "second", "first", self.scale)

    def inverse(self, steps: Float[ndarray, " at"]) -> Float[ndarray, " at"]:
        """Return the steps of the second run that lie at steps of the first run's axis."""
        return self._map(steps, "first", "second", 1 / self.scale)

    def nearest(self, first: Sequence[int]) -> Int[ndarray, " first"]:
        """Return the second run's checkpoint that lies nearest to each of the first run's.

        Nearest in ln(1 + t), of two equally near the earlier. -1 where there is a reason, and
        beyond the ends of the second run: where another checkpoint of the first run is nearer to
        that end.
        """
        none = np.full(len(first), -1, dtype=np.int64)
        if self.reason or not len(self.steps) or not len(first):
            return none
        here, there = _u(first), np.log1p(self.steps)
        found = np.abs(there - here[:, None]).argmin(axis=1)
        inside = (here >= there[0]) & (here <= there[-1])
        at_end = np.abs(here - there[found, None]).argmin(axis=1) == np.arange(len(first))
        return np.where(inside | at_end, found, none)

    def _map(self, steps: ndarray, source: str, target: str, scale: float) -> ndarray:
        given = np.asarray(steps, dtype=np.float64)
        if self.reason:
            return np.full(given.shape, np.nan)
        if self.by != "boundary":
            return given * scale
        ends = [[getattr(m, side).step for m in self.matches] for side in (source, target)]
        x, y = (np.concatenate([[0.0], _u(end)]) for end in ends)
        at = np.log1p(given)
        beyond = np.maximum(at - x[-1], 0.0)
        return np.expm1(np.interp(at, x, y) + beyond)


def band(
    curves: Mapping[str, tuple[Sequence[int], Float[ndarray, " checkpoints"]]],
) -> Band:
    r"""Return mean, interval and range of one quantity over several runs, step by step.

    .. math:: \bar x \pm t_{0.975,\, n-1} \, s / \sqrt{n}

    Parameters
    ----------
    curves
        For each run its checkpoints, ascending, and its values there, NaN where there is none.

    Raises
    ------
    SettingsError
        If a run has another number of values than of steps, or its steps are not ascending.

    Notes
    -----
    The interval is over runs, that is over seeds, which it takes for a sample of all seeds; it
    says nothing of the noise over chains or prompts, which each run's own interval tells. With
    three runs it is wide: t is 4.3, with two 12.7, so it may reach far beyond the runs' range.
    Nothing is interpolated between checkpoints: where runs have other steps than each other, the
    mean is over those that have this one, and ``runs`` says how many.
    """
    for name, (steps, values) in curves.items():
        require(len(steps) == len(values), f"run {name}: give one value for each of its steps")
        _check_ascending(name, steps)
    every = sorted({int(step) for steps, _ in curves.values() for step in steps})
    place = {step: i for i, step in enumerate(every)}
    table = np.full((len(curves), len(every)), np.nan)
    for row, (steps, values) in zip(table, curves.values(), strict=True):
        row[[place[int(step)] for step in steps]] = values
    return _summary(np.array(every, dtype=np.int64), table)


def _summary(steps: Int[ndarray, " steps"], table: Float[ndarray, "runs steps"]) -> Band:
    known = np.isfinite(table)
    count = known.sum(axis=0)
    some, two = count > 0, count > 1
    mean, spread = np.full((2, len(steps)), np.nan)
    mean[some] = np.where(known, table, 0.0).sum(axis=0)[some] / count[some]
    away = np.where(known, table - mean, 0.0)
    variance = (away * away).sum(axis=0)[two] / (count[two] - 1)
    spread[two] = stdtrit(count[two] - 1, (1 + CONFIDENCE) / 2) * np.sqrt(variance / count[two])
    least = np.where(known, table, np.inf).min(axis=0, initial=np.inf)
    most = np.where(known, table, -np.inf).max(axis=0, initial=-np.inf)
    least[~some], most[~some] = np.nan, np.nan
    return Band(steps, mean, mean - spread, mean + spread, least, most, count.astype(np.int64))


def align(first: Timeline, second: Timeline, *, by: By) -> Alignment:
    r"""Return where the second run's checkpoints lie on the first run's step axis.

    ``step``: where they are. ``tokens``: where the first run has seen as many tokens.
    ``boundary``: as many matches as can be had of boundaries of the same kind in the same order
    and, of all such, those with the least :math:`\sum |\ln((1 + t_2) / (1 + t_1))|`; between them
    :math:`\ln(1 + t_1)` is linear in :math:`\ln(1 + t_2)` from (0, 0) on, and beyond the last one
    it runs parallel: by its factor.

    Raises
    ------
    SettingsError
        If ``by`` is none of these, or a run's checkpoints are not ascending.

    Notes
    -----
    The map goes up wherever training does, and has an inverse. That boundaries of one kind in one
    order are the same event is an assumption, not a finding: few matches, or factors that differ
    much, speak against it. A boundary at step 0 or before is matched with none.
    """
    require_one_of("by", by, WAYS)
    for run in (first, second):
        _check_ascending(run.name, run.steps)
    matches = match_boundaries(first.boundaries, second.boundaries) if by == "boundary" else ()
    scale, reason = 1.0, _no_tokens(first, second) if by == "tokens" else ""
    if by == "tokens" and not reason:
        scale = second.tokens_per_step / first.tokens_per_step
    if by == "boundary" and not matches:
        reason = _no_match(first, second)
    found = Alignment(by=by, reason=reason, steps=np.zeros(0), matches=matches, scale=scale)
    placed = found.forward(np.array(second.steps, dtype=np.float64))
    return dataclasses.replace(found, steps=placed)


def match_boundaries(first: Sequence[Turn], second: Sequence[Turn]) -> tuple[Match, ...]:
    """Return the boundaries of two runs that `align` takes for the same, in the order of time.

    Notes
    -----
    Dynamic programming over pairs: the best chain that ends in a pair is that pair after the best
    chain that ends before it in both runs; quadratic in the number of pairs.
    """
    pairs = [(a, b) for a in _ordered(first) for b in _ordered(second) if a.kind == b.kind]
    chains: list[tuple[int, float, tuple[int, ...]]] = []
    for i, (a, b) in enumerate(pairs):
        before = [
            chain
            for chain, (c, d) in zip(chains, pairs[:i], strict=True)
            if c.step < a.step and d.step < b.step
        ]
        count, cost, places = min(before, default=(0, 0.0, ()))
        chains.append((count - 1, cost + abs(_apart(a, b)), (*places, i)))
    return tuple(_match(*pairs[i]) for i in min(chains, default=(0, 0.0, ()))[2])


def _ordered(boundaries: Sequence[Turn]) -> list[Turn]:
    return sorted((b for b in boundaries if b.step > 0), key=lambda b: b.step)


def _apart(first: Any, second: Any) -> float:
    return float(np.log1p(second.step) - np.log1p(first.step))


def _match(first: Turn, second: Turn) -> Match:
    """Return a match; its interval joins both boundaries' by recovering variances.

    Zou & Donner (2008), Statistics in Medicine 27: of a difference of independent estimates, each
    limit lies as far away as the root of the summed squares of the distances that bear on it.
    """
    middle = _apart(first, second)
    (low1, at1, high1), (low2, at2, high2) = (
        np.log1p(np.maximum([b.low, b.step, b.high], 0.0)) for b in (first, second)
    )
    below, above = np.hypot(at2 - low2, high1 - at1), np.hypot(high2 - at2, at1 - low1)
    factor, low, high = np.exp([middle, middle - below, middle + above])
    return Match(first, second, float(factor), float(low), float(high))


def _no_tokens(first: Timeline, second: Timeline) -> str:
    unknown = [run.name for run in (first, second) if run.tokens_per_step <= 0]
    if not unknown:
        return ""
    return (
        f"Nobody said how many tokens one step of {' and of '.join(unknown)} sees: add the run "
        "again with ontogeny add .. --tokens-per-step N."
    )


def _no_match(first: Timeline, second: Timeline) -> str:
    bare = [run.name for run in (first, second) if not _ordered(run.boundaries)]
    if bare:
        return f"The curve of {' and that of '.join(bare)} has no boundary to align by."
    return f"No boundary of {first.name} is of the kind of one of {second.name}."


def _check_ascending(name: str, steps: Sequence[int]) -> None:
    ascending = all(a < b for a, b in itertools.pairwise(steps))
    require(ascending, f"run {name}: give its checkpoints in ascending order of steps")


def _u(steps: Sequence[float] | ndarray) -> Float[ndarray, " at"]:
    return np.log1p(np.asarray(steps, dtype=np.float64))
