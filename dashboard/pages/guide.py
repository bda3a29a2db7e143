"""The guide: how to read each panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dash import Dash, dcc, html

from dashboard.context import Context

PATH = "/guide"
TITLE = "Guide"

_TEXT = Path(__file__).parent.parent / "guide.md"


def layout(context: Context, search: str) -> Any:
    """Return the guide's text as a page."""
    # The text is ours: it may hold markup, such as keys.
    text = dcc.Markdown(
        _TEXT.read_text(encoding="utf-8"), className="prose", dangerously_allow_html=True
    )
    return html.Main(html.Article(text, className="panel guide"), id="main", className="page")


def register(app: Dash, context: Context) -> None:
    """Add nothing: the guide only reads."""
