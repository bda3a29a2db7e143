"""What every page stands in: the document, the header, and the way from an address to a page."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from dash import dcc, html

from compute.runs import Run
from dashboard import ids
from dashboard.context import Context
from dashboard.pages import states
from dashboard.selection import choose_run, run_name

INDEX = """<!doctype html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Ontogeny VERSION">
<title>{%title%}</title>
<script src="PREFIXassets/modules/scheme.js"></script>
{%css%}
<link rel="icon" href="ICON" type="image/svg+xml">
</head>
<body>
{%app_entry%}
{%config%}
{%scripts%}
{%renderer%}
</body>
</html>
"""


# Written into the document: a browser asks for an icon again whenever the address changes.
_MARK = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>"
    "<rect width='32' height='32' rx='7' fill='#0b7a75'/>"
    "<path d='M9 24 16 8 23 24Z' fill='none' stroke='#fff' stroke-opacity='.75' stroke-width='2'/>"
    "<g fill='#fff'><circle cx='9' cy='24' r='3.5'/><circle cx='23' cy='24' r='3.5'/></g>"
    "<circle cx='16' cy='8' r='3.5' fill='#ff6fa0'/></svg>"
)


GROUPS = {
    "Graph": ("/network", "/component"),
    "Degeneracy": ("/refined", "/chains", "/calibration"),
    "Behaviour": ("/behaviour", "/dynamics"),
    "Compare": ("/compare", "/across", "/coincidence"),
}
_HEADED = ("/component", "/guide")  # these have a heading of their own
_GROUP_OF = {path: name for name, paths in GROUPS.items() for path in paths}


class Page(Protocol):
    """A module of ``dashboard.pages``."""

    PATH: str
    TITLE: str

    def layout(self, context: Context, search: str) -> Any:
        """Return the page for an address's query."""

    def register(self, app: Any, context: Context) -> None:
        """Add the page's callbacks."""


def document(prefix: str) -> str:
    """Return the HTML document that Dash fills."""
    version = importlib.metadata.version("ontogeny")
    icon = "data:image/svg+xml," + quote(_MARK)
    return INDEX.replace("PREFIX", prefix).replace("ICON", icon).replace("VERSION", version)


def root() -> html.Div:
    """Return the layout of the application: an address, and room for one page."""
    return html.Div([dcc.Location(id=ids.URL, refresh=False), html.Div(id=ids.PAGE)])


def frame(
    body: Any,
    pages: Sequence[Page],
    context: Context,
    *,
    path: str,
    runs: Sequence[Run] = (),
    run: Run | None = None,
) -> list[Any]:
    """Return a page's body with the header above it; ``run`` is the one of ``runs`` it shows."""
    title = next((page.TITLE for page in pages if path == page.PATH), "")
    headed = not title or path in _HEADED
    heading = [] if headed else [html.H1(title, className="page-title")]
    return [
        html.A("Skip to the page", href="#main", className="skip"),
        html.Header(
            [
                *heading,
                html.A("Ontogeny", href=context.prefix, className="wordmark", title="Start page"),
                _run_picker(context, runs, run),
                _navigation(path, pages, context, run),
                html.Div(className="masthead-actions", id="head-actions"),
            ],
            className="masthead",
        ),
        body,
    ]


def embedded(body: Any, context: Context, *, path: str, search: str, run: Run | None) -> list[Any]:
    """Return a page's body for a frame: no header, but the run's name and the way to the page."""
    pairs = [(k, v) for k, v in parse_qsl(search.removeprefix("?")) if k != "embed"]
    return [
        html.Header(
            [
                html.Strong(run.name if run else ""),
                html.A(
                    "open in Ontogeny",
                    href=f"{context.prefix}{path.lstrip('/')}?{urlencode(pairs)}",
                    target="_blank",
                    rel="noopener",
                ),
            ],
            className="embed-head",
        ),
        body,
    ]


def _run_picker(context: Context, runs: Sequence[Run], run: Run | None) -> html.Details:
    return html.Details(
        [
            html.Summary(
                [
                    html.Span(run.name if run else "choose a run", className="run-name"),
                    html.Span(_all_facts(context, run), id="run-facts"),
                ],
                className="run-button",
            ),
            html.Ul([html.Li(_run_link(r, context, r == run)) for r in runs], className="popover"),
        ],
        className="run-picker",
        id="run-picker",
        hidden=not runs,
    )


def _run_link(run: Run, context: Context, here: bool) -> html.A:
    return html.A(
        [
            html.Strong(run.name),
            html.Span(_facts(run)),
            html.Span(run.summary, className="run-summary"),
        ],
        href=f"{context.prefix}?run={run.name}",
        className="run-link here" if here else "run-link",
    )


def _all_facts(context: Context, run: Run | None) -> str:
    if run is None:
        return ""
    count = len(context.library.development(run.name).components)
    return _facts(run) + (f" · {count:,} components" if count else "")


def _facts(run: Run) -> str:
    if not run.steps:
        return "no checkpoints"
    return f"{len(run.steps)} checkpoints · {run.steps[0]:,} to {run.steps[-1]:,} steps"


def _navigation(path: str, pages: Sequence[Page], context: Context, run: Run | None) -> html.Nav:
    """Return the links to all pages; those of a group hang under the group's name."""
    query = f"?run={run.name}" if run else ""

    def link(page: Page) -> html.A:
        return html.A(
            page.TITLE,
            href=context.prefix + page.PATH.lstrip("/") + query,
            className="here" if path == page.PATH else "",
        )

    entries: dict[str, list[Page]] = {}
    for page in pages:
        entries.setdefault(_GROUP_OF.get(page.PATH, page.TITLE), []).append(page)
    return html.Nav(
        [
            link(members[0])
            if name not in GROUPS
            else _group(name, [link(p) for p in members], any(path == p.PATH for p in members))
            for name, members in entries.items()
        ],
        className="pages",
        **labelled("Pages"),
    )


def _group(name: str, links: Sequence[html.A], here: bool) -> html.Details:
    summary = html.Summary(name, className="here" if here else "")
    listed = html.Ul([html.Li(link) for link in links], className="popover")
    return html.Details([summary, listed], className="page-group")


def run_page(context: Context, search: str, build: Callable[[Run], Any]) -> Any:
    """Return what ``build`` makes of the run that an address names, or what to do without one."""
    runs = context.library.store.runs()
    if not runs:
        return states.empty_store()
    run = choose_run(runs, search)
    if run is None:
        return states.unknown_run(run_name(search) or "", runs, context.prefix)
    return build(run)


def moved_by_slider(
    context: Context,
    run: Run,
    page: str,
    panels: Sequence[Any],
    *,
    class_name: str,
    lanes: Sequence[str] = (),
    extra: Sequence[Any] = (),
) -> html.Div:
    """Return a page of panels over the dock; ``page`` tells the browser which module fills it."""
    facts: dict[str, Any] = {
        "data-page": page,
        "data-run": run.name,
        "data-prefix": context.prefix,
        "data-payload": context.payloads.address(run.name),
        "data-lanes": " ".join(lanes),
    }
    note = html.P(id="note", className="note", role="status", hidden=True)
    return html.Div(
        [
            html.Main([note, *panels], id="main", className=f"page {class_name}", **facts),
            html.Footer(id="dock", className="dock", **labelled("Training time")),
            *extra,
        ]
    )


def labelled(name: str) -> dict[str, Any]:
    """Return the attribute that gives an element its name for those who do not see it."""
    return {"aria-label": name}
