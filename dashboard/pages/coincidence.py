"""The Coincidence page: what happens together in a run, by how much, and what cannot be told."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/coincidence"
TITLE = "Coincidence"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "verdict": "What coincides",
    "boundaries": "Boundaries over training",
    "distances": "Distances between boundaries",
    "lags": "Lagged correlations",
    "together": "Components: refined LLC and strength",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [
        panel("coincidence", name, label, f"coincidence-body {name}-body")
        for name, label in PANELS.items()
    ]
    return moved_by_slider(
        context, run, "coincidence", [_choice(), *panels], class_name="coincidence-page"
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def _choice() -> html.Section:
    choice = html.Div(id="coincidence-choice", className="panel-head panel-choice")
    return html.Section(
        choice, className="panel coincidence-choice-panel", **labelled("Graph and time axis")
    )
