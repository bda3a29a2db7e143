"""Any loss, any data: how they reach the chains."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.errors import MeasurementError
from compute.measure.chain_loss import ChainLoss, Data, Minibatches
from compute.measure.coordinates import Everything, Params
from tests.toy_losses import (
    DIMENSIONS,
    SHORT,
    estimate,
    noisy_points,
    origin,
    quadratic,
    squared_distance,
)


class TestData:
    def test_a_tuple_of_tensors_is_cut_alike(self) -> None:
        points = noisy_points()
        targets = points @ torch.arange(DIMENSIONS, dtype=torch.float32)

        def regression(params: Params, batch: Data) -> Tensor:
            x, y = batch
            return (x @ params["w"] - y).square().mean()

        true = {"w": torch.arange(DIMENSIONS, dtype=torch.float32)}
        got = estimate(regression, true, (points, targets), batch_size=8, **SHORT)
        # At the truth every sample fits, which needs x and y of the same samples.
        np.testing.assert_allclose(got.baseline_trace, 0, atol=1e-8)
        assert (got.loss_trace > 0).all()

    def test_a_batch_at_least_as_large_as_the_data_is_the_data(self) -> None:
        points = noisy_points()
        start = {"w": points.mean(0)}
        exact, larger = (
            estimate(squared_distance, start, points, batch_size=size, **SHORT) for size in (40, 99)
        )
        assert np.array_equal(exact.loss_trace, larger.loss_trace)
        np.testing.assert_allclose(exact.baseline_trace, exact.initial_loss, rtol=1e-6)
        assert exact.llc == pytest.approx(exact.unpaired, rel=1e-5)

    def test_chains_see_different_minibatches_without_repeats(self) -> None:
        batches = Minibatches(
            torch.arange(20), batch_size=15, chains=3, generator=torch.Generator()
        )
        first, second = batches.draw().data, batches.draw().data
        assert isinstance(first, Tensor)
        assert isinstance(second, Tensor)
        assert first.shape == (3, 15)
        assert all(len(row.unique()) == 15 for row in first)
        assert len({tuple(row.tolist()) for row in torch.cat([first, second])}) == 6

    def test_the_fixed_loss_at_the_centre_counts_every_sample_once(self) -> None:
        points = noisy_points(20)
        batches = Minibatches(points, batch_size=4, chains=3, generator=torch.Generator())
        chain_loss = ChainLoss(
            squared_distance, Everything({"w": torch.zeros(DIMENSIONS)}), batches
        )
        assert chain_loss.initial == pytest.approx(points.square().sum(1).mean().item() / 2)
        groups = batches.draw_disjoint(64)
        assert [len(group.data) for group in groups] == [3, 2]

    @pytest.mark.parametrize(
        "data", [torch.zeros(0, 3), (torch.zeros(3), torch.zeros(4)), (), torch.tensor(1.0)]
    )
    def test_data_without_common_samples_is_refused(self, data: Data) -> None:
        with pytest.raises(MeasurementError, match="at least one sample"):
            estimate(quadratic, origin(), data)


class TestLosses:
    def test_a_loss_that_vmap_cannot_handle_runs_chain_by_chain_with_the_same_result(self) -> None:
        def branching(params: Params, batch: Data) -> Tensor:
            loss = squared_distance(params, batch)
            return loss if loss.item() > -1 else -loss

        points = noisy_points()
        start = {"w": points.mean(0)}
        for size in (8, 40):
            looped = estimate(branching, start, points, batch_size=size, **SHORT)
            vmapped = estimate(squared_distance, start, points, batch_size=size, **SHORT)
            np.testing.assert_allclose(looped.loss_trace, vmapped.loss_trace, rtol=1e-5)
            np.testing.assert_allclose(looped.baseline_trace, vmapped.baseline_trace, rtol=1e-6)

    def test_whether_vmap_works_is_known_after_one_try(self) -> None:
        calls: list[int] = []

        def branching(params: Params, batch: Data) -> Tensor:
            calls.append(1)
            return params["w"].square().sum() * (1 if params["w"].sum().item() < 9 else 2)

        estimate(branching, {"w": torch.zeros(2)}, **{**SHORT, "chains": 3})
        # Scalar check, one vmapped try, the centre, then 3 chains at the start, 25 steps
        # and 10 Metropolis tests.
        assert len(calls) == 1 + 1 + 1 + 3 * (26 + 10)

    def test_a_broken_loss_raises_its_own_error(self) -> None:
        def broken(params: Params, batch: Data) -> Tensor:
            return (params["w"] @ torch.zeros(5)).sum()

        with pytest.raises(RuntimeError, match="inconsistent tensor size"):
            estimate(broken, {"w": torch.zeros(2)})

    def test_only_floating_point_parameters_move(self) -> None:
        seen: list[Tensor] = []

        def picked(params: Params, batch: Data) -> Tensor:
            seen.append(params["index"])
            return params["w"][params["index"]].square().sum() / 2

        params = {"w": torch.zeros(4), "index": torch.tensor([0, 2])}
        got = estimate(picked, params, **SHORT)
        assert got.llc > 0
        assert all(torch.equal(index, params["index"]) for index in seen)

    def test_half_precision_parameters_arrive_in_their_own_precision(self) -> None:
        def mixed(params: Params, batch: Data) -> Tensor:
            assert params["half"].dtype == torch.bfloat16
            return params["half"].float().square().sum() + params["full"].square().sum()

        params = {"half": torch.zeros(3, dtype=torch.bfloat16), "full": torch.zeros(3)}
        assert estimate(mixed, params, **SHORT).llc > 0

    def test_fused_attention_warns_of_nothing(self) -> None:
        def attention(params: Params, batch: Data) -> Tensor:
            q = params["w"][None, None]
            return torch.nn.functional.scaled_dot_product_attention(q, q, q).square().sum()

        got = estimate(attention, {"w": torch.ones(5, 4)}, **SHORT)
        assert math.isfinite(got.llc)

    @pytest.mark.parametrize("shape", [(1,), (3,)])
    def test_a_loss_that_is_no_scalar_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(MeasurementError, match="scalar"):
            estimate(lambda params, batch: params["w"].sum().expand(shape), {"w": torch.zeros(2)})

    @pytest.mark.parametrize("params", [{}, {"index": torch.tensor([1, 2])}])
    def test_nothing_that_moves_is_refused(self, params: Params) -> None:
        with pytest.raises(MeasurementError, match="nothing can move"):
            estimate(quadratic, params)

    def test_a_centre_that_is_not_finite_is_refused(self) -> None:
        with pytest.raises(MeasurementError, match="parameters at the centre"):
            estimate(quadratic, {"w": torch.tensor([0.0, math.nan])})
        with pytest.raises(MeasurementError, match="loss at the centre"):
            estimate(lambda params, batch: params["w"].log().sum(), {"w": torch.zeros(2)})


def test_chain_loss_agrees_with_itself_at_the_centre() -> None:
    points = noisy_points()
    batches = Minibatches(points, batch_size=8, chains=4, generator=torch.Generator())
    chain_loss = ChainLoss(squared_distance, Everything({"w": points[0]}), batches)
    batch = batches.draw()
    gradient, losses = chain_loss.gradient(points[:1].repeat(1, 4, 1), batch)
    torch.testing.assert_close(losses[0], chain_loss.at_center(batch))
    assert isinstance(batch.data, Tensor)
    torch.testing.assert_close(gradient[0], points[0] - batch.data.mean(1))


class TestLossesOfSamples:
    """Where more samples are asked for at the centre than there are, each is computed once."""

    def test_they_give_every_minibatch_its_own_loss(self) -> None:
        points = noisy_points()
        batches = Minibatches(points, batch_size=8, chains=4, generator=torch.Generator())
        center = Everything({"w": points[0]})
        direct = ChainLoss(squared_distance, center, batches, baselines=1)
        by_sample = ChainLoss(squared_distance, center, batches, baselines=2)
        batch = batches.draw()
        torch.testing.assert_close(by_sample.at_center(batch), direct.at_center(batch))

    def test_they_are_computed_once(self) -> None:
        calls: list[int] = []

        def counted(params: Params, batch: Data) -> Tensor:
            calls.append(1)
            return squared_distance(params, batch)

        points = noisy_points()
        batches = Minibatches(points, batch_size=8, chains=4, generator=torch.Generator())
        chain_loss = ChainLoss(counted, Everything({"w": points[0]}), batches, baselines=9)
        before = len(calls)
        for _ in range(5):
            chain_loss.at_center(batches.draw())
        assert len(calls) == before

    def test_a_loss_that_is_no_mean_over_samples_is_measured_on_each_minibatch(self) -> None:
        def largest(params: Params, batch: Data) -> Tensor:
            assert isinstance(batch, Tensor)
            return (params["w"] - batch).square().sum(-1).max()

        points = noisy_points()
        batches = Minibatches(points, batch_size=8, chains=4, generator=torch.Generator())
        chain_loss = ChainLoss(largest, Everything({"w": points[0]}), batches, baselines=9)
        batch = batches.draw()
        assert isinstance(batch.data, Tensor)
        truth = (points[0] - batch.data).square().sum(-1).amax(1)
        torch.testing.assert_close(chain_loss.at_center(batch), truth)
