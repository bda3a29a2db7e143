"""What the Coincidence page compares: a fixed list, so that nobody goes looking for a match."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from compute.networks.phases import find_phases
from dashboard.figures.belief import believed
from dashboard.figures.curves import IMPORTED
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.series import Curve, Steps
from dashboard.figures.structure import SEED, UNMEASURED, phase_metrics

Kind: TypeAlias = Literal["maximum", "minimum", "slope", "phase"]

# The behaviours that are compared with the LLC, by family of runs, and what they are called where
# they are not measured. Imported curves follow them.
BEHAVIOURS: Mapping[str, Mapping[str, str]] = {
    "language": {
        "icl": "in-context learning",
        "bigram": "bigram score",
        "ngram2": "2-gram score",
        "ngram3": "3-gram score",
        "ngram4": "4-gram score",
        "copying": "gain from repetition",
        "induction": "induction",
        "previous": "previous token",
    },
    "regression": {
        "prior": "task-prior score",
        "ridge": "distance to ridge",
        "icl_early": "in-context gain, 1 to 4",
        "icl_late": "in-context gain, 4 to 8",
    },
}
LOSS = {"loss": "loss"}


class Mark(NamedTuple):
    """A boundary and its 95 % interval, in steps; one without an interval has no width.

    Attributes
    ----------
    support
        Of a critical point or a change of slope as in `compute.measure.stages.Boundary`; NaN of a
        boundary between phases.
    """

    step: float
    low: float
    high: float
    kind: Kind
    support: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boundaries:
    """The boundaries of one source.

    Attributes
    ----------
    start, end
        The first and the last step at which the source is known: it has no boundary elsewhere.
    reason
        Why it has none, for people; empty if one could look.
    """

    critical: tuple[Mark, ...] = ()
    slopes: tuple[Mark, ...] = ()
    phases: tuple[Mark, ...] = ()
    start: int = 0
    end: int = 0
    reason: str = ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """All of them, in the order of time."""
        return tuple(sorted((*self.critical, *self.slopes, *self.phases)))


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Compared:
    """The curves of a run that are compared, in the order of the page.

    Attributes
    ----------
    llc
        None if the run has neither an LLC of its own nor an imported one.
    curves
        The loss and the behaviours.
    missing
        What of the list is not measured, for people.
    """

    llc: Curve | None
    curves: tuple[Curve, ...]
    missing: tuple[str, ...]


def compared(curves: Sequence[Curve], family: str) -> Compared:
    """Return which of a run's curves are compared: those of the list that have a value."""
    known = {c.id: c for c in curves if believed(c).any()}
    wanted = {**LOSS, **BEHAVIOURS[family]}
    imported = [c for c in known.values() if c.id.startswith(IMPORTED) and c.group != "llc"]
    return Compared(
        llc=_llc(known),
        curves=(*(known[name] for name in wanted if name in known), *imported),
        missing=tuple(label for name, label in wanted.items() if name not in known),
    )


def _llc(known: Mapping[str, Curve]) -> Curve | None:
    """Return the run's own LLC, or else the imported one with the most points."""
    if "llc" in known:
        return known["llc"]
    others = [c for c in known.values() if c.id.startswith(IMPORTED) and c.group == "llc"]
    return max(others, key=lambda c: int(believed(c).sum()), default=None)


def metric_curves(curves: Sequence[Curve], metrics: Sequence[str]) -> tuple[Curve, ...]:
    """Return the curves of those metrics of a graph, in their order.

    One that is another times a constant (of a graph that keeps its nodes, the mean strength is the
    total one so) would be the same test twice: it is left out.
    """
    known = {c.id: c for c in curves}
    found: list[Curve] = []
    for name in metrics:
        curve = known.get(f"graph.{name}")
        if curve is not None and not any(_proportional(curve, other) for other in found):
            found.append(curve)
    return tuple(found)


def _proportional(one: Curve, other: Curve) -> bool:
    both = np.isfinite(one.values) & np.isfinite(other.values)
    if not both.any() or not np.array_equal(np.isfinite(one.values), np.isfinite(other.values)):
        return False
    a, b = (c.values[both].astype(np.float64) for c in (one, other))
    scale = float(a @ b) / (float(b @ b) or 1.0)
    return bool(np.allclose(a, scale * b, rtol=1e-4, atol=0.0))


def read_stages(data: bytes, curve: Curve, steps: Steps) -> Boundaries:
    """Return the boundaries of a curve that `dashboard.figures.stages.encode_stages` wrote."""
    told = json.loads(data)
    start, end = _extent(believed(curve), steps)
    return Boundaries(
        critical=tuple(_mark(b) for b in told["critical"]),
        slopes=tuple(_mark(b) for b in told["slopes"]),
        start=start,
        end=end,
        reason=told["reason"],
    )


def _extent(known: Bool[ndarray, " checkpoints"], steps: Steps) -> tuple[int, int]:
    at = np.flatnonzero(known)
    return (steps[at[0]], steps[at[-1]]) if len(at) else (0, 0)


def _mark(told: Mapping[str, Any]) -> Mark:
    at = told["step"]
    low, high = (at if told[end] is None else told[end] for end in ("low", "high"))
    support = float("nan") if told["support"] is None else told["support"]
    return Mark(at, min(low, at), max(high, at), told["kind"], support)


def graph_phases(series: GraphSeries, steps: Steps) -> tuple[Boundaries, tuple[str, ...]]:
    """Return the boundaries between a graph's phases, and the names of the metrics compared.

    The boundaries are those of `dashboard.figures.structure`; the metrics are those that phases
    are read from.
    """
    found = series.metrics
    used = phase_metrics(found.graph_names)
    values = found.graph_values[:, used].astype(np.float64)
    if not np.isfinite(values).any():
        return Boundaries(reason=UNMEASURED), ()
    phases = find_phases(values, generator=np.random.default_rng(SEED))
    read = phases.metrics or tuple(range(len(used)))
    start, end = _extent(np.asarray(np.isfinite(values).any(1)), steps)
    nan = float("nan")
    return (
        Boundaries(
            phases=tuple(
                Mark(steps[b.index], steps[b.low], steps[b.high], "phase", nan)
                for b in phases.boundaries
            ),
            start=start,
            end=end,
            reason=phases.reason and f"Phases cannot be looked for: {phases.reason}.",
        ),
        tuple(found.graph_names[used[m]] for m in read),
    )
