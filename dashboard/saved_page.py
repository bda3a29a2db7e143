"""A page as one HTML file that works without a server: styles, modules and its frame inside.

The browser adds what the page has fetched (``assets/modules/page_file.mjs``) and saves the file;
opened from a disk, ``assets/modules/saved.mjs`` answers every request of the page from it. Modules
go in as ``data:`` addresses under bare names, which an import map resolves: no bundler, and the
same files as in the pages. The file's own content policy forbids every request.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import escape

from dashboard.modules import IMPORT, reachable

# What a saved page can do without: it is saved already.
_LEFT_OUT = frozenset({"page_file.mjs"})
_START = (
    'import {{ open }} from "ontogeny/saved.mjs";'
    'import {{ {mount} }} from "ontogeny/{page}.mjs";open({mount});'
)

# The browser writes into the file where it was saved, when, and what was fetched.
ORIGIN, SAVED, KEPT = "ONTOGENY-ORIGIN", "ONTOGENY-SAVED", "ONTOGENY-KEPT"

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'none'; form-action 'none'; base-uri 'none'"
)

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Ontogeny {version}">
<meta name="ontogeny-origin" content="{origin}">
<title>{title} · Ontogeny</title>
<style>{styles}</style>
<script>{scheme}</script>
<script type="importmap">{imports}</script>
</head>
<body class="saved">
<a href="#main" class="skip">Skip to the page</a>
<header class="masthead">
<span class="wordmark">Ontogeny</span><span class="saved-run">{run}</span>
<span class="pages"><span class="saved-title">{title}</span></span>
<div class="masthead-actions" id="head-actions"></div>
</header>
<div id="page">{body}</div>
<script type="application/json" id="kept">{kept}</script>
<script type="module">{start}</script>
</body>
</html>
"""
_NOTE = (
    '<p class="saved-note">A copy of <a href="{origin}">{origin}</a>, saved {saved} by Ontogeny '
    "{version}. It holds its data and works without a server; it is not kept up to date.{lacks}</p>"
)


def saved_page(
    body: str,
    *,
    page: str,
    title: str,
    run: str,
    version: str,
    assets: Path,
    without: Sequence[str] = (),
) -> str:
    """Return the file of a page, without the data it shows.

    Parameters
    ----------
    body
        The page's main part and its dock, as HTML.
    page
        The page's name, as its main element has it; its module fills it.
    assets
        The folder of styles and modules.
    without
        The names of panels that need a server: the file says that it lacks them.
    """
    name = re.sub(r"\W", "", page)
    mount = f"mount{name.capitalize()}"
    modules = reachable(assets / "modules", ["saved.mjs", f"{name}.mjs"], without=_LEFT_OUT)
    lacks = escape(f" Left out, since it needs a server: {', '.join(without)}.") if without else ""
    note = _NOTE.format(origin=ORIGIN, saved=SAVED, version=escape(version), lacks=lacks)
    styles = "\n".join(p.read_text("utf-8") for p in sorted(assets.glob("*.css")))
    return _DOCUMENT.format(
        policy=_POLICY,
        version=escape(version),
        origin=ORIGIN,
        title=escape(title),
        run=escape(run),
        styles=styles.replace("</", "<\\/"),
        scheme=(assets / "modules" / "scheme.js").read_text("utf-8"),
        imports=json.dumps({"imports": _import_map(modules)}),
        body=body.replace("</main>", f"{note}</main>", 1),
        kept=KEPT,
        start=_START.format(mount=mount, page=name),
    )


def _import_map(modules: Mapping[str, str]) -> dict[str, str]:
    return {f"ontogeny/{name}": _address(_bare(source)) for name, source in modules.items()}


def _bare(source: str) -> str:
    """Return a module's source with bare names for the modules that it imports."""
    return IMPORT.sub(r"\1ontogeny/\2\3", source)


def _address(source: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(source.encode()).decode()
