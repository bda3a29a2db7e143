"""The LLC against everything whose LLC is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from compute.measure.coordinates import Params
from tests.toy_losses import DIMENSIONS, estimate, origin, quadratic


def quadratic_truth(step_size: float, nbeta: float, gamma: float) -> float:
    stiffness = nbeta + gamma
    return DIMENSIONS / 2 * nbeta / stiffness / (1 - step_size * stiffness / 4)


class TestClosedForms:
    @pytest.mark.parametrize("step_size", [1e-3, 5e-3])
    @pytest.mark.parametrize("nbeta", [30.0, 300.0])
    @pytest.mark.parametrize("gamma", [10.0, 100.0])
    def test_quadratic(self, step_size: float, nbeta: float, gamma: float) -> None:
        got = estimate(
            quadratic,
            origin(),
            step_size=step_size,
            nbeta=nbeta,
            gamma=gamma,
            chains=200,
            burn_in=250,
            draws=100,
        )
        truth = quadratic_truth(step_size, nbeta, gamma)
        assert abs(got.llc - truth) < 3 * got.standard_error
        assert got.standard_error < 0.03 * truth

    @pytest.mark.parametrize("nbeta", [50.0, 400.0])
    def test_quadratic_with_noisy_minibatches(self, nbeta: float) -> None:
        """Minibatch noise heats the chain by a known amount, and biases nothing else.

        A loss that were measured on the minibatch of the step before it would come out lower by
        eps/2 * (n beta)^2 * d * variance, which is up to a quarter of the truth here.
        """
        samples, batch_size, step_size, gamma = 64, 8, 2e-3, 50.0
        generator = torch.Generator().manual_seed(5)
        points = torch.randn(samples, DIMENSIONS, generator=generator) / 4
        got = estimate(
            lambda params, batch: (params["w"] - batch).square().sum(-1).mean() / 2,
            {"w": points.mean(0)},
            points,
            step_size=step_size,
            nbeta=nbeta,
            gamma=gamma,
            chains=200,
            burn_in=150,
            draws=150,
            batch_size=batch_size,
        )
        # The variance of a minibatch mean, drawn without replacement, summed over dimensions.
        noise = points.var(0).sum().item() / batch_size * (1 - batch_size / samples)
        heat = 1 + step_size * nbeta**2 / 4 * noise / DIMENSIONS
        truth = heat * quadratic_truth(step_size, nbeta, gamma)
        assert abs(got.llc - truth) < 3 * got.standard_error
        assert got.standard_error < 0.03 * truth

    @pytest.mark.parametrize(
        ("powers", "truth"), [((1, 2), 1 / 4), ((2, 1), 1 / 4), ((0, 2), 1 / 4)]
    )
    def test_normal_crossing(self, powers: tuple[int, int], truth: float) -> None:
        """``w1^2k1 w2^2k2`` has lambda = min 1/(2 k_i)."""
        first, second = powers
        got = estimate(
            lambda params, batch: params["w"][0] ** (2 * first) * params["w"][1] ** (2 * second),
            {"w": torch.zeros(2)},
            step_size=1e-3,
            nbeta=500.0,
            gamma=1.0,
            chains=1200,
            burn_in=800,
            draws=300,
        )
        assert got.llc == pytest.approx(truth, rel=0.15)

    def test_double_crossing_approaches_its_limit_like_the_integral(self) -> None:
        """``w1^2 w2^2`` tends to 1/2 only as 1 / log(n beta): compare with the integral itself."""
        nbeta, gamma = 1000.0, 1.0
        grid = np.linspace(-6, 6, 200_001)
        # Over w1 the integral is Gaussian; over w2 this is what remains.
        weight = np.exp(-gamma / 2 * grid**2) / np.sqrt(gamma + 2 * nbeta * grid**2)
        value = nbeta * grid**2 / (gamma + 2 * nbeta * grid**2)
        truth = float((weight * value).sum() / weight.sum())
        got = estimate(
            lambda params, batch: (params["w"][0] * params["w"][1]).square(),
            {"w": torch.zeros(2)},
            step_size=3e-4,
            nbeta=nbeta,
            gamma=gamma,
            chains=1200,
            burn_in=800,
            draws=300,
        )
        assert got.llc == pytest.approx(truth, rel=0.08)

    @pytest.mark.parametrize("shape", [(4, 3, 3, 2), (5, 4, 3, 2), (2, 2, 6, 1)])
    def test_reduced_rank_regression(self, shape: tuple[int, int, int, int]) -> None:
        inputs, hidden, outputs, rank = shape
        params, data = reduced_rank_regression(inputs, hidden, outputs, rank)
        got = estimate(
            lambda params, batch: (
                (batch[0] @ params["first"] @ params["second"] - batch[1]).square().sum(-1).mean()
                / 2
            ),
            params,
            data,
            step_size=6e-5,
            nbeta=2019.0,
            gamma=1.0,
            chains=48,
            burn_in=800,
            draws=300,
            batch_size=200,
        )
        assert got.llc == pytest.approx(aoyagi(inputs, hidden, outputs, rank), rel=0.15)


def reduced_rank_regression(
    inputs: int, hidden: int, outputs: int, rank: int
) -> tuple[Params, tuple[Tensor, Tensor]]:
    """Return a true factorisation of a matrix of this rank, and samples of its map."""
    generator = torch.Generator().manual_seed(2)
    first = torch.zeros(inputs, hidden)
    second = torch.zeros(hidden, outputs)
    first[:, :rank] = torch.linalg.qr(torch.randn(inputs, rank, generator=generator)).Q
    second[:rank] = torch.linalg.qr(torch.randn(outputs, rank, generator=generator)).Q.T
    x = torch.randn(1000, inputs, generator=generator)
    return {"first": first, "second": second}, (x, x @ first @ second)


def aoyagi(m: int, h: int, n: int, r: int) -> float:
    """Aoyagi & Watanabe (2005): m inputs, h hidden, n outputs, true rank r."""
    if m + h < n + r:
        return (h * m - h * r + n * r) / 2
    if n + h < m + r:
        return (h * n - h * r + m * r) / 2
    if m + n < h + r:
        return m * n / 2
    odd = (m + h + n + r) % 2
    s = h + r
    return (-(s**2) - m**2 - n**2 + 2 * s * m + 2 * s * n + 2 * m * n + odd) / 8
