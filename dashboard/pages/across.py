"""The Across runs page: two runs aligned, or the runs of one recipe as a band; one slider."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import Dash, html

from compute.runs import Run
from dashboard.across_api import recipe_runs
from dashboard.context import Context
from dashboard.development import Development
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/across"
TITLE = "Across runs"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "across-lanes": "Curves of the runs over training",
    "across-values": "Values at this step",
    "across-turns": "How the runs are aligned",
}
FIRST_LANES = ("llc", "loss")
BEHAVIOURS = 2


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [panel("across", name, label, "across-body") for name, label in PANELS.items()]
    lanes = first_lanes(context.library.development(run.name))
    return moved_by_slider(
        context,
        run,
        "across",
        [_choice(context, run), *panels],
        class_name="across-page",
        lanes=lanes,
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def first_lanes(development: Development) -> tuple[str, ...]:
    """Return the curves of a first visit: LLC, loss and the first behaviours that are measured."""
    behaviours = [
        curve.id
        for curve in development.curves
        if curve.group == "behaviour" and curve.component is None
        and np.isfinite(curve.values).any()
    ]  # fmt: skip
    return (*FIRST_LANES, *behaviours[:BEHAVIOURS])


def others(runs: Sequence[Run], run: Run) -> list[dict[str, Any]]:
    """Return the runs that can stand beside a run, those most like it first."""

    def distance(other: Run) -> tuple[bool, bool, str]:
        alike = bool(run.recipe) and other.recipe == run.recipe
        return not alike, other.family != run.family, other.name

    return [
        {"name": r.name, "family": r.family, "recipe": r.recipe, "seed": r.seed}
        for r in sorted(runs, key=distance)
        if r.name != run.name
    ]


def _choice(context: Context, run: Run) -> html.Section:
    facts = {
        "family": run.family,
        "recipe": run.recipe,
        "group": recipe_runs(context.library, run.name),
        "others": others(context.library.store.runs(), run),
    }
    head = html.Div(id="across-choice", className="panel-head panel-choice")
    words = html.P(id="across-words", className="panel-words")
    named = labelled("Runs, alignment and time axis") | {"data-facts": json.dumps(facts)}
    return html.Section([head, words], className="panel across-choice-panel", **named)
