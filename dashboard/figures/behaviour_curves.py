"""The curves of what a run does and what it is made of: losses, behaviours, heads, spectra, norms.

Ids are stable, since they stand in addresses. A head's own curve is ``name@head``; the scale of a
shift, the name of a layer norm or of an embedding comes last, after a dot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.behaviour_records import ContextUse, ShiftedRegression, Structure
from compute.records import LanguageBehaviour, RegressionBehaviour
from dashboard.figures.curves import HEAD_SCORES, Getter, banded, plain
from dashboard.figures.series import NORMAL_95, Curve, Group, Steps, rows

Behaviour: TypeAlias = LanguageBehaviour | RegressionBehaviour

_LANGUAGE: tuple[tuple[str, str, str, Group, Getter], ...] = (
    ("first_half", "loss, first half", "nats per token", "behaviour", lambda b: b.first_loss),
    ("second_half", "loss, repeat", "nats per token", "behaviour", lambda b: b.second_loss),
    (
        "copying", "gain from repetition", "nats, first half − repeat", "behaviour",
        lambda b: b.first_loss - b.second_loss,
    ),
    ("passage_logit", "right token's logit", "end of the passage", "behaviour",
     lambda b: b.correct_logit),
    ("passage_probability", "right token's probability", "end of the passage", "behaviour",
     lambda b: b.correct_probability),
    ("induction", "induction", "best head, attention", "behaviour",
     lambda b: _best(b.prefix_matching)),
    ("previous", "previous token", "best head, attention", "behaviour",
     lambda b: _best(b.previous_token)),
)  # fmt: skip

# Ridge regression is the mean of the posterior, so that any predictor's expected error is its own
# plus the squared distance between the two: what is left is the error of ridge regression.
_REGRESSION: tuple[tuple[str, str, str, Group, Getter], ...] = (
    ("prior", "task-prior score", "mean squared prediction", "behaviour",
     lambda b: b.task_prior_score),
    ("ridge", "distance to ridge", "mean squared", "behaviour", lambda b: b.ridge_distance),
    ("ridge_error", "error of ridge regression", "loss − distance to ridge", "behaviour",
     lambda b: b.loss - b.ridge_distance),
    ("icl_early", "in-context gain, 1 to 4", "squared error, l₄ − l₁", "behaviour",
     lambda b: _between(b.loss_by_pair, 0, 3)),
    ("icl_late", "in-context gain, 4 to 8", "squared error, l₈ − l₄", "behaviour",
     lambda b: _between(b.loss_by_pair, 3, 7)),
    ("previous", "previous token", "best head, attention", "behaviour",
     lambda b: _best(b.previous_token)),
)  # fmt: skip

_SHIFTS = (
    ("input", "error, inputs", "mean squared, ± 95 %", "input_error", "input_standard_error"),
    ("input_ridge", "distance to ridge, inputs", "mean squared, ± 95 %", "input_ridge",
     "input_ridge_standard_error"),
    ("task", "error, tasks", "mean squared, ± 95 %", "task_error", "task_standard_error"),
    ("task_ridge", "distance to ridge, tasks", "mean squared, ± 95 %", "task_ridge",
     "task_ridge_standard_error"),
)  # fmt: skip

_POSITIONS = "positional dependence"

# Of a head's own curve; scores that are not here are shares of attention.
_UNITS = {"entropy": "nats", "variability": "relative distance from the mean pattern"}

_NORMS = (
    ("size", "size of weights", "Euclidean norm", "norm_size"),
    ("spread", "spread of weights", "standard deviation", "norm_spread"),
    ("small", "small weights", "share below 0.1 in size", "norm_small"),
)


def behaviour_curves(
    steps: Steps, records: Mapping[int, Behaviour], *, family: str, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return the loss and the behaviours; the heads' own curves have an id ``name@head``.

    Of a regression, also the error of every prediction: ``pair1``, ``pair2``, ..
    """
    language = family == "language"
    unit = "nats per token" if language else "mean squared error"
    loss = {t: r.loss for t, r in records.items()}
    error = {t: NORMAL_95 * r.loss_error for t, r in records.items()}
    curves = [banded(steps, "loss" + suffix, "loss", unit, "loss", settings, loss, error)]
    for name, label, what, group, get in _LANGUAGE if language else _REGRESSION:
        values = {t: get(r) for t, r in records.items()}
        curves.append(plain(steps, name + suffix, label, what, group, settings, values))
    curves += _pair_curves(steps, records, settings, suffix)
    return curves + [c for c in _head_curves(steps, records, settings) if not suffix]


def context_curves(
    steps: Steps, records: Mapping[int, ContextUse], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return the scores of the use of context, each with its 95 % interval.

    A model whose positions cannot be taken away has no curve of its dependence on them.
    """

    def curve(name: str, label: str, unit: str, value: Getter, error: Getter) -> Curve:
        values = {t: value(r) for t, r in records.items()}
        errors = {t: NORMAL_95 * error(r) for t, r in records.items()}
        id_ = name + suffix
        return banded(steps, id_, label, unit, "behaviour", settings, values, errors)

    floor = {t: r.bigram_entropy for t, r in records.items()}
    found = [
        curve("icl", "in-context learning", "nats, late − early token, ± 95 %",
              lambda r: r.icl, lambda r: r.icl_error),
        curve("positional", _POSITIONS, "loss without / with, ± 95 %",
              lambda r: r.positional, lambda r: r.positional_error),
        curve("bigram", "bigram score", "cross-entropy, nats, ± 95 %",
              lambda r: r.bigram, lambda r: r.bigram_error),
        plain(steps, "bigram_entropy" + suffix, "bigram entropy", "nats, floor of the bigram score",
              "behaviour", settings, floor),
    ]  # fmt: skip
    for n in sorted({n for r in records.values() for n in r.ngrams}):
        found.append(
            curve(f"ngram{n}", f"{n}-gram score", "loss ratio, ± 95 %",
                  lambda r, n=n: _at(r.ngram, r.ngrams, n),
                  lambda r, n=n: _at(r.ngram_error, r.ngrams, n))
        )  # fmt: skip
    return [c for c in found if c.name != _POSITIONS or np.isfinite(c.values).any()]


def shift_curves(
    steps: Steps, records: Mapping[int, ShiftedRegression], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return error and distance to ridge for scaled inputs and tasks: ``shift.input.3`` and so on.

    Every value has its 95 % interval.
    """
    scales = sorted({float(g) for r in records.values() for g in r.scales})
    curves = []
    for name, label, unit, field, error in _SHIFTS:
        for g in scales:
            values = {t: _at(getattr(r, field), r.scales, g) for t, r in records.items()}
            errors = {
                t: NORMAL_95 * _at(getattr(r, error), r.scales, g) for t, r in records.items()
            }
            id_ = f"shift.{name}.{g:g}{suffix}"
            curves.append(
                banded(steps, id_, f"{label} × {g:g}", unit, "behaviour", settings, values, errors)
            )
    return curves


def structure_curves(
    steps: Steps, records: Mapping[int, Structure], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return how heads attend and compose, the spectra of embeddings, and the layer norms.

    ``entropy`` and ``variability`` are means over heads; each head's own has an id ``name@head``.
    ``composition.q``, ``.k`` and ``.v`` are those of the strongest pair over what chance gives.
    """
    heads = (
        ("entropy", "attention entropy", "nats, mean over heads"),
        ("variability", "attention variability", "mean over heads"),
    )
    curves = []
    for name, label, unit in heads:
        field = HEAD_SCORES[name]
        values = {t: _mean(getattr(r, field)) for t, r in records.items()}
        curves.append(plain(steps, name + suffix, label, unit, "behaviour", settings, values))
    for i, letter in enumerate("qkv"):
        values = {t: _over_chance(r, i) for t, r in records.items()}
        if np.isfinite(list(values.values())).any():
            id_, label = f"composition.{letter}{suffix}", f"{letter.upper()}-composition"
            unit = "strongest pair, × chance"
            curves.append(plain(steps, id_, label, unit, "behaviour", settings, values))
    curves += _spectrum_curves(steps, records, settings, suffix)
    curves += _norm_curves(steps, records, settings, suffix)
    return curves + [c for c in _head_curves(steps, records, settings) if not suffix]


def effective_rank(singular_values: Float[ndarray, " values"]) -> float:
    """Return the participation ratio of the squares: how many directions hold the weight.

    1 for a single direction, the number of values where all are equal; NaN without any above 0.

    >>> effective_rank(np.array([2.0, 2.0, 0.0]))
    2.0
    """
    square = np.nan_to_num(np.asarray(singular_values, dtype=np.float64)) ** 2
    total = float(square.sum())
    return total**2 / float((square**2).sum()) if total > 0 else float("nan")


def _pair_curves(
    steps: Steps, records: Mapping[int, Behaviour], settings: str, suffix: str
) -> Iterator[Curve]:
    found = {t: r.loss_by_pair for t, r in records.items() if isinstance(r, RegressionBehaviour)}
    for k in range(max((len(losses) for losses in found.values()), default=0)):
        values = {t: _at(losses, range(len(losses)), k) for t, losses in found.items()}
        yield plain(
            steps, f"pair{k + 1}{suffix}", f"error of prediction {k + 1}", "mean squared error",
            "behaviour", settings, values,
        )  # fmt: skip


def _spectrum_curves(
    steps: Steps, records: Mapping[int, Structure], settings: str, suffix: str
) -> Iterator[Curve]:
    kinds: tuple[tuple[str, str, str, Callable[[ndarray], float]], ...] = (
        ("rank", "effective rank", "participation ratio", effective_rank),
        ("top", "largest singular value", "of the matrix", _best),
    )
    for name, label, unit, get in kinds:
        for matrix in _names(r.embeddings for r in records.values()):
            values = {
                t: get(r.singular_values[r.embeddings.index(matrix)])
                for t, r in records.items() if matrix in r.embeddings
            }  # fmt: skip
            yield plain(
                steps, f"spectrum.{name}.{matrix}{suffix}", f"{matrix}: {label}", unit,
                "behaviour", settings, values,
            )  # fmt: skip


def _norm_curves(
    steps: Steps, records: Mapping[int, Structure], settings: str, suffix: str
) -> Iterator[Curve]:
    for name, label, unit, field in _NORMS:
        for norm in _names(r.norms for r in records.values()):
            values = {t: _at(getattr(r, field), r.norms, norm) for t, r in records.items()}
            yield plain(
                steps, f"norm.{name}.{norm}{suffix}", f"{norm}: {label}", unit, "behaviour",
                settings, values,
            )  # fmt: skip


def _head_curves(
    steps: Steps, records: Mapping[int, Behaviour | Structure], settings: str
) -> Iterator[Curve]:
    """Return every head's curve of the scores that these records have."""
    for name, field in HEAD_SCORES.items():
        scored = {t: r for t, r in records.items() if hasattr(r, field)}
        heads = scored[max(scored)].heads if scored else ()
        values = _by_head(steps, scored, field, heads)
        error = NORMAL_95 * _by_head(steps, scored, f"{field}_error", heads)
        for i, head in enumerate(heads):
            yield Curve(
                id=f"{name}@{head}", name=head, unit=_UNITS.get(name, "attention"),
                group="behaviour", settings=settings, values=values[:, i],
                low=values[:, i] - error[:, i], high=values[:, i] + error[:, i], component=head,
            )  # fmt: skip


def _by_head(
    steps: Steps, records: Mapping[int, Behaviour | Structure], field: str, heads: Sequence[str]
) -> Float[ndarray, "checkpoints heads"]:
    """Return a field of every record for ``heads``, NaN where a record lacks the field or one."""
    places: dict[tuple[str, ...], dict[str, int]] = {}
    at = {}
    for t, record in records.items():
        if record.heads not in places:
            places[record.heads] = {head: i for i, head in enumerate(record.heads)}
        if hasattr(record, field):
            at[t] = _picked(getattr(record, field), places[record.heads], heads)
    return rows(steps, at, (len(heads),))


def _picked(scores: ndarray, place: Mapping[str, int], heads: Sequence[str]) -> ndarray:
    found = [place.get(head, -1) for head in heads]
    return np.append(scores, np.nan)[found].astype(np.float32)


def _over_chance(record: Structure, i: int) -> float:
    """Return the strongest composition of a kind over its chance; NaN without pairs of layers."""
    found = (record.q_composition, record.k_composition, record.v_composition)[i]
    return _best(found) / float(record.composition_chance[i])


def _names(every: Iterable[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in every for name in names))


def _at(values: ndarray, names: Iterable[object], name: object) -> float:
    """Return the value of that name, NaN if there is none."""
    found = [i for i, other in enumerate(names) if other == name]
    return float(values[found[0]]) if found else float("nan")


def _mean(values: ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _best(values: ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) else float("nan")


def _between(losses: ndarray, early: int, late: int) -> float:
    return float(losses[late] - losses[early]) if len(losses) > late else float("nan")
