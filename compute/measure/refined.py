"""Refined local learning coefficients: of a part of the weights, all else held fixed.

Definitions: Wang et al. (2024), arXiv:2410.02984.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from compute.errors import ChainsDiverged, MeasurementError
from compute.llc_records import LLCEstimate, RefinedLLC
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import ChainLoss, Data, Loss, Minibatches
from compute.measure.coordinates import Params, Slices
from compute.measure.llc import llc_from_traces
from compute.measure.sampling import sample_chains
from compute.measure.verdicts import Verdict

# The entries of each parameter that move, by its name.
Restriction: TypeAlias = Mapping[str, Int[Tensor, " entries"]]


def estimate_refined(
    loss: Loss,
    params: Params,
    restrictions: Mapping[str, Restriction],
    data: Data,
    spec: LLCSpec,
    generator: torch.Generator,
    *,
    ignorant_loss: float = math.nan,
) -> RefinedLLC:
    r"""Estimate the refined LLC of each part of ``params``: all else stays at the centre [1]_.

    Parameters
    ----------
    restrictions
        Of each part, by its name, the flat entries of the parameters that move. Parts that follow
        each other and move as many entries of the same parameters (the heads of a layer) run
        together, on the same minibatches.
    loss, params, data, spec, generator, ignorant_loss
        As for `estimate_llc`.

    Returns
    -------
    RefinedLLC
        Of all parts. One whose chains diverged has NaN, and a verdict that says so; the others are
        not touched by it.

    Raises
    ------
    MeasurementError
        As `estimate_llc`, or if there is no part, or one names an unknown parameter.

    References
    ----------
    .. [1] Wang et al. (2024), arXiv:2410.02984.
    """
    if not restrictions:
        raise MeasurementError("the model has no part of this kind: nothing can move")
    estimates: list[LLCEstimate | str] = []
    for group in _batched(restrictions.values()):
        batches = Minibatches(
            data, batch_size=spec.batch_size, chains=spec.chains, generator=generator
        )
        chain_loss = ChainLoss(loss, Slices(params, group), batches, baselines=spec.draws)
        estimates += _of_group(len(group), chain_loss, batches, spec, generator, ignorant_loss)
        initial = chain_loss.initial
    sizes = [sum(len(entries) for entries in part.values()) for part in restrictions.values()]
    return _refined(tuple(restrictions), sizes, estimates, initial, spec)


def _batched(restrictions: Iterable[Restriction]) -> Iterator[list[Restriction]]:
    """Yield neighbours that move as many entries of the same parameters together."""
    group: list[Restriction] = []
    for part in restrictions:
        if group and _shape(part) != _shape(group[0]):
            yield group
            group = []
        group.append(part)
    if group:
        yield group


def _shape(part: Restriction) -> list[tuple[str, int]]:
    return [(name, len(entries)) for name, entries in part.items()]


def _of_group(
    parts: int,
    chain_loss: ChainLoss,
    batches: Minibatches,
    spec: LLCSpec,
    generator: torch.Generator,
    ignorant_loss: float,
) -> list[LLCEstimate | str]:
    """Return the estimate of each part of a group, or why it has none."""
    try:
        traces = sample_chains(chain_loss, batches, spec, generator)
    except ChainsDiverged as error:
        return [str(error)] * parts
    found: list[LLCEstimate | str] = []
    for part in range(parts):
        try:
            found.append(
                llc_from_traces(
                    traces, part, initial_loss=chain_loss.initial,
                    ignorant_loss=ignorant_loss, spec=spec,
                )
            )  # fmt: skip
        except ChainsDiverged as error:
            found.append(str(error))
    return found


def _refined(
    parts: tuple[str, ...],
    sizes: list[int],
    estimates: list[LLCEstimate | str],
    initial_loss: float,
    spec: LLCSpec,
) -> RefinedLLC:
    """Return estimates as one record."""

    def each(value: Callable[[LLCEstimate], float]) -> Float[ndarray, " parts"]:
        return np.array([math.nan if isinstance(e, str) else value(e) for e in estimates])

    verdicts = [
        Verdict("diverged", e) if isinstance(e, str) else Verdict(e.verdict, e.reason)
        for e in estimates
    ]
    draws = max((e.loss_trace.shape[1] for e in estimates if not isinstance(e, str)), default=0)
    traces = np.full((len(parts), spec.chains, draws), np.nan, dtype=np.float16)
    per_chain = np.full((len(parts), spec.chains), np.nan)
    for i, estimate in enumerate(estimates):
        if not isinstance(estimate, str):
            kept = estimate.loss_trace - estimate.baseline_trace
            traces[i, :, : kept.shape[1]] = kept
            per_chain[i] = estimate.per_chain
    return RefinedLLC(
        parts=parts,
        parameters=np.array(sizes),
        llc=each(lambda e: e.llc),
        standard_error=each(lambda e: e.standard_error),
        per_chain=per_chain,
        rhat=each(lambda e: e.rhat),
        ess=each(lambda e: e.ess),
        drift=each(lambda e: e.drift),
        drift_error=each(lambda e: e.drift_error),
        negative_share=each(lambda e: e.negative_share),
        distance=each(lambda e: float(np.nanmean(e.distance_trace[:, -1]))),
        difference_trace=traces,
        initial_loss=initial_loss,
        verdicts=tuple(verdict.name for verdict in verdicts),
        reasons=tuple(verdict.reason for verdict in verdicts),
        spec=spec,
    )
