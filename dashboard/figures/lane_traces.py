"""What is drawn in a lane: a line through what is believed, its band, and marks for the rest."""

from __future__ import annotations

import dataclasses

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Bool, Float
from numpy import ndarray

from compute.smoothing import Smoothed
from dashboard.figures.belief import SYMBOLS, believed, doubted, only
from dashboard.figures.series import Curve, Group
from dashboard.theme import Theme

COLOURS: dict[Group, str] = {
    "llc": "llc",
    "loss": "loss",
    "graph": "graph",
    "behaviour": "behaviour",
}

# How far inside of an axis's end a mark stands whose value is beyond; `lanes.mjs` has it too.
MARGIN = 0.06


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lane:
    """One lane.

    Attributes
    ----------
    selected
        The selected component's curve in the same unit, if there is one.
    smoothed
        A smooth curve through the believed values of ``curve``: then they are points without a
        line.
    """

    curve: Curve
    selected: Curve | None = None
    smoothed: Smoothed | None = None


def lane_traces(
    lane: Lane, x: ndarray, index: int, limits: tuple[float, float], theme: Theme
) -> list[go.Scatter]:
    """Return the traces of the lane at ``index`` from above; ``limits`` are its axis's ends."""
    colour = COLOURS[lane.curve.group]
    if lane.curve.component is not None:
        colour = "sel"
    if lane.smoothed is None:
        traces = [
            _band(lane.curve, x, index, theme.faded(colour, 0.18)),
            _line(lane.curve, x, index, theme[colour]),
        ]
    else:
        traces = _smooth_traces(lane.curve, lane.smoothed, x, index, colour, theme)
    if lane.selected is not None:
        traces.append(_line(lane.selected, x, index, theme["sel"]))
    if doubted(lane.curve).any():
        traces.append(_marks(lane.curve, x, index, limits, theme[colour], theme["panel"]))
    return traces


def _line(curve: Curve, x: ndarray, index: int, colour: str, *, points: bool = False) -> go.Scatter:
    """Return the believed values as a line, or as ``points`` alone."""
    there = believed(curve)
    return go.Scatter(
        x=x.astype(np.float32),
        y=only(curve.values, there),
        xaxis="x",
        yaxis=_short(index),
        name=curve.name,
        mode="markers" if points else "lines+markers",
        connectgaps=False,
        line={"color": colour, "width": 1.8},
        marker={
            "size": 4 if points else np.where(alone(there), 5, 0),
            "color": colour,
            "opacity": 0.6 if points else 1,
            "line": {"width": 0},
        },
        hoverinfo="skip",
    )


def _marks(
    curve: Curve, x: ndarray, index: int, limits: tuple[float, float], colour: str, panel: str
) -> go.Scatter:
    """Return the values that are not believed, each in the shape of its verdict."""
    at = np.flatnonzero(doubted(curve))
    return go.Scatter(
        x=x[at].astype(np.float32),
        y=_held(curve.values[at], *limits),
        xaxis="x",
        yaxis=_short(index),
        name=f"{curve.name}, not healthy",
        mode="markers",
        marker={
            "symbol": [SYMBOLS[curve.verdicts[i]] for i in at],
            "size": 8,
            "color": panel,
            "opacity": 1,
            "line": {"width": 1.4, "color": colour},
        },
        hoverinfo="skip",
    )


def _held(values: Float[ndarray, " marks"], low: float, high: float) -> Float[ndarray, " marks"]:
    """Return values beyond the ends of an axis just inside of them, so that a mark is whole."""
    margin = MARGIN * (high - low)
    held = np.where(values > high, high - margin, np.where(values < low, low + margin, values))
    return held.astype(np.float32)


def _smooth_traces(
    curve: Curve, smoothed: Smoothed, x: ndarray, index: int, colour: str, theme: Theme
) -> list[go.Scatter]:
    """Return the band and the line of the smooth curve, over the points it is drawn through."""
    shown = dataclasses.replace(
        curve, name=f"{curve.name}, smoothed", verdicts=(), reasons=(),
        values=smoothed.mean, low=smoothed.low, high=smoothed.high,
    )  # fmt: skip
    return [
        _band(shown, x, index, theme.faded(colour, 0.18)),
        _line(curve, x, index, theme[colour], points=True),
        _line(shown, x, index, theme[colour]),
    ]


def _band(curve: Curve, x: ndarray, index: int, colour: str) -> go.Scatter:
    there = believed(curve)
    xs, ys = band_outline(x, only(curve.low, there), only(curve.high, there))
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


def _short(index: int) -> str:
    return "y" if index == 0 else f"y{index + 1}"
