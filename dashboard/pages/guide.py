"""The guide: how to read each panel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dash import Dash, dcc, html

from compute.networks.registry import GRAPH_METRICS, NODE_METRICS, Metric
from dashboard.context import Context
from dashboard.formulas import formula
from dashboard.glossary import glossary_table
from dashboard.tables.registry import TABLES, TableKind

PATH = "/guide"
TITLE = "Guide"

_TEXT = Path(__file__).parent.parent / "guide.md"
_FORMULA = re.compile(r"\[FORMULA (\w+)\]")
_INTERVALS = {"prompts": "prompts", "fit": "of the fit", "": "none"}


def layout(context: Context, search: str) -> Any:
    """Return the guide's text as a page."""
    parts = _FORMULA.split(guide_text())
    # The text is ours: it may hold markup, such as keys. Markdown as Dash has it drops MathML.
    words = [dcc.Markdown(part, className="prose", dangerously_allow_html=True)
             for part in parts[::2]]  # fmt: skip
    formulas = [_set(name) for name in parts[1::2]]
    text = [part for pair in zip_longest(words, formulas) for part in pair if part is not None]
    tour = html.A("Take the tour", href=f"{context.prefix}?tour", className="action guide-tour")
    article = html.Article([tour, *text], className="panel guide")
    facts: dict[str, Any] = {"data-page": "guide"}
    return html.Main(article, id="main", className="page", **facts)


def _set(name: str) -> html.Div:
    """Return the place of a formula; the browser's module sets it."""
    facts: dict[str, Any] = {"data-mathml": formula(name)}
    return html.Div(className="formula", **facts)


def register(app: Dash, context: Context) -> None:
    """Add nothing: the guide only reads."""


def guide_text() -> str:
    """Return the guide with what is written elsewhere: metrics, exports and the glossary."""
    text = _TEXT.read_text(encoding="utf-8").replace("[GLOSSARY]", glossary_table())
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
