"""Curves that have nothing to do with each other, and curves that do: how often each is told."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import ndarray
from scipy.stats import binomtest

from compute.coincidence.lags import lagged_correlation
from compute.coincidence.over_time import over_time

pytestmark = pytest.mark.bench
PAIRS, SURROGATES = 100, 199
LAST, ERROR = 6000, 0.1
UNRELATED = ("smooth", "drift", "jump", "walk")


def smooth(x: ndarray, rng: np.random.Generator, length: float, size: float) -> ndarray:
    kernel = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-8 * np.eye(len(x))
    return size * np.linalg.cholesky(kernel) @ rng.normal(size=len(x))


def course(kind: str, x: ndarray, rng: np.random.Generator) -> ndarray:
    """A curve over ln(1 + t) without noise."""
    wiggle = smooth(x, rng, 0.7, 0.3)
    if kind == "smooth":
        return smooth(x, rng, 1.0, 1.0)
    if kind == "drift":
        return rng.choice([-1, 1]) * x / 3 + wiggle
    if kind == "jump":
        return 3 / (1 + np.exp(-3 * (x - rng.uniform(2, 6)))) + wiggle
    return np.cumsum(rng.normal(size=len(x)) * np.sqrt(np.diff(x, prepend=x[0])))


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
