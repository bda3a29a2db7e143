"""The curves of what a run does and what it is made of, one set for each setting."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from compute.behaviour_records import ContextUse, ShiftedRegression, Structure
from compute.behaviour_specs import ContextMeasurement, ShiftMeasurement, StructureMeasurement
from compute.records import LanguageBehaviour, RegressionBehaviour
from compute.runs import Run
from compute.specs import BehaviourMeasurement, Measurement
from dashboard.degeneracy import UNMEASURED
from dashboard.figures.behaviour_curves import (
    behaviour_curves,
    context_curves,
    shift_curves,
    structure_curves,
)
from dashboard.figures.series import Curve
from dashboard.points import Groups, of_kind


def all_behaviour_curves(run: Run, groups: Groups) -> list[Curve]:
    """Return every curve of behaviours; settings that differ are different curves.

    The loss and the behaviours of every run are there, if empty; of what else nobody measured,
    there is none.
    """
    of_family = functools.partial(behaviour_curves, family=run.family)
    return [
        *(
            _by_setting(run, groups, BehaviourMeasurement, of_family, behaviour_text)
            or of_family(run.steps, {}, settings=UNMEASURED)
        ),
        *_by_setting(run, groups, ContextMeasurement, context_curves, context_text),
        *_by_setting(run, groups, ShiftMeasurement, shift_curves, shift_text),
        *_by_setting(run, groups, StructureMeasurement, structure_curves, structure_text),
    ]


def behaviour_text(spec: BehaviourMeasurement) -> str:
    """Return the settings of the loss and the behaviours."""
    return f"{spec.samples:,} held-out samples"


def context_text(spec: ContextMeasurement) -> str:
    """Return the settings of the use of context.

    >>> context_text(ContextMeasurement(samples=512))
    '512 windows of 128 tokens · positions 62 ± 2 − 6 ± 2 · 256 n-grams'
    """
    windows = f"{spec.samples:,} windows of {spec.length:,} tokens"
    score = f"positions {spec.late} ± {spec.around} − {spec.early} ± {spec.around}"
    return f"{windows} · {score} · {spec.ngrams:,} n-grams"


def shift_text(spec: ShiftMeasurement) -> str:
    """Return the settings of scaled inputs and tasks."""
    return f"{spec.samples:,} sequences of each scale"


def structure_text(spec: StructureMeasurement) -> str:
    """Return the settings of what a model is made of."""
    return f"weights; attention on {spec.samples:,} held-out samples"


_RECORDS: dict[type[Measurement], tuple[type, ...]] = {
    BehaviourMeasurement: (LanguageBehaviour, RegressionBehaviour),
    ContextMeasurement: (ContextUse,),
    ShiftMeasurement: (ShiftedRegression,),
    StructureMeasurement: (Structure,),
}


def _by_setting(
    run: Run,
    groups: Groups,
    kind: type[Measurement],
    curves: Callable[..., list[Curve]],
    text: Callable[[Any], str],
) -> list[Curve]:
    """Return the curves of every setting; the ids of all but the first end in a number."""
    made: list[Curve] = []
    for i, (spec, at) in enumerate(of_kind(groups, kind)):
        records = {t: v for t, v in at.items() if isinstance(v, _RECORDS[kind])}
        made += curves(run.steps, records, settings=text(spec), suffix=f"~{i + 1}" if i else "")
    return made
