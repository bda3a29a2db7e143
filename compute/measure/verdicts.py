"""Whether an estimate can be believed: one word and one sentence, from what its chains did.

The words are ordered: the first that applies is given, since a later one means little under an
earlier. No statistic here looks at whether the estimate is plausible; a chain can be healthy and
biased, which only a sweep over settings shows (`compute.calibration`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.llc_records import (
    MAX_RHAT,
    MIN_ESS,
    NEGLIGIBLE_DRIFT,
    SIGNIFICANT,
    STILL,
    VerdictName,
    room,
)
from compute.llc_specs import LLCSpec
from compute.measure.diagnostics import bulk_ess, drift, rank_rhat, standard_error


class Verdict(NamedTuple):
    """A word, and the reason for it in one sentence."""

    name: VerdictName
    reason: str


class Walked(NamedTuple):
    """What a verdict is passed on: the chains of one estimate that stayed finite.

    Attributes
    ----------
    difference
        Loss at each draw minus that of the centre on the same minibatch.
    distance
        From the centre, at each draw.
    lost
        How many chains did not stay finite.
    initial_loss, ignorant_loss
        Loss at the centre, and of predicting without having learnt anything (NaN if unknown).
    """

    difference: Float[ndarray, "chains draws"]
    distance: Float[ndarray, "chains draws"]
    lost: int
    initial_loss: float
    ignorant_loss: float


def judge(walked: Walked, spec: LLCSpec) -> Verdict:
    """Return the first verdict that applies, from `frozen` to `healthy`."""
    found = (
        _frozen(walked)
        or _diverged(walked, spec)
        or _below_the_centre(walked, spec)
        or _drifting(walked, spec)
        or _short(walked, spec)
    )
    return found or Verdict("healthy", _healthy_text(walked))


def _frozen(walked: Walked) -> Verdict | None:
    still = np.ptp(walked.distance, axis=1) <= STILL * walked.distance.max(axis=1)
    if not still.any():
        return None
    return Verdict(
        "frozen",
        f"{int(still.sum())} of {len(still)} chains do not move: step_size is too small for the "
        "precision of the weights",
    )


def _diverged(walked: Walked, spec: LLCSpec) -> Verdict | None:
    if walked.lost:
        return Verdict(
            "diverged",
            f"{walked.lost} of {spec.chains} chains diverged and were dropped, and those that are "
            "left are a selection: lower step_size",
        )
    rise, most = float(walked.difference.mean()), room(walked.initial_loss, walked.ignorant_loss)
    if rise > most:
        return Verdict(
            "diverged",
            f"the loss rose by {rise:.2g}, more than forgetting everything costs ({most:.2g}): "
            "the chains left the neighbourhood; lower step_size, or raise gamma or nbeta",
        )
    return None


def _below_the_centre(walked: Walked, spec: LLCSpec) -> Verdict | None:
    mean = float(walked.difference.mean())
    if mean < -SIGNIFICANT * standard_error(walked.difference):
        return Verdict(
            "not at a minimum",
            f"the chains find a loss that is lower than the centre's by {-mean:.2g} on average: "
            "the checkpoint is not at a local minimum, and the number is no learning coefficient",
        )
    return None


def _drifting(walked: Walked, spec: LLCSpec) -> Verdict | None:
    change, error = drift(walked.difference)
    mean = abs(float(walked.difference.mean()))
    if abs(change) > SIGNIFICANT * error and abs(change) > NEGLIGIBLE_DRIFT * mean:
        return Verdict(
            "drifting",
            f"the last half of the draws lies {spec.nbeta * change:+.3g} from the first "
            f"(error {spec.nbeta * error:.2g}): the chains have not arrived; lengthen burn_in",
        )
    return None


def _short(walked: Walked, spec: LLCSpec) -> Verdict | None:
    if np.ptp(walked.difference) == 0:
        return None
    rhat, ess = rank_rhat(walked.difference), bulk_ess(walked.difference)
    advice = "draw more, or raise step_size"
    if math.isnan(ess):
        return Verdict("short", f"too few draws, or a constant chain, to tell anything: {advice}")
    if rhat > MAX_RHAT:
        return Verdict("short", f"the chains disagree with each other (R-hat {rhat:.2f}): {advice}")
    if ess < MIN_ESS:
        return Verdict("short", f"worth only {ess:.0f} independent draws: {advice}")
    share = standard_error(walked.difference) / abs(float(walked.difference.mean()))
    if spec.rel_error and share > spec.rel_error:
        return Verdict(
            "short",
            f"the standard error is {share:.1%} of the estimate after {spec.ceiling} draws, and "
            f"{spec.rel_error:.1%} was asked for: raise max_draws",
        )
    return None


def _healthy_text(walked: Walked) -> str:
    if np.ptp(walked.difference) == 0:
        return "the chains move, and the loss does not change with it"
    rhat = rank_rhat(walked.difference)
    agreement = "a single chain" if math.isnan(rhat) else f"R-hat {rhat:.2f}"
    return f"stationary, {agreement}, worth {bulk_ess(walked.difference):.0f} independent draws"
