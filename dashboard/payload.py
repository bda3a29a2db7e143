"""A development as one binary file for the browser: a JSON header, then typed arrays.

``assets/modules/payload.mjs`` reads it. The same development gives the same bytes, so that the
file can be addressed by its digest and cached for ever.

The layout: the header's length (uint32, little-endian), the header (UTF-8 JSON, padded with spaces
to a multiple of 8), then the arrays, each starting at a multiple of 8. Wherever the header holds
``{"at": offset, "type": "f2" | "f4" | "i2", "shape": [..]}`` there is an array; offsets count from
the end of the header.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy import ndarray

from dashboard.development import TASK_LABELS, Development
from dashboard.figures.series import METRIC_NAMES, Curve, GraphSeries

VERSION = 1
STATE_CODES = {"measured": "m", "failed": "f", "missing": "-"}
WEIGHT_SHARE_SHOWN = 0.9


class _Arrays:
    """The arrays of a payload, one after the other."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._end = 0

    def add(self, values: ndarray, kind: str) -> dict[str, Any]:
        """Append an array and return what the header says of it."""
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
    count = int(np.prod(place["shape"]))
    values = np.frombuffer(data, dtype=f"<{place['type']}", count=count, offset=place["at"])
    return values.reshape(place["shape"])


def kind_of(component: str) -> str:
    """Return ``head``, ``mlp`` or ``io``."""
    if component in ("EMB", "LOGITS"):
        return "io"
    return "mlp" if component.endswith("MLP") else "head"


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
        "graphs": {task: _graph(g, arrays) for task, g in development.graphs.items()},
        "curves": [_curve(c, arrays) for c in development.curves],
        "taskCurves": {
            task: [_curve(c, arrays) for c in curves]
            for task, curves in development.task_curves.items()
        },
        "failures": [vars(f) for f in development.failures],
        "coverage": [
            {"label": c.label, "states": "".join(STATE_CODES[s] for s in c.states)}
            for c in development.coverage
        ],
    }


def _graph(series: GraphSeries, arrays: _Arrays) -> dict[str, Any]:
    finite = series.weight[np.isfinite(series.weight)]
    return {
        "label": TASK_LABELS[series.task],
        "settings": series.settings,
        "nodeSettings": series.node_settings,
        "components": [{"name": c, "kind": kind_of(c)} for c in series.components],
        "order": [float(x) for x in series.order],
        "edges": arrays.add(series.edges, "i2"),
        "weight": arrays.add(series.weight, "f2"),
        "error": arrays.add(series.error, "f2"),
        "lossChange": arrays.add(series.loss_change, "f4"),
        "heaviest": float(finite.max()) if len(finite) else 0.0,
        "threshold": default_threshold(series.weight),
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
