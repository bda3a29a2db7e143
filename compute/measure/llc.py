"""The local learning coefficient of any differentiable loss, by localized SGLD.

Definitions: Lau et al. (2023), arXiv:2308.12108. All chains lie in one ``[chains, params]`` tensor
and one gradient call moves them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from compute.errors import ChainsDiverged
from compute.measure.chain_loss import ChainLoss, Data, Loss, Minibatches, Params
from compute.measure.diagnostics import bulk_ess, rank_rhat
from compute.measure.langevin import park_diverged, sgld_step
from compute.records import LLCEstimate
from compute.specs import LLCSpec


def estimate_llc(
    loss: Loss,
    params: Params,
    data: Data,
    spec: LLCSpec,
    generator: torch.Generator,
    *,
    on_draw: Callable[[int, int], None] | None = None,
) -> LLCEstimate:
    r"""Estimate the local learning coefficient of ``loss`` at ``params`` [1]_.

    .. math:: \hat\lambda = n\beta \, \langle L_{m_t}(w_t) - L_{m_t}(w^*) \rangle_t

    Parameters
    ----------
    loss
        ``loss(params, batch)``: a scalar, the *mean* over the batch's samples, in any unit (nats,
        squared error). Differentiable in ``params``. It should be deterministic: random numbers
        that it draws itself (dropout) are not under ``generator``'s control.
    params
        The centre :math:`w^*`, by name. Tensors of floating-point numbers move, others are passed
        on as they are; what should stay fixed belongs into the loss.
    data
        A tensor, or a tuple of tensors, whose first axis is samples; a batch has the same form.
    spec
        The settings. With ``batch_size`` at or above the number of samples every batch is the whole
        data set.
    generator
        Draws the minibatches and the noise; equal generators give equal estimates.
    on_draw
        Called with (steps done, steps in all) after every step, burn-in included.

    Returns
    -------
    LLCEstimate
        Its ``llc`` may be negative: then the chains found lower loss than the centre has, which is
        no local minimum. A chain that did not stay finite is dropped whole.

    Raises
    ------
    ChainsDiverged
        If fewer than half of the chains stayed finite.
    MeasurementError
        If there is no data, nothing that can move, the loss is no scalar, or the parameters or
        the loss at the centre are not finite.

    Notes
    -----
    Draw ``t`` is the position after a step, ``w_t``. Its loss is measured on a minibatch ``m_t``
    that no step has used yet, and the gradient that comes with that loss makes the step to
    ``w_{t+1}``. Measured on the minibatch of the step that led to ``w_t``, the loss would be biased
    downwards; measured before the step, the centre itself would count as a draw. The loss at the
    centre is taken on the same ``m_t``: same expectation, smaller spread.

    Memory holds the activations of all chains at once. A loss that `torch.func.vmap` cannot
    handle (control flow that depends on data, say) runs chain by chain instead, with the same
    results.

    References
    ----------
    .. [1] Lau et al. (2023), arXiv:2308.12108.
    """
    batches = Minibatches(data, batch_size=spec.batch_size, chains=spec.chains, generator=generator)
    chain_loss = ChainLoss(loss, params, batches)
    losses, baselines = [], []
    steps = spec.burn_in + spec.draws
    for step, draw in enumerate(_chains(chain_loss, batches, spec, generator), start=1):
        if step > spec.burn_in:
            losses.append(draw.losses)
            baselines.append(chain_loss.at_center(draw.batch).expand(spec.chains))
        if on_draw is not None:
            on_draw(step, steps)
    return llc_from_losses(
        torch.stack(losses, dim=1).numpy(force=True),
        torch.stack(baselines, dim=1).numpy(force=True),
        distance=(draw.w - chain_loss.center).norm(dim=1).double().numpy(force=True),
        initial_loss=chain_loss.initial,
        spec=spec,
    )


def llc_from_losses(
    loss_trace: Float[ndarray, "chains draws"],
    baseline_trace: Float[ndarray, "chains draws"],
    *,
    distance: Float[ndarray, " chains"],
    initial_loss: float,
    spec: LLCSpec,
) -> LLCEstimate:
    """Return the estimate that follows from the losses along the chains.

    Parameters
    ----------
    loss_trace, baseline_trace
        Minibatch losses at the draws and, on the same minibatches, at the centre. A chain with a
        loss that is not finite is dropped whole.
    distance
        Euclidean distance of each chain from the centre at its end.
    initial_loss
        One fixed loss at the centre, for the unpaired estimate.

    Raises
    ------
    ChainsDiverged
        If fewer than half of the chains are finite.
    """
    finite = np.isfinite(loss_trace).all(axis=1) & np.isfinite(baseline_trace).all(axis=1)
    _require_chains(int(finite.sum()), spec)
    difference = loss_trace.astype(np.float64) - baseline_trace.astype(np.float64)
    per_chain = np.where(finite, spec.nbeta * difference.mean(axis=1), np.nan)
    kept = per_chain[finite]
    spread = kept.std(ddof=1) / math.sqrt(len(kept)) if len(kept) > 1 else math.nan
    mean_loss = loss_trace[finite].mean(dtype=np.float64)
    return LLCEstimate(
        llc=float(kept.mean()),
        standard_error=float(spread),
        per_chain=per_chain,
        unpaired=float(spec.nbeta * (mean_loss - initial_loss)),
        loss_trace=loss_trace,
        baseline_trace=baseline_trace,
        distance=np.where(finite, distance, np.nan),
        rhat=rank_rhat(difference[finite]),
        ess=bulk_ess(difference[finite]),
        finite_share=float(finite.mean()),
        initial_loss=initial_loss,
        spec=spec,
    )


class _Draw(NamedTuple):
    """All chains after one step: positions, the minibatches they then see, the losses there."""

    w: Float[Tensor, "chains params"]
    batch: Data
    losses: Float[Tensor, " chains"]


def _chains(
    chain_loss: ChainLoss, batches: Minibatches, spec: LLCSpec, generator: torch.Generator
) -> Iterator[_Draw]:
    """Yield the chains after each of their ``burn_in + draws`` steps; NaN losses where diverged."""
    center = chain_loss.center
    w = center.repeat(spec.chains, 1)
    alive = torch.ones(spec.chains, dtype=torch.bool, device=w.device)
    gradient, _ = chain_loss.gradient(w, batches.draw())
    for _ in range(spec.burn_in + spec.draws):
        w = sgld_step(
            w,
            gradient,
            center,
            step_size=spec.step_size,
            nbeta=spec.nbeta,
            gamma=spec.gamma,
            generator=generator,
        )
        w, alive = park_diverged(w, center, alive)
        _require_chains(int(alive.sum()), spec)
        batch = batches.draw()
        gradient, losses = chain_loss.gradient(w, batch)
        yield _Draw(w, batch, losses.masked_fill(~alive, math.nan))


def _require_chains(finite: int, spec: LLCSpec) -> None:
    """Raise unless at least one chain, and at least half of them, are finite."""
    if finite == 0 or 2 * finite < spec.chains:
        raise ChainsDiverged(
            f"{spec.chains - finite} of {spec.chains} SGLD chains diverged at step_size "
            f"{spec.step_size:g}, nbeta {spec.nbeta:g}, gamma {spec.gamma:g}; lower step_size"
        )
