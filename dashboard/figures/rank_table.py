"""The rank table of one checkpoint: its rows, and the columns of the grid that shows them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy import ndarray

from compute.components import kind_of, layer_names, layers_of
from compute.networks.registry import METRICS, label_of, meaning_of
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.metrics import MetricSeries

Row: TypeAlias = dict[str, Any]
Column: TypeAlias = dict[str, Any]

SHOWN = ("out_strength", "in_strength", "spreader_z", "gatherer_z")
# The p of a role stands beside its z.
BESIDE = {"spreader_z": "spreader_p", "gatherer_z": "gatherer_p"}
NONE = "–"
_LARGEST_PLACES = 6


def rank_rows(series: GraphSeries, index: int, step: int, metric: str) -> list[Row]:
    """Return one row for each component at a checkpoint, the first ranks first.

    Parameters
    ----------
    index, step
        The checkpoint, and the training step that it is of.
    metric
        By which components are ranked: 1 for the largest value, equal values at equal ranks. A
        component without a value has no rank and stands last.

    Returns
    -------
    rows
        Of each metric ``m`` there are ``m``, ``m_low`` and ``m_high`` (95 % interval) and
        ``m_text``, the interval for people; None for NaN.
    """
    found, names = series.metrics, series.components
    if metric not in found.node_names:
        return []
    by = found.node_names.index(metric)
    values = found.node_values[by, index]
    layers = layers_of(names)
    called = layer_names(names)
    rows = []
    for place, c in enumerate(_in_order(values)):
        row: Row = {"step": step, "component": names[c], "kind": kind_of(names[c])}
        row |= {"layer": called[layers[c]], "layer_number": int(layers[c]), "place": place}
        row |= _rank(found, by, index, int(c))
        for m, name in enumerate(found.node_names):
            row |= _value(found, m, index, int(c), name)
        rows.append(row)
    return rows


def _in_order(values: ndarray) -> ndarray:
    """Return components from the largest value to the smallest, those without one last."""
    return np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")


def _rank(found: MetricSeries, metric: int, index: int, component: int) -> Row:
    values = found.node_values[metric, index]
    own = values[component]
    low = _number(found.rank_low[metric, index, component])
    high = _number(found.rank_high[metric, index, component])
    known = bool(np.isfinite(own))
    rank = 1 + int((values > own).sum()) if known else None
    shared = "=" if known and int((values == own).sum()) > 1 else ""
    return {
        "rank": rank,
        "rank_label": NONE if rank is None else f"{rank}{shared}",
        "rank_low": low,
        "rank_high": high,
        "rank_text": "" if low is None or high is None else _ranks(low, high),
    }


def _ranks(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g} – {high:g}"


def _value(found: MetricSeries, metric: int, index: int, component: int, name: str) -> Row:
    low = _number(found.node_low[metric, index, component])
    high = _number(found.node_high[metric, index, component])
    places = _places(found, metric)
    known = low is not None and high is not None
    return {
        name: _number(found.node_values[metric, index, component]),
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_text": f"{_minus(low, places)} – {_minus(high, places)}" if known else "",
    }


def _number(value: float) -> float | None:
    """Return a number as JSON takes it: None for NaN, no more digits than float32 has."""
    return float(f"{value:.7g}") if np.isfinite(value) else None


def _minus(value: float | None, places: int) -> str:
    text = f"{abs(value or 0.0):,.{places}f}"
    return f"−{text}" if (value or 0.0) < 0 and float(text.replace(",", "")) > 0 else text


def _places(found: MetricSeries, metric: int) -> int:
    """Return how many decimals serve a metric over the whole run: at least three."""
    values = found.node_values[metric]
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if len(finite) else 0.0
    if largest <= 0:
        return 2
    size = int(np.floor(np.log10(largest)))
    return 3 if size >= 0 else min(_LARGEST_PLACES, 2 - size)


def rank_columns(series: GraphSeries, metric: str) -> list[Column]:
    """Return the columns for `rank_rows`, grouped by metric: those of `SHOWN` are seen at first."""
    found = series.metrics
    beside = set(BESIDE.values())
    listed = [n for n in (*SHOWN, *found.node_names) if n in found.node_names and n not in beside]
    return [_name(), _ranks_of(metric), *(_group(found, name) for name in dict.fromkeys(listed))]


def _name() -> Column:
    component = _text("component", "component", 100) | {"pinned": "left"}
    return {"headerName": "", "groupId": "group.component", "children": [component]}


def _ranks_of(metric: str) -> Column:
    label = {"function": "params.data.rank_label"}
    children = [
        _hidden("step"),
        _column("rank", "#", 56) | {"valueFormatter": label},
        _text("rank_text", "95 %", 72) | _PLAIN,
        _hidden("rank_low"),
        _hidden("rank_high"),
        _column("layer_number", "layer", 76) | _AS_LAYER,
    ]
    return {
        "headerName": f"rank by {label_of(metric)}",
        "groupId": "group.rank",
        "children": children,
    }


_PLAIN: Column = {"sortable": False, "filter": False}
# By the layer's number, so that layer 10 stands after layer 2.
_AS_LAYER: Column = {
    "type": "",
    "valueFormatter": {"function": "params.data.layer"},
    "useValueFormatterForExport": True,
}


def _group(found: MetricSeries, name: str) -> Column:
    metric = METRICS.get(name)
    hide = name not in SHOWN
    children = [_value_column(found, name, "value", hide), *_interval(name, hide)]
    p = BESIDE.get(name)
    if p in found.node_names:
        children += [_value_column(found, p, "p, one-sided", hide), *_interval(p, True)[1:]]
    told = f"{meaning_of(name)} {_convention(metric.convention)}".strip() if metric else ""
    label = f"{metric.label}, {metric.unit}" if metric else label_of(name)
    return {
        "headerName": label,
        "groupId": f"group.{name}",
        "headerTooltip": told,
        "children": children,
    }


def _convention(convention: str) -> str:
    return f"Reads weights as {convention}." if convention else ""


def _value_column(found: MetricSeries, name: str, label: str, hide: bool) -> Column:
    places = _places(found, found.node_names.index(name)) + (name in BESIDE.values())
    form = f"d3.format(',.{places}f')(params.value)"
    shown = {"function": f"params.value == null ? '{NONE}' : {form}"}
    return _column(name, label, 112 if name in BESIDE.values() else 88) | {
        "valueFormatter": shown,
        "initialHide": hide,
    }


def _interval(name: str, hide: bool) -> list[Column]:
    text = _text(f"{name}_text", "95 %", 116)
    text |= _PLAIN | {"initialHide": hide}
    return [text, _hidden(f"{name}_low"), _hidden(f"{name}_high")]


def _column(field: str, label: str, width: int) -> Column:
    return {
        "field": field,
        "colId": field,
        "headerName": label,
        "width": width,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "useValueFormatterForExport": False,
    }


def _text(field: str, label: str, width: int) -> Column:
    return {
        "field": field,
        "colId": field,
        "headerName": label,
        "width": width,
        "filter": "agTextColumnFilter",
        "cellClass": "cell-interval" if field.endswith("_text") else "",
    }


def _hidden(field: str) -> Column:
    """Return a column that is in the file, not on the screen."""
    return {"field": field, "colId": field, "initialHide": True}
