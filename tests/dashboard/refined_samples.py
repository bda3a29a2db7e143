"""A run with refined LLCs: three kinds of heads, gaps, and verdicts of every kind."""

from __future__ import annotations

import dataclasses

import numpy as np

from compute.llc_records import RefinedLLC, VerdictName
from compute.llc_specs import DataName, Parts
from compute.records import to_bytes
from compute.runs import Run
from compute.specs import refined_measurement
from compute.store import Store
from tests.dashboard.synthetic import components_of, rise, wrap
from tests.llc_samples import a_refined

GAP = (30, 31, 32)
EVERY = 3
RISING, FALLING, HUMPED = "rising", "falling", "humped"
JUDGED: dict[str, VerdictName] = {
    "L0H0": "drifting", "L0H1": "short", "L1H0": "not at a minimum", "L1H1": "frozen",
}  # fmt: skip
DIVERGED = "L3H0"


def kind(part: str) -> str:
    """Return which shape a part's curve has."""
    if part in ("L1H2", "L2H3"):
        return HUMPED
    return FALLING if part.endswith("H1") else RISING


def level(part: str, step: int) -> float:
    """Return the refined LLC of a part at a step, but for noise."""
    size = 6 + 2 * int(part[1]) + int(part[3:] or 0) if "H" in part else 30.0
    up = rise(step, 2.0, 3)
    shape = {RISING: up, FALLING: 1 - 0.7 * up, HUMPED: 1.4 * up - 1.1 * rise(step, 3.2, 9)}
    return size * (0.3 + shape[kind(part)])


def measured_steps(run: Run, parts: Parts = "heads") -> tuple[int, ...]:
    """Return where refined LLCs were measured: heads but for a gap, others at every third step."""
    if parts != "heads":
        return run.steps[::EVERY]
    return tuple(step for i, step in enumerate(run.steps) if i not in GAP)


def record(run: Run, step: int, parts: Parts = "heads", data: DataName = "train") -> RefinedLLC:
    """Return the refined LLCs of one checkpoint."""
    rng = np.random.default_rng(step)
    spec = refined_measurement(run, parts, data)
    names = [c for c in components_of(run)[0] if ("H" in c if parts == "heads" else "MLP" in c)]
    noisy = {n: level(n, step) * (1 + 0.03 * rng.normal()) for n in names}
    return a_refined(spec, noisy, rng)


def refine(store: Store, run: Run, parts: Parts = "heads", data: DataName = "train") -> None:
    """Put refined LLCs of a run into a store; verdicts of every kind at the last step but one."""
    encoded = {}
    steps = measured_steps(run, parts)
    for step in steps:
        found = record(run, step, parts, data)
        if step == steps[-2] and parts == "heads":
            found = judged(found)
        measured = wrap(run, step, refined_measurement(run, parts, data), found)
        encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)


def judged(found: RefinedLLC) -> RefinedLLC:
    """Return a record with some parts that are not believed, and one that has no value."""
    verdicts = list(found.verdicts)
    reasons = list(found.reasons)
    values = found.llc.copy()
    for part, verdict in JUDGED.items():
        verdicts[found.parts.index(part)] = verdict
        reasons[found.parts.index(part)] = f"the reason why {verdict}"
    gone = found.parts.index(DIVERGED)
    verdicts[gone], reasons[gone], values[gone] = "diverged", "3 of 4 chains diverged", np.nan
    return dataclasses.replace(found, llc=values, verdicts=tuple(verdicts), reasons=tuple(reasons))
