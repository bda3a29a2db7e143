"""The lanes: curves over training, one above the other on one time axis."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from numpy import ndarray

from dashboard.figures.axis import AxisKind, extent, positions, ticks
from dashboard.figures.series import Curve, Group, Steps
from dashboard.theme import FONT, Theme

COLOURS: dict[Group, str] = {
    "llc": "llc",
    "loss": "loss",
    "graph": "graph",
    "behaviour": "behaviour",
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lane:
    """One lane: a curve, and the selected component's curve in the same unit, if there is one."""

    curve: Curve
    selected: Curve | None = None


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
        for trace in _traces(lane, x, i, theme):
            figure.add_trace(trace)
        meta.append(
            {"id": lane.curve.id, "top": frame.top(i), "height": frame.lane, "range": [low, high]}
        )
    figure.layout.meta = {
        "axis": axis,
        "extent": list(extent(steps, axis)),
        "left": frame.left,
        "right": frame.right,
        "height": frame.height(len(lanes)),
        "lanes": meta,
    }
    return figure


def value_range(lane: Lane) -> tuple[float, float]:
    """Return round ends that hold every value and interval; 0 is one of them unless far away."""
    parts = [lane.curve.values, lane.curve.low, lane.curve.high]
    if lane.selected is not None:
        parts += [lane.selected.values, lane.selected.low, lane.selected.high]
    every = np.concatenate(parts).astype(np.float64)
    every = every[np.isfinite(every)]
    if len(every) == 0:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    if low >= 0 and low < 0.6 * high:
        low = 0.0
    elif high <= 0 and high > 0.6 * low:
        high = 0.0
    return _rounded(low, high)


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


def _traces(lane: Lane, x: ndarray, index: int, theme: Theme) -> list[go.Scatter]:
    colour = COLOURS[lane.curve.group]
    if lane.curve.component is not None:
        colour = "sel"
    traces = [_band(lane.curve, x, index, theme.faded(colour, 0.18))]
    traces.append(_line(lane.curve, x, index, theme[colour], theme["panel"]))
    if lane.selected is not None:
        traces.append(_line(lane.selected, x, index, theme["sel"], theme["panel"]))
    return traces


def _line(curve: Curve, x: ndarray, index: int, colour: str, panel: str) -> go.Scatter:
    lonely = alone(np.isfinite(curve.values))
    return go.Scatter(
        x=x.astype(np.float32),
        y=curve.values.astype(np.float32),
        xaxis="x",
        yaxis=_short(index),
        name=curve.name,
        mode="lines+markers",
        connectgaps=False,
        line={"color": colour, "width": 1.8},
        marker={
            "size": np.where(lonely, 5, 0),
            "color": colour,
            "opacity": 1,
            "line": {"width": 0},
        },
        hoverinfo="skip",
    )


def _band(curve: Curve, x: ndarray, index: int, colour: str) -> go.Scatter:
    xs, ys = band_outline(x, curve.low, curve.high)
    return go.Scatter(
        x=xs,
        y=ys,
        xaxis="x",
        yaxis=_short(index),
        name=f"{curve.name}, 95 %",
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=colour,
        hoverinfo="skip",
    )


def alone(measured: Bool[ndarray, " checkpoints"]) -> Bool[ndarray, " checkpoints"]:
    """Say which measured checkpoints have no measured neighbour, so that no line shows them."""
    before = np.concatenate([[False], measured[:-1]])
    after = np.concatenate([measured[1:], [False]])
    return measured & ~before & ~after


def band_outline(
    x: Float[ndarray, " checkpoints"],
    low: Float[ndarray, " checkpoints"],
    high: Float[ndarray, " checkpoints"],
) -> tuple[Float[ndarray, " points"], Float[ndarray, " points"]]:
    """Return one closed outline for each unbroken stretch, with NaN between them."""
    there = np.isfinite(low) & np.isfinite(high)
    places = np.flatnonzero(there)
    xs: list[ndarray] = []
    ys: list[ndarray] = []
    for stretch in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
        if len(stretch) == 0:
            continue
        xs += [x[stretch], x[stretch][::-1], np.array([np.nan])]
        ys += [low[stretch], high[stretch][::-1], np.array([np.nan])]
    empty = np.zeros(0)
    return (
        np.concatenate(xs or [empty]).astype(np.float32),
        np.concatenate(ys or [empty]).astype(np.float32),
    )


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
    base = 0.0 if low < 0 < high else low
    return {
        "domain": [1 - (top + frame.lane) / drawn, 1 - top / drawn],
        "range": [low, high],
        "anchor": "x",
        "tickvals": sorted({low, base, high}),
        "ticktext": [number(v) for v in sorted({low, base, high})],
        "showgrid": False,
        "zeroline": low <= 0 <= high,
        "zerolinecolor": theme["line"],
        "zerolinewidth": 1,
        "fixedrange": True,
    }


def number(value: float) -> str:
    """Return a number for an axis: no more digits than it needs, a real minus sign."""
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return text.replace("-", "−")


def _axis_name(index: int) -> str:
    return "yaxis" if index == 0 else f"yaxis{index + 1}"


def _short(index: int) -> str:
    return "y" if index == 0 else f"y{index + 1}"
