"""What a document fetches: the modules of its page at once, and no script that it never runs."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flask
from dash import Dash

from dashboard.modules import reachable
from dashboard.selection import page_path

_SCRIPT = re.compile(r"<script[^>]*></script>\s*")
_GRID, _HAS_GRID = "/dash_ag_grid/", "/network"
_FIRST = "development"  # its path is the prefix alone


class PreloadingDash(Dash):
    """A Dash whose documents name the modules of their page, and only scripts that it runs."""

    def interpolate_index(self, css: str = "", scripts: str = "", **parts: Any) -> str:  # type: ignore[override]
        """Return the document of the page at the address that was asked for."""
        prefix: str = self.config.requests_pathname_prefix
        path = page_path(flask.request.path, prefix)
        modules = page_modules(Path(self.config.assets_folder)).get(path, ())
        link = f'<link rel="modulepreload" href="{prefix}assets/modules/%s">'
        links = "".join(link % module for module in modules)
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
def page_modules(assets: Path) -> Mapping[str, Sequence[str]]:
    """Return the modules that each page runs, by its path, as the entry module names them."""
    entry = (assets / "ontogeny.mjs").read_text("utf-8")
    everywhere = re.findall(r'\bfrom "\./modules/(\w+\.mjs)"', entry)
    pages = re.findall(r'\bimport\("\./modules/(\w+)\.mjs"\)', entry)
    return {
        "/" if page == _FIRST else f"/{page}": tuple(
            reachable(assets / "modules", [*everywhere, f"{page}.mjs"], later=False)
        )
        for page in pages
    }
