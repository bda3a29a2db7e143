from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from compute.calibration import (
    Grid,
    Setting,
    Sweep,
    calibrate,
    calibration_measurements,
    chosen_measurement,
    default_grid,
    setting_of,
    step_bias,
)
from compute.llc_records import LLCEstimate
from compute.llc_specs import CalibrationMeasurement, LLCMeasurement, LLCSpec
from tests.llc_samples import an_estimate

LOOSE, TIGHT = 100.0, 1000.0
STEPS = (1e-5, 3e-5, 1e-4)
BASE = LLCSpec(chains=2, draws=8, burn_in=5000)
PROTOTYPE = an_estimate(BASE, 10.0, np.random.default_rng(0))


def an(setting: Setting, llc: float, error: float = 0.1, **changes: object) -> LLCEstimate:
    """A healthy estimate of a model that would lose 4 by forgetting everything."""
    spec = dataclasses.replace(BASE, **setting._asdict())
    healthy = {"verdict": "healthy", "reason": "stationary", "initial_loss": 2.0}
    fields = {"ignorant_loss": 6.0, "llc": llc, "standard_error": error, "spec": spec}
    return dataclasses.replace(PROTOTYPE, **{**healthy, **fields, **changes})


def line(llc: float, slope: float = 0.0, gamma: float = TIGHT, nbeta: float = 30.0, **changes):
    """Estimates at three step sizes: ``llc``, and ``slope`` for each 1e-5 of the step size."""
    settings = [Setting(step, nbeta, gamma) for step in STEPS]
    return {s: an(s, llc + slope * s.step_size / 1e-5, **changes) for s in settings}


def problems(estimates, failures=None):
    """What is wrong with each cell of one step, by step size."""
    cells = calibrate({0: estimates}, {0: failures or {}}).cells
    return {cell.setting.step_size: cell.problem for cell in cells}


# -- one cell ------------------------------------------------------------------------------------


def test_an_estimate_that_no_step_size_changes_is_usable_at_all_of_them():
    assert set(problems(line(10.0)).values()) == {""}


def test_what_a_step_size_adds_is_found_exactly_where_it_is_proportional():
    estimates = line(10.0, slope=1.0)
    small, middle, large = (estimates[Setting(step, 30.0, TIGHT)] for step in STEPS)
    assert step_bias(large, small)[0] == pytest.approx(10.0)
    assert step_bias(small, large)[0] == pytest.approx(1.0)
    assert step_bias(middle, small)[0] == pytest.approx(3.0)


def test_the_error_of_what_is_added_grows_as_step_sizes_come_closer():
    one, near, far = (an(Setting(step, 30.0, TIGHT), 10.0, 0.3) for step in (1e-4, 9e-5, 1e-5))
    assert step_bias(one, near)[1] == pytest.approx(10 * math.hypot(0.3, 0.3))
    assert step_bias(one, far)[1] == pytest.approx(math.hypot(0.3, 0.3) / 0.9)


def test_a_step_size_that_adds_much_is_not_flat_and_a_smaller_one_may_be():
    found = problems(line(10.0, slope=0.3))
    assert found[1e-5] == ""
    assert found[1e-4].startswith("not flat: the step size adds about +3")


def test_what_verdicts_say_comes_first():
    estimates = line(10.0, verdict="drifting", reason="the chains have not arrived")
    assert set(problems(estimates).values()) == {"drifting: the chains have not arrived"}


def test_nobody_vouches_for_a_single_step_size():
    setting = Setting(1e-4, 30.0, TIGHT)
    assert "no other step size is healthy" in problems({setting: an(setting, 10.0)})[1e-4]


def test_an_unhealthy_or_a_failed_step_size_vouches_for_none():
    first, second, third = (Setting(step, 30.0, TIGHT) for step in STEPS)
    found = problems(
        {first: an(first, 10.0), second: an(second, 10.0, verdict="short", reason="few draws")},
        {third: "3 of 4 chains diverged"},
    )
    assert "no other step size is healthy" in found[1e-5]
    assert found[3e-5].startswith("short")
    assert "3 of 4 chains diverged" in found[1e-4]


def test_other_settings_do_not_vouch():
    estimates = {s: an(s, 10.0) for s in (Setting(1e-5, 30.0, LOOSE), Setting(1e-4, 30.0, TIGHT))}
    assert all("no other step size" in problem for problem in problems(estimates).values())


def test_agreement_within_large_errors_is_no_flatness():
    assert problems(line(10.0, error=4.0))[1e-4].startswith("cannot tell")


def test_a_long_step_tells_what_a_short_one_adds_better_than_what_itself_adds():
    # Of the same difference, 1e-5 is answerable for a ninth and 1e-4 for ten ninths.
    assert problems(line(10.0, error=2.0))[1e-5] == ""


@pytest.mark.parametrize(("llc", "local"), [(29.0, True), (31.0, False)])
def test_the_loss_may_rise_by_a_quarter_of_what_forgetting_everything_costs(llc, local):
    # nbeta is 30 and forgetting costs 6 - 2: a rise of 1 is an LLC of 30.
    assert (problems(line(llc))[1e-5] == "") == local


def test_a_model_that_has_learnt_nothing_may_lose_half_of_the_ignorant_loss():
    assert problems(line(20.0, initial_loss=6.0))[1e-5] == ""
    assert problems(line(24.0, initial_loss=6.0))[1e-5].startswith("not local")


def test_where_nobody_knows_the_ignorant_loss_nothing_is_too_far():
    assert problems(line(900.0, ignorant_loss=math.nan))[1e-5] == ""


@pytest.mark.parametrize(("burn_in", "settled"), [(200, True), (199, False)])
def test_burn_in_lasts_two_relaxation_times_of_the_tie(burn_in, settled):
    # 2 / (eps gamma) = 2 / (1e-5 * 1000) = 200 steps
    spec = dataclasses.replace(BASE, step_size=1e-5, nbeta=30.0, gamma=TIGHT, burn_in=burn_in)
    estimates = line(10.0)
    estimates[setting_of(spec)] = dataclasses.replace(estimates[setting_of(spec)], spec=spec)
    problem = problems(estimates)[1e-5]
    assert problem == "" if settled else problem.startswith("not settled")


def test_without_a_tie_chains_never_settle():
    assert "without a tie" in problems(line(10.0, gamma=0.0))[1e-5]


def test_units_of_the_loss_do_not_matter():
    """A loss in other units, with n beta the other way, is the same calibration."""
    estimates = line(29.0)
    other = {}
    for setting, estimate in estimates.items():
        scaled = setting._replace(nbeta=setting.nbeta / 7)
        spec = dataclasses.replace(estimate.spec, nbeta=scaled.nbeta)
        other[scaled] = dataclasses.replace(
            estimate, spec=spec, initial_loss=14.0, ignorant_loss=42.0
        )
    assert problems(other) == problems(estimates)


# -- the choice ----------------------------------------------------------------------------------


def test_the_loosest_tie_wins_and_of_it_the_largest_step_size():
    found = calibrate({0: line(10.0) | line(12.0, gamma=LOOSE)})
    assert found.choice == Setting(1e-4, 30.0, LOOSE)
    assert "6 settings" in found.why
    assert "gamma / nbeta = 3.33" in found.why


def test_ties_of_equal_strength_are_equal():
    estimates = line(10.0, gamma=300.0, nbeta=0.3 / 0.1 * 10) | line(1.0, gamma=30.0, nbeta=3.0)
    assert calibrate({0: estimates}).choice == Setting(1e-4, pytest.approx(30.0), 300.0)


def test_a_choice_is_usable_at_every_step():
    found = calibrate({0: line(10.0), 500: line(20.0, slope=2.0)})
    assert found.choice is None
    assert "at more than 1 of 2 steps" in found.why
    assert calibrate({0: line(10.0), 500: line(20.0)}).choice == Setting(1e-4, 30.0, TIGHT)


def test_a_step_at_which_everything_failed_forbids_every_choice():
    failures = {500: {Setting(1e-4, 30.0, TIGHT): "diverged"}}
    assert calibrate({0: line(10.0)}, failures).choice is None


def test_failed_cells_have_no_number_but_a_reason():
    setting = Setting(1e-4, 30.0, TIGHT)
    (cell,) = calibrate({}, {7: {setting: "3 of 4 chains diverged"}}).cells
    assert (cell.step, cell.setting, cell.usable) == (7, setting, False)
    assert math.isnan(cell.llc)
    assert "3 of 4 chains diverged" in cell.problem


def test_nothing_measured_is_no_choice():
    assert calibrate({}).choice is None
    assert calibrate({}).cells == ()


def test_a_sweep_is_judged_at_the_steps_that_are_asked_for():
    sweep = Sweep(CalibrationMeasurement(), {0: line(10.0), 5: line(9.0, slope=3.0)}, {}, {})
    assert sweep.steps == (0, 5)
    assert sweep.judged().choice is None
    assert sweep.judged([0]).choice == Setting(1e-4, 30.0, TIGHT)


# -- the grid ------------------------------------------------------------------------------------


def test_the_default_grid_surrounds_the_settings():
    grid = default_grid(LLCSpec(step_size=3e-4, nbeta=30.0, gamma=90.0))
    assert grid == Grid(
        step_size=(1e-4, 3e-4, 9e-4), nbeta=(10.0, 30.0, 90.0), gamma=(30.0, 90.0, 270.0)
    )


def test_a_grid_leaves_out_what_the_tie_alone_would_spoil():
    grid = Grid(step_size=(1e-4, 1e-2), nbeta=(30.0,), gamma=(100.0, 200.0))
    cells = calibration_measurements(LLCMeasurement(seed=3, samples=64), grid)
    assert [setting_of(cell.llc) for cell in cells] == [
        (1e-4, 30.0, 100.0),
        (1e-2, 30.0, 100.0),
        (1e-4, 30.0, 200.0),
    ]
    assert {(cell.seed, cell.samples, cell.llc.chains) for cell in cells} == {(3, 64, 4)}


def test_what_is_chosen_keeps_all_else_of_the_cells():
    cell = CalibrationMeasurement(llc=BASE, samples=64, length=12, seed=9)
    chosen = chosen_measurement(cell, Setting(1e-6, 2.0, 3.0))
    assert (chosen.kind, chosen.samples, chosen.length, chosen.seed) == ("llc", 64, 12, 9)
    assert setting_of(chosen.llc) == (1e-6, 2.0, 3.0)
    assert (chosen.llc.chains, chosen.llc.burn_in) == (2, 5000)
