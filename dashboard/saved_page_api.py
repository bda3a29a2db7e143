"""Where the browser asks for the frame of a page that it saves as one file."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from dash.development.base_component import Component
from flask import Flask, Response, abort, request

from dashboard.context import Context
from dashboard.markup import left_out, markup
from dashboard.saved_page import saved_page
from dashboard.selection import page_path


def register(
    server: Flask,
    context: Context,
    show: Callable[[str, str], list[Any]],
    titles: Mapping[str, str],
    assets: Path,
) -> None:
    """Add the route to the server.

    Parameters
    ----------
    show
        Returns what stands at a path with a query; its last part is the page itself.
    titles
        What pages are called, by their path below the prefix.
    """

    @server.get(f"{context.prefix}export/<run>/page.html")
    def page(run: str) -> Response:
        context.library.store.run(run)
        path = page_path(request.args.get("path", ""), context.prefix)
        if path not in titles:
            abort(404, "There is no such page.")
        rest = [(k, v) for k, v in request.args.items(multi=True) if k != "run"]
        body = show(path, f"?{urlencode([('run', run), *rest])}")[-1]
        main = main_of(body)
        name = getattr(main, "data-page", None)
        if name is None or getattr(main, "data-payload", None) is None:
            abort(404, "This page has no data of its own to be saved with.")
        version = importlib.metadata.version("ontogeny")
        text = saved_page(
            markup(body),
            page=name,
            title=titles[path],
            run=run,
            version=version,
            assets=assets,
            without=left_out(body),
        )
        response = Response(text, mimetype="text/html")
        response.headers["Content-Disposition"] = "attachment; filename=page.html"
        response.headers["Cache-Control"] = "no-store"
        return response


def main_of(body: Any) -> Component | None:
    """Return the main element of a page, or None."""
    if isinstance(body, Component) and body._type == "Main":
        return body
    parts = getattr(body, "children", None)
    found = (main_of(part) for part in (parts if isinstance(parts, list) else []))
    return next((main for main in found if main is not None), None)
