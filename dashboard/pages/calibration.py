"""The Calibration page: which settings of the LLC can be trusted, and which the run uses."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.panels import panel
from dashboard.shell import run_page

PATH = "/calibration"
TITLE = "Calibration"

# The panels of both columns in the order in which they are read; the browser's modules fill them.
LEFT = {"maps": "Estimates by setting", "flatness": "Estimate over step size"}
RIGHT = {"choice": "Recommended settings", "cell": "One cell", "start": "Calibrate"}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> html.Main:
    facts: dict[str, Any] = {
        "data-page": "calibration",
        "data-run": run.name,
        "data-prefix": context.prefix,
    }
    note = html.P(id="note", className="note", role="status", hidden=True)
    columns = [
        html.Div(
            [panel("calibration", name, label, f"{name}-body") for name, label in column.items()],
            className="calibration-column",
        )
        for column in (LEFT, RIGHT)
    ]
    return html.Main([note, *columns], id="main", className="page calibration", **facts)


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page asks for its data itself."""
