"""The catalogue: which runs there are, what is measured of them, and how to add one."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from dashboard.context import Context
from dashboard.shell import labelled

PATH = "/runs"
TITLE = "Runs"


def layout(context: Context, search: str) -> Any:
    """Return the page; the browser's module fills it and keeps it up to date."""
    facts: dict[str, Any] = {"data-page": "runs", "data-prefix": context.prefix}
    panels = [
        html.Section(
            [
                html.Div(id=f"{name}-head", className="panel-head"),
                html.Div(id=f"{name}-body", className=f"{name}-body"),
            ],
            className=f"panel {name}-panel",
            **labelled(label),
        )
        for name, label in (("runs", "Runs"), ("runs-add", "Add a run"))
    ]
    note = html.P(id="note", className="note", role="status", hidden=True)
    return html.Main([note, *panels], id="main", className="page runs-page", **facts)


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page asks for the catalogue itself."""
