"""Tables of curves: every quantity over the checkpoints, one row for each curve and checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from compute.networks.registry import label_of
from dashboard.development import Development
from dashboard.figures.series import Curve
from dashboard.tables.about import about_run
from dashboard.tables.asked import Asked, bounded
from dashboard.tables.table import STEP, Column, Table, table_of

CURVES = (
    STEP,
    Column("curve", "The curve's id in addresses.", kind="text"),
    Column("name", "What the curve is called.", kind="text"),
    Column("value", "Its value, in the unit of the row; empty where none is measured."),
    Column("low", "Lower end of the 95 % interval; empty where there is none."),
    Column("high", "Upper end of the 95 % interval; empty where there is none."),
    Column("unit", "What one unit of the value is.", kind="text"),
    Column("state", "measured, missing, or failed.", kind="text"),
    Column("verdict", "Of values that are judged one by one: whether to believe it.", kind="text"),
    Column("reason", "Why the verdict is so.", kind="text"),
    Column("group", "llc, loss, graph or behaviour: the colour on the pages.", kind="text"),
    Column("component", "The component that the curve is of, if it is of one.", kind="text"),
    Column("setting", "How it was measured.", kind="text"),
)
NETWORK = (
    STEP,
    Column("metric", "The metric's name in records.", kind="text"),
    Column("name", "What the metric is called.", kind="text"),
    Column("value", "Its value, in the unit of the row; empty where none is measured."),
    Column("low", "Lower end of the 95 % interval over prompts; empty where there is none."),
    Column("high", "Upper end of the 95 % interval over prompts; empty where there is none."),
    Column("unit", "What one unit of the value is.", kind="text"),
    Column("setting", "Which edges count.", kind="text"),
)
REFINED = (
    STEP,
    Column("component", "The head, MLP, layer or embedding whose weights move.", kind="text"),
    Column("value", "The refined LLC; empty where none is measured.", "λ̂, dimensionless"),
    Column("low", "Lower end of its 95 % interval.", "λ̂, dimensionless"),
    Column("high", "Upper end of its 95 % interval.", "λ̂, dimensionless"),
    Column("verdict", "Whether to believe it.", kind="text"),
    Column("reason", "Why the verdict is so.", kind="text"),
)
HEADS = (
    STEP,
    Column("component", "The head.", kind="text"),
    Column("score", "induction, previous, entropy or variability.", kind="text"),
    Column("value", "Its value, in the unit of the row; empty where none is measured."),
    Column("low", "Lower end of the 95 % interval; empty where there is none."),
    Column("high", "Upper end of the 95 % interval; empty where there is none."),
    Column("unit", "What one unit of the value is.", kind="text"),
    Column("setting", "How it was measured.", kind="text"),
)

# Which measurement a curve is from, where its group does not say: what failed is of a kind.
_KINDS = {
    "trace": "curvature", "eigenvalue": "curvature", "refined": "refined", "imported": "imported",
    "icl": "context", "positional": "context", "bigram": "context", "bigram_entropy": "context",
    "ngram2": "context", "ngram3": "context", "ngram4": "context",
    "entropy": "structure", "variability": "structure", "composition": "structure",
    "spectrum": "structure", "norm": "structure", "shift": "shift", "graph": "network",
}  # fmt: skip
_OF_GROUP = {"llc": "llc", "graph": "network", "loss": "behaviour", "behaviour": "behaviour"}


def curves(asked: Asked) -> Table:
    """Return the curves that were asked for."""
    return _curve_table(asked, asked.curves(), {"graph": asked.any_graph})


def behaviours(asked: Asked) -> Table:
    """Return the run's losses and behaviours, those of single heads left out."""
    found = [
        c for c in asked.development.curves
        if c.group in ("loss", "behaviour") and c.component is None
    ]  # fmt: skip
    return _curve_table(asked, found, {})


def kind_of_curve(curve: Curve) -> str:
    """Return the kind of the measurement that a curve is read from."""
    first = curve.id.replace("@", "~").split("~")[0].split(".")[0]
    return _KINDS.get(first, _OF_GROUP[curve.group])


def states_of(development: Development, curve: Curve) -> list[str]:
    """Return for each checkpoint whether a curve is ``measured``, ``missing`` or ``failed``."""
    kind = kind_of_curve(curve)
    failed = {f.step for f in development.failures if f.kind == kind}
    known = np.isfinite(curve.values)
    return [
        "measured" if there else "failed" if step in failed else "missing"
        for step, there in zip(development.run.steps, known, strict=True)
    ]


def _curve_table(asked: Asked, found: Sequence[Curve], more: Mapping[str, Any]) -> Table:
    at = asked.indices()
    bounded(len(at) * len(found))
    none = [""] * len(asked.run.steps)

    def column(pick: Any) -> list[Any]:
        return [value for curve in found for value in pick(curve)]

    def each(pick: Any) -> list[Any]:
        return [pick(curve) for curve in found for _ in at]

    states = {curve.id: states_of(asked.development, curve) for curve in found}
    values = {
        **_numbers(asked, found, at),
        "curve": each(lambda c: c.id),
        "name": each(lambda c: c.name),
        "unit": each(lambda c: c.unit),
        "state": column(lambda c: [states[c.id][i] for i in at]),
        "verdict": column(lambda c: [(c.verdicts or none)[i] for i in at]),
        "reason": column(lambda c: [(c.reasons or none)[i] for i in at]),
        "group": each(lambda c: c.group),
        "component": each(lambda c: c.component or ""),
        "setting": each(lambda c: c.settings),
    }
    return table_of(CURVES, values, about_run(asked, **more))


def network(asked: Asked) -> Table:
    """Return the metrics of the whole graph at each checkpoint."""
    series, at = asked.series, asked.indices()
    found = [
        c for c in asked.development.graph_curves[asked.graph]
        if c.id != "graph.loss"
    ]  # fmt: skip
    names = [c.id.removeprefix("graph.") for c in found]
    values = {
        **_numbers(asked, found, at),
        "metric": [name for name in names for _ in at],
        "name": [label_of(name.split("~")[0]) for name in names for _ in at],
        "unit": [c.unit for c in found for _ in at],
        "setting": [c.settings for c in found for _ in at],
    }
    return table_of(NETWORK, values, about_run(asked, graph=asked.graph, settings=series.settings))


def refined(asked: Asked) -> Table:
    """Return the refined LLC of every part of the model, with its verdict."""
    setting, found = asked.refinement()
    parts = {str(c.component): c for c in found}
    found = [parts[name] for name in asked.some_of("components", list(parts))]
    at = asked.indices()
    # Refined LLCs are measured at some checkpoints: rows of the others would say nothing.
    at = [i for i in at if any(np.isfinite(c.values[i]) or c.verdicts[i] for c in found)]
    values = {
        **_numbers(asked, found, at),
        "component": [str(c.component) for c in found for _ in at],
        "verdict": [c.verdicts[i] for c in found for i in at],
        "reason": [c.reasons[i] for c in found for i in at],
    }
    return table_of(REFINED, values, about_run(asked, refined=setting, settings=found[0].settings))


def heads(asked: Asked) -> Table:
    """Return the scores of every head, or of one."""
    found = [
        c for c in asked.development.curves
        if c.component is not None and c.group == "behaviour" and "@" in c.id
    ]  # fmt: skip
    wanted = set(asked.some_of("components", list(dict.fromkeys(str(c.component) for c in found))))
    found = [c for c in found if c.component in wanted]
    at = asked.indices()
    values = {
        **_numbers(asked, found, at),
        "component": [str(c.component) for c in found for _ in at],
        "score": [c.id.split("@")[0] for c in found for _ in at],
        "unit": [c.unit for c in found for _ in at],
        "setting": [c.settings for c in found for _ in at],
    }
    bounded(len(found) * len(at))
    return table_of(HEADS, values, about_run(asked))


def _numbers(asked: Asked, found: Sequence[Curve], at: Sequence[int]) -> dict[str, Any]:
    """Return steps, values and intervals of some curves at some checkpoints, curve by curve."""

    def stacked(every: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.zeros(0, np.float32), *(values[list(at)] for values in every)])

    return {
        "step": [asked.run.steps[i] for _ in found for i in at],
        "value": stacked(c.values for c in found),
        "low": stacked(c.low for c in found),
        "high": stacked(c.high for c in found),
    }
