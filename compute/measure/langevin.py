"""Localized stochastic-gradient Langevin dynamics of many chains at once.

Chains lie in one tensor whose last axis is parameters; any axes may stand before it. Nothing here
knows a loss: the gradient is an argument, and so is the randomness.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# Of the mean root of squared gradients: parameters with less count as having this much, so that
# one without any gradient does not take all of the step.
RMSPROP_FLOOR = 0.1
RMSPROP_DECAY = 0.99


def sgld_step(
    w: Float[Tensor, "*chains params"],
    grad: Float[Tensor, "*chains params"],
    center: Float[Tensor, "#*chains params"],
    *,
    step_size: float,
    nbeta: float,
    gamma: float,
    generator: torch.Generator,
    scale: Float[Tensor, "#*chains params"] | None = None,
) -> Float[Tensor, "*chains params"]:
    r"""Return every chain moved by one step of localized Langevin dynamics [1]_.

    .. math::

        w' = w - \tfrac{\epsilon}{2} G (n\beta \nabla L(w) + \gamma (w - w^*))
            + \sqrt{\epsilon G}\,\xi

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
    scale
        :math:`G`, positive; None for 1. As long as it does not change from step to step, the
        chains' stationary law is that of 1.

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
    if scale is not None:
        drift, noise = drift.mul_(scale), noise.mul_(scale.sqrt())
    return noise.mul_(step_size**0.5).add_(drift, alpha=-step_size / 2).add_(w)


def park_diverged(
    w: Float[Tensor, "*chains params"],
    center: Float[Tensor, "#*chains params"],
    alive: Bool[Tensor, "*chains"],
) -> tuple[Float[Tensor, "*chains params"], Bool[Tensor, "*chains"]]:
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
    alive = alive & w.sum(dim=-1).isfinite()
    if not bool(alive.all()):
        w = torch.where(alive[..., None], w, center)
    return w, alive


class RMSPropScale:
    """The scale of every parameter's step, learnt from squared gradients [1]_.

    A running mean over steps and chains; the mean scale is 1, so that a step size means with it
    what it means without.

    References
    ----------
    .. [1] Li et al. (2016), Preconditioned stochastic gradient Langevin dynamics, arXiv:1512.07666;
       here the scale is kept after burn-in, which makes their correction term unnecessary.
    """

    def __init__(self) -> None:
        self._mean_square: Tensor | None = None

    def learn(
        self, grad: Float[Tensor, "groups chains params"]
    ) -> Float[Tensor, "groups 1 params"]:
        """Take in one gradient of every chain and return the scale that now follows."""
        square = grad.square().nan_to_num(0.0, 0.0, 0.0).mean(dim=1, keepdim=True)
        if self._mean_square is None:
            self._mean_square = square
        else:
            self._mean_square = self._mean_square.lerp(square, 1 - RMSPROP_DECAY)
        root = self._mean_square.sqrt()
        typical = root.mean(dim=-1, keepdim=True)
        scale = torch.where(typical > 0, 1 / (root / typical + RMSPROP_FLOOR), 1.0)
        return scale / scale.mean(dim=-1, keepdim=True)


def acceptance(
    before: tuple[Float[Tensor, "*chains params"], Float[Tensor, "*chains params"]],
    after: tuple[Float[Tensor, "*chains params"], Float[Tensor, "*chains params"]],
    rise: Float[Tensor, "*chains"],
    *,
    step_size: float,
    scale: Float[Tensor, "#*chains params"] | None = None,
) -> Float[Tensor, "*chains"]:
    r"""Return the probability with which a Metropolis test would accept each chain's step [1]_.

    Parameters
    ----------
    before, after
        Position, and gradient there of the energy
        :math:`U = n\beta L + \tfrac{\gamma}{2}|w-w^*|^2`.
    rise
        :math:`U` after the step minus :math:`U` before it, on the gradients' own minibatch.
    scale
        As for `sgld_step`.

    Returns
    -------
    Tensor
        0 to 1, in float64: sums over millions of parameters cancel almost.

    References
    ----------
    .. [1] Roberts and Tweedie (1996), Exponential convergence of Langevin distributions.
    """
    (w, grad), (w_after, grad_after) = before, after
    weight = torch.ones((), dtype=w.dtype) if scale is None else scale
    along = ((w_after - w) * (grad + grad_after)).sum(-1, dtype=torch.float64) / 2
    squares = (weight * (grad + grad_after) * (grad - grad_after)).sum(-1, dtype=torch.float64)
    return (along - rise.double() + step_size / 8 * squares).clamp(max=0).exp()
