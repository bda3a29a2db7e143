"""Tables of the loss landscape: estimates with their verdicts, their chains, and calibrations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from compute import calibrating
from compute.calibration import RULE, Cell, Sweep
from compute.errors import NotMeasured
from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCMeasurement
from dashboard.degeneracy import llc_settings
from dashboard.figures.calibration import kept_text
from dashboard.figures.chains import scaled_draws
from dashboard.figures.checks import checks as checks_of
from dashboard.figures.checks import settings as settings_of
from dashboard.figures.series import NORMAL_95
from dashboard.labels import llc_text
from dashboard.points import by_setting
from dashboard.tables.about import about_run
from dashboard.tables.asked import Asked, bounded, known_name
from dashboard.tables.table import STEP, Column, Table, table_of

_LLC, _LOSS = "λ̂, dimensionless", "unit of the loss"
_VERDICT = Column("verdict", "Whether to believe the estimate.", kind="text")
_REASON = Column("reason", "Why, in a sentence.", kind="text")

VERDICTS = (
    STEP,
    Column("llc", "The local learning coefficient, paired.", _LLC),
    Column("standard_error", "Its standard error: the larger of the next two.", _LLC),
    Column("chain_error", "From the spread between chains.", _LLC),
    Column("draw_error", "From the draws' spread and autocorrelation.", _LLC),
    Column("low", "Lower end of the 95 % interval.", _LLC),
    Column("high", "Upper end of the 95 % interval.", _LLC),
    _VERDICT,
    _REASON,
    Column("rhat", "Rank-normalised split R-hat; 1 where chains agree.", "ratio"),
    Column("ess", "Bulk effective draws, all chains together.", "draws"),
    Column("ess_tail", "The same for the tails.", "draws"),
    Column("autocorrelation_time", "Draws for one independent draw.", "draws"),
    Column("drift", "The estimate from the last half of the draws minus that from the first.",
           _LLC),
    Column("drift_error", "Its standard error.", _LLC),
    Column("unpaired", "The estimate against one fixed loss at the centre.", _LLC),
    Column("unpaired_error", "Its standard error.", _LLC),
    Column("gradient_to_noise", "Length of a step's gradient term over its noise's.", "ratio"),
    Column("acceptance", "Mean Metropolis acceptance of a step.", "probability"),
    Column("negative_share", "Draws with a loss below the centre's.", "share"),
    Column("finite_share", "Chains that stayed finite.", "share"),
    Column("initial_loss", "The loss at the centre.", _LOSS),
)  # fmt: skip
CHECKS = (
    Column("check", "What is looked at.", kind="text"),
    Column("value", "What it is, as shown.", kind="text"),
    Column("unit", "What one unit of it is.", kind="text"),
    Column("good", "What it should be.", kind="text"),
    Column("passes", "Whether it is; empty where that cannot be said.", kind="truth"),
    Column("decides", "Whether the verdict depends on it.", kind="truth"),
    Column("meaning", "What it says, in a sentence.", kind="text"),
)
DRAWS = (
    Column("chain", "The chain, from 1.", "", "count"),
    Column("draw", "The kept draw, from 1; burn-in is not kept.", "", "count"),
    Column("loss", "At the position, on a minibatch that no step used before.", _LOSS),
    Column("baseline", "At the centre, on the same minibatch.", _LOSS),
    Column("llc", "n β times their difference: the estimate is its mean.", _LLC),
    Column("distance", "From the centre, Euclidean.", "unit of the weights"),
)
CALIBRATION = (
    Column("sweep", "The sweep's id on the Calibration page.", kind="text"),
    STEP,
    Column("step_size", "ε of the chains."),
    Column("nbeta", "n β of the chains."),
    Column("gamma", "γ of the chains."),
    Column("llc", "The estimate; empty where the chains diverged.", _LLC),
    Column("standard_error", "Its standard error.", _LLC),
    Column("rise", "Mean rise of the loss along the chains.", _LOSS),
    Column("rhat", "Rank-normalised split R-hat.", "ratio"),
    Column("ess", "Bulk effective draws.", "draws"),
    Column("drift", "Last half of the draws minus the first.", _LLC),
    Column("drift_error", "Its standard error.", _LLC),
    Column("acceptance", "Mean Metropolis acceptance of a step.", "probability"),
    _VERDICT,
    _REASON,
    Column("usable", "Whether nothing speaks against the setting at this step.", kind="truth"),
    Column("problem", "What does, in a sentence.", kind="text"),
    Column("chosen", "Whether the sweep recommends the setting.", kind="truth"),
    Column("setting", "What is common to the cells of the sweep.", kind="text"),
)

_FIELDS = (
    "llc", "standard_error", "chain_error", "draw_error", "rhat", "ess", "ess_tail",
    "autocorrelation_time", "drift", "drift_error", "unpaired", "unpaired_error",
    "gradient_to_noise", "acceptance", "negative_share", "finite_share", "initial_loss",
)  # fmt: skip


class _Chosen(NamedTuple):
    """One setting of the LLC: the id of its curve, and its records' keys and values by step."""

    curve: str
    spec: LLCMeasurement
    keys: dict[int, str]
    values: dict[int, LLCEstimate]


def verdicts(asked: Asked) -> Table:
    """Return every estimate of one setting, with what tells whether to believe it."""
    chosen = _chosen(asked)
    found = [(step, chosen.values[step]) for step in asked.steps() if step in chosen.values]
    values = {
        "step": [step for step, _ in found],
        **{name: np.array([getattr(r, name) for _, r in found], float) for name in _FIELDS},
        "low": np.array([r.llc - NORMAL_95 * r.standard_error for _, r in found], float),
        "high": np.array([r.llc + NORMAL_95 * r.standard_error for _, r in found], float),
        "verdict": [r.verdict for _, r in found],
        "reason": [r.reason for _, r in found],
    }
    about = about_run(asked, llc=chosen.curve, settings=llc_text(chosen.spec))
    return table_of(VERDICTS, values, about)


def checks(asked: Asked) -> Table:
    """Return the checks of one estimate, those that decide its verdict first."""
    chosen, record = _estimate(asked)
    found = checks_of(record)
    values = {
        "check": [check.name for check in found],
        **{
            name: [getattr(check, name) for check in found]
            for name in ("value", "unit", "good", "passes", "decides", "meaning")
        },
    }
    told = {"llc": chosen.curve, "step": asked.step(), "settings": llc_text(chosen.spec)}
    told |= {"verdict": record.verdict, "reason": record.reason}
    return table_of(CHECKS, values, about_run(asked, **told))


def draws(asked: Asked) -> Table:
    """Return every draw of every chain of one estimate."""
    chosen, record = _estimate(asked)
    chains, length = record.loss_trace.shape
    bounded(chains * length)
    chain, draw = (i.ravel() + 1 for i in np.indices((chains, length)))
    values = {
        "chain": chain,
        "draw": draw,
        "loss": record.loss_trace.ravel(),
        "baseline": record.baseline_trace.ravel(),
        "llc": scaled_draws(record).ravel(),
        "distance": record.distance_trace.ravel(),
    }
    told = {"llc": chosen.curve, "step": asked.step(), "settings": llc_text(chosen.spec)}
    told |= {"burn_in": record.spec.burn_in, "chains": dict(settings_of(chosen.spec, record))}
    return table_of(DRAWS, values, about_run(asked, **told))


def calibration(asked: Asked) -> Table:
    """Return every cell of the run's calibrations, or those of one step."""
    sweeps = calibrating.sweeps(asked.sources.store, asked.run)
    if not sweeps:
        raise NotMeasured(
            f"{asked.name} has no calibration; make one: ontogeny calibrate {asked.name} --step N"
        )
    wanted = set(asked.steps())
    rows = [
        _cell(sweep, cell, judged.choice == cell.setting)
        for sweep, judged in ((sweep, sweep.judged()) for sweep in sweeps)
        for cell in judged.cells
        if cell.step in wanted
    ]
    values = {c.name: [row[c.name] for row in rows] for c in CALIBRATION}
    return table_of(CALIBRATION, values, about_run(asked, rule=RULE))


def _cell(sweep: Sweep, cell: Cell, chosen: bool) -> dict[str, object]:
    estimate = sweep.estimates.get(cell.step, {}).get(cell.setting)
    names = ("rhat", "ess", "drift", "drift_error", "acceptance")
    return {
        "sweep": calibrating.sweep_id(sweep.base),
        "step": cell.step,
        **cell.setting._asdict(),
        "llc": cell.llc,
        "standard_error": cell.standard_error,
        "rise": cell.rise,
        **{name: np.nan if estimate is None else getattr(estimate, name) for name in names},
        "verdict": cell.verdict,
        "reason": cell.reason,
        "usable": cell.usable,
        "problem": cell.problem,
        "chosen": chosen,
        "setting": kept_text(sweep.base.llc),
    }


def _chosen(asked: Asked) -> _Chosen:
    """Return the setting of the LLC that was asked for: the run's own unless another was."""
    points = asked.sources.library.points(asked.name)
    found: dict[str, _Chosen] = {}
    for i, (spec, _) in enumerate(llc_settings(asked.run, by_setting(points.values()))):
        assert isinstance(spec, LLCMeasurement)
        mine = {key: p for key, p in points.items() if p.spec == spec}
        name = f"llc~{i + 1}" if i else "llc"
        values = {p.step: p.value for p in mine.values() if isinstance(p.value, LLCEstimate)}
        found[name] = _Chosen(name, spec, {p.step: key for key, p in mine.items()}, values)
    if not found:
        raise NotMeasured(
            f"no LLC of {asked.name} is measured; measure it: "
            f"ontogeny compute {asked.name} --kinds llc"
        )
    return found[known_name(f"{asked.name} has no LLC", asked.get("llc") or "llc", found)]


def _estimate(asked: Asked) -> tuple[_Chosen, LLCEstimate]:
    """Return one estimate with its traces."""
    chosen, step = _chosen(asked), asked.step()
    if step not in chosen.keys:
        raise NotMeasured(_no_llc(asked, step))
    measured = asked.sources.record(chosen.keys[step])
    if measured is None or not isinstance(measured.record, LLCEstimate):
        raise NotMeasured(_no_llc(asked, step))
    return chosen, measured.record


def _no_llc(asked: Asked, step: int) -> str:
    return (
        f"the LLC of {asked.name} is not measured at step {step:,}; measure it: "
        f"ontogeny compute {asked.name} --kinds llc --steps {step}"
    )
