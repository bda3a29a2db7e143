"""Curves made elsewhere: a CSV file read, checked, and kept beside what is measured here.

Its columns are ``step``, ``name``, ``value`` and, if there is one, ``error``: a row for each point.
The numbers are the file's own; nothing here can tell whether they belong to a run's weights.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from compute.errors import BadRecord, RunNotFound, SettingsError
from compute.records import ImportedValue, Measured, to_bytes
from compute.runs import Run
from compute.specs import ImportedMeasurement
from compute.store import Store

LARGEST_FILE = 50_000_000
LONGEST_NAME = 80
# Curves are drawn in single precision, bands of two errors included.
LARGEST_VALUE = 1e38
LARGEST_STEP = 2**53

# Stands for the weights and the text in the keys of what depends on neither.
ELSEWHERE = "imported"
# Fewer than `float` takes: no 1_000, no digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.I | re.A)
_COLUMNS = ("step", "name", "value")
_FORM = "the first line must name the columns step, name, value and, if there is one, error"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One point of a curve.

    Attributes
    ----------
    error
        Standard error of ``value``, in its unit; NaN where the file gives none.
    """

    step: int
    name: str
    value: float
    error: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvesFile:
    """What a file of curves holds.

    Attributes
    ----------
    digest
        SHA-256 of its bytes, in hex.
    rows
        In the order of the file; no two have the same step and name.
    unread
        Its other columns, which mean nothing here.
    """

    path: Path
    digest: str
    rows: tuple[Row, ...]
    unread: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportedCurves:
    """What an import did.

    Attributes
    ----------
    rows
        How many rows the file has.
    left_out
        The steps of the rows that lie at no checkpoint, ascending; a step once for each row.
    new
        How many values were not in the store before.
    """

    run: str
    source: str
    rows: int
    left_out: tuple[int, ...]
    new: int
    unread: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield what was done, one line each."""
        values = "1 value" if self.new == 1 else f"{self.new:,} values"
        what = f"{values} from {self.source}" if self.new else "nothing new: it was imported before"
        yield f"{self.run}: {what}"
        if self.left_out:
            count = len(self.left_out)
            yield (
                f"{self.rows - count:,} of {self.rows:,} rows lie at checkpoints of {self.run}; "
                f"{count:,} {'does' if count == 1 else 'do'} not and "
                f"{'is' if count == 1 else 'are'} left out: first {self.left_out[0]}"
            )
        if self.unread:
            yield f"columns that are not read: {', '.join(self.unread)}"


def import_curves(
    store: Store, name: str, path: Path, *, source: str | None = None
) -> ImportedCurves:
    """Put the curves of a CSV file beside those of a run; what is there already stays as it is.

    A run that the store does not know is entered with the steps of the file, as records only. It
    grows by the steps of further files; of any other run, rows at steps without a checkpoint are
    left out.

    Parameters
    ----------
    source
        Where the numbers come from, for people; the file's name if None.

    Raises
    ------
    BadRecord
        If the file cannot be read, or a line of it is not what it should be.
    SettingsError
        If no row lies at a checkpoint of the run, or the name or the source cannot be used.
    """
    file = read_curves(path)
    source = path.name if source is None else source
    known = _known(store, name)
    run = known
    if run is None or run.data_digest == ELSEWHERE:
        run = _curves_only(known, name, source, file)
    steps = set(run.steps)
    kept = [row for row in file.rows if row.step in steps]
    if not kept:
        raise SettingsError(
            f"{path}: no row lies at a checkpoint of {name}, whose steps are "
            f"{run.steps[0]} to {run.steps[-1]}; count steps as the run does, or give a name that "
            "no run has, to see the curves alone"
        )
    records = {m.key: m for m in (_measured(row, run, source, file.digest) for row in kept)}
    new = {key: to_bytes(m) for key, m in records.items() if not store.has(key)}
    with store.transact():
        if run != known:
            store.put_run(run)
        if new:
            store.put_many(new, name)
    return ImportedCurves(
        run=name, source=source, rows=len(file.rows), new=len(new), unread=file.unread,
        left_out=tuple(sorted(row.step for row in file.rows if row.step not in steps)),
    )  # fmt: skip


def read_curves(path: Path) -> CurvesFile:
    """Return what a CSV file holds, every line checked.

    Raises
    ------
    BadRecord
        If it cannot be read, is larger than `LARGEST_FILE` bytes, or has a line that is not what it
        should be; the first such line is named.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadRecord(
                f"{path} has more than {LARGEST_FILE // 1_000_000} MB; import parts of it"
            )
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadRecord(f"{path}, line {line}: not UTF-8; save the file as UTF-8") from error
    except OSError as error:
        raise BadRecord(f"cannot read {path}: {error.strerror}") from error
    return _Reader(path, text).read(hashlib.sha256(data).hexdigest())


class _Reader:
    """Reads the lines of one file, and knows at which it is."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = csv.reader(io.StringIO(text, newline=""), strict=True)

    def read(self, digest: str) -> CurvesFile:
        """Return all rows; refuse the first line that is not what it should be."""
        filled = self._filled()
        columns = self._columns(next(filled, None))
        rows: dict[tuple[int, str], Row] = {}
        lines: dict[tuple[int, str], int] = {}
        for fields in filled:
            row = self._row(dict(zip(columns, fields, strict=False)), len(fields) - len(columns))
            where = (row.step, row.name)
            if where in rows:
                self._refuse(f"step {row.step} of {row.name!r} stands in line {lines[where]} too")
            rows[where], lines[where] = row, self._lines.line_num
        if not rows:
            self._refuse("no row follows the names of the columns")
        unread = tuple(c for c in columns if c not in (*_COLUMNS, "error"))
        return CurvesFile(
            path=self._path, digest=digest, rows=tuple(rows.values()), unread=unread
        )  # fmt: skip

    def _filled(self) -> Iterator[list[str]]:
        """Yield the fields of every line that is not blank."""
        try:
            for fields in self._lines:
                if any(field.strip() for field in fields):
                    yield [field.strip() for field in fields]
        except csv.Error as error:
            self._refuse(f"not CSV: {error}")

    def _columns(self, names: list[str] | None) -> list[str]:
        if names is None:
            self._refuse(f"the file is empty; {_FORM}")
        for column in _COLUMNS:
            if column not in names:
                self._refuse(f"no column {column!r}; {_FORM}")
        if twice := next((name for name in names if names.count(name) > 1), None):
            self._refuse(f"column {twice!r} stands there twice")
        return names

    def _row(self, fields: dict[str, str], surplus: int) -> Row:
        if surplus:
            self._refuse(
                f"{'more' if surplus > 0 else 'fewer'} fields than the first line has names"
            )
        step, error = self._number("step", fields["step"]), fields.get("error", "")
        if not step.is_integer() or not 0 <= step <= LARGEST_STEP:
            self._refuse(f"step {fields['step']!r} is not a whole number from 0 on")
        spread = self._number("error", error) if error else math.nan
        if spread < 0:
            self._refuse(f"error {error!r} is negative")
        name = fields["name"]
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            self._refuse(f"a name has 1 to {LONGEST_NAME} printable characters")
        value = self._number("value", fields["value"])
        return Row(step=int(step), name=name, value=value, error=spread)

    def _number(self, column: str, text: str) -> float:
        if not _NUMBER.fullmatch(text):
            self._refuse(f"{column} {text!r} is not a number")
        number = float(text)
        if not math.isfinite(number):
            self._refuse(f"{column} {text!r} is not finite; leave out the row of a missing value")
        if abs(number) > LARGEST_VALUE:
            self._refuse(f"{column} {text!r} is too large to be drawn")
        return number

    def _refuse(self, reason: str) -> NoReturn:
        raise BadRecord(f"{self._path}, line {max(1, self._lines.line_num)}: {reason}")


def _known(store: Store, name: str) -> Run | None:
    try:
        return store.run(name)
    except RunNotFound:
        return None


def _curves_only(known: Run | None, name: str, source: str, file: CurvesFile) -> Run:
    """Return the run of which nothing but curves is here, with the steps of this file too."""
    steps = {row.step for row in file.rows}
    if known is not None:
        return dataclasses.replace(known, steps=tuple(sorted(steps.union(known.steps))))
    return Run(
        name=name,
        source="shipped",
        location=name,
        # A file does not say what its model predicts, and nothing of the run is measured.
        family="language",
        steps=tuple(sorted(steps)),
        data_digest=ELSEWHERE,
        summary=f"Curves only, imported from {source}: no checkpoint is here to be measured.",
    )


def _measured(row: Row, run: Run, source: str, digest: str) -> Measured:
    return Measured(
        spec=ImportedMeasurement(name=row.name, source=source, file=digest),
        run=run.name,
        step=row.step,
        weights_digest=ELSEWHERE,
        data_digest=ELSEWHERE,
        record=ImportedValue(value=row.value, error=row.error),
        environment={},
        seconds=0.0,
    )
