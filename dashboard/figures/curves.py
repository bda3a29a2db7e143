"""The curves of a run: which quantities of a record become a curve, and what they are called."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from compute.llc_records import LLCEstimate, RefinedLLC
from compute.networks.registry import GRAPH_NAMES, METRICS, label_of
from compute.records import Curvature, ImportedValue, NetworkMetrics
from dashboard.figures.graphs import GraphPoint
from dashboard.figures.series import NORMAL_95, Curve, Group, Steps, column

Getter: TypeAlias = Callable[..., float]

# Of an LLC, what tells whether to believe it.
_HEALTH: tuple[tuple[str, str, str, Getter], ...] = (
    ("rhat", "LLC: R-hat", "1 where chains agree", lambda r: r.rhat),
    ("ess", "LLC: effective draws", "bulk, all chains", lambda r: r.ess),
    ("finite", "LLC: finite chains", "share", lambda r: r.finite_share),
    (
        "rise", "LLC: rise of the loss", "mean over draws, unit of the loss",
        lambda r: r.llc / r.spec.nbeta,
    ),
    ("unpaired", "LLC, unpaired", "λ̂ against one fixed loss", lambda r: r.unpaired),
)  # fmt: skip

# How the ids of imported curves begin.
IMPORTED = "imported~"

# What an LLC is called in files that others wrote.
_NAMES_LLC = re.compile(r"llc|lambda|λ|local learning coefficient", re.IGNORECASE)

# A lane that shows one number of all heads shows the selected head's own curve beside it: of each
# such curve, the field of the record that has one number for every head.
HEAD_SCORES = {
    "induction": "prefix_matching",
    "previous": "previous_token",
    "entropy": "attention_entropy",
    "variability": "attention_variability",
}


def llc_curves(
    steps: Steps, records: Mapping[int, LLCEstimate], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return the LLC with its 95 % interval and verdicts, and what tells whether to believe it."""
    llc = {t: r.llc for t, r in records.items()}
    error = {t: NORMAL_95 * r.standard_error for t, r in records.items()}
    curve = banded(steps, "llc" + suffix, "LLC", "λ̂, ± 95 %", "llc", settings, llc, error)
    lanes = [_judged(curve, steps, {t: (r.verdict, r.reason) for t, r in records.items()})]
    for name, label, unit, get in _HEALTH:
        values = {t: get(r) for t, r in records.items()}
        lanes.append(plain(steps, name + suffix, label, unit, "llc", settings, values))
    return lanes


def refined_curves(
    steps: Steps, records: Mapping[int, RefinedLLC], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return the refined LLC of every part with its 95 % interval; ids are ``refined@part``."""
    parts = dict.fromkeys(part for t in sorted(records) for part in records[t].parts)
    curves = []
    for part in parts:
        at = {t: (r, r.parts.index(part)) for t, r in records.items() if part in r.parts}
        curve = banded(
            steps, f"refined{suffix}@{part}", part, "refined λ̂, ± 95 %", "llc", settings,
            {t: float(r.llc[i]) for t, (r, i) in at.items()},
            {t: NORMAL_95 * float(r.standard_error[i]) for t, (r, i) in at.items()},
        )  # fmt: skip
        judged = {t: (r.verdicts[i], r.reasons[i]) for t, (r, i) in at.items()}
        curves.append(dataclasses.replace(_judged(curve, steps, judged), component=part))
    return curves


def _judged(curve: Curve, steps: Steps, found: Mapping[int, tuple[str, str]]) -> Curve:
    """Return a curve with a verdict on each of its values, and the reason for it."""
    every = [found.get(t, ("", "")) for t in steps]
    return dataclasses.replace(
        curve,
        verdicts=tuple(verdict for verdict, _ in every),
        reasons=tuple(reason for _, reason in every),
    )


def curvature_curves(
    steps: Steps, records: Mapping[int, Curvature], *, settings: str, suffix: str = ""
) -> list[Curve]:
    """Return the trace of the Hessian with its 95 % interval, and its largest eigenvalue."""
    trace = {t: r.trace for t, r in records.items()}
    error = {t: NORMAL_95 * r.trace_error for t, r in records.items()}
    top = {t: float(r.eigenvalues[0]) for t, r in records.items()}
    return [
        banded(
            steps, "trace" + suffix, "Hessian trace", "tr H, ± 95 %", "llc", settings, trace, error
        ),
        plain(
            steps, "eigenvalue" + suffix, "largest eigenvalue", "of the Hessian", "llc", settings,
            top,
        ),
    ]  # fmt: skip


def imported_curve(
    steps: Steps, records: Mapping[int, ImportedValue], *, name: str, digest: str, settings: str
) -> Curve:
    """Return one curve of a file, with the 95 % interval where the file gives an error.

    The tilde in its id has menus say its settings too: names of different sources can be the same.
    """
    return banded(
        steps, IMPORTED + digest, f"imported: {name}", "in the file's unit",
        "llc" if _NAMES_LLC.match(name) else "behaviour", settings,
        {t: r.value for t, r in records.items()},
        {t: NORMAL_95 * r.error for t, r in records.items()},
    )  # fmt: skip


def graph_curves(
    steps: Steps,
    graphs: Mapping[int, GraphPoint],
    metrics: Mapping[int, NetworkMetrics],
    *,
    settings: str,
    suffix: str = "",
) -> list[Curve]:
    """Return the graph metrics of one setting and threshold, and the loss on its prompts.

    Without any metrics the usual ones are there, empty.
    """
    curves = []
    for name in _graph_names(list(metrics.values())) or GRAPH_NAMES:
        at = {t: (m, m.graph_names.index(name)) for t, m in metrics.items()}
        curves.append(
            Curve(
                id=f"graph.{name}{suffix}",
                name=label_of(name),
                unit=METRICS[name].unit if name in METRICS else "",
                group="graph",
                settings=settings,
                values=column(steps, {t: float(m.graph_values[i]) for t, (m, i) in at.items()}),
                low=column(steps, {t: float(m.graph_low[i]) for t, (m, i) in at.items()}),
                high=column(steps, {t: float(m.graph_high[i]) for t, (m, i) in at.items()}),
            )
        )
    if graphs and not suffix:
        losses = {t: g.loss for t, g in graphs.items()}
        curves.append(
            plain(steps, "graph.loss", "loss on the prompts", "clean", "loss", settings, losses)
        )
    return curves


def _graph_names(metrics: Sequence[NetworkMetrics]) -> list[str]:
    every = [set(m.graph_names) for m in metrics]
    return [n for n in metrics[0].graph_names if all(n in s for s in every)] if metrics else []


def plain(
    steps: Steps, id_: str, name: str, unit: str, group: Group, settings: str,
    values: Mapping[int, float],
) -> Curve:  # fmt: skip
    """Return a curve without intervals; a step that ``values`` lacks is a gap."""
    return banded(steps, id_, name, unit, group, settings, values, {})


def banded(
    steps: Steps, id_: str, name: str, unit: str, group: Group, settings: str,
    values: Mapping[int, float], error: Mapping[int, float],
) -> Curve:  # fmt: skip
    """Return a curve whose 95 % interval reaches ``error`` to both sides; NaN gives none."""
    centre, half = column(steps, values), column(steps, error)
    return Curve(
        id=id_, name=name, unit=unit, group=group, settings=settings,
        values=centre, low=centre - half, high=centre + half,
    )  # fmt: skip
