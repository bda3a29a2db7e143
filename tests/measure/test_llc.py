"""What an estimate holds, from its first draw to chains that diverge."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.errors import ChainsDiverged
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import Data
from compute.measure.coordinates import Params
from compute.measure.llc import estimate_llc, llc_from_traces
from compute.measure.sampling import Traces
from tests.toy_losses import (
    DIMENSIONS,
    NO_DATA,
    SHORT,
    estimate,
    noisy_points,
    origin,
    quadratic,
    squared_distance,
)


class TestEstimate:
    def test_a_constant_added_to_the_loss_changes_nothing(self) -> None:
        points = noisy_points()
        start = {"w": points.mean(0)}
        plain = estimate(squared_distance, start, points, batch_size=8, **SHORT)
        raised = estimate(
            lambda params, batch: squared_distance(params, batch) + 3,
            start,
            points,
            batch_size=8,
            **SHORT,
        )
        np.testing.assert_allclose(raised.per_chain, plain.per_chain, rtol=1e-4)
        assert raised.unpaired == pytest.approx(plain.unpaired, rel=1e-4)
        assert raised.rhat == pytest.approx(plain.rhat, rel=1e-3)

    def test_a_saddle_has_a_negative_estimate_and_keeps_it(self) -> None:
        got = estimate(
            lambda params, batch: -quadratic(params, batch),
            origin(),
            step_size=2e-3,
            nbeta=50.0,
            gamma=150.0,
            chains=100,
            burn_in=100,
            draws=100,
        )
        truth = -DIMENSIONS / 2 * 50 / 100 / (1 - 2e-3 * 100 / 4)
        assert abs(got.llc - truth) < 3 * got.standard_error

    def test_equal_seeds_give_equal_bytes(self) -> None:
        points = noisy_points()
        one, two, other = (
            estimate(squared_distance, {"w": points[0]}, points, seed=seed, batch_size=8, **SHORT)
            for seed in (3, 3, 4)
        )
        for name in ("per_chain", "loss_trace", "baseline_trace", "distance_trace"):
            assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
            assert getattr(one, name).tobytes() != getattr(other, name).tobytes()
        assert (one.llc, one.unpaired, one.rhat) == (two.llc, two.unpaired, two.rhat)

    def test_pairing_keeps_the_expectation_and_narrows_the_spread(self) -> None:
        points = 3 * noisy_points(200)
        settings = {**SHORT, "step_size": 1e-4, "chains": 64, "burn_in": 200, "draws": 50}
        got = estimate(squared_distance, {"w": points.mean(0)}, points, batch_size=8, **settings)
        unpaired = 100 * (got.loss_trace.mean(1, dtype=np.float64) - got.initial_loss)
        assert got.unpaired == pytest.approx(unpaired.mean(), rel=1e-4)
        error = math.hypot(got.standard_error, unpaired.std(ddof=1) / math.sqrt(64))
        assert abs(got.unpaired - got.llc) < 3 * error
        assert got.per_chain.std() < 0.7 * unpaired.std()

    def test_burn_in_is_left_out_of_everything(self) -> None:
        points = noisy_points()
        long, short = (
            estimate(
                squared_distance,
                {"w": points.mean(0)},
                points,
                batch_size=8,
                **{**SHORT, "burn_in": burn_in, "draws": 25 - burn_in},
            )
            for burn_in in (0, 5)
        )
        assert np.array_equal(short.loss_trace, long.loss_trace[:, 5:])
        difference = short.loss_trace.astype(float) - short.baseline_trace
        np.testing.assert_allclose(short.per_chain, 100 * difference.mean(1))

    def test_the_first_draw_is_the_position_after_the_first_step(self) -> None:
        settings = {**SHORT, "burn_in": 0, "draws": 1}
        got = estimate(quadratic, {"w": torch.ones(DIMENSIONS)}, **settings)
        noise = torch.randn(4, DIMENSIONS, generator=torch.Generator().manual_seed(0))
        w = 1 - 1e-3 / 2 * 100 * torch.ones(4, DIMENSIONS) + math.sqrt(1e-3) * noise
        np.testing.assert_allclose(got.loss_trace[:, 0], w.square().sum(1) / 2, rtol=1e-5)
        np.testing.assert_allclose(got.distance_trace[:, 0], (w - 1).norm(dim=1), rtol=1e-5)
        np.testing.assert_allclose(got.baseline_trace, DIMENSIONS / 2)

    def test_progress_counts_every_step(self) -> None:
        seen: list[tuple[int, int]] = []
        spec = LLCSpec(chains=2, burn_in=2, draws=3)
        estimate_llc(
            quadratic,
            origin(),
            NO_DATA,
            spec,
            torch.Generator(),
            on_draw=lambda done, total: seen.append((done, total)),
        )
        assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]

    def test_one_chain_has_the_error_of_its_draws_only(self) -> None:
        got = estimate(quadratic, origin(), **{**SHORT, "chains": 1})
        assert math.isfinite(got.llc)
        assert math.isnan(got.chain_error)
        assert got.standard_error == got.draw_error > 0
        assert math.isnan(got.rhat)

    def test_two_draws_have_the_error_of_their_chains_only(self) -> None:
        got = estimate(quadratic, origin(), **{**SHORT, "draws": 2})
        assert math.isnan(got.draw_error)
        assert got.standard_error == got.chain_error > 0

    def test_the_centre_may_require_gradients_and_keeps_its_values(self) -> None:
        center = {"w": torch.ones(3, requires_grad=True)}
        estimate(quadratic, center, **SHORT)
        assert center["w"].grad is None
        assert center["w"].tolist() == [1, 1, 1]

    def test_double_precision_is_kept(self) -> None:
        got = estimate(quadratic, {"w": torch.zeros(3, dtype=torch.float64)}, **SHORT)
        assert got.loss_trace.dtype == np.float64


WALL = 0.12
MANY = {**SHORT, "chains": 16, "draws": 10}


def with_wall(params: Params, batch: Data) -> Tensor:
    """Loss and gradient are NaN beyond the wall, and the quadratic's before it."""
    return quadratic(params, batch) + 0 * (WALL - params["w"][0]).sqrt()


class TestDivergence:
    def test_a_chain_of_nan_is_dropped_and_counted_and_disturbs_no_other(self) -> None:
        got = estimate(with_wall, {"w": torch.zeros(DIMENSIONS)}, **MANY)
        free = estimate(quadratic, {"w": torch.zeros(DIMENSIONS)}, **MANY)
        alive = np.isfinite(got.per_chain)
        assert 0.5 <= got.finite_share == alive.mean() < 1
        np.testing.assert_allclose(got.per_chain[alive], free.per_chain[alive], rtol=1e-5)
        assert got.llc == pytest.approx(got.per_chain[alive].mean())
        assert np.array_equal(np.isnan(got.distance_trace[:, -1]), ~alive)
        assert got.verdict == "diverged"
        assert math.isfinite(got.rhat)

    def test_a_chain_that_fails_late_does_not_count_before_either(self) -> None:
        got = estimate(with_wall, {"w": torch.zeros(DIMENSIONS)}, **MANY)
        late = np.isfinite(got.loss_trace[:, 0]) & np.isnan(got.loss_trace[:, -1])
        assert late.any()
        assert np.isnan(got.per_chain[late]).all()

    def test_all_chains_diverged_is_an_error_that_says_what_to_change(self) -> None:
        with pytest.raises(ChainsDiverged, match=r"4 of 4 SGLD chains diverged.*lower step_size"):
            estimate(quadratic, origin(), **{**SHORT, "step_size": 1.0, "draws": 100})

    def test_half_of_the_chains_is_enough_and_fewer_are_not(self) -> None:
        losses = np.random.default_rng(0).normal(size=(4, 10))
        spec = LLCSpec(nbeta=1.0, chains=4, draws=10)
        losses[:2, 9] = np.nan
        got = llc_from_traces(traces_of(losses), 0, initial_loss=0.0, spec=spec)
        assert got.finite_share == 0.5
        assert got.llc == pytest.approx(losses[2:].mean())
        losses[2, 3] = np.inf
        with pytest.raises(ChainsDiverged, match="3 of 4"):
            llc_from_traces(traces_of(losses), 0, initial_loss=0.0, spec=spec)


def traces_of(losses: np.ndarray) -> Traces:
    """Return what chains with these losses, and none at the centre, leave behind."""
    return Traces(
        losses=losses[None],
        baselines=np.zeros(losses.shape),
        distances=np.random.default_rng(1).random((1, *losses.shape)),
        gradient_to_noise=np.ones((1, len(losses))),
        acceptance=np.ones((1, len(losses))),
    )
