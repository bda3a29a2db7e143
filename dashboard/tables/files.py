"""Tables as files: CSV, JSON and Parquet.

CSV has no lines of comment, which parsers trip over: what its numbers rest on is in the name of the
file, and in the answer's link to ``tables.json``. JSON has it beside the rows, Parquet in the
schema: each field has its unit and meaning, the table everything else.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from compute.errors import UnknownName
from dashboard.tables.table import Column, Table

MIMETYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
}
# In the metadata of Parquet files, of the schema and of each field.
KEY = b"ontogeny"


def to_csv(table: Table) -> bytes:
    """Return a table as CSV: UTF-8, a line of names, empty for what is not known."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_cell(value) for value in row] for row in table.rows())
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def to_json(table: Table) -> bytes:
    """Return a table as JSON: ``about``, ``columns`` and ``rows``, null for what is not finite."""
    names = [column.name for column in table.columns]
    told = {
        "about": _finite(table.about),
        "columns": [dataclasses.asdict(column) for column in table.columns],
        "rows": [dict(zip(names, map(_finite, row), strict=True)) for row in table.rows()],
    }
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode()


def _finite(value: Any) -> Any:
    """Return a value with None for numbers that JSON has no words for, however deep they lie."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def to_parquet(table: Table) -> bytes:
    """Return a table as Parquet: null for what is not known, the rest in the metadata."""
    # Imported when it is asked for: a page should not wait for what few visitors want.
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"number": pa.float64(), "count": pa.int64(), "text": pa.string(), "truth": pa.bool_()}

    def field(column: Column) -> Any:
        told = {"unit": column.unit, "meaning": column.meaning}
        return pa.field(column.name, kinds[column.kind], metadata={KEY: _packed(told)})

    schema = pa.schema([field(c) for c in table.columns], metadata={KEY: _packed(table.about)})
    values = [
        pa.array(table.values[c.name], type=kinds[c.kind], from_pandas=True) for c in table.columns
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(values, schema=schema), sink, compression="zstd")
    return sink.getvalue()


def _packed(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


WRITERS: Mapping[str, Callable[[Table], bytes]] = {
    "csv": to_csv,
    "json": to_json,
    "parquet": to_parquet,
}


def write(table: Table, form: str) -> bytes:
    """Return a table as a file of that format.

    Raises
    ------
    UnknownName
        If there is no such format.
    """
    if form not in WRITERS:
        raise UnknownName(f"there is no format {form!r}; use {', '.join(WRITERS)}")
    return WRITERS[form](table)


def file_name(run: str, parts: Mapping[str, Any], what: str, form: str) -> str:
    """Return what a file is called: the run, what it is of, what it is.

    >>> file_name("stdlib_lm", {"step": 600}, "edges", "csv")
    'stdlib_lm-step600-edges.csv'
    """
    told = [f"step{value}" if key == "step" else str(value) for key, value in parts.items()]
    name = "-".join([run, *told, what])
    return re.sub(r"[^A-Za-z0-9._@~-]+", "_", name)[:160] + f".{form}"
