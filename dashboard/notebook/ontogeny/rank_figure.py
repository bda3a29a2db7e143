"""Ranks: of one checkpoint with their intervals, and of all checkpoints."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from numpy import ndarray
from scipy.stats import rankdata

from compute.components import kind_of
from compute.networks.registry import METRICS, label_of
from dashboard.figures.axis import AxisKind, extent, positions, ticks
from dashboard.figures.metrics import MetricSeries
from dashboard.figures.rank_table import rank_rows
from dashboard.tables.asked import Asked
from dashboard.theme import Theme
from ontogeny.template import COLOURS, SMALL, finish, legend_marks, mark

ROW, SHOWN = 22, 10


def rank_figure(asked: Asked, *, component: str | None, top: int | None, theme: Theme) -> go.Figure:
    """Return the components of a checkpoint, the first rank on top, each with its 95 % interval.

    The axis holds the values and intervals of the whole run.
    """
    metric, series = asked.metric(), asked.series
    rows = rank_rows(series, asked.index(), asked.step(), metric)
    rows = [row for row in rows if row["rank"] is not None][:top]
    figure = go.Figure()
    for i, row in enumerate(rows):
        selected = row["component"] == component
        colour = theme["sel" if selected else COLOURS[row["kind"]]]
        low, high = row[f"{metric}_low"], row[f"{metric}_high"]
        if low is not None and high is not None:
            figure.add_trace(
                go.Scatter(x=[low, high], y=[i, i], mode="lines", hoverinfo="skip",
                           line={"color": colour, "width": 2}, showlegend=False)
            )  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=[row[metric]], y=[i], mode="markers", showlegend=False,
                marker=mark(row["kind"], theme) | {"size": 8, "color": colour},
                hovertemplate=_read(row, metric),
            )
        )  # fmt: skip
    figure.add_traces(legend_marks([row["kind"] for row in rows], theme))
    names = [f"{row['rank_label']}  {row['component']}" for row in rows]
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=names, range=[len(rows) - 0.5, -0.5], ticks="",
    )  # fmt: skip
    low, high = _span(series.metrics, metric)
    unit = METRICS[metric].unit if metric in METRICS else ""
    figure.update_xaxes(
        range=[low, high], title_text=f"{label_of(metric)}, {unit}", zeroline=low < 0 < high,
        zerolinecolor=theme["line"],
    )  # fmt: skip
    interval = "bars: 95 % over prompts" if _has_interval(series.metrics, metric) else ""
    return finish(
        figure, theme, title=f"{asked.name}: {ranking_of(metric)}",
        beside=f"step {asked.step():,}",
        foot=[interval, asked.graph, series.settings, series.node_settings],
        height=ROW * len(rows) + 16, left=104,
    )  # fmt: skip


def bump_figure(
    asked: Asked, *, component: str | None, top: int, axis: AxisKind, theme: Theme
) -> go.Figure:
    """Return ranks over training, of the components that are ever among the first ``top``."""
    metric, series, steps = asked.metric(), asked.series, asked.run.steps
    found = series.metrics
    rank = ranks_of(found.node_values[found.node_names.index(metric)])
    seen = np.flatnonzero((rank <= top).any(axis=0))
    chosen = series.components.index(component) if component else -1
    order = sorted({*seen.tolist(), *([chosen] if chosen >= 0 else [])}, key=lambda c: c == chosen)
    x = positions(steps, axis)
    figure = go.Figure()
    for c in order:
        figure.add_trace(_line(asked, x, rank[:, c], c, chosen, theme))
    for c in order:
        known = np.flatnonzero(np.isfinite(rank[:, c]))
        if len(known) and (rank[known[-1], c] <= top or c == chosen):
            figure.add_annotation(
                _end(asked, float(rank[known[-1], c]), c, c == chosen, top, theme)
            )
    figure.add_traces(legend_marks([kind_of(series.components[c]) for c in order], theme))
    places, labels = ticks(steps, axis)
    figure.update_xaxes(
        range=list(extent(steps, axis)), tickvals=places, ticktext=labels, tickangle=0,
        title_text="training step" + (", log axis" if axis == "log" else ""),
    )  # fmt: skip
    figure.update_yaxes(range=[top + 0.9, 0.4], tickvals=[1, top], ticks="", title_text="rank")
    count = f"{len(order)} of {len(series.components)} components: ever among the first {top}"
    return finish(
        figure, theme, title=f"{asked.name}: {ranking_of(metric)}", beside="over training",
        foot=[count, asked.graph, series.settings, series.node_settings],
        height=30 * top + 20, right=96,
    )  # fmt: skip


def ranking_of(metric: str) -> str:
    """Return what a ranking by a metric is called."""
    known = METRICS.get(metric)
    return known.ranking if known and known.ranking else f"Components, by {label_of(metric)}"


def ranks_of(
    values: Float[ndarray, "checkpoints components"],
) -> Float[ndarray, "checkpoints components"]:
    """Return the rank of each value among its checkpoint's, 1 for the largest, ties at the first.

    NaN where there is no value.
    """
    ranks = rankdata(-np.nan_to_num(values, nan=-np.inf), method="min", axis=1).astype(float)
    return np.where(np.isfinite(values), ranks, np.nan)


def _line(asked: Asked, x: ndarray, rank: ndarray, c: int, chosen: int, theme: Theme) -> go.Scatter:
    name = asked.series.components[c]
    colour = theme["sel"] if c == chosen else theme[COLOURS[kind_of(name)]]
    faint = chosen >= 0 and c != chosen
    steps = [f"{t:,}" for t in asked.run.steps]
    return go.Scatter(
        x=x, y=rank, mode="lines", name=name, showlegend=False, connectgaps=False,
        line={"color": colour, "width": 2.4 if c == chosen else 1.3},
        opacity=0.3 if faint else 1 if c == chosen else 0.75, customdata=steps,
        hovertemplate=f"{name}<br>rank %{{y}} at step %{{customdata}}<extra></extra>",
    )  # fmt: skip


def _end(
    asked: Asked, rank: float, c: int, selected: bool, top: int, theme: Theme
) -> dict[str, object]:
    name = asked.series.components[c]
    text = name if rank <= top else f"{name} #{rank:g}"
    return {
        "text": f"<b>{text}</b>" if selected else text, "showarrow": False,
        "xref": "paper", "x": 1, "xanchor": "left", "xshift": 8, "y": min(rank, top + 0.6),
        "font": {"size": SMALL, "color": theme["sel" if selected else "ink2"]},
    }  # fmt: skip


def _read(row: dict[str, object], metric: str) -> str:
    told = f"{row['component']}<br>{label_of(metric)} %{{x:.3f}}"
    if row[f"{metric}_text"]:
        told += f" ({row[f'{metric}_text']})"
    ranks = f", 95 %: {row['rank_text']}" if row["rank_text"] else ""
    return f"{told}<br>rank {row['rank_label']}{ranks}<extra></extra>"


def _has_interval(found: MetricSeries, metric: str) -> bool:
    return bool(np.isfinite(found.node_low[found.node_names.index(metric)]).any())


def _span(found: MetricSeries, metric: str) -> tuple[float, float]:
    """Return ends that hold every value and interval of the run, with some room."""
    m = found.node_names.index(metric)
    every = np.stack([found.node_values[m], found.node_low[m], found.node_high[m]])
    finite = every[np.isfinite(every)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    room = 0.04 * ((high - low) or 1.0)
    return (0.0 if 0 <= low < 0.6 * high else low - room), high + room
