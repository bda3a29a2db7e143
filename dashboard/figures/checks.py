"""What tells whether an estimate can be believed, each with its unit, what is good, and whether."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from compute.llc_records import (
    MAX_RHAT,
    MIN_ESS,
    NEGLIGIBLE_DRIFT,
    SIGNIFICANT,
    STILL,
    LLCEstimate,
    room,
)
from compute.llc_specs import LLCMeasurement

# Fewer independent stretches than this in a chain: its autocorrelation time is itself a guess.
LONG_ENOUGH = 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One diagnostic of an estimate, for people.

    Attributes
    ----------
    value, unit
        The number, and what one unit of it is.
    good
        What it should be.
    passes
        Whether it is; None where that cannot be said, or nothing is asked of it.
    decides
        Whether the verdict depends on it.
    meaning
        What it is, in a sentence.
    """

    name: str
    value: str
    unit: str
    good: str
    passes: bool | None
    decides: bool
    meaning: str


def checks(record: LLCEstimate) -> list[Check]:
    """Return the diagnostics of an estimate: those that decide its verdict first, worst first."""
    return [*_moves(record), *_arrives(record), *_suffices(record), *_beside(record)]


def _moves(record: LLCEstimate) -> list[Check]:
    distance = record.distance_trace[np.isfinite(record.distance_trace).all(axis=1)]
    moving = int((np.ptp(distance, axis=1) > STILL * distance.max(axis=1)).sum())
    chains = record.spec.chains
    finite = round(record.finite_share * chains)
    rise = record.llc / record.spec.nbeta
    most = room(record.initial_loss, record.ignorant_loss)
    least = -SIGNIFICANT * record.standard_error
    return [
        _decides(
            "moving chains", f"{moving} of {len(distance)}", "chains", "all",
            moving == len(distance), "Chains whose distance from w* changes at all.",
        ),
        _decides(
            "finite chains", f"{finite} of {chains}", "chains", "all", finite == chains,
            "A chain that diverged is dropped; those that are left are a selection.",
        ),
        _decides(
            "rise of the loss", number(rise), "unit of the loss", f"at most {number(most)}",
            _known(rise <= most, most),
            "Mean over draws. At most what forgetting everything costs: beyond, the chains left "
            "the neighbourhood of the checkpoint.",
        ),
        _decides(
            "estimate, from below", number(record.llc), "λ̂", f"at least {number(least)}",
            _known(record.llc >= least, least),
            "Three standard errors below zero is no chance: the checkpoint is not at a local "
            "minimum.",
        ),
    ]  # fmt: skip


def _arrives(record: LLCEstimate) -> list[Check]:
    drift, error = record.drift, record.drift_error
    still = abs(drift) <= max(SIGNIFICANT * error, NEGLIGIBLE_DRIFT * abs(record.llc))
    good = f"within {SIGNIFICANT:g} errors, or {NEGLIGIBLE_DRIFT:.0%} of λ̂".replace("%", " %")
    return [
        _decides(
            "drift", with_error(drift, error, sign=True), "λ̂, ± 1 SE",
            good, _known(still, drift, error),
            "The estimate from the last half of the draws minus that from the first.",
        )
    ]  # fmt: skip


def _suffices(record: LLCEstimate) -> list[Check]:
    share, asked = _error_share(record), record.spec.rel_error
    found = [
        _decides(
            "R-hat", _ratio(record.rhat), "ratio", f"at most {MAX_RHAT:g}",
            _known(record.rhat <= MAX_RHAT, record.rhat),
            "Rank-normalised and split: 1 where chains agree with each other and each first half "
            "with its second.",
        ),
        _decides(
            "bulk ESS", number(record.ess), "independent draws", f"at least {MIN_ESS:g}",
            _known(record.ess >= MIN_ESS, record.ess),
            "How many independent draws all chains together are worth.",
        ),
    ]  # fmt: skip
    good = f"at most {asked:.1%}".replace("%", " %") if asked else "not asked for"
    passes = _known(share <= asked, share) if asked else None
    text = f"{share:.1%}".replace("%", " %") if math.isfinite(share) else "not defined"
    error = Check(
        name="standard error", value=text, unit="of λ̂", good=good, passes=passes,
        decides=asked > 0, meaning="One standard error as a share of the estimate.",
    )  # fmt: skip
    return [*found, error]


def _beside(record: LLCEstimate) -> list[Check]:
    time, draws = record.autocorrelation_time, record.loss_trace.shape[1]
    apart = abs(record.llc - record.unpaired)
    both = SIGNIFICANT * math.hypot(record.standard_error, record.unpaired_error)
    return [
        _beside_it(
            "tail ESS", number(record.ess_tail), "independent draws", f"at least {MIN_ESS:g}",
            _known(record.ess_tail >= MIN_ESS, record.ess_tail),
            "The same for the 5 % and 95 % quantiles of the draws.",
        ),
        _beside_it(
            "autocorrelation time", number(time), "draws",
            f"at most {number(draws / LONG_ENOUGH)}, a twentieth of a chain",
            _known(time <= draws / LONG_ENOUGH, time), "Draws for one independent draw.",
        ),
        _beside_it(
            "error between chains", number(record.chain_error), "λ̂, ± 1 SE",
            f"like that of draws, {number(record.draw_error)}", None,
            "From the spread between chains, and from the draws' spread and autocorrelation; the "
            "larger counts.",
        ),
        _beside_it(
            "unpaired estimate", with_error(record.unpaired, record.unpaired_error),
            "λ̂, ± 1 SE", f"within {SIGNIFICANT:g} errors of the paired",
            _known(apart <= both, record.unpaired, both),
            "With one fixed loss at w* instead of that on the same minibatch: the same "
            "expectation, a larger error.",
        ),
        _beside_it(
            "gradient to noise", number(record.gradient_to_noise), "ratio", "well below 1",
            _known(record.gradient_to_noise < 1, record.gradient_to_noise),
            "Length of a step's gradient term over that of its noise: above 1 a step descends "
            "rather than explores.",
        ),
        _beside_it(
            "MALA acceptance", number(record.acceptance), "probability", "no bound",
            None, "With which a Metropolis test would accept a step. It falls with the number of "
            "parameters: high says that a step is exact, low says nothing.",
        ),
        _beside_it(
            "negative share", number(record.negative_share), "of draws", "no bound",
            None, "Draws with a loss below that of w* on the same minibatch.",
        ),
    ]  # fmt: skip


def settings(spec: LLCMeasurement, record: LLCEstimate) -> list[tuple[str, str]]:
    """Return the settings of an estimate as names and values, for people."""
    llc, (chains, draws) = spec.llc, record.loss_trace.shape
    asked = f" (up to {llc.ceiling:,})" if llc.rel_error else ""
    data = f"{spec.samples:,} samples"
    return [
        ("step ε", f"{llc.step_size:g}"),
        ("nβ", f"{llc.nbeta:g}"),
        ("tie γ", f"{llc.gamma:g}"),
        ("chains", f"{chains}"),
        ("draws of each", f"{draws:,}{asked}"),
        ("burn-in", f"{llc.burn_in:,} steps"),
        ("batch", f"{llc.batch_size:,} samples"),
        ("preconditioner", {"none": "none", "rmsprop": "RMSProp"}[llc.preconditioner]),
        ("data", data),
        ("seed", f"{spec.seed}"),
        ("loss at w*", number(record.initial_loss)),
    ]


def number(value: float, *, sign: bool = False) -> str:
    """Return a number with three digits that count and a real minus; words for NaN."""
    if not math.isfinite(value):
        return "not defined"
    size = abs(value)
    text = f"{size:,.0f}" if size >= 100 else f"{size:.3g}"
    if size and size < 1e-4:
        text = f"{size:.1e}"
    return ("−" if value < 0 else "+" if sign and value > 0 else "") + text


def with_error(value: float, error: float, *, sign: bool = False) -> str:
    """Return a number and its error, both to the two first digits of the error."""
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{number(value, sign=sign)} ± {number(error)}"
    places = max(0, 1 - math.floor(math.log10(error)))
    text = f"{abs(value):,.{places}f}"
    lead = "−" if value < 0 else "+" if sign else ""
    return f"{lead}{text} ± {error:,.{places}f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else number(value)


def _error_share(record: LLCEstimate) -> float:
    return record.standard_error / abs(record.llc) if record.llc else math.nan


def _known(passes: bool, *numbers: float) -> bool | None:
    return bool(passes) if all(math.isfinite(n) for n in numbers) else None


def _decides(
    name: str, value: str, unit: str, good: str, passes: bool | None, meaning: str
) -> Check:
    return Check(
        name=name, value=value, unit=unit, good=good, passes=passes, decides=True, meaning=meaning
    )


def _beside_it(
    name: str, value: str, unit: str, good: str, passes: bool | None, meaning: str
) -> Check:
    return Check(
        name=name, value=value, unit=unit, good=good, passes=passes, decides=False, meaning=meaning
    )
