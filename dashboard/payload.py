"""A development as one binary file for the browser: a JSON header, then typed arrays.

``assets/modules/payload.mjs`` reads it. The same development gives the same bytes, so that the
file can be addressed by its digest and cached for ever.

The layout: the header's length (uint32, little-endian), the header (UTF-8 JSON, padded with spaces
to a multiple of 8), then the arrays, each starting at a multiple of 8. Wherever the header holds
``{"at": offset, "type": "f2" | "f4" | "i2" | "i4" | "u2", "shape": [..]}`` there is an array;
offsets count from the end of the header. An array that holds nothing but NaN is not written: its
``type`` is ``nan``.

The edges of small graphs are ``table``: every edge at every checkpoint. Those of wide graphs are
``lists``: for each checkpoint its heaviest edges, heaviest first, and exact totals of all.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy import ndarray

from compute.runs import Run
from compute.specs import GraphMeasurement, standard_measurements
from dashboard.components import kind_of
from dashboard.development import Development
from dashboard.figures.agreement import Agreement
from dashboard.figures.edges import KEPT_EDGES, EdgeLists, EdgeSeries, EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.series import METRIC_NAMES, Curve
from dashboard.labels import TASK_LABELS, ablation_meaning, compute_command, is_approximate

VERSION = 2
STATE_CODES = {"measured": "m", "failed": "f", "missing": "-"}
WEIGHT_SHARE_SHOWN = 0.9
# Above so many edges not all are drawn at first, but the heaviest few; of wide graphs, more.
MANY_EDGES, MANY_SHOWN, WIDE_SHOWN = 1_500, 300, 1_000


class _Arrays:
    """The arrays of a payload, one after the other."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._end = 0

    def add(self, values: ndarray, kind: str) -> dict[str, Any]:
        """Append an array and return what the header says of it."""
        if values.dtype.kind == "f" and values.size and np.isnan(values).all():
            return {"at": 0, "type": "nan", "shape": list(values.shape)}
        data = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
        place = {"at": self._end, "type": kind, "shape": list(values.shape)}
        data += b"\0" * (-len(data) % 8)
        self.chunks.append(data)
        self._end += len(data)
        return place


def encode(development: Development) -> bytes:
    """Return a development as the browser reads it."""
    arrays = _Arrays()
    text = json.dumps(_header(development, arrays), ensure_ascii=False, allow_nan=False)
    header = text.encode()
    header += b" " * (-(len(header) + 4) % 8)
    return b"".join([struct.pack("<I", len(header)), header, *arrays.chunks])


def decode(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of `encode` and the bytes of its arrays; `array` reads one of them."""
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def array(place: dict[str, Any], data: bytes) -> ndarray:
    """Return the array that a header's entry names."""
    if place["type"] == "nan":
        return np.full(place["shape"], np.nan, dtype=np.float32)
    count = int(np.prod(place["shape"]))
    values = np.frombuffer(data, dtype=f"<{place['type']}", count=count, offset=place["at"])
    return values.reshape(place["shape"])


def default_threshold(weight: ndarray) -> float:
    """Return the largest round threshold that keeps nine tenths of all weight over the run."""
    flat = np.sort(np.abs(weight[np.isfinite(weight)]))[::-1]
    if len(flat) == 0 or flat.sum() == 0:
        return 0.0
    share = np.cumsum(flat) / flat.sum()
    edge = float(flat[int(np.searchsorted(share, WEIGHT_SHARE_SHOWN))])
    return float(np.floor(edge * 100) / 100) if edge >= 0.01 else float(np.floor(edge * 1e4) / 1e4)


def _header(development: Development, arrays: _Arrays) -> dict[str, Any]:
    run = development.run
    return {
        "version": VERSION,
        "run": {
            "name": run.name,
            "family": run.family,
            "source": run.source,
            "summary": run.summary,
            "licence": run.licence,
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


def _graphs(development: Development, arrays: _Arrays) -> dict[str, Any]:
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


def _graph(series: GraphSeries, arrays: _Arrays) -> dict[str, Any]:
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
        "metrics": [
            {
                "id": name,
                "name": METRIC_NAMES.get(name, name.replace("_", " ")),
                "values": arrays.add(series.node_values[i], "f4"),
                "low": arrays.add(series.node_low[i], "f4"),
                "high": arrays.add(series.node_high[i], "f4"),
            }
            for i, name in enumerate(series.node_names)
        ],
    }


def _edges(edges: EdgeSeries, arrays: _Arrays) -> dict[str, Any]:
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


def _lists(edges: EdgeLists, arrays: _Arrays) -> dict[str, Any]:
    return {
        "kept": KEPT_EDGES,
        "offsets": arrays.add(edges.offsets, "i4"),
        "source": arrays.add(edges.source, "u2"),
        "target": arrays.add(edges.target, "u2"),
        "possible": arrays.add(edges.possible, "i4"),
        "positive": arrays.add(edges.positive, "i4"),
        "total": arrays.add(edges.total, "f4"),
    }


def _effects(series: GraphSeries, arrays: _Arrays) -> dict[str, Any]:
    return {
        "lossChange": arrays.add(series.loss_change, "f4"),
        "lossError": arrays.add(series.loss_error, "f2"),
        "logitChange": arrays.add(series.logit_change, "f4"),
        "logitError": arrays.add(series.logit_error, "f2"),
    }


def _agreement(found: Agreement | None, arrays: _Arrays) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "rho": arrays.add(found.rho, "f4"),
        "edges": arrays.add(found.edges, "i4"),
        "sampled": found.sampled,
    }


def _curve(curve: Curve, arrays: _Arrays) -> dict[str, Any]:
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
    }
