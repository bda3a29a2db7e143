"""Stages found on curves with known ones: recall, coverage of intervals, false alarms, time."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest
from scipy.stats import binomtest

from compute.measure.critical_points import critical_points
from compute.measure.slope_changes import slope_changes
from compute.measure.stages import DEFAULT
from tests.measure.stage_curves import DEVELOPMENTS, Score, line, noise, rising

pytestmark = pytest.mark.bench
DRAWS = 100
# Tests use the seeds below.
FIRST = 100
# Intervals are as good from half as many bootstrap curves as are drawn for a page.
BOOTSTRAP = 100
LEVELS = (0.5, 1.0, 2.0)


def turns_of(steps, values, errors):
    found = critical_points(
        np.log1p(steps), values, errors, confidence=DEFAULT.confidence, curves=DEFAULT.curves,
        generator=np.random.default_rng(DEFAULT.seed),
    ).points  # fmt: skip
    return [tuple(np.expm1([point.at, point.low, point.high])) for point in found]


def bends_of(steps, values, errors, bootstrap=BOOTSTRAP):
    found = slope_changes(
        np.log1p(steps), values, errors, most=DEFAULT.most_slope_changes,
        confidence=DEFAULT.confidence, bootstrap=bootstrap,
        generator=np.random.default_rng(DEFAULT.seed),
    )  # fmt: skip
    return [tuple(np.expm1([change.at, change.low, change.high])) for change in found]


def say(capsys, text: str) -> None:
    with capsys.disabled():
        print(text, flush=True)


@pytest.mark.parametrize("what", ["critical points", "slope changes"])
def test_what_is_found_of_what_is_there(what, capsys):
    say(capsys, f"\n{what}, {DRAWS} curves a row   noise recall coverage false/curve  s/curve")
    for (name, one), level in itertools.product(DEVELOPMENTS.items(), LEVELS):
        score, started = Score(), time.process_time()
        for seed in range(FIRST, FIRST + DRAWS):
            error = level * one.error()
            if what == "critical points":
                score.add(one.turns, turns_of(one.steps, one.turning() + noise(error, seed), error))
            else:
                score.add(one.knots, bends_of(one.steps, one.bending() + noise(error, seed), error))
        spent = (time.process_time() - started) / DRAWS
        say(capsys, f"  {name:30} {level:8.1f} {score} {spent:8.2f}")
        short = binomtest(score.covered, score.found, 0.9, alternative="less").pvalue
        assert short > 0.01


def test_what_is_found_where_nothing_is(capsys):
    say(capsys, f"\nshare of {DRAWS} curves with a false alarm        errors  white AR(1) 0.5")
    for (name, one), known in itertools.product(DEVELOPMENTS.items(), (True, False)):
        error = one.error()
        given = error if known else np.zeros_like(error)
        flat = np.full_like(one.steps, 50)
        cases = {
            "critical points, flat": (flat, turns_of),
            "critical points, rising": (rising(one.steps), turns_of),
            "slope changes, flat": (flat, lambda *of: bends_of(*of, bootstrap=2)),
            "slope changes, line": (line(one.steps), lambda *of: bends_of(*of, bootstrap=2)),
        }
        for case, (curve, find) in cases.items():
            shares = [
                np.mean([
                    len(find(one.steps, curve + noise(error, seed, correlation), given)) > 0
                    for seed in range(FIRST, FIRST + DRAWS)
                ])
                for correlation in (0.0, 0.5)
            ]  # fmt: skip
            label = "given" if known else "unknown"
            say(capsys, f"  {name:15} {case:25} {label:>8} {shares[0]:6.2f} {shares[1]:6.2f}")
