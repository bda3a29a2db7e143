"""Our LLC against devinterp's, on the same loss, data and settings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from devinterp.optim import SGMCMC
from torch import Tensor, nn

from compute.llc_specs import LLCSpec
from compute.measure.coordinates import Params
from compute.measure.langevin import sgld_step
from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss
from tests.measure.devinterp_peer import (
    Peer,
    estimate_by_devinterp,
    markov_text,
    small_transformer,
    train,
)
from tests.toy_losses import DIMENSIONS, quadratic

TOY = LLCSpec(
    step_size=2e-3, nbeta=100.0, gamma=10.0, chains=16, burn_in=60, draws=60, batch_size=4
)
RANK_ONE = LLCSpec(
    step_size=2e-4, nbeta=500.0, gamma=50.0, chains=16, burn_in=100, draws=100, batch_size=16
)
LANGUAGE = LLCSpec(
    step_size=2e-4, nbeta=100.0, gamma=1000.0, chains=10, burn_in=20, draws=40, batch_size=8
)


class Point(nn.Module):
    """A place in parameter space, of which the loss is a function."""

    def __init__(self, params: Params) -> None:
        super().__init__()
        for name, value in params.items():
            self.register_parameter(name, nn.Parameter(value.clone()))


def numbered(samples: int) -> Tensor:
    """Return rows that hold nothing but their own number, for losses that look samples up."""
    return torch.arange(samples)[:, None].repeat(1, 2)


def assert_agree(one: tuple[float, float], other: tuple[float, float]) -> None:
    """Two means, each with its standard error, are within two combined ones."""
    assert abs(one[0] - other[0]) <= 2 * math.hypot(one[1], other[1])


def test_the_same_noise_makes_the_same_trajectory() -> None:
    """Step size, noise, n beta and gamma mean the same in both, without any factor."""
    generator = torch.Generator().manual_seed(4)
    center = torch.randn(20, generator=generator)
    target = center + torch.randn(20, generator=generator) / 2
    parameter = nn.Parameter(center.clone())
    optimizer = SGMCMC.sgld([parameter], lr=2e-4, nbeta=70.0, localization=30.0)
    w = center[None].clone()
    noise, theirs = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    for _ in range(100):
        optimizer.zero_grad()
        ((parameter - target) ** 4).sum().backward()
        optimizer.step(noise_generator=theirs)
        grad = 4 * (w - target) ** 3
        w = sgld_step(w, grad, center, step_size=2e-4, nbeta=70.0, gamma=30.0, generator=noise)
    torch.testing.assert_close(w[0], parameter.detach(), rtol=1e-4, atol=1e-5)
    assert (w[0] - center).norm() > 0.1


@pytest.fixture(scope="module")
def of_quadratic() -> Peer:
    """Every minibatch is the whole data set: both chains have one law, which is known."""
    return estimate_by_devinterp(
        Point({"w": torch.zeros(DIMENSIONS)}),
        numbered(TOY.batch_size),
        TOY,
        loss=lambda model, rows: (model.w.square().sum() / 2).expand(len(rows), 1),
    )


class TestQuadratic:
    def test_both_meet_the_closed_form(self, of_quadratic: Peer) -> None:
        theirs = of_quadratic
        ours = estimate_llc(
            quadratic,
            {"w": torch.zeros(DIMENSIONS)},
            numbered(TOY.batch_size),
            TOY,
            torch.Generator().manual_seed(0),
        )
        stiffness = TOY.nbeta + TOY.gamma
        truth = DIMENSIONS / 2 * TOY.nbeta / stiffness / (1 - TOY.step_size * stiffness / 4)
        assert_agree((ours.llc, ours.standard_error), (theirs.llc, theirs.standard_error))
        assert_agree((theirs.llc, theirs.standard_error), (truth, 0.0))
        assert_agree((ours.llc, ours.standard_error), (truth, 0.0))

    def test_its_own_number_counts_the_centre_and_the_burn_in(self, of_quadratic: Peer) -> None:
        every = np.concatenate([of_quadratic.burn_in, of_quadratic.losses], axis=1)
        assert (every[:, 0] == of_quadratic.initial).all()
        assert of_quadratic.reported == pytest.approx(TOY.nbeta * every.mean(), rel=1e-4)
        assert of_quadratic.burn_in[:, :5].mean() < of_quadratic.losses.mean() / 2


def test_reduced_rank_regression_agrees() -> None:
    """A singular loss on minibatches."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4096, 4, generator=generator)
    first, second = torch.zeros(4, 3), torch.zeros(3, 3)
    first[0, 0] = second[0, 0] = 1.0
    y = x @ first @ second + 0.1 * torch.randn(len(x), 3, generator=generator)

    def errors(params: Params, rows: Tensor) -> Tensor:
        predicted = x[rows[:, 0]] @ params["first"] @ params["second"]
        return (predicted - y[rows[:, 0]]).square().sum(-1) / 2

    params = {"first": first, "second": second}
    theirs = estimate_by_devinterp(
        Point(params),
        numbered(len(x)),
        RANK_ONE,
        loss=lambda model, rows: errors(dict(model.named_parameters()), rows)[:, None],
    )
    ours = estimate_llc(
        lambda params, rows: errors(params, rows).mean(),
        params,
        numbered(len(x)),
        RANK_ONE,
        torch.Generator().manual_seed(0),
    )
    assert_agree((ours.unpaired, ours.unpaired_error), (theirs.llc, theirs.standard_error))
    paired = theirs.paired(lambda rows: float(errors(params, rows).mean()))
    assert_agree((ours.llc, ours.standard_error), paired)


def test_a_transformer_agrees() -> None:
    tokens = markov_text(4096, 32)
    model = small_transformer()
    train(model, tokens, steps=100, batch_size=16)
    loss, params = functional_loss(model, "language")
    # Its loss at the centre, over all of the data for every chain, would take most of the time.
    theirs = estimate_by_devinterp(model, tokens, LANGUAGE, initial_batches=1)
    theirs = theirs._replace(initial=float(loss(params, tokens)))
    ours = estimate_llc(loss, params, tokens, LANGUAGE, torch.Generator().manual_seed(0))
    assert_agree((ours.unpaired, ours.unpaired_error), (theirs.llc, theirs.standard_error))
    # Most of those errors is the minibatches'. Their chains with our baseline: a sharper test.
    paired = theirs.paired(lambda rows: float(loss(params, rows)))
    assert paired[1] < theirs.standard_error / 2
    assert_agree((ours.llc, ours.standard_error), paired)
