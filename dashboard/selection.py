"""The selection in the URL: what the reader looks at. Nothing of it is kept on the server.

Unknown keys are ignored; a value that cannot be is replaced by the default. The step, the
threshold, how many edges are drawn and the zoom live in the browser alone:
``assets/modules/address.mjs``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qs

import numpy as np

from compute.errors import SettingsError
from compute.runs import Run, check_run_name
from dashboard.development import Development
from dashboard.figures.axis import AXIS_KINDS, AxisKind
from dashboard.figures.curves import IMPORTED
from dashboard.theme import Theme, theme

MAX_LANES = 8
DEFAULT_LANES = {
    "language": ("llc", "loss", "graph", "induction"),
    "regression": ("llc", "loss", "graph", "prior"),
}
GRAPH_LANES = ("graph.mean_strength", "graph.total_strength", "graph.density")


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """What decides the lanes: sent by the browser when the reader commits a change, not a drag."""

    run: str
    graph: str
    axis: AxisKind
    lanes: tuple[str, ...]
    metric: str
    component: str | None
    theme: Theme
    compact: bool
    smooth: bool


def run_name(search: str | None) -> str | None:
    """Return the run that a URL's query names, or None.

    >>> run_name("?run=stdlib_lm&step=1800")
    'stdlib_lm'
    """
    names = parse_qs((search or "").removeprefix("?")).get("run", [])
    return names[0] if names else None


def is_embedded(search: str | None) -> bool:
    """Say whether the page is to be shown in a frame of another page, without its header.

    >>> is_embedded("?run=stdlib_lm&embed=1")
    True
    """
    return parse_qs((search or "").removeprefix("?")).get("embed", [""])[0] == "1"


def page_path(pathname: str, prefix: str) -> str:
    """Return a page's path without the server's prefix and without a last slash.

    >>> page_path("/lab/network/", "/lab/"), page_path("/lab/", "/lab/")
    ('/network', '/')
    """
    return "/" + pathname.removeprefix(prefix).strip("/")


def choose_run(runs: list[Run], search: str | None) -> Run | None:
    """Return the run that the URL names; without a name, the first; None if there is no such."""
    name = run_name(search)
    if name is None:
        return next((r for r in runs if r.name == "stdlib_lm"), runs[0] if runs else None)
    return next((r for r in runs if r.name == name), None)


def default_lanes(development: Development, graph: str) -> tuple[str, ...]:
    """Return the lanes of a first visit: LLC, loss, one graph metric, one behaviour.

    Of a run of which nothing was measured, they are its imported curves, if it has any.
    """
    imported = tuple(c.id for c in development.curves if c.id.startswith(IMPORTED))
    measured = (c for c in development.curves if c.id not in imported)
    if (
        imported
        and not development.graphs
        and not any(np.isfinite(c.values).any() for c in measured)
    ):
        return imported[:MAX_LANES]
    known = [c.id for c in development.graph_curves.get(graph, ())]
    metric = next((g for g in GRAPH_LANES if g in known), next(iter(known), GRAPH_LANES[0]))
    wanted = DEFAULT_LANES[development.run.family]
    return tuple(metric if lane == "graph" else lane for lane in wanted)


def view_from_json(value: Mapping[str, Any]) -> View | None:
    """Return the view that the browser sent, or None if it names no run."""
    run = str(value.get("run") or "")
    try:
        check_run_name(run)
    except SettingsError:
        return None
    lanes = value.get("lanes")
    axis = value.get("axis")
    component = value.get("component")
    return View(
        run=run,
        graph=str(value.get("graph", "")),
        axis=cast("AxisKind", axis) if axis in AXIS_KINDS else "log",
        lanes=tuple(str(x) for x in lanes[:MAX_LANES]) if isinstance(lanes, list) else (),
        metric=str(value.get("metric", "")),
        component=str(component) if component else None,
        theme=theme(str(value.get("theme", ""))),
        compact=bool(value.get("compact", False)),
        smooth=bool(value.get("smooth", False)),
    )
