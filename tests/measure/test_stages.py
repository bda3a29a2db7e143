"""Critical points and stages: found where they are known, and nowhere else."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import check_grad

from compute.errors import SettingsError
from compute.measure.critical_points import critical_points
from compute.measure.slope_process import _KNOTS, SlopeProcess, integral
from compute.measure.stages import Boundary, Stages, StageSpec, find_stages
from tests.measure.stage_curves import DEVELOPMENTS, Score, line, noise, rising

# A published curve; it is not part of the project, and the test of it runs where it is at hand.
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "hoogland_lr_seed0.csv"
QUICK = StageSpec(most_slope_changes=2, bootstrap=100)
SHORT = DEVELOPMENTS["stdlib_lm"]


def turns_of(steps, values, errors):
    return critical_points(
        np.log1p(steps), values, errors, confidence=0.95, curves=400,
        generator=np.random.default_rng(0),
    )  # fmt: skip


def a_process(kernel):
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 6, 25))
    y = np.sin(x) + rng.normal(0, 0.2, 25)
    hyper = np.concatenate([
        rng.normal(-0.3, 0.4, _KNOTS), rng.normal(0, 0.4, _KNOTS), [-2.0, 0.7],
    ])  # fmt: skip
    return SlopeProcess(x, y, np.linspace(0.1, 0.3, 25), kernel), hyper


@pytest.mark.parametrize("kernel", ["smooth", "rough"])
def test_the_slope_is_that_of_a_dense_joint_gaussian(kernel):
    """Slopes and noisy values in one covariance, the curve summed up on a fine grid."""
    process, hyper = a_process(kernel)
    nodes, x = process.nodes, process.x
    knots = np.linspace(x[0], x[-1], _KNOTS)
    deviation = np.exp(np.interp(nodes, knots, hyper[:_KNOTS]))
    density = np.exp(-np.interp(nodes, knots, hyper[_KNOTS:-2]))
    fine = np.unique(np.concatenate([np.linspace(x[0], x[-1], 2001), x, nodes]))
    hats = np.array([np.interp(fine, nodes, row) for row in np.eye(len(nodes))])
    summed = np.concatenate(
        [np.zeros((len(nodes), 1)), ((hats[:, 1:] + hats[:, :-1]) / 2 * np.diff(fine)).cumsum(1)],
        axis=1,
    )
    warped = np.array([density @ summed[:, np.searchsorted(fine, node)] for node in nodes])
    apart = np.abs(warped[:, None] - warped)
    shape = np.exp(-(apart**2) / 2) if kernel == "smooth" else np.exp(-apart)
    slopes = deviation[:, None] * shape * deviation
    to_points = summed[:, np.searchsorted(fine, x)]
    extra = np.exp(hyper[-2] + hyper[-1] * (x - x.mean()) / np.ptp(x))
    values = to_points.T @ slopes @ to_points + np.diag(process.own**2 + extra**2) + 1e5
    across = slopes @ to_points
    mean = across @ np.linalg.solve(values, process.y)
    covariance = slopes - across @ np.linalg.solve(values, across.T)
    found = process.posterior(hyper)
    np.testing.assert_allclose(found.mean, mean, atol=1e-4)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-4)
    drawn = found.draws(4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.15 * covariance.max())


@pytest.mark.parametrize("kernel", ["smooth", "rough"])
def test_the_gradient_is_that_of_the_posterior(kernel):
    process, hyper = a_process(kernel)
    error = check_grad(lambda h: process.loss(h)[0], lambda h: process.loss(h)[1], hyper)
    assert error < 1e-4 * np.abs(process.loss(hyper)[1]).max() + 1e-4


def test_the_integral_is_exact_for_what_is_linear_between_nodes():
    nodes, x = np.array([0, 0.5, 2, 3.0]), np.array([0, 0.2, 0.5, 1.3, 3.0])
    slope = np.array([1, -2, 4, 0.5])
    fine = np.linspace(0, 3, 300_001)
    along = np.interp(fine, nodes, slope)
    summed = np.concatenate([[0], ((along[1:] + along[:-1]) / 2 * np.diff(fine)).cumsum()])
    np.testing.assert_allclose(integral(nodes, x) @ slope, np.interp(x, fine, summed), atol=1e-8)


def test_known_turns_are_found_inside_their_intervals():
    score = Score()
    for one in DEVELOPMENTS.values():
        for seed in range(2):
            error = one.error()
            points = turns_of(one.steps, one.turning() + noise(error, seed), error).points
            assert [point.sign for point in points] == [1, -1, 1, -1][: len(points)]
            assert all(point.low <= point.at <= point.high for point in points)
            places = [tuple(np.expm1([p.at, p.low, p.high])) for p in points]
            score.add(one.turns, places)
    assert score.found >= 0.85 * score.there
    assert score.covered >= 0.9 * score.found
    assert score.false == 0


@pytest.mark.parametrize("correlation", [0.0, 0.5])
@pytest.mark.parametrize("curve", [rising, line, np.ones_like])
def test_what_turns_nowhere_has_no_critical_point(curve, correlation):
    error = SHORT.error()
    found = [
        turns_of(SHORT.steps, curve(SHORT.steps) + noise(error, seed, correlation), error).points
        for seed in range(2)
    ]
    assert not any(found)


def test_the_end_of_the_data_is_no_turn():
    error = SHORT.error()[:60]
    steps, values = SHORT.steps[:60], SHORT.turning()[:60]
    stop = int(values.argmax()) + 1
    found = find_stages(steps[:stop], values[:stop] + noise(error, 0)[:stop], error[:stop], QUICK)
    assert found.critical_points == ()
    assert [stage.type for stage in found.stages] == ["A"]


def found_in_hoogland(seed: int, spec: StageSpec = QUICK) -> Stages:
    one = DEVELOPMENTS["hoogland"]
    error = one.error()
    return find_stages(one.steps, one.turning() + noise(error, seed), error, spec)


def test_a_late_shallow_minimum_is_found_and_nothing_beside_it():
    found = found_in_hoogland(1)
    highest, lowest = found.critical_points
    assert (highest.kind, lowest.kind) == ("maximum", "minimum")
    assert highest.low <= 40_000 <= highest.high
    assert lowest.low <= 370_000 <= lowest.high
    assert [stage.type for stage in found.stages] == ["A", "B", "A"]


def test_stages_follow_one_another_from_the_first_step_to_the_last():
    found = found_in_hoogland(2)
    ends = [(stage.start, stage.end) for stage in found.stages]
    assert ends[0][0] == pytest.approx(0)
    assert ends[-1][1] == pytest.approx(500_000)
    inner = [point.step for point in found.critical_points]
    np.testing.assert_allclose([end for _, end in ends[:-1]], inner)
    np.testing.assert_allclose([start for start, _ in ends[1:]], inner)
    assert all(a.type != b.type for a, b in itertools.pairwise(found.stages))
    assert all(stage.support > 0.95 for stage in found.stages)


def test_a_slow_rise_under_noise_is_of_type_a():
    """Nowhere is the slope surely above 0, and from the first to the last point it is."""
    x = np.log1p(SHORT.steps)
    found = find_stages(SHORT.steps, 0.15 * x + noise(np.ones(len(x)), 1), np.ones(len(x)), QUICK)
    assert not found.critical_points
    ((_, _, kind, support),) = found.stages
    assert (kind, support > 0.975) == ("A", True)


def test_a_flat_noisy_curve_is_one_stage_that_is_unclear():
    error = SHORT.error()
    found = find_stages(SHORT.steps, 50 + noise(error, 3), error, QUICK)
    ((start, end, kind, support),) = found.stages
    assert (start, end, kind) == (0, pytest.approx(6000), "unclear")
    assert 0.5 <= support <= 0.999


def test_hooglands_rule_lists_where_the_slope_by_ln_t_is_small():
    steps = np.unique(np.geomspace(1, 1e4, 60).round())
    # By ln t: 5 up to step 100, then 0.1.
    values = np.where(steps < 100, 5 * np.log(steps / 100), 0.1 * np.log(steps / 100))
    found = find_stages(steps, values, np.full(len(steps), 0.02), QUICK)
    ((start, end),) = [each for each in found.flat if each[1] > 1000]
    assert 80 < start < 300
    assert end == pytest.approx(1e4)
    assert not any(start < 30 for start, _ in found.flat)


def test_units_do_not_matter():
    values, error = SHORT.turning() + noise(SHORT.error(), 5), SHORT.error()
    plain = find_stages(SHORT.steps, values, error, QUICK)
    moved = find_stages(SHORT.steps, 1000 + 0.01 * values, 0.01 * error, QUICK)
    for name in ("critical_points", "slope_changes"):
        pairs = zip(getattr(plain, name), getattr(moved, name), strict=True)
        for one, other in pairs:
            assert one.kind == other.kind
            np.testing.assert_allclose(one[:3], other[:3], rtol=0.02)
    assert len(plain.critical_points) == 4


def fields(found: Stages) -> list[object]:
    return [getattr(found, field.name) for field in dataclasses.fields(found)]


def test_gaps_are_left_out_and_unknown_errors_are_none():
    values, error = SHORT.turning() + noise(SHORT.error(), 6), SHORT.error()
    gaps = np.arange(len(values)) % 7 == 3
    with_gaps = find_stages(SHORT.steps, np.where(gaps, np.nan, values), None, QUICK)
    without = find_stages(SHORT.steps[~gaps], values[~gaps], np.full((~gaps).sum(), np.nan), QUICK)
    assert fields(with_gaps) == fields(without)
    assert with_gaps.critical_points
    assert fields(with_gaps) != fields(find_stages(SHORT.steps, values, error, QUICK))


def test_too_few_points_and_equal_values_say_why_nothing_is_told():
    few = find_stages(range(11), np.arange(11.0))
    assert few.reason == "11 points do not tell noise from shape: at least 12 do."
    same = find_stages(range(20), np.full(20, 3.0), np.full(20, 1.0))
    assert same.reason == "All values are the same."
    for found in (few, same):
        assert fields(found)[:-1] == [(), (), (), ()]


@pytest.mark.parametrize(
    ("steps", "values", "errors", "said"),
    [
        ([0, 1, 2], [1.0, 2], None, "equally many; they are 3, 2"),
        ([0, 1, 2], [1.0, 2, 3], [1.0], "equally many; they are 3, 3, 1"),
        ([0, 2, 1], [1.0, 2, 3], None, "must ascend; sort them"),
        ([0, 1, 1], [1.0, 2, 3], None, "must ascend; sort them"),
        ([-1, 1, 2], [1.0, 2, 3], None, "from 0 on"),
        ([0, 1, 2], [1.0, np.inf, 3], None, "a value is infinite; use NaN"),
        ([0, 1, 2], [1.0, 2, 3], [1, np.inf, 1], "an error is infinite; use NaN"),
        ([0, 1, 2], [1.0, 2, 3], [1, -1, 1], "an error is negative; use NaN"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(steps, values, errors, said):
    with pytest.raises(SettingsError, match=said):
        find_stages(steps, np.array(values), None if errors is None else np.array(errors))


@pytest.mark.parametrize(
    "field",
    [
        {"confidence": 1.0}, {"confidence": 0.5}, {"curves": 99}, {"bootstrap": 99},
        {"most_slope_changes": -1}, {"flat": 0.0}, {"fewest": 11}, {"seed": -1},
    ],
)  # fmt: skip
def test_a_spec_that_cannot_be_is_refused(field):
    with pytest.raises(SettingsError, match=next(iter(field))):
        StageSpec(**field)


def within(point: Boundary, low: float, high: float) -> bool:
    return low <= point.step <= high


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="runs where the published curve is at hand")
def test_the_published_curve_turns_where_its_authors_say():
    """Its chains have one seed at all checkpoints: their spread is no error of the slope."""
    step, llc = np.genfromtxt(PUBLISHED, delimiter=",", skip_header=1, usecols=(0, 1)).T
    found = find_stages(step, llc)
    late = [point for point in found.critical_points if point.step > 2000]
    assert [point.kind for point in late] == ["maximum", "minimum"]
    assert late[0].low <= 40_000 <= late[0].high
    assert within(late[0], 30_000, 65_000)
    assert within(late[1], 320_000, 440_000)
    assert any(within(change, 500, 3000) for change in found.slope_changes)


def test_stages_are_found_without_torch():
    code = "import sys, compute.measure.stages; print(*sys.modules)"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "dash", "networkx"} & set(child.stdout.split())
