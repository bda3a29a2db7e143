"""What the settings of chains do: preconditioning, adaptive stopping, restriction to parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.errors import MeasurementError, SettingsError
from compute.llc_records import RefinedLLC
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import Data, Loss
from compute.measure.coordinates import Params
from compute.measure.langevin import RMSPropScale, acceptance, sgld_step
from compute.measure.refined import Restriction, estimate_refined
from tests.toy_losses import (
    NO_DATA,
    SHORT,
    estimate,
    noisy_points,
    origin,
    quadratic,
    squared_distance,
)

STIFF = torch.tensor([30.0, 10.0, 3.0, 1.0])


def stiff(params: Params, batch: Data) -> Tensor:
    """Half a quadratic form whose curvatures lie far apart."""
    return (STIFF * params["w"].square()).sum() / 2


def stiff_truth(nbeta: float, gamma: float) -> float:
    return float((nbeta * STIFF / (nbeta * STIFF + gamma)).sum() / 2)


PRECONDITIONED = {
    "nbeta": 50.0, "gamma": 5.0, "chains": 1000, "burn_in": 600, "draws": 200,
    "preconditioner": "rmsprop",
}  # fmt: skip
LONG = {
    "step_size": 5e-3, "nbeta": 50.0, "gamma": 20.0, "chains": 100, "burn_in": 80, "draws": 80,
}  # fmt: skip


class TestPreconditioner:
    def test_it_keeps_the_law_of_the_chains(self) -> None:
        got = estimate(stiff, {"w": torch.zeros(4)}, step_size=2e-4, **PRECONDITIONED)
        truth = stiff_truth(50.0, 5.0)
        assert got.standard_error < 0.02 * truth
        # The step is finite: eps G (nbeta h + gamma) / 4 is at most 0.03.
        assert got.llc == pytest.approx(truth, rel=0.04)

    def test_stiff_directions_get_shorter_steps(self) -> None:
        rule = RMSPropScale()
        grad = STIFF * torch.randn(1, 500, 4, generator=torch.Generator().manual_seed(0))
        scale = rule.learn(grad)[0, 0]
        assert scale.mean().item() == pytest.approx(1)
        assert (scale.diff() > 0).all()

    def test_a_direction_without_gradient_does_not_take_the_whole_step(self) -> None:
        scale = RMSPropScale().learn(torch.tensor([[[0.0, 1.0, 1.0, 1.0]]]))[0, 0]
        assert 1 < scale[0] / scale[1] < 15

    def test_no_gradient_at_all_leaves_the_step_alone(self) -> None:
        assert RMSPropScale().learn(torch.zeros(1, 2, 4)).tolist() == [[[1, 1, 1, 1]]]

    def test_it_needs_burn_in(self) -> None:
        with pytest.raises(SettingsError, match="burn_in must be at least 1"):
            LLCSpec(preconditioner="rmsprop", burn_in=0)


class TestStopping:
    def test_chains_stop_when_the_error_is_small_enough(self) -> None:
        settings = {**SHORT, "burn_in": 30, "draws": 25, "chains": 8, "max_draws": 2000}
        got = estimate(quadratic, origin(), rel_error=0.05, **settings)
        draws = got.loss_trace.shape[1]
        assert draws % 25 == 0
        assert 25 < draws < 2000
        assert got.standard_error <= 0.05 * got.llc
        before = got.loss_trace[:, :-25].astype(float) - got.baseline_trace[:, :-25]
        finer = estimate(quadratic, origin(), rel_error=0.0, **{**settings, "draws": draws - 25})
        np.testing.assert_array_equal(finer.loss_trace, got.loss_trace[:, :-25])
        assert finer.standard_error > 0.05 * finer.llc
        assert before.shape[1] == draws - 25

    def test_the_ceiling_must_hold_a_block(self) -> None:
        with pytest.raises(SettingsError, match="max_draws must be at least draws"):
            LLCSpec(rel_error=0.1, draws=100, max_draws=50)


class TestAcceptance:
    def test_an_exact_step_of_a_flat_energy_is_always_accepted(self) -> None:
        w, zero = torch.randn(2, 3, 5)
        still = torch.zeros_like(zero)
        got = acceptance((w, still), (w + 1, still), torch.zeros(3), step_size=0.1)
        assert got.tolist() == [1, 1, 1]

    def test_it_is_the_ratio_of_densities_and_proposals(self) -> None:
        """Against the definition, with and without a scale, on a quadratic energy."""
        generator = torch.Generator().manual_seed(2)
        stiffness = torch.rand(6, generator=generator, dtype=torch.float64) * 20
        for scale in (None, torch.rand(1, 6, generator=generator, dtype=torch.float64) + 0.5):
            w = torch.randn(4, 6, generator=generator, dtype=torch.float64)
            after = sgld_step(
                w, stiffness * w, torch.zeros(6, dtype=torch.float64),
                step_size=0.05, nbeta=1.0, gamma=0.0, generator=generator, scale=scale,
            )  # fmt: skip
            g = torch.ones(6) if scale is None else scale

            def proposal(x: Tensor, y: Tensor, g: Tensor = g) -> Tensor:
                mean = x - 0.05 / 2 * g * stiffness * x
                return -((y - mean).square() / g).sum(-1) / (2 * 0.05)

            def energy(x: Tensor) -> Tensor:
                return (stiffness * x.square()).sum(-1) / 2

            rise = energy(after) - energy(w)
            truth = (-rise + proposal(after, w) - proposal(w, after)).clamp(max=0).exp()
            got = acceptance(
                (w, stiffness * w), (after, stiffness * after), rise, step_size=0.05, scale=scale
            )
            torch.testing.assert_close(got, truth)

    def test_shorter_steps_are_accepted_more_often(self) -> None:
        rates = [
            estimate(quadratic, origin(), **{**SHORT, "step_size": eps, "draws": 64}).acceptance
            for eps in (1e-2, 1e-3)
        ]
        assert 0 < rates[0] < rates[1] <= 1

    def test_gradient_to_noise_is_what_a_step_is_made_of(self) -> None:
        got = estimate(lambda params, batch: 3 * params["w"].sum(), {"w": torch.zeros(4)}, **SHORT)
        # eps/2 * nbeta * |grad| over sqrt(eps * 4), |grad| = 6.
        assert got.gradient_to_noise == pytest.approx(1e-3 / 2 * 100 * 6 / math.sqrt(4e-3))


def halves() -> dict[str, Restriction]:
    """Two parts of `origin`: the first row of the matrix with half of the vector, and the rest."""
    return {
        "first": {"matrix": torch.arange(4), "vector": torch.arange(2)},
        "second": {"matrix": torch.arange(4, 8), "vector": torch.arange(2, 4)},
    }


def refined(
    loss: Loss,
    params: Params,
    parts: dict[str, Restriction],
    data: Data = NO_DATA,
    **settings: float,
) -> RefinedLLC:
    spec = LLCSpec(**settings)  # type: ignore[arg-type]
    return estimate_refined(loss, params, parts, data, spec, torch.Generator().manual_seed(0))


class TestRefined:
    def test_only_the_part_moves_and_has_its_closed_form(self) -> None:
        got = refined(quadratic, origin(), halves(), **LONG)
        truth = 6 / 2 * 50 / 70 / (1 - 5e-3 * 70 / 4)
        assert got.parts == ("first", "second")
        assert got.parameters.tolist() == [6, 6]
        assert (np.abs(got.llc - truth) < 3 * got.standard_error).all()
        assert (got.standard_error < 0.03 * truth).all()
        assert got.verdicts == ("healthy", "healthy")

    def test_a_restriction_to_everything_is_the_llc(self) -> None:
        everything = {"all": {"matrix": torch.arange(8), "vector": torch.arange(4)}}
        got = refined(quadratic, origin(), everything, **SHORT)
        plain = estimate(quadratic, origin(), **SHORT)
        assert got.llc[0] == pytest.approx(plain.llc, rel=1e-5)
        assert got.standard_error[0] == pytest.approx(plain.standard_error, rel=1e-4)

    def test_parts_of_other_shapes_run_apart_with_the_same_result(self) -> None:
        parts = {"vector": {"vector": torch.arange(4)}, **halves()}
        got = refined(quadratic, origin(), parts, **LONG)
        truth = np.array([4, 6, 6]) / 2 * 50 / 70 / (1 - 5e-3 * 70 / 4)
        assert (np.abs(got.llc - truth) < 3.5 * got.standard_error).all()

    def test_parts_of_one_group_see_the_same_minibatches(self) -> None:
        points = noisy_points()
        center = {"w": points.mean(0)}
        parts = {"a": {"w": torch.arange(6)}, "b": {"w": torch.arange(6, 12)}}
        got = refined(squared_distance, center, parts, points, batch_size=8, **SHORT)
        alone = refined(squared_distance, center, {"a": parts["a"]}, points, batch_size=8, **SHORT)
        assert got.initial_loss == alone.initial_loss
        assert np.isfinite(got.difference_trace).all()

    def test_a_part_that_the_loss_ignores_has_exactly_zero(self) -> None:
        def blind(params: Params, batch: Data) -> Tensor:
            return params["vector"].square().sum() / 2

        parts = {"matrix": {"matrix": torch.arange(8)}, "vector": {"vector": torch.arange(4)}}
        got = refined(blind, origin(), parts, **SHORT)
        assert (got.llc[0], got.standard_error[0], got.verdicts[0]) == (0, 0, "healthy")
        assert got.llc[1] > 0
        assert got.distance[0] > 0

    def test_a_part_that_diverges_leaves_the_others_alone(self) -> None:
        def steep(params: Params, batch: Data) -> Tensor:
            return 1e6 * params["w"][0] ** 2 + params["w"][1] ** 2

        parts = {name: {"w": torch.tensor([i])} for i, name in enumerate("ab")}
        got = refined(steep, {"w": torch.zeros(2)}, parts, **{**SHORT, "draws": 200})
        assert np.isnan(got.llc[0])
        assert got.verdicts[0] == "diverged"
        assert "diverged at step_size" in got.reasons[0]
        assert got.llc[1] > 0

    def test_what_vmap_cannot_handle_runs_part_by_part(self) -> None:
        def branching(params: Params, batch: Data) -> Tensor:
            loss = quadratic(params, batch)
            return loss if loss.item() > -1 else -loss

        looped = refined(branching, origin(), halves(), **SHORT)
        vmapped = refined(quadratic, origin(), halves(), **SHORT)
        np.testing.assert_allclose(looped.llc, vmapped.llc, rtol=1e-5)

    def test_a_model_without_such_parts_is_refused(self) -> None:
        with pytest.raises(MeasurementError, match="no part of this kind"):
            refined(quadratic, origin(), {}, **SHORT)

    @pytest.mark.parametrize(
        ("part", "reason"),
        [({"nothing": torch.arange(2)}, "no parameter 'nothing'"), ({}, "nothing can move")],
    )
    def test_a_part_that_does_not_exist_is_refused(self, part: Restriction, reason: str) -> None:
        with pytest.raises(MeasurementError, match=reason):
            refined(quadratic, origin(), {"part": part}, **SHORT)
