"""How figures look: colours and type of the pages, and a foot that says what they rest on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from compute.components import Kind
from dashboard.theme import FONT, Theme

SMALL, TEXT, HEAD = 11, 13, 15
# Of components, by kind; never by colour alone.
COLOURS: dict[Kind, str] = {"head": "head", "layer": "head", "mlp": "mlp", "io": "io"}
SYMBOLS: dict[Kind, str] = {"head": "circle", "layer": "circle", "mlp": "square", "io": "diamond"}
NAMES: dict[Kind, str] = {
    "head": "head", "layer": "all heads of a layer", "mlp": "MLP", "io": "input, output",
}  # fmt: skip
LEFT, RIGHT, TOP = 64, 32, 64
# Room under a figure for the labels and the title of its axis; its foot comes below.
AXIS = 52
WIDTH = 860
LINE = 16
_CHARACTER = 5.6


def template(theme: Theme) -> go.layout.Template:
    """Return the template of a colour scheme: white or near-black, hairlines, no grid."""
    axis = {
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": theme["line"],
        "tickfont": {"size": SMALL, "color": theme["ink2"]},
        "title": {"font": {"size": SMALL, "color": theme["ink2"]}, "standoff": 8},
        "automargin": False,
    }
    made = go.layout.Template()
    made.layout = go.Layout(
        font={"family": FONT, "size": TEXT, "color": theme["ink"]},
        paper_bgcolor=theme["panel"],
        plot_bgcolor=theme["panel"],
        colorway=[theme[n] for n in ("llc", "graph", "behaviour", "head", "mlp", "loss")],
        title={"font": {"size": HEAD, "color": theme["ink"]}, "x": 0, "xref": "container"},
        margin={"l": LEFT, "r": RIGHT, "t": TOP, "b": AXIS, "pad": 0},
        xaxis=axis,
        yaxis=axis,
        hoverlabel={
            "bgcolor": theme["raised"],
            "bordercolor": theme["line"],
            "font": {"family": FONT, "size": SMALL, "color": theme["ink"]},
        },
        hovermode="closest",
        legend={
            "orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom",
            "font": {"size": SMALL, "color": theme["ink2"]}, "bgcolor": "rgba(0,0,0,0)",
        },
        modebar={
            "bgcolor": "rgba(0,0,0,0)", "color": theme["ink3"], "activecolor": theme["accent"],
        },
    )  # fmt: skip
    return made


def finish(
    figure: go.Figure,
    theme: Theme,
    *,
    title: str,
    beside: str,
    foot: Sequence[str],
    height: int,
    width: int = WIDTH,
    left: int = LEFT,
    right: int = RIGHT,
    top: int = TOP,
    below: int = AXIS,
) -> go.Figure:
    """Return the figure with its look, its title, what is beside that, and its foot.

    Parameters
    ----------
    beside
        Follows the title, quieter: the step, say.
    foot
        What the numbers rest on, in parts; on as many lines as they need.
    height
        Of the drawing alone; titles, axis and foot come on top.
    left, right, top, below
        Margins, without the foot.
    """
    parts = " · ".join([*(part for part in foot if part), "Ontogeny"])
    lines = textwrap.wrap(parts, width=int((width - 24) / _CHARACTER))
    bottom = below + LINE * len(lines) + 12
    whole = height + top + bottom
    quiet = f'  <span style="font-size:{TEXT}px;color:{theme["ink2"]}">{beside}</span>'
    figure.update_layout(
        template=template(theme),
        width=width,
        height=whole,
        margin={"l": left, "r": right, "t": top, "b": bottom},
        title={
            "text": f"<b>{title}</b>{quiet if beside else ''}",
            "x": 12 / width, "xanchor": "left", "yref": "container",
            "y": 1 - 16 / whole, "yanchor": "top",
        },
    )  # fmt: skip
    figure.add_annotation(
        text="<br>".join(lines), showarrow=False, align="left",
        xref="paper", x=0, xanchor="left", xshift=12 - left,
        yref="paper", y=0, yanchor="bottom", yshift=12 - bottom,
        font={"size": SMALL, "color": theme["ink3"]},
    )  # fmt: skip
    return figure


def legend_marks(kinds: Sequence[Kind], theme: Theme) -> list[go.Scatter]:
    """Return entries of a legend for kinds of components, without points of their own."""
    named = dict.fromkeys(kinds)
    return [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=NAMES[kind], hoverinfo="skip",
            marker=mark(kind, theme) | {"size": 9},
        )
        for kind in named
    ]  # fmt: skip


def mark(kind: Kind, theme: Theme) -> dict[str, Any]:
    """Return the shape and the colour of a kind of component."""
    return {"symbol": SYMBOLS[kind], "color": theme[COLOURS[kind]], "line": {"width": 0}}
