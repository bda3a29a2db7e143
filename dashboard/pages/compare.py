"""The Compare page: two checkpoints of one run, or of two runs, side by side, and what differs."""

from __future__ import annotations

import json
from typing import Any

from dash import Dash, html

from compute.runs import Run
from dashboard.context import Context
from dashboard.pages.across import first_lanes, others
from dashboard.panels import panel
from dashboard.shell import labelled, moved_by_slider, run_page

PATH = "/compare"
TITLE = "Compare"

# The panels in the order in which they are read; the browser's modules fill them.
PANELS = {
    "compare-graphs": "Ablation graphs and their difference",
    "compare-words": "What changed most",
    "compare-ranks": "Difference of ranks",
    "compare-slopes": "Ranks at A and at B",
    "across-lanes": "Curves over training",
}


def layout(context: Context, search: str) -> Any:
    """Return the page of the run that the address names; the browser's modules fill it."""
    return run_page(context, search, lambda run: _layout(context, run))


def _layout(context: Context, run: Run) -> Any:
    panels = [panel("compare", name, label, "across-body") for name, label in PANELS.items()]
    return moved_by_slider(
        context,
        run,
        "compare",
        [_choice(context, run), *panels],
        class_name="compare-page across-page",
        lanes=first_lanes(context.library.development(run.name)),
    )


def register(app: Dash, context: Context) -> None:
    """Add nothing: the page draws what the browser has."""


def _choice(context: Context, run: Run) -> html.Section:
    facts = {"others": others(context.library.store.runs(), run), "group": [], "family": run.family}
    return html.Section(
        html.Div(id="compare-choice"),
        className="panel compare-choice-panel",
        **labelled("What is compared") | {"data-facts": json.dumps(facts)},
    )
