"""The Behaviour page: what the model does and how, over training, moved by one slider."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/behaviour"
TITLE = "Behaviour"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "behaviours": "Behaviours over training",
    "scores": "Heads over training",
    "tokens": "Loss by position",
    "composition": "Composition of heads",
    "spectra": "Spectra of embeddings",
    "norms": "Layer norms",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    titles = PANELS | ({"tokens": "Loss by pair"} if run.family == "regression" else {})
    panels = [
        panel("behaviour", name, label, f"behaviour-body {name}-body")
        for name, label in titles.items()
    ]
    return moved_by_slider(
        context, run, "behaviour", [_choice(), *panels], class_name="behaviour-page"
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def _choice() -> html.Section:
    choice = html.Div(id="behaviour-choice", className="panel-head panel-choice")
    return html.Section(
        choice, className="panel behaviour-choice-panel", **labelled("Time axis and selection")
    )
