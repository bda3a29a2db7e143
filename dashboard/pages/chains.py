"""The Chains page: the draws behind one estimate of the LLC, and whether it can be believed."""

from __future__ import annotations

from typing import Any

from dash import Dash

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import moved_by_slider, run_page

PATH = "/chains"
TITLE = "Chains"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "estimate": "Local learning coefficient",
    "draws": "Draws of each chain",
    "distance": "Distance from the checkpoint",
    "autocorrelation": "Autocorrelation",
    "checks": "Checks",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [panel("chains", name, label, "chains-body") for name, label in PANELS.items()]
    return moved_by_slider(context, run, "chains", panels, class_name="chains-page")


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""
