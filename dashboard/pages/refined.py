"""The Refined LLC page: one curve for each part of the model, and which of them are alike."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/refined"
TITLE = "Refined LLC"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "parts": "Refined LLC of every part",
    "shapes": "Kinds of curves",
    "effects": "Refined LLC and ablation",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [panel("refined", name, label, f"{name}-body") for name, label in PANELS.items()]
    return moved_by_slider(context, run, "refined", [_choice(), *panels], class_name="refined-page")


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def _choice() -> html.Section:
    choice = html.Div(id="refined-choice", className="panel-head panel-choice")
    return html.Section(
        choice, className="panel refined-choice-panel", **labelled("Parts, data and time axis")
    )
