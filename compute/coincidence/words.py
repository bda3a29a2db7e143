"""What the statistics of coincidence say, in plain sentences that claim no more than they do."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from compute.coincidence.boundaries import BoundaryCoincidence
from compute.coincidence.components import ComponentsTogether
from compute.coincidence.lags import LaggedCorrelation
from compute.coincidence.within import Within

LEVEL = 0.05
# To be said once wherever any of the others is shown.
NO_CAUSE = (
    "That two things happen at the same time in one run does not say that one causes the other, "
    "nor that they would do so in another run."
)

_AT_THE_END = " No longer lags were looked at, and the true one may be longer."


def holm(ps: Sequence[float] | Float[ndarray, " tests"]) -> Float[ndarray, " tests"]:
    """Return p values adjusted for how many are looked at (Holm 1979, Scand. J. Stat. 6:65).

    Parameters
    ----------
    ps
        0 to 1; a NaN is no test: it stays NaN and is not counted.

    Notes
    -----
    Those at most 0.05 contain a false one in at most one of 20 families, whatever the tests have
    to do with each other.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(ps, dtype=np.float64)
    adjusted = np.full(len(given), np.nan)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * given[order]))
    return adjusted


def reachable(
    ps: Sequence[float] | Float[ndarray, " tests"],
    smallest: Sequence[float] | Float[ndarray, " tests"],
) -> tuple[Bool[ndarray, " tests"], float]:
    """Return which tests may pass beside the others, and the p that each must be able to reach.

    A test with few orders to be compared with reaches no small p. One that could not be the first
    to pass is left out of the family, so that the others keep their power (Tarone 1990, Biometrics
    46:515): kept are those that can reach 0.05 / k, for the smallest k of which there are no more
    than k. Holm's correction of these holds, since what is kept does not depend on what was found.

    Parameters
    ----------
    ps
        A NaN is no test.
    smallest
        The least p that each can reach; NaN counts as 0. It must not depend on what was found.

    >>> which, limit = reachable([0.03, 0.01, 0.02], [0.03, 0.001, 0.001])
    >>> which.tolist(), limit
    ([False, True, True], 0.025)
    """
    known = np.isfinite(np.asarray(ps, dtype=np.float64))
    least = np.nan_to_num(np.asarray(smallest, dtype=np.float64))
    for number in range(1, max(2, len(known) + 1)):
        which = known & (least <= LEVEL / number)
        if which.sum() <= number:
            break
    return which, LEVEL / number


def unreachable_text(limit: float, smallest: float) -> str:
    """Return why a test that is not `reachable` tells nothing, for people."""
    return (
        f"Among so many tests one whose p cannot fall to {limit:.2g} is left out, so that the "
        f"others keep their power; this one's cannot fall below {smallest:.2g}."
    )


def boundaries_text(
    found: BoundaryCoincidence, first: str, second: str, *, adjusted: float | None = None
) -> str:
    """Return whether two sets of boundaries coincide, and by how much.

    Parameters
    ----------
    first, second
        What the sets are of, in the plural: ``"LLC stages"``, ``"graph phases"``.
    adjusted
        ``found.p`` after `holm`, if other tests are shown beside it.
    """
    if math.isnan(found.distance):
        return f"Whether {first} and {second} coincide cannot be told. {found.reason}"
    counts = f"{first} ({_counted(found.first, 'boundary')}) and {second} ({found.second})"
    measured = (
        f"The boundaries of {counts} lie {_factor(found.distance)} apart on average (95 % interval "
        f"{math.exp(found.low):.2f} to {math.exp(found.high):.2f}); turned round the run at random "
        f"they would lie {_factor(found.chance)} apart ({_p(found.p, adjusted)}). Intervals of "
        f"{found.shared} overlap in pairs, where {found.chance_shared:.1f} would by chance."
    )
    return f"{measured} {_boundary_verdict(found, adjusted)}"


def lag_text(
    found: LaggedCorrelation, first: str, second: str, *, adjusted: float | None = None
) -> str:
    """Return whether two quantities change together, and which of them first.

    Parameters
    ----------
    first, second
        What they are: ``"the LLC"``, ``"the loss"``.
    """
    if found.reason:
        return f"Whether {first} and {second} change together cannot be told. {found.reason}"
    measured = (
        f"The slopes of {first} and {second} go together most at r = {_signed(found.extremum)} "
        f"(95 % interval at that lag {_signed(found.extremum_low)} to "
        f"{_signed(found.extremum_high)}), of which {_signed(found.least)} is left without the "
        f"stretch that it rests on most, over "
        f"steps {found.start:,.0f} to {found.end:,.0f}, which are worth {found.stretches:.1f} "
        f"independent stretches ({_p(found.p, adjusted, 'at any lag')})."
    )
    if _judged(found.p, adjusted) > LEVEL:
        return f"{measured} Of independent curves as smooth as these as much is left by chance."
    way = "together" if found.extremum > 0 else "in opposite directions"
    looked_at = found.lags[np.isfinite(found.r)]
    inside = looked_at[0] < found.lag_low and found.lag_high < looked_at[-1]
    ends = "" if inside else _AT_THE_END
    return f"{measured} They change {way}, {_lag_words(found, first, second)}.{ends}"


def over_time_text(found: ComponentsTogether) -> str:
    """Return in which components refined LLC and strength change together over training."""
    told = [i for i, one in enumerate(found.over_time) if not one.reason]
    few = len(found.names) - len(told)
    if not told:
        return (
            f"For none of {_counted(few, 'component')} can be told whether its refined LLC and "
            f"its strength change together over training. {_first_reason(found)}".strip()
        )
    ps = holm([found.over_time[i].p for i in told])
    passing = [i for i, p in zip(told, ps, strict=True) if p <= LEVEL]
    listed = "; ".join(
        f"{found.names[i]} r = {_signed(one.r)} ({_signed(one.low)} to {_signed(one.high)})"
        for i in passing
        for one in [found.over_time[i]]
    )
    result = f"in {len(passing)}: {listed}" if passing else "in none"
    rest = f" For {few} more it cannot be told: too few steps or bends." if few else ""
    return (
        f"Refined LLC and strength change together over training, beyond what independent curves "
        f"do by chance and after Holm's correction, {result}, of "
        f"{_counted(len(told), 'component')}.{rest}"
    )


def across_text(found: ComponentsTogether, checkpoint: int) -> str:
    """Return how the components' orders by refined LLC and by strength agree at one checkpoint."""
    across, step = found.across, found.steps[checkpoint]
    number = int(across.components[checkpoint])
    rho, p = float(across.rho[checkpoint]), float(across.p[checkpoint])
    if math.isnan(rho):
        return (
            f"At step {step:,.0f} the orders of components cannot be compared: "
            f"{_counted(number, 'component')} with both values, or no order among them."
        )
    low, high = across.low[checkpoint], across.high[checkpoint]
    adjusted = float(holm(across.p)[checkpoint])
    tests = int(np.isfinite(across.p).sum())
    verdict = (
        "The two orders are related, to which the order of the layers may contribute."
        if adjusted <= LEVEL
        else "So few components cannot tell that from chance."
    )
    return (
        f"At step {step:,.0f} the orders of {number} components by refined LLC and by strength "
        f"correlate at ρ = {_signed(rho)} (95 % interval {_signed(low)} to {_signed(high)}; "
        f"{_p(p, adjusted if tests > 1 else None)}). {verdict}"
    )


def within_text(found: Within, *, adjusted: float | None = None) -> str:
    """Return whether components' own courses go together beyond what all components do."""
    if math.isnan(found.r):
        return f"Whether components' own courses go together cannot be told. {found.reason}"
    measured = (
        f"Beyond what all of {found.components} components do together, refined LLC and strength "
        f"correlate at r = {_signed(found.r)} (95 % interval {_signed(found.low)} to "
        f"{_signed(found.high)}; {found.steps} steps; {_p(found.p, adjusted)}, and "
        f"{_number(found.smallest_p)} is the least that there could be)."
    )
    if found.reason:
        return f"{measured} Whether that is chance cannot be told. {found.reason}"
    if _judged(found.p, adjusted) > LEVEL:
        return f"{measured} Components of a layer mixed up at random do so by chance."
    return f"{measured} A component's course of one goes with its own course of the other."


def _boundary_verdict(found: BoundaryCoincidence, adjusted: float | None) -> str:
    if found.reason:
        return f"Whether they coincide cannot be told. {found.reason}"
    if _judged(found.p, adjusted) > LEVEL:
        return "That is no nearer than chance would have it; it does not show that they differ."
    if found.p_scattered > LEVEL:
        return (
            "That is nearer than chance, but not against boundaries scattered over the checkpoints "
            f"(p = {_number(found.p_scattered)}): take it with caution."
        )
    return "They lie nearer to each other than chance would have it."


def _lag_words(found: LaggedCorrelation, first: str, second: str) -> str:
    ends = (found.lag_low, found.lag_high)
    if ends[0] <= 0 <= ends[1]:
        span = max(abs(end) for end in ends)
        return f"at the same time to within {_factor(span)}"
    early, late = (first, second) if found.lag > 0 else (second, first)
    low, high = sorted(abs(end) for end in ends)
    return (
        f"{late} later than {early} by {_factor(abs(found.lag))} "
        f"(95 % interval {math.exp(low):.2f} to {math.exp(high):.2f})"
    )


def _first_reason(found: ComponentsTogether) -> str:
    reasons = [one.reason for one in found.over_time]
    return max(set(reasons), key=reasons.count) if reasons else ""


def _judged(p: float, adjusted: float | None) -> float:
    return p if adjusted is None else adjusted


def _factor(distance: float) -> str:
    """Return a distance in ln(1 + t) as what it is to a reader: a factor of time."""
    return f"a factor of {math.exp(distance):.2f} in 1 + t"


def _p(p: float, adjusted: float | None, where: str = "") -> str:
    text = f"p = {_number(p)}{' ' + where if where else ''}"
    return text if adjusted is None else f"{text}, {_number(adjusted)} after Holm's correction"


def _number(p: float) -> str:
    return f"{p:.1g}" if p < 0.01 else f"{p:.2f}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _counted(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
