"""What measuring and training look like in a terminal, or in a log where there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from compute.calibration import RULE, Calibration, Cell
from compute.jobs import Job
from compute.plan import Failed
from compute.plan import Progress as Measured

LOG_SECONDS = 15.0
FAILURES_SHOWN = 20


class Bar:
    """A progress bar in a terminal; a line now and then in a log.

    Parameters
    ----------
    title
        What is going on.
    """

    def __init__(self, title: str, console: Console) -> None:
        self._title, self._console = title, console
        self._logged = time.monotonic()
        self._line = ""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[eta]}"),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=None, eta="", note="")

    @contextmanager
    def shown(self) -> Iterator[Bar]:
        """Show the bar in this context."""
        with self._progress:
            yield self
        if not self._console.is_terminal and self._line:
            self._say(self._line)

    def update(self, done: int, total: int, eta_seconds: float | None, note: str = "") -> None:
        """Show how far it is."""
        eta = f"{duration(eta_seconds)} left" if eta_seconds else ""
        self._progress.update(self._task, completed=done, total=total, eta=eta, note=escape(note))
        self._line = ", ".join(part for part in (f"{done} of {total}", eta, note) if part)
        if not self._console.is_terminal and time.monotonic() - self._logged > LOG_SECONDS:
            self._logged = time.monotonic()
            self._say(self._line)

    def measured(self, progress: Measured) -> None:
        """Show how far the measuring of a run is."""
        kinds = (f"{kind} {count.done}/{count.total}" for kind, count in progress.kinds.items())
        failed = [f"{progress.failed} failed"] if progress.failed else []
        note = " · ".join([*kinds, *failed])
        self.update(progress.done + progress.failed, progress.total, progress.eta_seconds, note)

    def job(self, job: Job) -> None:
        """Show how far a job is that another process works on."""
        note = f"{job.failed} failed" if job.failed else job.state
        self.update(job.done + job.failed, job.total, job.eta_seconds, note)

    def _say(self, line: str) -> None:
        self._console.print(f"{self._title}: {line}", markup=False, highlight=False, soft_wrap=True)


class Steps:
    """Shows training steps as they are made, with the time that the rest will take."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._began: tuple[float, int] | None = None

    def __call__(self, done: int, total: int) -> None:
        """Note that ``done`` of ``total`` steps are made."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, done)
        began, first = self._began
        rate = (done - first) / (now - began) if done > first else 0.0
        eta = (total - done) / rate if rate else None
        self._bar.update(done, total, eta, f"{rate:.1f} steps/s" if rate else "")


def duration(seconds: float) -> str:
    """Return a span of time in words short enough for a bar.

    >>> duration(42), duration(400), duration(9000)
    ('42 s', '7 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def list_failures(console: Console, failures: Iterable[Failed]) -> None:
    """Print failures, one line each, the first few of them."""
    every = list(failures)
    for failed in every[:FAILURES_SHOWN]:
        line = f"step {failed.step:,}  {failed.kind}: {failed.reason}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(every) > FAILURES_SHOWN:
        console.print(f"... and {len(every) - FAILURES_SHOWN} more")


def list_jobs(console: Console, jobs: Iterable[Job]) -> None:
    """Print jobs as a table."""
    table = Table("job", "run", "state", "done", "failed", "left", "reason", box=None)
    for job in jobs:
        left = "" if job.eta_seconds is None else duration(job.eta_seconds)
        cells: list[Any] = [job.id, job.run, job.state, f"{job.done}/{job.total}", job.failed, left]
        table.add_row(*(escape(str(cell)) for cell in [*cells, job.reason]))
    console.print(table)


def list_calibration(console: Console, found: Calibration) -> None:
    """Print the cells of a calibration as a table, the rule, and what it recommends."""
    table = Table("step", "step size", "nbeta", "gamma", "LLC", "verdict", "problem", box=None)
    for name in ("step", "step size", "nbeta", "gamma", "LLC"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for cell in found.cells:
        setting = [f"{value:g}" for value in cell.setting]
        # The rest of a sentence says what to do; a table of cells has no room for it.
        problem = cell.problem.removeprefix(f"{cell.verdict}: ").split(": ")[0]
        row = [f"{cell.step:,}", *setting, _estimate(cell), cell.verdict, problem or "usable"]
        style = "bold" if cell.setting == found.choice else None if cell.usable else "dim"
        table.add_row(*map(escape, row), style=style)
    console.print(table)
    lines = [RULE]
    if found.choice is None:
        lines.append(f"no recommendation: {found.why}")
    else:
        step_size, nbeta, gamma = found.choice
        lines.append(
            f"recommended: step_size {step_size:g}, nbeta {nbeta:g}, gamma {gamma:g}: {found.why}"
        )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _estimate(cell: Cell) -> str:
    if not math.isfinite(cell.llc):
        return ""
    return f"{cell.llc:.3g} ± {cell.standard_error:.2g}"
