"""Calibrations as the browser reads them: the cells of each sweep, and the traces of one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from compute.calibration import (
    RULE,
    Calibration,
    Cell,
    Sweep,
    chosen_measurement,
    setting_of,
)
from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCMeasurement, LLCSpec
from dashboard.arrays import Arrays, framed

VERSION = 1
EVERY_STEP = "every"

# What cells can be coloured by; the browser's module says what each is called.
MEASURES = (
    "llc", "error", "relativeError", "rhat", "ess", "rise", "drift", "driftError", "acceptance",
)  # fmt: skip


def sweeps_file(named: Mapping[str, Sweep], current: LLCMeasurement) -> bytes:
    """Return a run's sweeps, by their names in addresses, as a file (`dashboard.arrays`).

    Parameters
    ----------
    current
        How the run's LLC is measured now.
    """
    arrays = Arrays()
    header = {
        "version": VERSION,
        "rule": RULE,
        "current": setting_of(current.llc)._asdict(),
        "sweeps": [{"id": name, **_sweep(sweep, current, arrays)} for name, sweep in named.items()],
    }
    return framed(header, arrays)


def traces_file(estimate: LLCEstimate) -> bytes:
    """Return the traces of one cell as a file.

    ``difference`` is n beta times the loss at each draw minus that of the centre on the same
    minibatch: its mean is the estimate. Both arrays are of shape chains, draws, in draws kept.
    """
    arrays = Arrays()
    difference = estimate.loss_trace - estimate.baseline_trace
    header = {
        "difference": arrays.add(estimate.spec.nbeta * difference, "f4"),
        "distance": arrays.add(estimate.distance_trace, "f4"),
        "llc": _number(estimate.llc),
        "error": _number(estimate.standard_error),
    }
    return framed(header, arrays)


def kept_text(spec: LLCSpec) -> str:
    """Return what is common to the cells of a sweep.

    >>> kept_text(LLCSpec())
    '4 chains × 200 draws after 100, batch 32'
    """
    draws = f"up to {spec.ceiling}" if spec.rel_error else f"{spec.draws}"
    text = f"{spec.chains} chains × {draws} draws after {spec.burn_in}, batch {spec.batch_size}"
    return f"{text}, RMSProp" if spec.preconditioner == "rmsprop" else text


def measures_of(estimate: LLCEstimate, cell: Cell) -> dict[str, float]:
    """Return what a cell can be coloured by; NaN where it is undefined."""
    size = abs(estimate.llc)
    return {
        "llc": estimate.llc,
        "error": estimate.standard_error,
        "relativeError": estimate.standard_error / size if size else math.nan,
        "rhat": estimate.rhat,
        "ess": estimate.ess,
        "rise": cell.rise,
        "drift": estimate.drift,
        "driftError": estimate.drift_error,
        "acceptance": estimate.acceptance,
    }


def _sweep(sweep: Sweep, current: LLCMeasurement, arrays: Arrays) -> dict[str, Any]:
    every = sweep.judged()
    values = [
        measures_of(estimate, cell) if (estimate := _estimate(sweep, cell)) else {}
        for cell in every.cells
    ]
    return {
        "text": kept_text(sweep.base.llc),
        "steps": list(sweep.steps),
        "stepSizes": sorted({cell.setting.step_size for cell in every.cells}),
        "nbetas": sorted({cell.setting.nbeta for cell in every.cells}),
        "gammas": sorted({cell.setting.gamma for cell in every.cells}),
        "cells": [_cell(sweep, cell) for cell in every.cells],
        "values": {
            name: arrays.add(np.array([found.get(name, np.nan) for found in values]), "f4")
            for name in MEASURES
        },
        "choices": {
            EVERY_STEP: _choice(every),
            **{str(step): _choice(sweep.judged([step])) for step in sweep.steps},
        },
        "ofRun": _is_of_run(sweep, current),
    }


def _cell(sweep: Sweep, cell: Cell) -> dict[str, Any]:
    key = sweep.keys.get((cell.step, cell.setting), "")
    return {
        "step": cell.step,
        **cell.setting._asdict(),
        "verdict": cell.verdict,
        "failed": not key,
        "reason": cell.reason,
        "problem": cell.problem,
        "traces": key.rsplit("/", 1)[-1],
    }


def _choice(found: Calibration) -> dict[str, Any]:
    setting = None if found.choice is None else found.choice._asdict()
    return {"setting": setting, "why": found.why}


def _estimate(sweep: Sweep, cell: Cell) -> LLCEstimate | None:
    return sweep.estimates.get(cell.step, {}).get(cell.setting)


def _is_of_run(sweep: Sweep, current: LLCMeasurement) -> bool:
    """Say whether the run's own settings are those of the sweep in all that it does not vary."""
    return chosen_measurement(sweep.base, setting_of(current.llc)) == current


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
