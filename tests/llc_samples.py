"""Estimates of chains that were never run, but judged as real ones are."""

from __future__ import annotations

import math

import numpy as np
from numpy import ndarray

from compute.llc_records import LLCEstimate, RefinedLLC
from compute.llc_specs import LLCSpec, RefinedMeasurement
from compute.measure.llc import llc_from_traces
from compute.measure.sampling import Traces


def autoregressive(
    rng: np.random.Generator, shape: tuple[int, ...], memory: float = 0.3
) -> ndarray:
    """Return stationary noise of variance 1 whose last axis is time."""
    noise = rng.normal(size=shape)
    noise[..., 1:] *= math.sqrt(1 - memory**2)
    for t in range(1, shape[-1]):
        noise[..., t] += memory * noise[..., t - 1]
    return noise


def traces(
    spec: LLCSpec, llc: float, rng: np.random.Generator, *, loss: float = 2.0, noise: float = 0.1
) -> Traces:
    """Return what stationary chains around an LLC leave behind; ``noise`` is a share of it."""
    shape = (1, spec.chains, spec.draws)
    baselines = loss + 0.05 * rng.normal(size=shape[1:])
    rise = llc / spec.nbeta * (1 + noise * autoregressive(rng, shape))
    return Traces(
        losses=(baselines + rise).astype(np.float32),
        baselines=baselines.astype(np.float32),
        distances=(20 + 0.1 * autoregressive(rng, shape, 0.9)).astype(np.float32),
        gradient_to_noise=np.full(shape[:2], 0.02),
        acceptance=np.full(shape[:2], 0.4),
    )


def an_estimate(
    spec: LLCSpec, llc: float, rng: np.random.Generator, *, loss: float = 2.0, noise: float = 0.1
) -> LLCEstimate:
    """Return the estimate of such chains."""
    found = traces(spec, llc, rng, loss=loss, noise=noise)
    return llc_from_traces(found, 0, initial_loss=loss, ignorant_loss=6.2, spec=spec)


def a_refined(
    spec: RefinedMeasurement, llcs: dict[str, float], rng: np.random.Generator
) -> RefinedLLC:
    """Return a refined record with these values, by part."""
    chains, parts = spec.llc.chains, tuple(llcs)
    values = np.array([llcs[part] for part in parts])
    per_chain = values[:, None] * (1 + 0.05 * rng.normal(size=(len(parts), chains)))
    return RefinedLLC(
        parts=parts,
        parameters=np.full(len(parts), 4096),
        llc=values,
        standard_error=0.05 * np.abs(values) / math.sqrt(chains),
        per_chain=per_chain,
        rhat=np.full(len(parts), 1.01),
        ess=np.full(len(parts), 200.0),
        drift=np.zeros(len(parts)),
        drift_error=0.05 * np.abs(values),
        negative_share=np.full(len(parts), 0.1),
        distance=np.full(len(parts), 4.0),
        difference_trace=(
            per_chain[..., None] / spec.llc.nbeta * (1 + 0.1 * rng.normal(size=(1, 1, 8)))
        ).astype(np.float16),
        initial_loss=2.0,
        verdicts=("healthy",) * len(parts),
        reasons=("stationary, R-hat 1.01, worth 200 independent draws",) * len(parts),
        spec=spec.llc,
    )
