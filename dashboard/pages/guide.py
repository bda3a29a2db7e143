"""The guide: how to read each panel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dash import Dash, dcc, html

from compute.networks.registry import GRAPH_METRICS, NODE_METRICS, Metric
from dashboard.context import Context
from dashboard.tables.registry import TABLES, TableKind

PATH = "/guide"
TITLE = "Guide"

_TEXT = Path(__file__).parent.parent / "guide.md"
_INTERVALS = {"prompts": "prompts", "fit": "of the fit", "": "none"}


def layout(context: Context, search: str) -> Any:
    """Return the guide's text as a page."""
    # The text is ours: it may hold markup, such as keys.
    text = dcc.Markdown(guide_text(), className="prose", dangerously_allow_html=True)
    return html.Main(html.Article(text, className="panel guide"), id="main", className="page")


def register(app: Dash, context: Context) -> None:
    """Add nothing: the guide only reads."""


def guide_text() -> str:
    """Return the guide with the tables of metrics and of exports, which the registries write."""
    text = _TEXT.read_text(encoding="utf-8")
    for mark, metrics in (("NODE METRICS", NODE_METRICS), ("GRAPH METRICS", GRAPH_METRICS)):
        text = text.replace(f"[{mark}]", metric_table(metrics))
    return text.replace("[TABLES]", table_list(TABLES.values()))


def table_list(kinds: Iterable[TableKind]) -> str:
    """Return the exported tables as a Markdown list: what each holds, reads, and its columns."""
    lines = []
    for kind in kinds:
        reads = ", ".join(f"`{key}`" for key in kind.reads)
        names = (column.name.replace("*", "one for each target") for column in kind.columns)
        columns = ", ".join(names).replace("_", "\\_")
        told = f"**{kind.label}.** {kind.meaning} Reads {reads}. Columns: {columns}."
        lines.append(f"- `{kind.id}`: {told}")
    return "\n".join(lines)


def metric_table(metrics: Sequence[Metric]) -> str:
    """Return metrics as a Markdown table: definition, reading of weights, unit, interval."""
    lines = [
        "| metric | definition | weights are | unit | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for m in metrics:
        unit = m.unit.replace("|", "\\|")
        interval = _INTERVALS[m.interval]
        lines.append(
            f"| {m.label} | {m.definition} | {m.convention or '–'} | {unit} | {interval} |"
        )
    return "\n".join(lines)
