"""The panels of pages, and the table behind each, as ``dashboard.export_api`` names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboard.shell import labelled

# By page, and by the panel's name there; a panel that is not here is a picture only.
TABLES: Mapping[str, Mapping[str, str]] = {
    "development": {"graph": "edges", "ranks": "ranks", "lanes": "curves"},
    "network": {
        "phases": "phases",
        "matrix": "matrix",
        "stability": "metrics",
        "space": "network",
        "weights": "edges",
        "heat": "metrics",
        "communities": "communities",
        "ranks": "ranks",
    },
    "behaviour": {
        "behaviours": "behaviours",
        "scores": "heads",
        "tokens": "positions",
        "composition": "composition",
        "spectra": "spectra",
        "norms": "norms",
    },
    "dynamics": {
        "plane": "dynamics",
        "turn": "dynamics",
        "components": "dynamics",
        "distances": "dynamics",
        "points": "dynamics",
    },
    "refined": {
        "parts": "refined",
        "shapes": "refined",
        "effects": "refined",
    },
    "coincidence": {
        "verdict": "coincidence",
        "boundaries": "boundaries",
        "distances": "coincidence",
        "lags": "coincidence",
        "together": "coincidence",
    },
    "chains": {
        "estimate": "verdicts",
        "draws": "draws",
        "distance": "draws",
        "autocorrelation": "draws",
        "checks": "checks",
    },
    "calibration": {
        "maps": "calibration",
        "choice": "calibration",
        "flatness": "calibration",
        "cell": "calibration",
    },
    "component": {
        "head": "metrics",
        "edges": "edges",
        "attention": "attention",
        "curves": "metrics",
    },
    "compare": {"across-lanes": "curves"},
    "across": {
        "across-lanes": "curves",
        "across-values": "curves",
    },
}


def behind(page: str, panel: str) -> dict[str, Any]:
    """Return the attribute that tells the browser which table is behind a panel, if any.

    >>> behind("development", "graph")
    {'data-table': 'edges'}
    """
    table = TABLES[page].get(panel)
    return {} if table is None else {"data-table": table}


def panel(page: str, name: str, label: str, body: str) -> html.Section:
    """Return an empty panel of a page, which the browser's modules fill.

    Parameters
    ----------
    name
        Before ``-head`` and ``-body`` in the ids of its two parts.
    label
        What it is called for those who do not see it.
    body
        The classes of its body.
    """
    parts = [
        html.Div(id=f"{name}-head", className="panel-head"),
        html.Div(id=f"{name}-body", className=body),
    ]
    facts = labelled(label) | behind(page, name)
    return html.Section(parts, className=f"panel {name}-panel", **facts)
