"""The start page: the graph, the ranks and the curves of one run, moved by one slider."""

from __future__ import annotations

import json
from typing import Any

from dash import Dash, Input, Output, dcc, html, no_update

from compute.components import head_of
from compute.errors import RunNotFound
from compute.runs import Run
from dashboard import ids
from dashboard.context import Context
from dashboard.development import Development
from dashboard.figures.belief import smoothed
from dashboard.figures.curves import HEAD_SCORES
from dashboard.figures.graphs import component_curve
from dashboard.figures.lane_traces import Lane
from dashboard.figures.lanes import COMPACT, WIDE, lanes_figure
from dashboard.figures.series import Curve
from dashboard.panels import behind
from dashboard.selection import View, default_lanes, view_from_json
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/"
TITLE = "Development"


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    development = context.library.development(run.name)
    return moved_by_slider(
        context, run, "development", [_graph_panel(), _rank_panel(), _lanes_panel(context.prefix)],
        class_name="development", lanes=default_lanes(development, _first_graph(development)),
        extra=[dcc.Store(id=ids.FIRST_VIEW), dcc.Store(id=ids.VIEW)],
    )  # fmt: skip


def register(app: Dash, context: Context) -> None:
    """Draw the lanes at first, and whenever the reader commits another view of them.

    The figure comes with the first view, so that Plotly is fetched after the page's own modules.
    """

    @app.callback(
        Output(ids.LANES_PLACE, "children"),
        Output(ids.LANES_PLACE, "data-lanes"),
        Input(ids.FIRST_VIEW, "data"),
        prevent_initial_call=True,
    )
    def draw_first(value: dict[str, Any] | None) -> Any:
        view = view_from_json(value or {})
        return no_update if view is None else first_lanes(context, view)

    @app.callback(
        Output(ids.LANES_FIGURE, "figure"), Input(ids.VIEW, "data"), prevent_initial_call=True
    )
    def draw(value: dict[str, Any] | None) -> Any:
        view = view_from_json(value or {})
        return no_update if view is None else draw_lanes(context, view)


def first_lanes(context: Context, view: View) -> Any:
    """Return what draws the lanes of a view, and as JSON where each lane lies."""
    figure = draw_lanes(context, view)
    if figure is no_update:
        return no_update
    graph = dcc.Graph(
        id=ids.LANES_FIGURE,
        figure=figure,
        responsive=True,
        config={"displayModeBar": False, "staticPlot": True},
    )
    return graph, json.dumps(figure.layout.meta)


def draw_lanes(context: Context, view: View) -> Any:
    """Return the lanes figure of a view, or nothing new if its run is gone."""
    try:
        development = context.library.development(view.run)
    except RunNotFound:
        return no_update
    return lanes_figure(
        development.run.steps,
        chosen_lanes(development, view),
        axis=view.axis,
        theme=view.theme,
        frame=COMPACT if view.compact else WIDE,
    )


def chosen_lanes(development: Development, view: View) -> list[Lane]:
    """Return the lanes of a view; a selected component adds one, and its own curve to others."""
    lanes = []
    for lane_id in view.lanes:
        curve = development.curve(lane_id, view.graph)
        if curve is not None:
            selected = _own_curve(development, curve, view)
            smooth = smoothed(development.run.steps, curve) if view.smooth else None
            lanes.append(Lane(curve=curve, selected=selected, smoothed=smooth))
    series = development.graphs.get(view.graph)
    if series is not None and view.component is not None:
        own = component_curve(series, view.metric, view.component)
        lanes += [Lane(curve=own)] if own else []
    return lanes


def _own_curve(development: Development, curve: Curve, view: View) -> Curve | None:
    if curve.id not in HEAD_SCORES or view.component is None:
        return None
    return development.curve(f"{curve.id}@{head_of(view.component)}", view.graph)


def _first_graph(development: Development) -> str:
    return next(iter(development.graphs), "")


def _graph_panel() -> html.Section:
    return html.Section(
        [
            html.Div(id="graph-head", className="panel-head"),
            html.Div(id="graph-choice", className="panel-head panel-choice"),
            html.Div(id="graph-canvas", className="graph-canvas"),
            html.Div(id="graph-tools", className="panel-tools"),
        ],
        className="panel graph-panel",
        **labelled("Ablation graph"),
        **behind("development", "graph"),
    )


def _rank_panel() -> html.Section:
    return html.Section(
        [
            html.Div(id="rank-head", className="panel-head"),
            html.Div(id="rank-table", className="rank-table"),
            html.Div(id="rank-bump", className="rank-bump"),
        ],
        className="panel rank-panel",
        **labelled("Ranks of components"),
        **behind("development", "ranks"),
    )


def _lanes_panel(prefix: str) -> html.Section:
    address: dict[str, Any] = {"data-plotly": f"{prefix}assets/vendor/plotly-basic.min.js"}
    figure = html.Div(id=ids.LANES_PLACE, className="lanes-figure", **address)
    stage = html.Div([figure, html.Div(id="lanes-overlay")], id="lanes-stage")
    return html.Section(
        [html.Div(id="lanes-head", className="panel-head"), stage],
        className="panel lanes-panel",
        **labelled("Curves over training"),
        **behind("development", "lanes"),
    )
