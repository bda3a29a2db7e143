"""Records of local learning coefficients: the estimate, and what is needed to distrust it."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from jaxtyping import Float, Float16, Int
from numpy import ndarray

from compute.llc_specs import LLCSpec

# What verdicts are passed by (`compute.measure.verdicts`), and pages show beside the numbers.
# Standard errors beyond which a difference is not chance: a drift, a negative coefficient.
SIGNIFICANT = 3.0
# Drift, as a share of the estimate, below which it does not matter even where it is certain.
NEGLIGIBLE_DRIFT = 0.1
MAX_RHAT = 1.05
# With fewer independent draws the standard error itself is uncertain by more than a tenth.
MIN_ESS = 50.0
# Share of its distance from the centre by which a chain moves that is not frozen.
STILL = 1e-6

# From the worst to the best; `compute.measure.verdicts` says when.
VerdictName: TypeAlias = Literal[
    "frozen", "diverged", "not at a minimum", "drifting", "short", "healthy"
]


def room(initial_loss: float, ignorant_loss: float) -> float:
    """Return by how much the loss can rise before everything learnt is lost; NaN if unknown.

    A model that has learnt nothing yet can lose nothing: then it is half of ``ignorant_loss``.
    """
    return max(ignorant_loss - initial_loss, ignorant_loss / 2)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LLCEstimate:
    """A local learning coefficient, its uncertainty, and what is needed to distrust it.

    Attributes
    ----------
    llc
        Mean over chains of ``n beta * mean_t [L_mt(w_t) - L_mt(w*)]``, dimensionless: the loss at
        the centre is taken on the same minibatches (paired). Negative values are kept.
    standard_error
        Of ``llc``: the larger of ``chain_error`` and ``draw_error``; NaN where neither is defined.
    chain_error
        From the spread between chains; NaN with one chain.
    draw_error
        From the spread of all draws and their autocorrelation; NaN for fewer than four draws.
    per_chain
        The estimate of each chain that stayed finite; NaN for one that did not.
    unpaired, unpaired_error
        The estimate with ``initial_loss`` at the centre instead, for comparison: same expectation,
        larger error.
    loss_trace
        Loss at the position after each kept step, on a minibatch that no step had used before, in
        the unit of the loss; burn-in is not in it. NaN from where a chain diverged.
    baseline_trace
        Loss at the centre on the same minibatches.
    distance_trace
        Euclidean distance from the centre after each kept step; NaN from where a chain diverged.
    rhat, ess, ess_tail
        Rank-normalised split R-hat, and bulk and tail effective sample sizes (in draws, of all
        chains together) of the paired difference; NaN where undefined (one chain for R-hat, fewer
        than four draws, a constant chain).
    autocorrelation_time
        Draws for one independent draw of the paired difference, 1 or more in expectation; NaN
        where ``ess`` is.
    drift, drift_error
        The estimate from the last half of the draws minus that from the first, and its standard
        error from the draws; dimensionless; NaN for fewer than eight draws.
    gradient_to_noise
        Length of a step's gradient term over that of its noise, mean over draws; dimensionless.
    acceptance
        Mean probability, 0 to 1, with which a Metropolis test on the step's own minibatch would
        have accepted a step (MALA), over a few steps of every chain. It falls with the number of
        parameters: it says that a step is exact, never that one is too long. NaN if none was tried.
    negative_share
        Share of draws with a loss below that of the centre on the same minibatch, 0 to 1.
    finite_share
        Share of chains that stayed finite, 0.5 to 1; those that did not count nowhere else.
    initial_loss
        One fixed loss at the centre: the mean over up to 64 minibatches without a common sample.
    ignorant_loss
        The loss of predicting without having learnt anything; NaN where nobody said.
    verdict, reason
        Whether the number can be believed, and why, in one sentence.
    spec
        The settings.
    """

    llc: float
    standard_error: float
    chain_error: float
    draw_error: float
    per_chain: Float[ndarray, " chains"]
    unpaired: float
    unpaired_error: float
    loss_trace: Float[ndarray, "chains draws"]
    baseline_trace: Float[ndarray, "chains draws"]
    distance_trace: Float[ndarray, "chains draws"]
    rhat: float
    ess: float
    ess_tail: float
    autocorrelation_time: float
    drift: float
    drift_error: float
    gradient_to_noise: float
    acceptance: float
    negative_share: float
    finite_share: float
    initial_loss: float
    ignorant_loss: float
    verdict: VerdictName
    reason: str
    spec: LLCSpec


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RefinedLLC:
    """The refined LLC of each part of a model: only that part's weights move (Wang et al. 2024).

    Attributes
    ----------
    parts
        Names, in the order of the model: ``L0H0``, .. for heads, ``L0MLP``, .. for MLPs, ``L0``, ..
        for layers, ``EMB`` and ``UNEMBED``.
    parameters
        The number of weights that move.
    llc, standard_error, per_chain, rhat, ess, drift, drift_error, negative_share
        Of each part, as in `LLCEstimate`; NaN for a part whose chains diverged.
    distance
        Mean over chains of the distance from the centre at the end.
    difference_trace
        Loss at each kept draw minus that of the centre on the same minibatch, in the unit of the
        loss, rounded to half precision (11 bits); NaN from where a chain diverged.
    initial_loss
        Loss at the centre.
    verdicts, reasons
        Of each part.
    spec
        The settings.
    """

    parts: tuple[str, ...]
    parameters: Int[ndarray, " parts"]
    llc: Float[ndarray, " parts"]
    standard_error: Float[ndarray, " parts"]
    per_chain: Float[ndarray, "parts chains"]
    rhat: Float[ndarray, " parts"]
    ess: Float[ndarray, " parts"]
    drift: Float[ndarray, " parts"]
    drift_error: Float[ndarray, " parts"]
    negative_share: Float[ndarray, " parts"]
    distance: Float[ndarray, " parts"]
    difference_trace: Float16[ndarray, "parts chains draws"]
    initial_loss: float
    verdicts: tuple[VerdictName, ...]
    reasons: tuple[str, ...]
    spec: LLCSpec
