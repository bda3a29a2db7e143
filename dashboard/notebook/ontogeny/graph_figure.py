"""The ablation graph of a checkpoint as its architecture, and its adjacency matrix."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy import ndarray

from compute.components import kind_of
from compute.networks.registry import METRICS, label_of
from dashboard.figures.edges import EdgeTable
from dashboard.payload import default_threshold
from dashboard.tables.asked import Asked
from dashboard.tables.edges import EdgesAt, all_edges, edges_at
from dashboard.theme import Theme
from ontogeny.places import Layout, bow, place
from ontogeny.template import SMALL, finish, legend_marks, mark

# Edges share a line of one width and opacity with those nearly as heavy.
SHADES = 12
LAYER, SMALLEST, LARGEST = 84, 7.0, 26.0
CELL = 24
SKEWED = 8


def graph_figure(
    asked: Asked, *, metric: str, component: str | None, height: int | None, theme: Theme
) -> go.Figure:
    """Return the graph: width and opacity are weight, size is a metric, colour and shape the kind.

    Widths and sizes are shares of the largest of the whole run, so that steps can be compared.
    """
    series, found = asked.series, edges_at(asked)
    layout = place(series.components, series.order)
    figure = go.Figure()
    _draw_layers(figure, layout, theme)
    _draw_edges(figure, asked, found, layout, component, theme)
    _draw_components(figure, asked, layout, metric, component, theme)
    figure.add_traces(legend_marks([kind_of(name) for name in series.components], theme))
    figure.update_xaxes(visible=False, range=[-1.1, layout.columns + 0.75])
    figure.update_yaxes(visible=False, range=[-0.45, layout.layers + 1.45])
    size = f"size: {label_of(metric)}"
    return finish(
        figure, theme, title=f"{asked.name}: ablation graph", beside=f"step {asked.step():,}",
        foot=[_counted(asked, found), asked.graph, series.settings, size],
        height=height or LAYER * (layout.layers + 2), left=12, right=12, below=0,
    )  # fmt: skip


def page_threshold(asked: Asked) -> float:
    """Return from which weight on the page draws edges unless the reader says else."""
    edges = asked.series.edges
    return default_threshold(edges.weight) if isinstance(edges, EdgeTable) else 0.0


def _counted(asked: Asked, found: EdgesAt) -> str:
    """Return how many edges are drawn, of how many, and which share of the weight they have."""
    every = all_edges(asked.series, asked.index())
    assert every is not None
    edges = asked.series.edges
    total = (
        float(np.maximum(every.weight, 0).sum(dtype=np.float64))
        if isinstance(edges, EdgeTable)
        else float(edges.total[asked.index()])
    )
    drawn = float(np.maximum(found.weight, 0).sum(dtype=np.float64))
    share = 100 * drawn / total if total else 100.0
    least = asked.get("threshold")
    rule = f", at least {float(least):g}" if least and float(least) > 0 else ""
    return f"{len(found.weight):,} of {found.possible:,} edges, {share:.0f} % of the weight{rule}"


def _heaviest(asked: Asked) -> float:
    weight = asked.series.edges.weight
    finite = weight[np.isfinite(weight)]
    return float(finite.max()) if len(finite) and finite.max() > 0 else 1.0


def _draw_layers(figure: go.Figure, layout: Layout, theme: Theme) -> None:
    for layer in range(layout.layers):
        figure.add_shape(
            type="line", x0=-0.55, x1=layout.columns + 0.5, y0=layer + 1, y1=layer + 1,
            line={"color": theme["hair"], "width": 1}, layer="below",
        )  # fmt: skip
        figure.add_annotation(
            text=f"layer {layer}", x=-1.02, y=layer + 1, xanchor="left", showarrow=False,
            font={"size": SMALL, "color": theme["ink2"]},
        )  # fmt: skip


def _draw_edges(
    figure: go.Figure, asked: Asked, found: EdgesAt, layout: Layout, component: str | None,
    theme: Theme,
) -> None:  # fmt: skip
    names = asked.series.components
    chosen = names.index(component) if component else -1
    share = np.sqrt(np.clip(found.weight / _heaviest(asked), 0, 1))
    shade = np.minimum((share * SHADES).astype(int), SHADES - 1)
    selected = (found.source == chosen) | (found.target == chosen)
    for token, there in (("edge", ~selected), ("sel", selected)):
        for level in range(SHADES):
            at = np.flatnonzero(there & (shade == level))
            if len(at):
                figure.add_trace(_lines(found, at, layout, (level + 0.5) / SHADES, token, theme))
    middles = [bow(layout, int(s), int(t)) for s, t in zip(found.source, found.target, strict=True)]
    figure.add_trace(
        go.Scatter(
            x=[x[len(x) // 2] for x, _ in middles], y=[y[len(y) // 2] for _, y in middles],
            mode="markers", marker={"size": 8, "opacity": 0}, showlegend=False,
            text=[_edge_text(names, found, k) for k in range(len(found.weight))],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip


def _lines(
    found: EdgesAt, at: ndarray, layout: Layout, share: float, token: str, theme: Theme
) -> go.Scatter:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for k in at:
        x, y = bow(layout, int(found.source[k]), int(found.target[k]))
        xs += [*np.round(x, 3).tolist(), None]
        ys += [*np.round(y, 3).tolist(), None]
    return go.Scatter(
        x=xs, y=ys, mode="lines", hoverinfo="skip", showlegend=False,
        line={"width": round(0.4 + 3.8 * share, 2), "color": theme[token]},
        opacity=round(0.1 + 0.55 * share if token == "edge" else 0.35 + 0.65 * share, 2),
    )  # fmt: skip


def _edge_text(names: tuple[str, ...], found: EdgesAt, k: int) -> str:
    told = f"{names[found.source[k]]} → {names[found.target[k]]}<br>{found.weight[k]:.3f}"
    return told + (f" ± {found.error[k]:.3f} SE" if np.isfinite(found.error[k]) else "")


def _draw_components(
    figure: go.Figure, asked: Asked, layout: Layout, metric: str, component: str | None,
    theme: Theme,
) -> None:  # fmt: skip
    series, found = asked.series, asked.series.metrics
    values = found.node_values[found.node_names.index(metric)]
    finite = values[np.isfinite(values)]
    most = float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
    own = values[asked.index()]
    size = SMALLEST + (LARGEST - SMALLEST) * np.sqrt(np.clip(np.nan_to_num(own) / most, 0, 1))
    unit = METRICS[metric].unit if metric in METRICS else ""
    kinds = [kind_of(name) for name in series.components]
    for kind in dict.fromkeys(kinds):
        at = [i for i, other in enumerate(kinds) if other == kind]
        ring = [series.components[i] == component for i in at]
        marks = mark(kind, theme)
        colours = [theme["sel"] if r else marks["color"] for r in ring]
        figure.add_trace(
            go.Scatter(
                x=layout.x[at], y=layout.y[at], mode="markers+text", showlegend=False,
                marker=marks | {"size": size[at], "opacity": 1, "color": colours,
                                "line": {"width": 2, "color": theme["panel"]}},
                text=[f"  {series.components[i]}" for i in at], textposition="middle right",
                textfont={"size": SMALL, "color": theme["ink"]},
                customdata=[[series.components[i], float(own[i])] for i in at],
                hovertemplate="%{customdata[0]}<br>" + label_of(metric)
                + " %{customdata[1]:.3f} " + unit + "<extra></extra>",
            )
        )  # fmt: skip


def _ramp(asked: Asked, theme: Theme) -> list[tuple[float, str]]:
    """Return the colours of weights; by the square root where few weights dwarf the others.

    The pages' heat maps do the same: ``assets/modules/heat.mjs``.
    """
    weight = asked.series.edges.weight
    positive = weight[np.isfinite(weight) & (weight > 0)]
    bent = len(positive) and _heaviest(asked) / float(np.median(positive)) > SKEWED
    stops = [0.0, 0.66, 1.2]
    colours = np.array([_channels(theme[name]) for name in ("hair", "accent", "ink")])
    made = []
    for at in np.linspace(0, 1, 33):
        share = np.sqrt(at) if bent else at
        red, green, blue = (round(float(np.interp(share, stops, c))) for c in colours.T)
        made.append((float(at), f"rgb({red},{green},{blue})"))
    return made


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def matrix_figure(asked: Asked, *, theme: Theme) -> go.Figure:
    """Return every weight of a checkpoint: a row for each source, colours of the whole run."""
    series = asked.series
    names = list(series.components)
    weight = np.full((len(names), len(names)), np.nan)
    found = edges_at(asked)
    weight[found.source, found.target] = found.weight
    side = min(720, max(320, CELL * len(names)))
    figure = go.Figure(
        go.Heatmap(
            x=names, y=names, z=np.round(weight, 4), zmin=0, zmax=_heaviest(asked), xgap=1, ygap=1,
            colorscale=_ramp(asked, theme),
            hovertemplate="%{y} → %{x}<br>%{z:.3f}<extra></extra>", hoverongaps=False,
            colorbar={"title": {"text": "1 − cosine", "font": {"size": SMALL}}, "thickness": 12,
                      "outlinewidth": 0, "len": 0.5, "y": 1, "yanchor": "top", "ticks": "",
                      "tickfont": {"size": SMALL, "color": theme["ink2"]}},
        )
    )  # fmt: skip
    figure.update_xaxes(side="bottom", tickangle=-90, ticks="", title_text="target: what changes")
    figure.update_yaxes(
        autorange="reversed", ticks="", title_text="source: what is ablated", scaleanchor="x"
    )
    return finish(
        figure, theme, title=f"{asked.name}: adjacency matrix", beside=f"step {asked.step():,}",
        foot=[asked.graph, series.settings, "colours span the whole run"],
        height=side + 24, width=side + 220, left=96, right=110, top=44, below=84,
    )  # fmt: skip
