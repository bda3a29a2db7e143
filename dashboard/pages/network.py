"""The Network page: network science over training, moved by one slider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_ag_grid
from dash import Dash, Input, Output, dcc, html, no_update

from compute.errors import RunNotFound, SettingsError
from compute.runs import Run, check_run_name
from dashboard import ids
from dashboard.context import Context
from dashboard.figures.rank_table import rank_columns, rank_rows
from dashboard.panels import behind, panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/network"
TITLE = "Network"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "phases": "Phases of training",
    "matrix": "Adjacency matrix",
    "stability": "Stability over training",
    "space": "Graph space",
    "weights": "Distribution of weights",
    "heat": "Components over training",
    "communities": "Communities over training",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [panel("network", name, label, "network-body") for name, label in PANELS.items()]
    return moved_by_slider(
        context, run, "network", [_choice(), *panels, _table()],
        class_name="network", extra=[dcc.Store(id=ids.NETWORK_VIEW)],
    )  # fmt: skip


def register(app: Dash, context: Context) -> None:
    """Fill the rank table whenever the reader rests at a step."""

    @app.callback(
        Output(ids.RANK_GRID, "rowData"),
        Output(ids.RANK_GRID, "columnDefs"),
        Output(ids.RANK_STEP, "children"),
        Input(ids.NETWORK_VIEW, "data"),
        prevent_initial_call=True,
    )
    def fill(value: dict[str, Any] | None) -> Any:
        return fill_table(context, value or {})


def fill_table(context: Context, value: Mapping[str, Any]) -> Any:
    """Return rows, columns and the step of the table, or nothing new for what is not there.

    ``value`` is what the browser sent: the run, the graph, the metric and the step.
    """
    run, step = str(value.get("run") or ""), value.get("step")
    try:
        check_run_name(run)
        development = context.library.development(run)
    except (SettingsError, RunNotFound):
        return no_update
    series = development.graphs.get(str(value.get("graph", "")))
    if series is None or not isinstance(step, int) or step not in development.run.steps:
        return no_update
    index = development.run.steps.index(step)
    metric = str(value.get("metric", ""))
    rows = rank_rows(series, index, step, metric)
    return rows, rank_columns(series, metric), f"step {step:,}"


def _choice() -> html.Section:
    choice = html.Div(id="network-choice", className="panel-head panel-choice")
    return html.Section(choice, className="panel choice-panel", **labelled("Graph and time axis"))


def _table() -> html.Section:
    grid = dash_ag_grid.AgGrid(
        id=ids.RANK_GRID,
        getRowId="params.data.component",
        columnDefs=[],
        rowData=[],
        defaultColDef={
            "resizable": True,
            "suppressMovable": True,
            "suppressHeaderMenuButton": True,
        },
        dashGridOptions={
            "animateRows": False,
            "rowHeight": 28,
            "headerHeight": 28,
            "groupHeaderHeight": 28,
            "suppressDragLeaveHidesColumns": True,
            "tooltipShowDelay": 300,
        },
        className="rank-grid",
    )
    head = html.Div(
        [
            html.H2("Ranks of components"),
            html.Span(id=ids.RANK_STEP, className="panel-step"),
            html.Span(id="ranks-tools", className="panel-fact"),
        ],
        className="panel-head",
    )
    place = html.Div(grid, id="rank-place", className="rank-place")
    facts = labelled("Rank table") | behind("network", "ranks")
    return html.Section([head, place], className="panel table-panel", **facts)
