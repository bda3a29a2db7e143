"""One component: its numbers, its edges, its curves, and what it attends to if it is a head."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.development import Development
from dashboard.figures.graphs import GraphSeries
from dashboard.labels import TASK_LABELS
from dashboard.panels import behind
from dashboard.selection import default_lanes
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/component"
TITLE = "Component"


def layout(context: Context, search: str) -> Any:
    """Return the page of the component that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run, search))


def _layout(context: Context, run: Run, search: str) -> Any:
    development = context.library.development(run.name)
    if not development.graphs:
        return no_graph(run.name, context.prefix)
    graph = asked_graph(development, search)
    name = asked(search, "component")
    if name is not None and name not in development.graphs[graph].components:
        return unknown_component(name, development, graph, context.prefix)
    return moved_by_slider(
        context, run, "component", [_head(), _edges(), _attention(), _curves()],
        class_name="component-page", lanes=default_lanes(development, graph),
    )  # fmt: skip


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def asked(search: str, name: str) -> str | None:
    """Return a value of an address's query, or None.

    >>> asked("?run=a&component=L2H3", "component")
    'L2H3'
    """
    return parse_qs(search.removeprefix("?")).get(name, [None])[0]


def asked_graph(development: Development, search: str) -> str:
    """Return the graph that an address names, or else the first one of the run."""
    name = asked(search, "graph")
    return name if name and name in development.graphs else next(iter(development.graphs))


def no_graph(run: str, prefix: str) -> html.Main:
    """Return the page of a run without a graph: its components are not known yet."""
    place = html.A("Development page", href=f"{prefix}?{urlencode({'run': run})}")
    reason = f"No ablation graph of {run} is measured yet, so it has no components to show."
    return _message("No components yet", [html.P(reason), html.P(["Compute it on the ", place])])


def unknown_component(name: str, development: Development, graph: str, prefix: str) -> html.Main:
    """Return the page of a component that the graph does not have: those that it has."""
    run = development.run.name
    elsewhere = next((g for g, s in development.graphs.items() if name in s.components), None)
    body: list[Any] = []
    if elsewhere is not None:
        title = _title(development.graphs[elsewhere])
        link = html.A(f"{name} in {title}", href=address(prefix, run, elsewhere, name))
        body.append(html.P(["Another graph of this run has it: ", link]))
    series = development.graphs[graph]
    links = [html.A(c, href=address(prefix, run, graph, c)) for c in series.components]
    body += [html.P(f"The graph “{_title(series)}” has:"), html.P(links, className="names")]
    return _message(f"No component “{name}”", body)


def address(prefix: str, run: str, graph: str, component: str) -> str:
    """Return where the page of a component is."""
    query = urlencode({"run": run, "graph": graph, "component": component})
    return f"{prefix}{PATH.lstrip('/')}?{query}"


def _title(series: GraphSeries) -> str:
    return f"{TASK_LABELS[series.spec.task.name]}, {series.setting}"


def _message(title: str, body: list[Any]) -> html.Main:
    return html.Main(
        html.Section([html.H1(title), *body], className="panel message"),
        id="main",
        className="page",
    )


def _head() -> html.Section:
    return html.Section(
        [
            html.Div(id="component-head", className="panel-head component-title"),
            html.Div(id="component-setting", className="panel-head panel-choice"),
            html.Div(id="component-numbers"),
        ],
        className="panel component-head-panel",
        **labelled("Component"),
        **behind("component", "head"),
    )


def _edges() -> html.Section:
    facts = labelled("Edges") | behind("component", "edges")
    return html.Section(html.Div(id="component-edges"), className="panel edges-panel", **facts)


def _attention() -> html.Section:
    return html.Section(
        [
            html.Div(id="attention-head", className="panel-head"),
            html.Div(id="attention-body", className="attention-body"),
        ],
        id="attention-panel",
        className="panel attention-panel",
        **labelled("Attention"),
        **behind("component", "attention"),
    )


def _curves() -> html.Section:
    return html.Section(
        [
            html.Div(id="component-curves-head", className="panel-head"),
            html.Div(id="component-curves", className="multiples"),
        ],
        className="panel curves-panel",
        **labelled("Curves over training"),
        **behind("component", "curves"),
    )
