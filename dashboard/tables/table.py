"""A table: named columns with unit and meaning, and what its numbers rest on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Kind: TypeAlias = Literal["number", "count", "text", "truth"]


@dataclasses.dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    meaning
        In a sentence, for people.
    unit
        Of a number; "" where there is none, or where a column of the table says it row by row.
    kind
        ``number`` is a float, NaN where nothing is known; a ``count`` is whole; a ``text`` is ""
        where there is none. A ``count`` or a ``truth`` may be None.
    """

    name: str
    meaning: str
    unit: str = ""
    kind: Kind = "number"


STEP = Column("step", "The training step of the checkpoint.", "training steps", "count")


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length.

    Attributes
    ----------
    values
        By the name of the column, in the order of ``columns``: float64 arrays of numbers, lists
        of anything else.
    about
        What the table is of, for people and programs: run, step, settings, source, licence.
    """

    columns: tuple[Column, ...]
    values: Mapping[str, ndarray | list[Any]]
    about: Mapping[str, Any]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.values.values()))) if self.values else 0

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Return the rows, with None for NaN."""
        plain = [_without_nan(self.values[c.name]) for c in self.columns]
        return zip(*plain, strict=True)


def table_of(
    columns: Sequence[Column], values: Mapping[str, Any], about: Mapping[str, Any]
) -> Table:
    """Return a table; numbers of single precision get the shortest decimals that are still they.

    Then a CSV file, a Parquet file and a data frame hold the same numbers, and none of them digits
    that were never measured.
    """
    made: dict[str, ndarray | list[Any]] = {}
    for column in columns:
        found = values[column.name]
        if column.kind == "number":
            made[column.name] = as_decimals(np.asarray(found))
        else:
            made[column.name] = found.tolist() if isinstance(found, ndarray) else list(found)
    lengths = {name: len(found) for name, found in made.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    return Table(tuple(columns), made, dict(about))


def as_decimals(values: ndarray) -> Float[ndarray, " rows"]:
    """Return numbers in double precision: of single ones, what their shortest decimals say.

    >>> float(as_decimals(np.array([0.1], dtype=np.float32))[0])
    0.1
    """
    if values.dtype in (np.float16, np.float32):
        return values.astype(str).astype(np.float64)
    return values.astype(np.float64)


def _without_nan(values: ndarray | list[Any]) -> list[Any]:
    if not isinstance(values, ndarray):
        return values
    return [value if value == value else None for value in values.tolist()]
