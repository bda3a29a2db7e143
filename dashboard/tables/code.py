"""The lines of Python that get what an address gives."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dashboard.tables.asked import KEYS, known_name
from dashboard.tables.graphs import READS
from dashboard.tables.registry import TABLES

GRAPH = "graph"
_NUMBERS = ("step", "top")
_LISTS = ("curves", "steps", "metrics", "components")


def code_for(table: str, query: Mapping[str, str], *, run: str, store: str | None = None) -> str:
    """Return lines that get a table, or the graph of a checkpoint, with the settings of a query.

    Parameters
    ----------
    table
        One of `dashboard.tables.registry.TABLES`, or ``graph``.
    query
        As in the address of the export; what the table does not read is left out.
    store
        The folder of the store; None for the developments that ship with the project.

    Raises
    ------
    UnknownName
        If there is no such table.

    Examples
    --------
    >>> print(code_for("edges", {"step": "600", "theme": "dark"}, run="stdlib_lm"))
    import ontogeny
    <BLANKLINE>
    store = ontogeny.open_store()
    run = store.run("stdlib_lm")
    edges = run.table("edges", step=600)
    <BLANKLINE>
    """
    known_name("there is no table", table, [*TABLES, GRAPH])
    reads = READS if table == GRAPH else TABLES[table].reads
    settings = [f"{k}={_literal(k, query[k])}" for k in KEYS if k in reads and query.get(k)]
    call = (
        f"run.graph({', '.join(settings)})"
        if table == GRAPH
        else f"run.table({', '.join([_quoted(table), *settings])})"
    )
    lines = [
        "import ontogeny",
        "",
        f"store = ontogeny.open_store({'' if store is None else _quoted(store)})",
        f"run = store.run({_quoted(run)})",
        f"{table} = {call}",
    ]
    return "\n".join(lines) + "\n"


def _literal(key: str, text: str) -> str:
    """Return a setting as Python has it; what is no number stays text and is refused later."""
    if key in _LISTS:
        single = "step" if key == "steps" else ""
        return f"[{', '.join(_literal(single, part) for part in text.split(',') if part)}]"
    if key in _NUMBERS and text.isdecimal():
        return str(int(text))
    if key == "threshold":
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        return repr(number) if math.isfinite(number) else _quoted(text)
    return _quoted(text)


def _quoted(text: str) -> str:
    """Return text as a literal of Python, in double quotes unless it has some."""
    told = repr(text)
    return told if '"' in text else f'"{told[1:-1]}"'
