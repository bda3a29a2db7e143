"""The lanes: curves over training, one above the other on one time axis.

No line passes through a value whose verdict is not healthy (`dashboard.figures.belief`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray

from compute.smoothing import Smoothed
from dashboard.figures.axis import AxisKind, extent, positions, ticks
from dashboard.figures.belief import believed, doubted
from dashboard.figures.lane_traces import Lane, lane_traces
from dashboard.figures.series import Curve, Steps
from dashboard.theme import FONT, Theme


@dataclasses.dataclass(frozen=True)
class Frame:
    """The fixed measures of a lanes figure, in pixels.

    Attributes
    ----------
    left, right
        Margins beside the curves; the y labels stand in the left one.
    head
        Free room above each lane.
    lane
        Height of a lane.
    foot
        Room for the time axis.
    """

    left: int = 56
    right: int = 24
    head: int = 16
    lane: int = 80
    foot: int = 28

    def height(self, lanes: int) -> int:
        """Return the height of a figure of so many lanes."""
        return lanes * (self.head + self.lane) + self.foot

    def top(self, index: int) -> int:
        """Return where a lane starts."""
        return index * (self.head + self.lane) + self.head


WIDE = Frame()
COMPACT = Frame(left=40, right=16, head=68, lane=84)
_TICK_ROOM = 14  # pixels from one label of a value axis to the next


def lanes_figure(
    steps: Steps, lanes: Sequence[Lane], *, axis: AxisKind, theme: Theme, frame: Frame = WIDE
) -> go.Figure:
    """Return the lanes over the whole run; gaps stay gaps, and no axis depends on a checkpoint.

    ``layout.meta`` tells the browser where each lane lies: it draws the cursor and the values.
    """
    x = positions(steps, axis)
    figure = go.Figure(layout=_layout(steps, len(lanes), axis, theme, frame))
    meta = []
    for i, lane in enumerate(lanes):
        low, high = value_range(lane)
        figure.layout[_axis_name(i)] = _value_axis(i, len(lanes), low, high, theme, frame)
        if not np.isfinite(lane.curve.values).any():
            figure.layout[_axis_name(i)].tickvals = []
        for trace in lane_traces(lane, x, i, (low, high), theme):
            figure.add_trace(trace)
        meta.append(
            {"id": lane.curve.id, "top": frame.top(i), "height": frame.lane, "range": [low, high]}
            | _smooth_meta(lane.smoothed)
        )
    figure.layout.meta = {
        "axis": axis,
        "scheme": theme.scheme,
        "extent": list(extent(steps, axis)),
        "left": frame.left,
        "right": frame.right,
        "height": frame.height(len(lanes)),
        "lanes": meta,
    }
    return figure


def value_range(lane: Lane) -> tuple[float, float]:
    """Return round ends that hold every value and interval; 0 is one of them unless far away.

    Values that are not believed widen the range that the others need to three times at most: a
    diverged chain must not flatten the curve. What is beyond stands at the edge.
    """
    curves = [lane.curve] if lane.selected is None else [lane.curve, lane.selected]
    sure = np.concatenate([_ends(curve) for curve in curves])
    unsure = np.concatenate([curve.values[doubted(curve)] for curve in curves])
    if len(sure) == 0:
        sure = unsure
    if len(sure) == 0:
        return 0.0, 1.0
    low, high = float(sure.min()), float(sure.max())
    span = (high - low) or abs(high) or 1.0
    if len(unsure):
        low, high = (
            min(low, max(float(unsure.min()), low - span)),
            max(high, min(float(unsure.max()), high + span)),
        )
    if low >= 0 and low < 0.6 * high:
        low = 0.0
    elif high <= 0 and high > 0.6 * low:
        high = 0.0
    return _rounded(low, high)


def _ends(curve: Curve) -> Float[ndarray, " ends"]:
    """Return every believed value and the ends of its interval."""
    there = believed(curve)
    every = np.concatenate([part[there] for part in (curve.values, curve.low, curve.high)])
    return every[np.isfinite(every)].astype(np.float64)


def _rounded(low: float, high: float) -> tuple[float, float]:
    span = high - low
    if span <= 0:
        span = abs(high) or 1.0
        low, high = (low, high + span) if high >= 0 else (low - span, high)
    unit = 10.0 ** (math.floor(math.log10(span)) - 1)
    unit *= 5 if span / unit > 50 else 2 if span / unit > 20 else 1
    return round(math.floor(low / unit + 1e-9) * unit, 12), round(
        math.ceil(high / unit - 1e-9) * unit, 12
    )


def _smooth_meta(smoothed: Smoothed | None) -> dict[str, Any]:
    """Return the smooth curve for the browser, which writes its value beside the raw one."""
    if smoothed is None:
        return {}
    parts = {"values": smoothed.mean, "low": smoothed.low, "high": smoothed.high}
    return {
        "smooth": {
            name: [float(v) if np.isfinite(v) else None for v in part]
            for name, part in parts.items()
        }
    }


def _layout(steps: Steps, count: int, axis: AxisKind, theme: Theme, frame: Frame) -> dict[str, Any]:
    places, labels = ticks(steps, axis)
    low, high = extent(steps, axis)
    return {
        "template": "none",
        "height": frame.height(count),
        "margin": {"l": frame.left, "r": frame.right, "t": 0, "b": frame.foot, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": False,
        "dragmode": False,
        "uirevision": axis,
        "font": {"family": FONT, "size": 11, "color": theme["ink2"]},
        "xaxis": {
            "anchor": "free",
            "position": 0,
            "range": [low, high],
            "tickvals": places,
            "ticktext": labels,
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": theme["line"],
            "tickangle": 0,
            "ticklabeloverflow": "allow",
            "showgrid": False,
            "zeroline": False,
            "showline": False,
            "fixedrange": True,
        },
    }


def _value_axis(
    index: int, count: int, low: float, high: float, theme: Theme, frame: Frame
) -> dict[str, Any]:
    drawn = frame.height(count) - frame.foot
    top = frame.top(index)
    places = _value_ticks(low, high, frame.lane)
    return {
        "domain": [1 - (top + frame.lane) / drawn, 1 - top / drawn],
        "range": [low, high],
        "anchor": "x",
        "tickvals": places,
        "ticktext": [number(v) for v in places],
        "showgrid": False,
        "zeroline": low <= 0 <= high,
        "zerolinecolor": theme["line"],
        "zerolinewidth": 1,
        "fixedrange": True,
    }


def _value_ticks(low: float, high: float, lane: float) -> list[float]:
    """Return both ends, and zero between them; an end whose label would touch zero's goes."""
    if not low < 0 < high:
        return [low, high]
    room = _TICK_ROOM * (high - low) / lane
    return [v for v in (low, 0.0, high) if v == 0 or abs(v) >= room]


def number(value: float) -> str:
    """Return a number for an axis: no more digits than it needs, a real minus sign."""
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return text.replace("-", "−")


def _axis_name(index: int) -> str:
    return "yaxis" if index == 0 else f"yaxis{index + 1}"
