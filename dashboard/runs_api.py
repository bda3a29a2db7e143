"""What the Runs page asks for: the catalogue, what is held of each run, and changes to it."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from compute import catalogue, places
from compute.errors import OntogenyError, RunError, RunNotFound, SettingsError
from compute.holdings import Head, Holdings, estimate, holdings
from compute.runs import Run
from compute.specs import spec_digest, standard_measurements
from dashboard.api import obstacle
from dashboard.context import Context
from dashboard.job_api import job_state
from dashboard.labels import measurement_label
from dashboard.security import is_own_request

MOST_DIGITS = 15
BUSY = "another run is being added or looked through; try again when that is done"
READ_ONLY = "This server takes no new runs; on its machine, type: ontogeny add FOLDER"


def register(
    server: Flask,
    context: Context,
    *,
    guarded: bool,
    folders: Sequence[Path] = (),
    add: catalogue.Add | None = None,
) -> None:
    """Add the routes to the server; only our own pages may change the catalogue.

    Parameters
    ----------
    folders
        Out of which runs may be added.
    add
        Enters a run; None for a server that takes none.
    guarded
        Whether visitors may come from elsewhere: they are not told where the folders are.
    """
    path = f"{context.prefix}api/runs"
    held = HeldRuns(context)
    entry = Entry(context, folders, add)
    shown = _without(folders) if guarded else str

    def check() -> Any:
        if not is_own_request(request, guarded=guarded) or not request.is_json:
            abort(403)
        return request.get_json(silent=True)

    @server.get(path)
    def runs_now() -> Response:
        return _fresh(catalogue_state(context, folders, takes=add is not None, shown=shown))

    @server.get(f"{path}/<run>")
    def run_now(run: str) -> Response:
        state = held.state(run)
        return _fresh(state | {"stale": [shown(text) for text in state["stale"]]})

    @server.post(f"{path}/add")
    def add_run() -> tuple[Response, int]:
        body = check()
        return _answered(lambda: entry.add(body), shown)

    @server.post(f"{path}/<run>/rescan")
    def rescan_run(run: str) -> tuple[Response, int]:
        check()
        return _answered(lambda: entry.rescan(run), shown)

    @server.post(f"{path}/<run>/remove")
    def remove_run(run: str) -> tuple[Response, int]:
        check()
        return _answered(lambda: entry.remove(run), shown)


def catalogue_state(
    context: Context,
    folders: Sequence[Path],
    *,
    takes: bool,
    shown: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Return every run, and the folders and the places in them that could be added."""
    runs = context.library.store.runs()
    known = {run.location for run in runs}
    jobs = [job for job in context.jobs.list() if job.open]
    found = list(places.places(folders)) if takes else []
    return {
        "runs": [_entry(run) | {"jobs": [job_state(j) for j in jobs if j.run == run.name]}
                 for run in runs],
        "folders": [shown(str(folder)) for folder in folders],
        "places": [
            {"folder": shown(str(place)), "checkpoints": count}
            for place, count in found
            if str(place.resolve()) not in known
        ],
        "takes": takes,
        "refusal": "" if takes else READ_ONLY,
        "service": context.jobs.service() is not None,
    }  # fmt: skip


def _without(folders: Sequence[Path]) -> Callable[[str], str]:
    """Return what makes paths in a text relative to the allowed folder that they lie in."""
    every = sorted({p for f in folders for p in (f, f.resolve())}, key=lambda p: -len(str(p)))

    def shown(text: str) -> str:
        for folder in every:
            text = text.replace(f"{folder}/", "").replace(str(folder), folder.name)
        return text

    return shown


def _entry(run: Run) -> dict[str, Any]:
    tokens = run.tokens_per_step
    return {
        "name": run.name,
        "family": run.family,
        "source": run.source,
        "location": run.location if run.source == "hub" else "",
        "recipe": run.recipe,
        "seed": run.seed,
        "licence": run.licence,
        "summary": run.summary,
        "checkpoints": len(run.steps),
        "first": run.steps[0] if run.steps else None,
        "last": run.steps[-1] if run.steps else None,
        "tokens": tokens * run.steps[-1] if tokens and run.steps else None,
        "obstacle": obstacle(run),
    }


class HeldRuns:
    """What the store holds of each run, read anew when something was written about it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, Holdings]] = {}
        self._heads: defaultdict[str, dict[str, Head]] = defaultdict(dict)

    def state(self, name: str) -> dict[str, Any]:
        """Return what is measured of a run, what is out of date, and what is left to do.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        store = self._context.library.store
        run = store.run(name)
        own = self._of(run)
        alike = (r.name for r in store.runs() if r.name != name and r.family == run.family)
        others = [self._known[other][1] for other in alike if other in self._known]
        # Of a run that came as records, nothing can be measured.
        wanted = () if run.source == "shipped" else standard_measurements(run)
        left = estimate(run, wanted, own, others)
        development = self._context.library.development(name)
        fresh, stale = _in_folder(run)
        return {
            "components": len(development.components),
            "coverage": _coverage(run, own),
            "more": _more(run, own),
            "size": own.size,
            "records": own.records,
            "stale": [*_outdated(run, own), *stale],
            "fresh": fresh,
            "missing": sum(left.missing.values()),
            "seconds": left.seconds,
            "room": left.size,
            "unknown": list(left.unknown),
        }

    def _of(self, run: Run) -> Holdings:
        store = self._context.library.store
        with self._lock:
            revision = store.revision(run.name)
            known = self._known.get(run.name)
            if known is None or known[0] != revision:
                known = (revision, holdings(store, run, self._heads[run.name]))
                self._known[run.name] = known
            return known[1]


def _coverage(run: Run, own: Holdings) -> list[dict[str, Any]]:
    """Return each standard measurement: its kind, its name, and of how many steps it is there."""
    return [
        {
            "kind": spec.kind,
            "label": measurement_label(spec),
            "done": len(own.done.get(spec_digest(spec), frozenset()) & set(run.steps)),
            "total": len(run.steps),
        }
        for spec in standard_measurements(run)
    ]


def _more(run: Run, own: Holdings) -> list[str]:
    """Return the kinds that are measured beside the standard ones."""
    standard = {spec.kind for spec in standard_measurements(run)}
    return sorted(set(own.seconds) - standard)


def _outdated(run: Run, own: Holdings) -> list[str]:
    """Return in words which records of a run are of no use any more."""
    told = []
    if own.outdated:
        told.append(f"{own.outdated:,} records are of an earlier version and are not shown")
    if own.superseded:
        told.append(f"{own.superseded:,} records are of other weights or another text than a twin")
    if own.damaged:
        told.append(f"{own.damaged:,} records are damaged: ontogeny check {run.name} --repair")
    return told


def _in_folder(run: Run) -> tuple[int, list[str]]:
    """Return how many checkpoints have come to a run's folder, and in words what changed there."""
    try:
        found = catalogue.new_checkpoints(run)
    except RunError as error:
        return 0, [str(error)]
    come, gone = found or ([], [])
    told = [f"{len(come):,} new checkpoints are in its folder: look again"] if come else []
    if gone:
        told.append(f"{len(gone):,} of its checkpoints are gone from its folder")
    return len(come), told


class Entry:
    """Enters runs and takes them out, one at a time."""

    def __init__(
        self, context: Context, folders: Sequence[Path], add: catalogue.Add | None
    ) -> None:
        self._context = context
        self._folders = folders
        self._add = add
        self._lock = threading.Lock()

    def add(self, body: Any) -> str:
        """Enter the run that a form describes, and return what was said of it."""
        asked = body if isinstance(body, dict) else {}
        location = str(asked.get("location") or "")
        hub = asked.get("hub") is True
        if hub:
            location = catalogue.repository(location)
        else:
            location = str(places.allowed_folder(self._folders, location))
        name, recipe = (str(asked.get(field) or "").strip() for field in ("name", "recipe"))
        addition = catalogue.Addition(
            location=location,
            hub=hub,
            name=name,
            recipe=recipe,
            tokens_per_step=_tokens(asked.get("tokens")),
        )
        catalogue.refuse_shipped_name(self._context.library.store, catalogue.checked(addition))
        return self._enter(addition)

    def rescan(self, name: str) -> str:
        """Look for checkpoints of a run anew, and return how many are new."""
        if self._add is None:
            raise SettingsError(READ_ONLY)
        store = self._context.library.store
        with self._alone():
            before = store.run(name)
            places.recheck(self._folders, before)
            self._add(catalogue.again(before))
        fresh = len(set(store.run(name).steps) - set(before.steps))
        return f"{name}: {fresh:,} new checkpoints" if fresh else f"{name}: no new checkpoint"

    def remove(self, name: str) -> str:
        """Take a run out of the catalogue, and say what stays."""
        if self._add is None:
            raise SettingsError(READ_ONLY)
        store = self._context.library.store
        with self._alone(), store.transact():
            catalogue.remove(store, self._context.jobs, name)
        return f"{name} is out of the catalogue; its records stay in the store"

    def _enter(self, addition: catalogue.Addition) -> str:
        if self._add is None:
            raise SettingsError(READ_ONLY)
        with self._alone():
            return self._add(addition)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Change the catalogue while nobody else does; who comes meanwhile is told so at once."""
        if not self._lock.acquire(blocking=False):
            raise SettingsError(BUSY)
        try:
            yield
        finally:
            self._lock.release()


def _tokens(value: Any) -> int:
    text = str(value or "").replace(",", "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or not text.strip("0"):
        raise SettingsError("tokens per step are a whole number, at least 1")
    if len(text) > MOST_DIGITS:
        raise SettingsError(f"tokens per step have at most {MOST_DIGITS} digits")
    return int(text)


def _answered(act: Callable[[], str], shown: Callable[[str], str]) -> tuple[Response, int]:
    try:
        said = act()
    except RunNotFound as error:
        return jsonify({"reason": shown(str(error))}), 404
    except OntogenyError as error:
        return jsonify({"reason": shown(str(error))}), 409
    return jsonify({"said": shown(said)}), 200


def _fresh(state: dict[str, Any]) -> Response:
    response: Response = jsonify(state)
    response.headers["Cache-Control"] = "no-store"
    return response
