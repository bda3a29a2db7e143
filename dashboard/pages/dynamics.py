"""The Dynamics page: the way of the model's outputs over training, moved by one slider."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/dynamics"
TITLE = "Dynamics"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "plane": "Way of the outputs in a plane",
    "turn": "Way of the outputs in three dimensions",
    "components": "Components over time",
    "distances": "Distances and speed over time",
    "points": "Places and distances at this step",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [
        panel("dynamics", name, label, f"dynamics-body {name}-body")
        for name, label in PANELS.items()
    ]
    return moved_by_slider(
        context, run, "dynamics", [_choice(), *panels], class_name="dynamics-page"
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def _choice() -> html.Section:
    choice = html.Div(id="dynamics-choice", className="panel-head panel-choice")
    state = html.Div(id="dynamics-state", className="dynamics-state")
    return html.Section(
        [choice, state],
        className="panel dynamics-choice-panel",
        **labelled("Place at this step, runs beside this one and time axis"),
    )
