"""Localized stochastic-gradient Langevin dynamics of many chains at once.

All chains lie in one ``[chains, params]`` tensor. Nothing here knows a loss: the gradient is an
argument, and so is the randomness.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def sgld_step(
    w: Float[Tensor, "chains params"],
    grad: Float[Tensor, "chains params"],
    center: Float[Tensor, " params"],
    *,
    step_size: float,
    nbeta: float,
    gamma: float,
    generator: torch.Generator,
) -> Float[Tensor, "chains params"]:
    r"""Return every chain moved by one step of localized Langevin dynamics [1]_.

    .. math::

        w' = w - \tfrac{\epsilon}{2}(n\beta \nabla L(w) + \gamma (w - w^*)) + \sqrt{\epsilon}\,\xi

    Parameters
    ----------
    w
        The chains' positions.
    grad
        Gradient of the *mean* loss (per token in nats, or per squared error) at ``w``.
    center
        The point :math:`w^*` to which the chains are tied.
    step_size, nbeta, gamma
        :math:`\epsilon, n\beta, \gamma`; dimensionless. Libraries that step by eps and add noise of
        variance 2 eps reach the same dynamics with half of this ``step_size``.
    generator
        Draws :math:`\xi`, one standard normal for every chain and parameter. A chain's noise does
        not depend on what became of the other chains.

    Returns
    -------
    Tensor
        The new positions. A chain whose position or gradient is not finite comes back not finite;
        `park_diverged` takes it out.

    References
    ----------
    .. [1] Lau et al. (2023), The local learning coefficient, arXiv:2308.12108.
    """
    drift = (w - center).mul_(gamma).add_(grad, alpha=nbeta)
    noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
    return noise.mul_(step_size**0.5).add_(drift, alpha=-step_size / 2).add_(w)


def park_diverged(
    w: Float[Tensor, "chains params"],
    center: Float[Tensor, " params"],
    alive: Bool[Tensor, " chains"],
) -> tuple[Float[Tensor, "chains params"], Bool[Tensor, " chains"]]:
    """Return the positions with diverged chains parked at the centre, and which chains live.

    Parameters
    ----------
    alive
        The chains that were finite so far; a chain that is dead stays dead.

    Notes
    -----
    A dead chain still takes part in the tensor arithmetic. Parked at the centre it stays finite
    there, so it can neither raise nor slow down the others; its losses are not to be used.
    """
    # One sum a chain finds a NaN or an infinity (or an overflow) without a mask of w's size.
    alive = alive & w.sum(dim=1).isfinite()
    if not bool(alive.all()):
        w = torch.where(alive[:, None], w, center)
    return w, alive
