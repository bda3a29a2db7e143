"""A development as one binary file for the browser: a JSON header, then typed arrays.

``dashboard/arrays.py`` says how it is laid out, and ``assets/modules/payload.mjs`` reads it. The
same development gives the same bytes, so that the file can be addressed by its digest and cached
for ever.

The edges of small graphs are ``table``: every edge at every checkpoint. Those of wide graphs are
``lists``: for each checkpoint its heaviest edges, heaviest first, and exact totals of all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from compute.components import kind_of
from compute.networks.registry import METRICS, Metric, label_of, meaning_of
from compute.runs import Run
from compute.specs import GraphMeasurement, standard_measurements
from dashboard.arrays import Arrays, framed
from dashboard.development import Development
from dashboard.figures.agreement import Agreement
from dashboard.figures.edges import KEPT_EDGES, EdgeLists, EdgeSeries, EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.metrics import MetricSeries
from dashboard.figures.series import Curve
from dashboard.labels import TASK_LABELS, ablation_meaning, compute_command, is_approximate

VERSION = 6
STATE_CODES = {"measured": "m", "failed": "f", "missing": "-"}
WEIGHT_SHARE_SHOWN = 0.9
# Above so many edges not all are drawn at first, but the heaviest few; of wide graphs, more.
MANY_EDGES, MANY_SHOWN, WIDE_SHOWN = 1_500, 300, 1_000


def encode(development: Development) -> bytes:
    """Return a development as the browser reads it."""
    arrays = Arrays()
    return framed(_header(development, arrays), arrays)


def default_threshold(weight: ndarray) -> float:
    """Return the largest round threshold that keeps nine tenths of all weight over the run."""
    flat = np.sort(np.abs(weight[np.isfinite(weight)]))[::-1]
    if len(flat) == 0 or flat.sum() == 0:
        return 0.0
    share = np.cumsum(flat) / flat.sum()
    edge = float(flat[int(np.searchsorted(share, WEIGHT_SHARE_SHOWN))])
    return float(np.floor(edge * 100) / 100) if edge >= 0.01 else float(np.floor(edge * 1e4) / 1e4)


def _header(development: Development, arrays: Arrays) -> dict[str, Any]:
    run = development.run
    return {
        "version": VERSION,
        "run": {
            "name": run.name,
            "family": run.family,
            "source": run.source,
            "summary": run.summary,
            "licence": run.licence,
            "tokensPerStep": run.tokens_per_step,
        },
        "steps": list(run.steps),
        "graphs": _graphs(development, arrays),
        "curves": [_curve(c, arrays) for c in development.curves],
        "graphCurves": {
            name: [_curve(c, arrays) for c in curves]
            for name, curves in development.graph_curves.items()
        },
        "failures": [vars(f) for f in development.failures],
        "coverage": [
            {"label": c.label, "states": "".join(STATE_CODES[s] for s in c.states)}
            for c in development.coverage
        ],
    }


def default_top(possible: int) -> int | None:
    """Return how many edges are drawn at most unless the reader says else; None for all."""
    return MANY_SHOWN if possible > MANY_EDGES else None


def _graphs(development: Development, arrays: Arrays) -> dict[str, Any]:
    run = development.run
    return {
        name: _graph(series, arrays) | {"remedy": _remedy(series.spec, run)}
        for name, series in development.graphs.items()
    }


def _remedy(spec: GraphMeasurement, run: Run) -> str:
    """Return what helps where a graph is missing: the button, a command to type, or nothing."""
    if spec in standard_measurements(run):
        return "compute"
    return compute_command(spec, run) or ""


def _graph(series: GraphSeries, arrays: Arrays) -> dict[str, Any]:
    spec, weight = series.spec, series.edges.weight
    finite = weight[np.isfinite(weight)]
    return {
        "task": spec.task.name,
        "label": TASK_LABELS[spec.task.name],
        "ablation": spec.ablation.ablation,
        "setting": series.setting,
        "meaning": ablation_meaning(spec),
        "approximate": is_approximate(spec),
        "prompts": series.prompts,
        "settings": series.settings,
        "nodeSettings": series.node_settings,
        "components": [{"name": c, "kind": kind_of(c)} for c in series.components],
        "order": [float(x) for x in series.order],
        "heaviest": float(finite.max()) if len(finite) else 0.0,
        **_edges(series.edges, arrays),
        **_effects(series, arrays),
        "agreement": _agreement(series.agreement, arrays),
        "metrics": _metrics(series.metrics, arrays),
    }


def _metrics(found: MetricSeries, arrays: Arrays) -> list[dict[str, Any]]:
    """Return metrics; of an interval its two parts beside the value, which few digits give well."""
    return [
        {
            "id": name,
            "name": label_of(name),
            **_meaning(METRICS.get(name)),
            "values": arrays.add(found.node_values[i], "f4"),
            "below": arrays.add(found.node_values[i] - found.node_low[i], "f2"),
            "above": arrays.add(found.node_high[i] - found.node_values[i], "f2"),
            "rankLow": _doubled(found.rank_low[i], arrays),
            "rankHigh": _doubled(found.rank_high[i], arrays),
        }
        for i, name in enumerate(found.node_names)
    ]


def _doubled(ranks: ndarray, arrays: Arrays) -> dict[str, Any]:
    """Return ranks, which may end in a half, as twice as large whole numbers; 0 where none is."""
    if np.isnan(ranks).all():
        return arrays.add(ranks, "f2")
    twice = np.nan_to_num(np.round(2 * ranks), nan=0)
    return arrays.add(twice, "u1" if twice.max() < 256 else "u2")


def _meaning(metric: Metric | None) -> dict[str, str]:
    if metric is None:
        return {"ranking": "", "unit": "", "definition": "", "convention": ""}
    return {
        "ranking": metric.ranking,
        "unit": metric.unit,
        "definition": meaning_of(metric.name),
        "convention": metric.convention,
    }


def _edges(edges: EdgeSeries, arrays: Arrays) -> dict[str, Any]:
    values = {
        "weight": arrays.add(edges.weight, "f2"),
        "error": arrays.add(edges.weight_error, "f2"),
        "norm": arrays.add(edges.norm, "f2"),
        "normError": arrays.add(edges.norm_error, "f2"),
    }
    if isinstance(edges, EdgeTable):
        return {
            "threshold": default_threshold(edges.weight),
            "top": default_top(len(edges.ends)),
            "table": {"ends": arrays.add(edges.ends, "i2"), **values},
        }
    return {"threshold": 0.0, "top": WIDE_SHOWN, "lists": values | _lists(edges, arrays)}


def _lists(edges: EdgeLists, arrays: Arrays) -> dict[str, Any]:
    return {
        "kept": KEPT_EDGES,
        "offsets": arrays.add(edges.offsets, "i4"),
        "source": arrays.add(edges.source, "u2"),
        "target": arrays.add(edges.target, "u2"),
        "possible": arrays.add(edges.possible, "i4"),
        "positive": arrays.add(edges.positive, "i4"),
        "total": arrays.add(edges.total, "f4"),
    }


def _effects(series: GraphSeries, arrays: Arrays) -> dict[str, Any]:
    return {
        "lossChange": arrays.add(series.loss_change, "f4"),
        "lossError": arrays.add(series.loss_error, "f2"),
        "logitChange": arrays.add(series.logit_change, "f4"),
        "logitError": arrays.add(series.logit_error, "f2"),
    }


def _agreement(found: Agreement | None, arrays: Arrays) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "rho": arrays.add(found.rho, "f4"),
        "edges": arrays.add(found.edges, "i4"),
        "sampled": found.sampled,
    }


def _curve(curve: Curve, arrays: Arrays) -> dict[str, Any]:
    return {
        "id": curve.id,
        "name": curve.name,
        "unit": curve.unit,
        "group": curve.group,
        "settings": curve.settings,
        "component": curve.component,
        "values": arrays.add(curve.values, "f4"),
        "low": arrays.add(curve.low, "f4"),
        "high": arrays.add(curve.high, "f4"),
        "verdicts": list(curve.verdicts),
        "reasons": list(curve.reasons),
    }
