"""One SGLD step is what its formula says, part by part."""

from __future__ import annotations

import math

import torch

from compute.measure.langevin import park_diverged, sgld_step

CHAINS, PARAMS = 5, 7
STEP_SIZE, NBETA, GAMMA = 0.01, 30.0, 4.0


def step(w: torch.Tensor, grad: torch.Tensor, center: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return sgld_step(
        w,
        grad,
        center,
        step_size=STEP_SIZE,
        nbeta=NBETA,
        gamma=GAMMA,
        generator=torch.Generator().manual_seed(seed),
    )


def positions() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    w, grad = torch.randn(2, CHAINS, PARAMS, generator=generator)
    return w, grad, torch.randn(PARAMS, generator=generator)


def test_without_its_noise_a_step_is_gradient_descent_tied_to_the_centre() -> None:
    w, grad, center = positions()
    at_rest = center.expand(CHAINS, PARAMS)
    noise = step(at_rest, torch.zeros_like(grad), center) - center
    expected = w - STEP_SIZE / 2 * (NBETA * grad + GAMMA * (w - center))
    torch.testing.assert_close(step(w, grad, center) - noise, expected)


def test_the_noise_has_variance_eps_and_differs_between_chains() -> None:
    center = torch.zeros(20_000)
    w = center.expand(4, -1)
    noise = step(w, torch.zeros_like(w), center)
    # The sample variance of 80,000 normals is within 2 % with four standard errors to spare.
    assert math.isclose(noise.var().item(), STEP_SIZE, rel_tol=0.02)
    correlation = torch.corrcoef(noise)
    assert (correlation - torch.eye(4)).abs().max() < 0.04


def test_a_step_changes_none_of_its_arguments() -> None:
    w, grad, center = positions()
    copies = w.clone(), grad.clone(), center.clone()
    step(w, grad, center)
    assert all(torch.equal(a, b) for a, b in zip((w, grad, center), copies, strict=True))


def test_the_seed_decides_the_step() -> None:
    w, grad, center = positions()
    assert torch.equal(step(w, grad, center, seed=3), step(w, grad, center, seed=3))
    assert not torch.equal(step(w, grad, center, seed=3), step(w, grad, center, seed=4))


def test_a_chain_that_is_not_finite_leaves_the_others_alone() -> None:
    w, grad, center = positions()
    broken = grad.clone()
    broken[2] = math.nan
    after, clean = step(w, broken, center), step(w, grad, center)
    others = [0, 1, 3, 4]
    assert torch.equal(after[others], clean[others])
    assert not after[2].isfinite().any()


def test_diverged_chains_are_parked_at_the_centre_and_stay_dead() -> None:
    w, _, center = positions()
    alive = torch.tensor([True, True, False, True, True])
    w[0, 3] = math.inf
    w[4, 0] = math.nan
    parked, alive = park_diverged(w, center, alive)
    assert alive.tolist() == [False, True, False, True, False]
    assert torch.equal(parked[[0, 2, 4]], center.expand(3, -1))
    assert torch.equal(parked[[1, 3]], w[[1, 3]])


def test_opposite_infinities_do_not_cancel() -> None:
    w = torch.tensor([[math.inf, -math.inf], [1.0, 2.0]])
    _, alive = park_diverged(w, torch.zeros(2), torch.ones(2, dtype=torch.bool))
    assert alive.tolist() == [False, True]
