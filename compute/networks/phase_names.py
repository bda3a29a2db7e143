"""Names for phases: exploration, consolidation, refinement, only where their signature is met.

Rocchetti (2025) names the three and reads them off curves by eye. Here each has a signature in
measured quantities, and a phase that meets none is called by its number. *Order* is that of the
components as spreaders within their layers (tau-b of the z against the layer null), so that it
does not measure position; the *final* order is that of the run's last `ENDS` checkpoints.

- *Exploration*: a phase with nothing but exploration before it, whose order has little of the
  final one: median tau-b below `ORDER_LOST`.
- *Consolidation*: a phase, neither first nor last, in which the final order arrives, tau-b with it
  rising by at least `ARRIVING` from its start to its end, and which has more weight than the phase
  before, by more than `STEADY` of the range of the total strength over the run.
- *Refinement*: the last phase, if its order holds, tau-b of its start and end at least
  `ORDER_HELD`, and the total strength stays within `STEADY` of its range.

Starts and ends of a phase are its first and its last `ENDS` checkpoints.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.networks.phases import Phases

ORDER_LOST, ORDER_HELD = 0.5, 0.7
ARRIVING = 0.1
STEADY = 0.1
ENDS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase of a run.

    Attributes
    ----------
    first, last
        Its first and its last checkpoint, counted from 0.
    name
        Of its signature, or ``phase 1``, ``phase 2``, ..
    why
        The numbers that the name rests on, in a sentence.
    """

    first: int
    last: int
    name: str
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Signs:
    """What a phase is named by.

    Attributes
    ----------
    final
        Median tau-b of its checkpoints with the final order, -1 to 1.
    arriving
        By how much that rises from its start to its end.
    held
        Median tau-b between its start and its end.
    lift, rise
        Of the total strength, over its range in the run: from the mean of the phase before (0 for
        the first), and from its own start to its end.
    """

    final: float
    arriving: float
    held: float
    lift: float
    rise: float


def name_phases(
    phases: Phases,
    *,
    tau: Float[ndarray, "checkpoints checkpoints"],
    strength: Float[ndarray, " checkpoints"],
) -> tuple[Phase, ...]:
    """Return the phases with their names.

    Parameters
    ----------
    tau
        Tau-b of ``spreader_z`` between any two checkpoints (`compute.networks.stability`).
    strength
        The total strength. NaN where nothing was measured, in both.
    """
    if phases.reason:
        return ()
    known = np.isfinite(strength)
    starts = [phases.first, *(b.index for b in phases.boundaries)]
    ends = [*(b.index - 1 for b in phases.boundaries), phases.last]
    spans = [a + np.flatnonzero(known[a : b + 1]) for a, b in zip(starts, ends, strict=True)]
    final = np.flatnonzero(known)[-ENDS:]
    names: list[str] = []
    named = []
    for number, at in enumerate(spans):
        signs = _signs(at, spans[max(0, number - 1)], final, tau, strength)
        explored = all(name == "exploration" for name in names)
        last = number == len(spans) - 1
        names.append(_name(signs, explored=explored, first=not number, last=last))
        told = names[-1] if names[-1] and len(spans) > 1 else f"phase {number + 1}"
        named.append(Phase(first=starts[number], last=ends[number], name=told, why=_why(signs)))
    return tuple(named)


def _signs(at: ndarray, before: ndarray, final: ndarray, tau: ndarray, strength: ndarray) -> _Signs:
    head, tail = at[:ENDS], at[-ENDS:]
    span = float(np.nanmax(strength) - np.nanmin(strength)) or 1.0
    return _Signs(
        final=_order(tau, at, final),
        arriving=_order(tau, tail, final) - _order(tau, head, final),
        held=_order(tau, head, tail),
        lift=float(strength[at].mean() - strength[before].mean()) / span,
        rise=float(strength[tail].mean() - strength[head].mean()) / span,
    )


def _order(tau: ndarray, one: ndarray, other: ndarray) -> float:
    found = tau[np.ix_(one, other)]
    found = found[np.isfinite(found)]
    return float(np.median(found)) if len(found) else float("nan")


def _name(signs: _Signs, *, explored: bool, first: bool, last: bool) -> str:
    if explored and not last and signs.final < ORDER_LOST:
        return "exploration"
    if not first and not last and signs.arriving >= ARRIVING and signs.lift > STEADY:
        return "consolidation"
    if last and signs.held >= ORDER_HELD and abs(signs.rise) <= STEADY:
        return "refinement"
    return ""


def _why(signs: _Signs) -> str:
    lift, rise = (f"{100 * x:+.0f} %".replace("-", "−") for x in (signs.lift, signs.rise))
    return (
        f"Order of spreaders within layers: τ-b {_signed(signs.final)} with the final one "
        f"({_signed(signs.arriving, '+')} from start to end), {_signed(signs.held)} between start "
        f"and end. Total strength, of its range: {lift} over the phase before, {rise} within."
    )


def _signed(value: float, sign: str = "") -> str:
    return f"{value:{sign}.2f}".replace("-", "−")
