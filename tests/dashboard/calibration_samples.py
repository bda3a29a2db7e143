"""A calibration as a store has it, with a known answer: real records, invented numbers."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from compute.calibration import Grid, Setting, calibration_measurements, setting_of
from compute.llc_records import LLCEstimate
from compute.llc_specs import CalibrationMeasurement
from compute.runs import Run
from compute.specs import llc_measurement, measurement_key
from compute.store import Store
from tests.dashboard import synthetic
from tests.llc_samples import an_estimate

STEP_SIZES, NBETAS, GAMMAS = (3e-5, 1e-4, 3e-4), (50.0, 100.0), (1000.0, 3000.0)
GRID = Grid(step_size=STEP_SIZES, nbeta=NBETAS, gamma=GAMMAS)
# Usable at both steps are the two smaller step sizes of each n beta under the tighter tie.
BEST = Setting(1e-4, 100.0, 3000.0)
WILD = Setting(3e-4, 100.0, 1000.0)
REASON = "3 of 4 SGLD chains diverged at step_size 0.0003; lower step_size"


def cells_of(run: Run) -> list[CalibrationMeasurement]:
    """Return the cells of the grid, with a burn-in that lasts."""
    base = llc_measurement(run)
    return calibration_measurements(
        dataclasses.replace(base, llc=dataclasses.replace(base.llc, burn_in=100)), GRID
    )


def put_sweep(store: Store, run: Run, steps: tuple[int, ...]) -> None:
    """Put a calibration of ``run`` into the store; `WILD` failed at every step."""
    for step, cell in itertools.product(steps, cells_of(run)):
        if setting_of(cell.llc) == WILD:
            key = measurement_key(
                cell, run=run.name, step=step, weights_digest=f"w{step}",
                data_digest=run.data_digest,
            )  # fmt: skip
            store.put_failure(key, REASON)
        else:
            store.put(synthetic.wrap(run, step, cell, a_cell(cell, step)))


def a_cell(cell: CalibrationMeasurement, step: int) -> LLCEstimate:
    """Return an estimate that the longest step size and the looser tie spoil."""
    setting = setting_of(cell.llc)
    estimate = an_estimate(cell.llc, level(setting, step), np.random.default_rng(step))
    verdict, reason = "healthy", "stationary, R-hat 1.01, worth 200 independent draws"
    if setting.gamma < BEST.gamma:
        verdict, reason = "short", "worth only 12 independent draws: draw more, or raise step_size"
    return dataclasses.replace(
        estimate, llc=level(setting, step), standard_error=0.2, verdict=verdict, reason=reason
    )  # type: ignore[arg-type]


def level(setting: Setting, step: int) -> float:
    """Return the estimate of a setting: flat in its step size, but for the longest one."""
    flat = 20 + 0.1 * setting.nbeta + 0.001 * step
    return flat * (1.5 if setting.step_size == STEP_SIZES[-1] else 1.0)
