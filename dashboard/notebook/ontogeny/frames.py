"""Tables as pandas data frames."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.tables.table import Kind, Table

_DTYPES: dict[Kind, str] = {"number": "float64", "count": "int64", "text": "str", "truth": "bool"}
# What a count or a truth is where it can be unknown.
_OPEN: dict[Kind, str] = {"count": "Int64", "truth": "boolean"}


def frame(table: Table) -> pd.DataFrame:
    """Return a table as a data frame.

    ``attrs`` has what its numbers rest on, and under ``columns`` what each column means and the
    unit of its numbers. A number that is not known is NaN.
    """
    found = pd.DataFrame(
        {
            column.name: pd.Series(
                table.values[column.name], dtype=_dtype(column.kind, table.values[column.name])
            )
            for column in table.columns
        }
    )
    found.attrs = {
        **table.about,
        "columns": {c.name: {"unit": c.unit, "meaning": c.meaning} for c in table.columns},
    }
    return found


def _dtype(kind: Kind, values: Any) -> str:
    if kind in _OPEN and any(value is None for value in values):
        return _OPEN[kind]
    return _DTYPES[kind]
