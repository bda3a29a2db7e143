"""The queue: what is being measured, what waits, what went wrong."""

from __future__ import annotations

from typing import Any

from dash import Dash, html

from dashboard.context import Context
from dashboard.shell import labelled

PATH = "/jobs"
TITLE = "Jobs"


def layout(context: Context, search: str) -> Any:
    """Return the page; the browser's module fills it and keeps it up to date."""
    facts: dict[str, Any] = {"data-page": "jobs", "data-prefix": context.prefix}
    panel = html.Section(
        [html.Div(id="jobs-head", className="panel-head"), html.Div(id="jobs-list")],
        className="panel jobs",
        **labelled("Jobs"),
    )
    return html.Main(
        [html.P(id="note", className="note", role="status", hidden=True), panel],
        id="main",
        className="page",
        **facts,
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page asks the queue itself."""
