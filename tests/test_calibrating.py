from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from compute.calibrating import estimate_of, sweep_id, sweep_of, sweeps, use
from compute.calibration import (
    Grid,
    Setting,
    Sweep,
    calibration_measurements,
    chosen_measurement,
    setting_of,
)
from compute.choices import chosen_base
from compute.cli import build_parser, main
from compute.jobs import Jobs
from compute.llc_records import LLCEstimate
from compute.llc_specs import CalibrationMeasurement, LLCMeasurement, LLCSpec
from compute.models import weights_digest
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.training import train
from compute.records import Measured
from compute.runs import Run
from compute.specs import llc_measurement, measurement_key, spec_to_json, standard_measurements
from compute.store import Store
from tests.llc_samples import an_estimate
from tests.samples import a_run

RUN = a_run(steps=5)
STEP, OTHER = RUN.steps[1], RUN.steps[3]
GRID = Grid(step_size=(1e-4, 1e-3), nbeta=(30.0,), gamma=(100.0, 200.0))
BASE = LLCMeasurement(llc=LLCSpec(chains=2, draws=40))
CELLS = calibration_measurements(BASE, GRID)


def measured(cell: CalibrationMeasurement, step: int, llc: float = 10.0) -> Measured:
    return Measured(
        spec=cell, run=RUN.name, step=step, weights_digest=f"w{step}",
        data_digest=RUN.data_digest, environment={}, seconds=0.1,
        record=an_estimate(cell.llc, llc, np.random.default_rng(0)),
    )  # fmt: skip


def fail(store: Store, cell: CalibrationMeasurement, step: int, reason: str) -> None:
    key = measurement_key(
        cell, run=RUN.name, step=step, weights_digest=f"w{step}", data_digest=RUN.data_digest
    )
    store.put_failure(key, reason)


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with three of four cells at one step; the last one failed."""
    store.put_run(RUN)
    for cell in CELLS[:3]:
        store.put(measured(cell, STEP))
    fail(store, CELLS[3], STEP, "3 of 4 chains diverged")
    return store


def only(store: Store) -> Sweep:
    (sweep,) = sweeps(store, RUN)
    return sweep


# -- what the store has --------------------------------------------------------------------------


def test_a_run_without_calibrations_has_no_sweep(store: Store) -> None:
    store.put_run(RUN)
    assert sweeps(store, RUN) == []


def test_cells_that_differ_in_setting_and_step_are_one_sweep(filled: Store) -> None:
    filled.put(measured(CELLS[0], OTHER))
    sweep = only(filled)
    assert sweep.steps == (STEP, OTHER)
    assert set(sweep.estimates[STEP]) == {setting_of(cell.llc) for cell in CELLS[:3]}
    assert set(sweep.estimates[OTHER]) == {setting_of(CELLS[0].llc)}


def test_other_chains_are_another_sweep_and_the_larger_one_comes_first(filled: Store) -> None:
    longer = LLCMeasurement(llc=LLCSpec(chains=2, draws=50))
    filled.put(measured(calibration_measurements(longer, GRID)[0], STEP))
    first, second = sweeps(filled, RUN)
    assert (first.base.llc.draws, second.base.llc.draws) == (40, 50)
    assert sweep_id(first.base) != sweep_id(second.base)
    assert {sweep_id(cell) for cell in CELLS} == {sweep_id(first.base)}


def test_the_sweep_of_a_measurement_is_found_whatever_its_setting(filled: Store) -> None:
    elsewhere = chosen_measurement(CELLS[0], Setting(1.0, 2.0, 0.1))
    found = sweep_of(filled, RUN, elsewhere)
    assert found is not None
    assert found.keys == only(filled).keys
    assert sweep_of(filled, RUN, LLCMeasurement(llc=LLCSpec(chains=3))) is None


def test_a_failed_cell_is_found_among_the_combinations_of_what_was_measured(filled: Store) -> None:
    assert only(filled).failures == {STEP: {setting_of(CELLS[3].llc): "3 of 4 chains diverged"}}


def test_where_every_cell_failed_the_job_tells_the_settings(store: Store) -> None:
    store.put_run(RUN)
    store.put(measured(CELLS[0], STEP))
    wild = calibration_measurements(BASE, Grid(step_size=(0.01,), nbeta=(9.0,), gamma=(7.0,)))
    fail(store, wild[0], STEP, "diverged")
    assert only(store).failures == {}
    Jobs(store).submit(RUN.name, wild, [STEP])
    assert only(store).failures == {STEP: {setting_of(wild[0].llc): "diverged"}}


def test_the_weights_of_a_step_are_known_from_any_of_its_records(filled: Store) -> None:
    fail(filled, CELLS[0], OTHER, "diverged")
    assert OTHER not in only(filled).steps
    curve = chosen_measurement(CELLS[0], setting_of(CELLS[0].llc))
    estimate = an_estimate(curve.llc, 10.0, np.random.default_rng(0))
    filled.put(Measured(
        spec=curve, run=RUN.name, step=OTHER, weights_digest=f"w{OTHER}",
        data_digest=RUN.data_digest, environment={}, seconds=0.1, record=estimate,
    ))  # fmt: skip
    assert only(filled).failures[OTHER] == {setting_of(CELLS[0].llc): "diverged"}


def test_a_damaged_record_is_left_out(filled: Store) -> None:
    key = only(filled).keys[STEP, setting_of(CELLS[1].llc)]
    filled._cache.set(key, b"not a record")
    assert set(only(filled).estimates[STEP]) == {setting_of(CELLS[i].llc) for i in (0, 2)}
    assert estimate_of(filled, RUN.name, key.rsplit("/", 1)[1]) is None


def test_a_cell_is_read_by_the_end_of_its_key(filled: Store) -> None:
    key = only(filled).keys[STEP, setting_of(CELLS[2].llc)]
    found = estimate_of(filled, RUN.name, key.rsplit("/", 1)[1])
    assert isinstance(found, LLCEstimate)
    assert found.spec == CELLS[2].llc
    assert found.loss_trace.shape == (2, 40)
    assert estimate_of(filled, RUN.name, "0" * 64) is None


def test_what_is_used_becomes_the_standard_measurement(filled: Store) -> None:
    chosen = chosen_measurement(CELLS[0], Setting(2e-4, 50.0, 70.0))
    run = use(filled, RUN.name, chosen)
    assert filled.run(RUN.name) == run
    assert llc_measurement(run) == chosen
    assert chosen in standard_measurements(run)
    assert (run.steps, run.location) == (RUN.steps, RUN.location)


# -- the command ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few steps of a real run."""
    folder = tmp_path_factory.mktemp("runs") / "icl_regression"
    train(IclRegression(), folder, until=2)
    return folder


@pytest.fixture
def data(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The option that names a store which has the run."""
    option = ["--data", str(tmp_path / "store")]
    assert main(["add", str(weights), *option]) == 0
    capsys.readouterr()
    return option


def healthy(run: Run, cell: CalibrationMeasurement, step: int) -> Measured:
    """A record of chains that were never run: an estimate of 10 that nothing speaks against."""
    estimate = an_estimate(cell.llc, 10.0, np.random.default_rng(0))
    record = dataclasses.replace(
        estimate, llc=10.0, standard_error=0.1, verdict="healthy", reason="stationary"
    )
    return Measured(
        spec=cell, run=run.name, step=step, weights_digest=weights_digest(run, step),
        data_digest=run.data_digest, environment={}, seconds=0.1, record=record,
    )  # fmt: skip


SMALL = ("--chains", "2", "--draws", "16", "--burn-in", "200", "--batch", "8")
ASKED = ("calibrate", "icl_regression", *SMALL, "--nbeta", "30", "--gamma", "1000")


def test_what_is_missing_is_measured_and_what_is_recommended_is_used(
    data: list[str], weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(Path(data[1]))
    run = store.run("icl_regression")
    options = build_parser().parse_args([*ASKED, "--step", "2"])
    grid = Grid(step_size=(1e-5, 1e-4), nbeta=(30.0,), gamma=(1000.0,))
    for cell in calibration_measurements(chosen_base(run, options), grid):
        store.put(healthy(run, cell, 2))
    command = [*ASKED, "--step", "2", "--step-size", "1e-5,1e-4,2e-4", "--use", "--workers", "1"]
    assert main([*command, *data]) == 0
    out = capsys.readouterr().out
    assert "recommended: step_size 0.0001, nbeta 30, gamma 1000: of 2 settings" in out
    assert "ontogeny compute icl_regression --kinds llc" in out
    (job,) = Jobs(store).list()
    assert (job.done, job.total, job.failed) == (3, 3, 0)
    (sweep,) = sweeps(store, run)
    measured_here = sweep.estimates[2][Setting(2e-4, 30.0, 1000.0)]
    # 32 draws are never worth 50 independent ones.
    assert measured_here.verdict != "healthy"
    assert measured_here.loss_trace.shape == (2, 16)
    chosen = llc_measurement(store.run("icl_regression"))
    assert setting_of(chosen.llc) == (1e-4, 30.0, 1000.0)
    assert (chosen.llc.burn_in, chosen.samples) == (200, llc_measurement(run).samples)
    assert main(["add", str(weights), *data]) == 0
    assert store.run("icl_regression").llc == json.dumps(spec_to_json(chosen))
    store.close()


def test_without_a_recommendation_nothing_is_used(
    data: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(Path(data[1]))
    run = store.run("icl_regression")
    options = build_parser().parse_args([*ASKED, "--step", "2"])
    (cell,) = calibration_measurements(
        chosen_base(run, options), Grid(step_size=(1e-4,), nbeta=(30.0,), gamma=(1000.0,))
    )
    store.put(healthy(run, cell, 2))
    assert main([*ASKED, "--step", "2", "--step-size", "1e-4", "--use", *data]) == 1
    assert "no recommendation: no setting is usable" in capsys.readouterr().out
    assert store.run("icl_regression").llc == ""
    store.close()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--step", "77"], "no checkpoint at step 77"),
        (["--step", "first"], "give numbers, such as"),
        (["--step", "1", "--gamma", "-1"], "--gamma '-1': give positive numbers"),
        (["--step", "1", "--nbeta", "inf"], "--nbeta 'inf': give positive numbers"),
        (["--step", "1", "--step-size", "0"], "--step-size '0': give positive numbers"),
        (["--step", "1", "--step-size", "1e-4,,"], "give positive numbers"),
        (["--step", "1", "--chains", "0"], "chains must be at least 1"),
        (["--step", "1", "--gamma", "1e9"], "step_size times gamma is 2 or more"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_one_line(
    filled: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert main(["calibrate", RUN.name, *arguments, "--data", str(filled.folder)]) == 2
    captured = capsys.readouterr()
    assert reason in captured.err
    assert captured.err.count("\n") == 1
    assert Jobs(filled).list() == []


def test_a_shipped_run_cannot_be_calibrated(
    filled: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.put_run(dataclasses.replace(RUN, source="shipped"))
    assert main(["calibrate", RUN.name, "--step", "1", "--data", str(filled.folder)]) == 2
    assert "came as records only" in capsys.readouterr().err
