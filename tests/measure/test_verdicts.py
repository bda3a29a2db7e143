"""Every way in which chains go wrong has its word, and healthy is said of nothing else."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.errors import ChainsDiverged, MeasurementError
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import Data
from compute.measure.coordinates import Params
from compute.measure.llc import estimate_llc
from compute.measure.verdicts import Walked, judge
from tests.llc_samples import autoregressive
from tests.toy_losses import DIMENSIONS, NO_DATA, estimate, noisy_points, origin, quadratic

GOOD = {
    "step_size": 5e-3, "nbeta": 100.0, "gamma": 10.0, "chains": 4, "burn_in": 50, "draws": 200,
}  # fmt: skip


def well(params: Params, batch: Data) -> Tensor:
    """A valley that flattens out at a loss of 1: what a model that forgets everything does."""
    return 1 - (-params["w"].square().sum() / 2).exp()


class TestInjectedFailures:
    def test_chains_at_a_minimum_are_healthy(self) -> None:
        got = estimate(quadratic, origin(), **GOOD)
        assert got.verdict == "healthy"
        assert re.fullmatch(r"stationary, R-hat 1\.0\d, worth \d+ independent draws", got.reason)

    def test_a_step_size_that_is_too_large_has_no_estimate(self) -> None:
        with pytest.raises(ChainsDiverged, match="lower step_size"):
            estimate(quadratic, origin(), **{**GOOD, "step_size": 0.1})

    def test_chains_that_stay_finite_but_left_the_valley_diverged(self) -> None:
        spec = LLCSpec(**{**GOOD, "gamma": 0.1, "nbeta": 1.0, "step_size": 1.0})
        got = estimate_llc(
            well, {"w": torch.zeros(DIMENSIONS)}, NO_DATA, spec,
            torch.Generator().manual_seed(0), ignorant_loss=0.5,
        )  # fmt: skip
        assert got.finite_share == 1
        assert got.verdict == "diverged"
        assert "left the neighbourhood" in got.reason

    def test_data_that_is_not_finite_is_refused_before_any_chain_runs(self) -> None:
        points = noisy_points()
        points[3, 2] = math.nan
        with pytest.raises(MeasurementError, match="data holds values that are not finite"):
            estimate(quadratic, origin(), points, **GOOD)

    def test_a_sample_without_a_loss_takes_the_chains_that_meet_it(self) -> None:
        def broken(params: Params, batch: Data) -> Tensor:
            assert isinstance(batch, Tensor)
            far = params["w"].square().sum() > 0
            return quadratic(params, batch) + torch.where((batch == 7).any() & far, math.nan, 0.0)

        tokens = torch.arange(4000)
        settings = {**GOOD, "chains": 8, "burn_in": 0, "draws": 50, "batch_size": 10}
        got = estimate(broken, {"w": torch.zeros(DIMENSIONS)}, tokens, **settings)
        assert got.finite_share < 1
        assert got.verdict == "diverged"
        assert "were dropped" in got.reason
        dead = np.isnan(got.loss_trace).any(axis=1)
        assert np.isnan(got.per_chain[dead]).all()
        assert np.isfinite(got.per_chain[~dead]).all()

    def test_chains_that_cannot_move_are_frozen(self) -> None:
        got = estimate(quadratic, {"w": torch.ones(DIMENSIONS)}, **{**GOOD, "step_size": 1e-20})
        assert got.verdict == "frozen"
        assert got.reason.startswith("4 of 4 chains do not move")

    def test_one_frozen_chain_is_enough(self) -> None:
        rng = np.random.default_rng(0)
        distance = 3 + autoregressive(rng, (4, 100))
        distance[2] = 3
        difference = 1 + 0.1 * autoregressive(rng, (4, 100))
        difference[2] = 1
        verdict = judge(Walked(difference, distance, 0, 2.0, math.nan), LLCSpec())
        assert verdict.name == "frozen"
        assert verdict.reason.startswith("1 of 4 chains")

    def test_a_slope_is_no_minimum(self) -> None:
        got = estimate(
            lambda params, batch: params["w"].sum(), {"w": torch.zeros(DIMENSIONS)},
            **{**GOOD, "gamma": 100.0},
        )  # fmt: skip
        assert got.llc < -10
        assert got.verdict == "not at a minimum"

    def test_chains_that_have_not_arrived_drift(self) -> None:
        slow = {**GOOD, "step_size": 1e-4, "burn_in": 0}
        got = estimate(quadratic, origin(), **slow)
        assert got.drift > 3 * got.drift_error > 0
        assert got.verdict == "drifting"
        assert "lengthen burn_in" in got.reason

    def test_few_draws_are_short(self) -> None:
        got = estimate(quadratic, origin(), **{**GOOD, "draws": 10})
        assert got.verdict == "short"

    def test_chains_that_disagree_are_short(self) -> None:
        rng = np.random.default_rng(0)
        difference = 1 + 0.1 * autoregressive(rng, (4, 200)) + np.array([0, 0, 0, 0.5])[:, None]
        walked = Walked(difference, rng.random((4, 200)), 0, 2.0, math.nan)
        verdict = judge(walked, LLCSpec())
        assert verdict.name == "short"
        assert "disagree" in verdict.reason

    def test_an_error_that_was_asked_for_and_not_reached_is_short(self) -> None:
        settings = {**GOOD, "rel_error": 1e-4, "max_draws": 400}
        got = estimate(quadratic, origin(), **settings)
        assert got.loss_trace.shape == (4, 400)
        assert got.verdict == "short"
        assert "raise max_draws" in got.reason


class TestRates:
    """How often a verdict is passed on chains of which the truth is known."""

    @staticmethod
    def verdicts(memory: float, *, lean: float = 0.0, repeats: int = 100) -> list[str]:
        found = []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            difference = 1 + 0.2 * autoregressive(rng, (4, 200), memory)
            difference += lean * np.linspace(-1, 1, 200)
            walked = Walked(difference, rng.random((4, 200)), 0, 2.0, math.nan)
            found.append(judge(walked, LLCSpec()).name)
        return found

    @pytest.mark.parametrize(("memory", "least"), [(0.0, 98), (0.5, 95), (0.7, 90)])
    def test_stationary_chains_are_mostly_healthy(self, memory: float, least: int) -> None:
        assert self.verdicts(memory).count("healthy") >= least

    def test_chains_that_lean_are_never_healthy(self) -> None:
        assert "healthy" not in self.verdicts(0.5, lean=0.3)

    def test_chains_with_a_long_memory_are_short(self) -> None:
        found = self.verdicts(0.98)
        assert found.count("healthy") <= 2


def test_a_loss_that_does_not_change_is_healthy_and_zero() -> None:
    got = estimate(lambda params, batch: 0 * params["w"].sum() + 3, {"w": torch.ones(5)}, **GOOD)
    assert (got.llc, got.standard_error, got.verdict) == (0, 0, "healthy")
    assert math.isnan(got.rhat)
    assert got.reason == "the chains move, and the loss does not change with it"
