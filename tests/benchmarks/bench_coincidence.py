"""Curves that have nothing to do with each other, and curves that do: how often each is told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import ndarray
from scipy.stats import binomtest

from compute.coincidence.lags import lagged_correlation
from compute.coincidence.over_time import over_time
from tests.coincidence.courses import course, smooth

pytestmark = pytest.mark.bench
PAIRS, SURROGATES = 100, 199
LAST, ERROR = 6000, 0.1
UNRELATED = ("smooth", "drift", "jump", "walk")


def pair(kind: str, x: ndarray, rng: np.random.Generator) -> tuple[ndarray, ndarray]:
    """Two curves with noise; related ones share most of what they do, one of them bent."""
    if kind != "related":
        one, other = (course(kind, x, rng) for _ in range(2))
    else:
        common = course("smooth", x, rng)
        one = common + smooth(x, rng, 0.7, 0.2)
        other = 3 * np.exp(common / np.abs(common).max()) + smooth(x, rng, 0.7, 0.2)
    return one + ERROR * rng.normal(size=len(x)), other + ERROR * rng.normal(size=len(x))


@pytest.mark.parametrize("checkpoints", [26, 55])
def test_how_often_curves_are_told_to_go_together(checkpoints, capsys):
    steps = np.unique(np.round(np.expm1(np.linspace(0, np.log1p(LAST), checkpoints))))
    x, errors = np.log1p(steps), np.full(len(steps), ERROR)
    with capsys.disabled():
        print(
            f"\n{PAIRS} pairs, {len(steps)} checkpoints    p <= 0.05: at once  at any lag  holds 0"
        )
    for kind in (*UNRELATED, "related"):
        at_once, any_lag, holds, told = 0, 0, 0, 0
        for seed in range(PAIRS):
            rng = np.random.default_rng([seed, checkpoints])
            one, other = pair(kind, x, rng)
            found = over_time(
                steps, one, errors, other, errors, generator=rng, surrogates=SURROGATES
            )
            if found.reason:
                continue
            told += 1
            lagged = lagged_correlation(steps, one, errors, other, errors, surrogates=SURROGATES)
            at_once += found.related
            any_lag += lagged.related
            holds += found.low <= 0 <= found.high
        shares = [f"{100 * count / told:10.0f} %" for count in (at_once, any_lag, holds)]
        with capsys.disabled():
            print(f"  {kind:10} {told:4} told  {'  '.join(shares)}", flush=True)
        if kind in UNRELATED:
            assert binomtest(max(at_once, any_lag), told, 0.1, alternative="greater").pvalue > 0.01
            assert binomtest(holds, told, 0.9, alternative="less").pvalue > 0.01
