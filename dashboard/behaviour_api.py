"""Where the details of a run's behaviours are: one file, by the digest of the run's data."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from flask import Flask, Response, abort

from compute.behaviour_records import ContextUse, Structure
from compute.behaviour_specs import ContextMeasurement, StructureMeasurement
from compute.records import RegressionBehaviour
from compute.specs import BehaviourMeasurement, Measurement
from dashboard.api import FOREVER
from dashboard.behaviours import behaviour_text, context_text, structure_text
from dashboard.context import Context
from dashboard.figures.behaviour_file import Found, encode_behaviours
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.points import Groups, Kept, by_setting, of_kind

KEPT = 16


def register(server: Flask, context: Context) -> None:
    """Add the route to the server."""
    files = BehaviourFiles(context.library, context.payloads)

    @server.get(f"{context.prefix}data/<run>/<digest>/behaviour.bin")
    def behaviour(run: str, digest: str) -> Response:
        found = files.data(run, digest)
        if found is None:
            abort(404)
        response = Response(found, mimetype="application/octet-stream")
        response.headers["Cache-Control"] = FOREVER
        return response


class BehaviourFiles:
    """The last few files, each made once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._library = library
        self._payloads = payloads
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def data(self, run: str, digest: str) -> bytes | None:
        """Return the file of a run, or None if the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        key = (run, digest)
        # One at a time: whoever asks for what is being made waits for it.
        with self._lock:
            if key not in self._kept:
                development = self._library.development(run)
                points = self._library.points(run)
                # Records may have come meanwhile: then the points are not those of the digest.
                if self._payloads.digest(run) != digest:
                    return None
                if self._library.development(run) is not development:
                    return None
                found = found_behaviours(by_setting(points.values()))
                self._kept[key] = encode_behaviours(development.run.steps, found)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]


def found_behaviours(groups: Groups) -> Found:
    """Return the records of the most complete setting of each kind: that of the plain curves."""
    behaviour, records = _first(groups, BehaviourMeasurement)
    context, windows = _first(groups, ContextMeasurement)
    structure, made = _first(groups, StructureMeasurement)
    settings = {}
    if isinstance(behaviour, BehaviourMeasurement):
        settings["regression"] = behaviour_text(behaviour)
    if isinstance(context, ContextMeasurement):
        settings["context"] = context_text(context)
    if isinstance(structure, StructureMeasurement):
        settings["structure"] = structure_text(structure)
    return Found(
        windows=context if isinstance(context, ContextMeasurement) else None,
        context={t: r for t, r in windows.items() if isinstance(r, ContextUse)},
        regression={t: r for t, r in records.items() if isinstance(r, RegressionBehaviour)},
        structure={t: r for t, r in made.items() if isinstance(r, Structure)},
        settings=settings,
    )


def _first(
    groups: Groups, kind: type[Measurement]
) -> tuple[Measurement | None, Mapping[int, Kept]]:
    found = of_kind(groups, kind)
    return found[0] if found else (None, {})
