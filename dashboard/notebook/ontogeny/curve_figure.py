"""Curves over training, one above the other on one time axis, drawn as the pages draw them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy import ndarray

from dashboard.figures.axis import AxisKind, extent, positions, ticks
from dashboard.figures.lane_traces import COLOURS, Lane, lane_traces
from dashboard.figures.lanes import number, value_range
from dashboard.figures.series import Curve, Steps
from dashboard.theme import Theme
from ontogeny.template import SMALL, TEXT, TOP, finish

LANE, HEAD = 112, 40
_AXIS_TITLES = {
    "log": "training step, log axis", "linear": "training step", "index": "checkpoint, by step",
}  # fmt: skip


def curve_figure(
    run: str, steps: Steps, curves: Sequence[Curve], *, axis: AxisKind, theme: Theme
) -> go.Figure:
    """Return curves with their 95 % bands; gaps stay gaps, and what is not healthy is no line.

    A value that is not believed stands alone, in the shape of its verdict.
    """
    x, count = positions(steps, axis), len(curves)
    figure = go.Figure()
    places, labels = ticks(steps, axis)
    drawn = count * (LANE + HEAD)
    for i, curve in enumerate(curves):
        lane, name = Lane(curve=curve), "" if i == 0 else str(i + 1)
        low, high = value_range(lane)
        figure.add_traces(lane_traces(lane, x, i, (low, high), theme))
        figure.update_traces(cliponaxis=False)
        figure.add_trace(_readings(curve, steps, x, f"y{name}"))
        top = 1 - (i * (LANE + HEAD) + HEAD) / drawn
        figure.layout[f"yaxis{name}"] = {
            "domain": [max(0.0, top - LANE / drawn), top],
            "range": [low, high],
            "tickvals": _ticks(low, high),
            "ticktext": [number(v) for v in _ticks(low, high)],
            "zeroline": low <= 0 <= high,
            "zerolinecolor": theme["line"],
            "anchor": "x",
        }
        figure.add_annotation(_lane_name(curve, top, theme))
    figure.update_xaxes(
        range=list(extent(steps, axis)), tickvals=places, ticktext=labels, tickangle=0,
        title_text=_AXIS_TITLES[axis], anchor="free", position=0,
    )  # fmt: skip
    figure.update_layout(showlegend=False)
    settings = dict.fromkeys(f"{c.name}: {c.settings}" for c in curves)
    doubts = {v for c in curves for v in c.verdicts if v not in ("", "healthy")}
    notes = [f"not healthy, no line: {', '.join(sorted(doubts))}"] if doubts else []
    return finish(
        figure,
        theme,
        title=run,
        beside="over training",
        foot=[*settings, *notes],
        height=drawn,
        top=TOP - HEAD + 16,
    )


def _ticks(low: float, high: float) -> list[float]:
    """Return the ends of an axis and 0, but no end that would be written over 0."""
    if not low < 0 < high:
        return [low, high]
    apart = 0.14 * (high - low)
    return [v for v in (low, 0.0, high) if v == 0 or abs(v) > apart]


def _lane_name(curve: Curve, top: float, theme: Theme) -> dict[str, object]:
    colour = theme["sel" if curve.component else COLOURS[curve.group]]
    unit = f'  <span style="font-size:{SMALL}px;color:{theme["ink2"]}">{curve.unit}</span>'
    return {
        "text": f'<b><span style="color:{colour}">{curve.name}</span></b>{unit}',
        "showarrow": False, "xref": "paper", "x": 0, "xanchor": "left",
        "yref": "paper", "y": top, "yanchor": "bottom", "yshift": 6, "font": {"size": TEXT},
    }  # fmt: skip


def _readings(curve: Curve, steps: Steps, x: ndarray, yaxis: str) -> go.Scatter:
    """Return a point to be read at every value; nothing of it is seen."""
    there = np.flatnonzero(np.isfinite(curve.values)).tolist()
    verdicts = curve.verdicts or ("",) * len(curve.values)
    return go.Scatter(
        x=x[there], y=curve.values[there], yaxis=yaxis, mode="markers", name=curve.name,
        marker={"size": 10, "opacity": 0}, showlegend=False,
        text=[_reading(curve, i, steps[i], verdicts[i]) for i in there],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _reading(curve: Curve, i: int, step: int, verdict: str) -> str:
    told = f"step {step:,}<br>{curve.name} {number(float(curve.values[i]))}"
    if np.isfinite(curve.low[i]) and np.isfinite(curve.high[i]):
        told += f" ({number(float(curve.low[i]))} to {number(float(curve.high[i]))})"
    return told + (f"<br>{verdict}" if verdict else "")
