"""Which settings of SGLD can be trusted: a grid of them, what is wrong with each, and a choice.

Chains that look healthy one by one may still be biased: the step is finite, and minibatch noise
heats the chains. Both vanish with the step size, so settings count as calibrated only where the
estimate does not depend on it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from compute.llc_records import LLCEstimate, VerdictName, room
from compute.llc_specs import CalibrationMeasurement, LLCMeasurement, LLCSpec

# Share of the estimate that its step size may add to it, and share up to which that must be known.
FLAT_SHARE = 0.05
KNOWN_SHARE = 0.05
FLAT_ERRORS = 2.0
# Beyond this share, a larger step is too long for what it adds to be proportional to it.
PROPORTIONAL_SHARE = 0.25
# Of what forgetting everything costs: how far the chains' mean loss may rise.
LOCAL_SHARE = 0.25
# Relaxation times 1 / (eps gamma), in which the tie alone forgets where a chain began, that burn-in
# must last: the loss hardly shows what moves in directions where it is flat.
SETTLED_TIMES = 2.0
# Beyond this, eps * gamma / 4 alone makes the variance twice what it should be.
MOST_PULL = 2.0

RULE = (
    "usable: healthy; local (the loss rises by at most a quarter of what forgetting everything "
    "costs); settled (burn-in lasts at least 2 / (step size * gamma) steps); flat (what the step "
    "size adds to the estimate, extrapolated to a step of zero from another healthy step size, is "
    "at most 5 % of it or within two of its standard errors, and known to 5 %). Of the cells that "
    "are usable at every calibrated step: the loosest tie (smallest gamma / nbeta), and of these "
    "the largest step size"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grid:
    """The settings that a calibration tries: every combination."""

    step_size: tuple[float, ...]
    nbeta: tuple[float, ...]
    gamma: tuple[float, ...]


class Setting(NamedTuple):
    """What differs between the cells of one calibration."""

    step_size: float
    nbeta: float
    gamma: float


class Cell(NamedTuple):
    """One setting at one step: what came out, and whether it can be used.

    Attributes
    ----------
    llc, standard_error, rise
        Estimate, its error, and mean rise of the loss along the chains; NaN if it failed.
    verdict, reason
        Of the estimate; ``diverged`` if it failed, with why.
    problem
        Why the cell is not usable, in one sentence; "" if it is.
    """

    step: int
    setting: Setting
    llc: float
    standard_error: float
    rise: float
    verdict: VerdictName
    reason: str
    problem: str

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against the setting at this step."""
        return not self.problem


class Calibration(NamedTuple):
    """The cells of one calibration, and what is recommended.

    Attributes
    ----------
    choice
        The recommended settings; None if no cell is usable at every step.
    why
        What the choice rests on, or why there is none, in one sentence.
    """

    cells: tuple[Cell, ...]
    choice: Setting | None
    why: str


class Sweep(NamedTuple):
    """What a run has of one calibration: cells that differ in step and setting only.

    Attributes
    ----------
    base
        The measurement of any of its cells: all but the setting is common to them.
    estimates, failures
        By step and setting.
    keys
        Of the estimates' records, by step and setting.
    """

    base: CalibrationMeasurement
    estimates: Mapping[int, Mapping[Setting, LLCEstimate]]
    failures: Mapping[int, Mapping[Setting, str]]
    keys: Mapping[tuple[int, Setting], str]

    @property
    def steps(self) -> tuple[int, ...]:
        """The calibrated steps, ascending."""
        return tuple(sorted({*self.estimates, *self.failures}))

    def judged(self, steps: Collection[int] | None = None) -> Calibration:
        """Return the sweep's calibration at some of its steps, or at all."""
        wanted = self.steps if steps is None else steps
        return calibrate(
            {t: found for t, found in self.estimates.items() if t in wanted},
            {t: found for t, found in self.failures.items() if t in wanted},
        )


def default_grid(spec: LLCSpec) -> Grid:
    """Return the grid around the settings of ``spec``: thirds and threefolds."""
    return Grid(
        step_size=_around(spec.step_size, (1 / 3, 1, 3)),
        nbeta=_around(spec.nbeta, (1 / 3, 1, 3)),
        gamma=_around(spec.gamma, (1 / 3, 1, 3)),
    )


def calibration_measurements(base: LLCMeasurement, grid: Grid) -> list[CalibrationMeasurement]:
    """Return the cells of a grid as measurements; settings that cannot be right are left out.

    Parameters
    ----------
    base
        Gives all but step size, nbeta and gamma: chains, draws, batches, data, seed.
    """
    return [
        CalibrationMeasurement(
            llc=dataclasses.replace(base.llc, step_size=step_size, nbeta=nbeta, gamma=gamma),
            samples=base.samples,
            length=base.length,
            seed=base.seed,
        )
        for gamma, nbeta, step_size in itertools.product(grid.gamma, grid.nbeta, grid.step_size)
        if step_size * gamma < MOST_PULL
    ]


def chosen_measurement(cell: CalibrationMeasurement, choice: Setting) -> LLCMeasurement:
    """Return what measures a run's curve with the settings that a calibration chose.

    Parameters
    ----------
    cell
        Any cell of the calibration.
    """
    return LLCMeasurement(
        llc=dataclasses.replace(cell.llc, **choice._asdict()),
        samples=cell.samples,
        length=cell.length,
        seed=cell.seed,
    )


def calibrate(
    estimates: Mapping[int, Mapping[Setting, LLCEstimate]],
    failures: Mapping[int, Mapping[Setting, str]] | None = None,
) -> Calibration:
    """Judge every cell, and choose by `RULE`.

    Parameters
    ----------
    estimates
        By step and setting.
    failures
        Why an estimate failed, by step and setting.
    """
    cells: list[Cell] = []
    for step in sorted({*estimates, *(failures or {})}):
        cells += _judged(step, estimates.get(step, {}), (failures or {}).get(step, {}))
    return Calibration(tuple(cells), *_choice(cells))


def setting_of(spec: LLCSpec) -> Setting:
    """Return what a calibration varies of a spec."""
    return Setting(spec.step_size, spec.nbeta, spec.gamma)


def _judged(
    step: int, estimates: Mapping[Setting, LLCEstimate], failures: Mapping[Setting, str]
) -> list[Cell]:
    cells = []
    for setting in sorted({*estimates, *failures}, key=lambda s: (s.gamma, s.nbeta, s.step_size)):
        estimate = estimates.get(setting)
        if estimate is None:
            nan, reason = math.nan, failures[setting]
            cells.append(Cell(step, setting, nan, nan, nan, "diverged", reason, reason))
            continue
        cells.append(
            Cell(
                step, setting, estimate.llc, estimate.standard_error, estimate.llc / setting.nbeta,
                estimate.verdict, estimate.reason, _problem(setting, estimate, estimates),
            )
        )  # fmt: skip
    return cells


def _problem(
    setting: Setting, estimate: LLCEstimate, estimates: Mapping[Setting, LLCEstimate]
) -> str:
    if estimate.verdict != "healthy":
        return f"{estimate.verdict}: {estimate.reason}"
    rise = estimate.llc / setting.nbeta
    most = room(estimate.initial_loss, estimate.ignorant_loss)
    if rise > LOCAL_SHARE * most:
        return (
            f"not local: the loss rises by {rise:.2g}, more than a quarter of what forgetting "
            f"everything costs ({most:.2g})"
        )
    return _not_settled(estimate.spec) or _not_flat(setting, estimate, estimates)


def _not_settled(spec: LLCSpec) -> str:
    """Return why chains cannot have forgotten where they began, or ""."""
    times = spec.burn_in * spec.step_size * spec.gamma
    if times >= SETTLED_TIMES:
        return ""
    if spec.gamma == 0:
        return "not settled: without a tie, chains never settle where the loss is flat"
    needed = SETTLED_TIMES / (spec.step_size * spec.gamma)
    return (
        f"not settled: where the loss is flat, chains need {needed:.0f} steps to forget where they "
        f"began, and burn_in is {spec.burn_in}: lengthen it"
    )


def _not_flat(
    setting: Setting, estimate: LLCEstimate, estimates: Mapping[Setting, LLCEstimate]
) -> str:
    """Return what speaks against an estimate's independence of its step size, or ""."""
    others = [
        other for at, other in estimates.items()
        if at[1:] == setting[1:] and at != setting and other.verdict == "healthy"
    ]  # fmt: skip
    if not others:
        return "no other step size is healthy: nobody knows whether the estimate is flat in it"
    vouching = [other for other in others if _is_proportional(estimate, other)]
    if not vouching:
        return "every other healthy step size is too long to tell what this one adds"
    bias, error = min((step_bias(estimate, other) for other in vouching), key=lambda b: b[1])
    size = abs(estimate.llc)
    if abs(bias) > max(FLAT_ERRORS * error, FLAT_SHARE * size):
        return f"not flat: the step size adds about {bias:+.3g} (error {error:.2g}) to the estimate"
    if error > KNOWN_SHARE * size:
        return f"cannot tell what the step size adds: {bias:+.3g} (error {error:.2g})"
    return ""


def _is_proportional(estimate: LLCEstimate, other: LLCEstimate) -> bool:
    """Say whether what another step size adds is small enough to be proportional to it."""
    if other.spec.step_size < estimate.spec.step_size:
        return True
    bias, _ = step_bias(other, estimate)
    return abs(bias) <= PROPORTIONAL_SHARE * abs(other.llc)


def step_bias(estimate: LLCEstimate, other: LLCEstimate) -> tuple[float, float]:
    """Return what its step size adds to an estimate, and the standard error of that.

    To first order the addition is proportional to the step size, so two estimates that differ in
    nothing else tell it: it is what a line through both loses on its way to a step of zero.
    """
    share = estimate.spec.step_size / (estimate.spec.step_size - other.spec.step_size)
    error = math.hypot(estimate.standard_error, other.standard_error)
    return (estimate.llc - other.llc) * share, error * abs(share)


def _choice(cells: Sequence[Cell]) -> tuple[Setting | None, str]:
    steps = {cell.step for cell in cells}
    usable: defaultdict[Setting, set[int]] = defaultdict(set)
    for cell in cells:
        if cell.usable:
            usable[cell.setting].add(cell.step)
    everywhere = [setting for setting, at in usable.items() if at == steps]
    if not everywhere:
        best = max((len(at) for at in usable.values()), default=0)
        return None, (
            "no setting is usable" + (f" at more than {best} of {len(steps)} steps" if best else "")
            + ": try smaller step sizes, or larger gamma"
        )  # fmt: skip
    choice = min(everywhere, key=lambda s: (_tie(s), -s.step_size, -s.nbeta))
    where = "every step" if len(steps) > 1 else "this step"
    if len(everywhere) == 1:
        return choice, f"the only setting that is usable at {where}"
    return choice, (
        f"of {len(everywhere)} settings that are usable at {where}, the loosest tie "
        f"(gamma / nbeta = {_tie(choice):.3g})"
    )


def _tie(setting: Setting) -> float:
    """Return gamma / nbeta, so that 0.3 / 0.1 ties with 3 / 1."""
    return float(f"{setting.gamma / setting.nbeta:.6g}")


def _around(value: float, factors: Sequence[float]) -> tuple[float, ...]:
    """Return multiples of ``value``, to two digits, since nobody reads more."""
    return tuple(float(f"{value * factor:.2g}") for factor in factors)
