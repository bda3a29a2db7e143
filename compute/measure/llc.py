"""The local learning coefficient of any differentiable loss, by localized SGLD.

Definitions: Lau et al. (2023), arXiv:2308.12108. All chains lie in one tensor and one gradient
call moves them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from compute.errors import ChainsDiverged
from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import ChainLoss, Data, Loss, Minibatches
from compute.measure.coordinates import Everything, Params
from compute.measure.diagnostics import (
    autocorrelation_time,
    bulk_ess,
    chain_error,
    draw_error,
    drift,
    rank_rhat,
    standard_error,
    tail_ess,
)
from compute.measure.sampling import Traces, diverged_text, enough_chains, sample_chains
from compute.measure.verdicts import Walked, judge


def estimate_llc(
    loss: Loss,
    params: Params,
    data: Data,
    spec: LLCSpec,
    generator: torch.Generator,
    *,
    ignorant_loss: float = math.nan,
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
    ignorant_loss
        The loss of predicting without having learnt anything, in the unit of ``loss``: chains whose
        loss rises by more than the way there have left the neighbourhood. NaN: nobody knows.
    on_draw
        Called with (steps done, steps in all at most) after every step, burn-in included.

    Returns
    -------
    LLCEstimate
        Its ``llc`` may be negative: then the chains found lower loss than the centre has, which is
        no local minimum. A chain that did not stay finite is dropped whole; the verdict says so.

    Raises
    ------
    ChainsDiverged
        If fewer than half of the chains stayed finite; as soon as that is certain.
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

    Losses and gradients have the precision of ``params``; whatever is summed over draws, chains or
    parameters is summed in float64. Memory holds the activations of all chains at once. A loss
    that `torch.func.vmap` cannot handle (control flow that depends on data, say) runs chain by
    chain instead, with the same results.

    References
    ----------
    .. [1] Lau et al. (2023), arXiv:2308.12108.
    """
    batches = Minibatches(data, batch_size=spec.batch_size, chains=spec.chains, generator=generator)
    chain_loss = ChainLoss(loss, Everything(params), batches, baselines=spec.draws)
    traces = sample_chains(chain_loss, batches, spec, generator, on_draw)
    return llc_from_traces(
        traces, 0, initial_loss=chain_loss.initial, ignorant_loss=ignorant_loss, spec=spec
    )


def llc_from_traces(
    traces: Traces,
    group: int,
    *,
    initial_loss: float,
    ignorant_loss: float = math.nan,
    spec: LLCSpec,
) -> LLCEstimate:
    """Return the estimate that follows from what the chains of one group left behind.

    A chain with a loss that is not finite is dropped whole.

    Raises
    ------
    ChainsDiverged
        If fewer than half of the chains are finite.
    """
    losses, baselines = traces.losses[group], traces.baselines
    distances = traces.distances[group]
    finite = np.isfinite(losses).all(axis=1) & np.isfinite(baselines).all(axis=1)
    lost = int((~finite).sum())
    if not enough_chains(int(finite.sum()), spec):
        raise ChainsDiverged(diverged_text(lost, spec))
    difference = (losses.astype(np.float64) - baselines.astype(np.float64))[finite]
    unpaired = losses[finite].astype(np.float64) - initial_loss
    walked = Walked(difference, distances[finite], lost, initial_loss, ignorant_loss)
    change, change_error = drift(difference)
    verdict = judge(walked, spec)
    return LLCEstimate(
        llc=spec.nbeta * float(difference.mean()),
        standard_error=spec.nbeta * standard_error(difference),
        chain_error=spec.nbeta * chain_error(difference),
        draw_error=spec.nbeta * draw_error(difference),
        per_chain=_only(finite, spec.nbeta * difference.mean(axis=1)),
        unpaired=spec.nbeta * float(unpaired.mean()),
        unpaired_error=spec.nbeta * standard_error(unpaired),
        loss_trace=losses,
        baseline_trace=baselines,
        distance_trace=distances,
        rhat=rank_rhat(difference),
        ess=bulk_ess(difference),
        ess_tail=tail_ess(difference),
        autocorrelation_time=autocorrelation_time(difference),
        drift=spec.nbeta * change,
        drift_error=spec.nbeta * change_error,
        gradient_to_noise=float(traces.gradient_to_noise[group][finite].mean()),
        acceptance=float(traces.acceptance[group][finite].mean()),
        negative_share=float((difference < 0).mean()),
        finite_share=float(finite.mean()),
        initial_loss=initial_loss,
        ignorant_loss=ignorant_loss,
        verdict=verdict.name,
        reason=verdict.reason,
        spec=spec,
    )


def _only(finite: ndarray, values: Float[ndarray, " finite_chains"]) -> Float[ndarray, " chains"]:
    """Return values of the finite chains in their places, NaN in those of the others."""
    full = np.full(len(finite), np.nan)
    full[finite] = values
    return full
