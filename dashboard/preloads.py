"""What a document fetches: the modules of its page at once, and no script that it never runs."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import flask
from dash import Dash

from dashboard.modules import reachable

_EVERYWHERE = ("closing", "figure_menu", "head", "opened", "printing")
_SCRIPT = re.compile(r"<script[^>]*></script>\s*")
_GRID, _HAS_GRID = "/dash_ag_grid/", "/network"


class PreloadingDash(Dash):
    """A Dash whose documents name the modules of their page, and only scripts that it runs."""

    def interpolate_index(self, css: str = "", scripts: str = "", **parts: Any) -> str:  # type: ignore[override]
        """Return the document of the page at the address that was asked for."""
        prefix: str = self.config.requests_pathname_prefix
        path = "/" + flask.request.path.removeprefix(prefix).strip("/")
        links = module_links(Path(self.config.assets_folder) / "modules", path, prefix)
        return super().interpolate_index(
            css=css + links, scripts=needed_scripts(scripts, path), **parts
        )


def needed_scripts(scripts: str, path: str) -> str:
    """Return those of Dash's script elements that the page at ``path`` runs.

    The rank table's grid is large and on one page; ``assets/ontogeny.mjs`` opens that page by a
    document of its own.
    """
    if path == _HAS_GRID:
        return scripts
    return _SCRIPT.sub(lambda script: "" if _GRID in script[0] else script[0], scripts)


@functools.cache
def module_links(folder: Path, path: str, prefix: str) -> str:
    """Return links that fetch the modules of the page at ``path``; none for one without modules."""
    name = path.strip("/") or "development"
    if not re.fullmatch(r"\w+", name) or not (folder / f"{name}.mjs").is_file():
        return ""
    modules = reachable(folder, [f"{each}.mjs" for each in (*_EVERYWHERE, name)], later=False)
    link = f'<link rel="modulepreload" href="{prefix}assets/modules/%s">'
    return "".join(link % module for module in modules)
