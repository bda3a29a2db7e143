"""The curves of what a run does and what it is made of, one set for each setting."""

from __future__ import annotations

import functools

from compute.behaviour_records import ContextUse, ShiftedRegression, Structure
from compute.behaviour_specs import ContextMeasurement, ShiftMeasurement, StructureMeasurement
from compute.records import LanguageBehaviour, RegressionBehaviour
from compute.runs import Run
from compute.specs import BehaviourMeasurement
from dashboard.degeneracy import UNMEASURED
from dashboard.figures.behaviour_curves import (
    behaviour_curves,
    context_curves,
    shift_curves,
    structure_curves,
)
from dashboard.figures.series import Curve
from dashboard.points import Groups, curves_by_setting, of_kind


def all_behaviour_curves(run: Run, groups: Groups) -> list[Curve]:
    """Return every curve of behaviours; settings that differ are different curves.

    The loss and the behaviours of every run are there, if empty; of what else nobody measured,
    there is none.
    """
    of_family = functools.partial(behaviour_curves, family=run.family)
    either = (LanguageBehaviour, RegressionBehaviour)
    steps, behaviours = run.steps, of_kind(groups, BehaviourMeasurement)
    contexts, shifts = of_kind(groups, ContextMeasurement), of_kind(groups, ShiftMeasurement)
    structures = of_kind(groups, StructureMeasurement)
    return [
        *(
            curves_by_setting(steps, behaviours, either, of_family, behaviour_text)
            or of_family(steps, {}, settings=UNMEASURED)
        ),
        *curves_by_setting(steps, contexts, ContextUse, context_curves, context_text),
        *curves_by_setting(steps, shifts, ShiftedRegression, shift_curves, shift_text),
        *curves_by_setting(steps, structures, Structure, structure_curves, structure_text),
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
