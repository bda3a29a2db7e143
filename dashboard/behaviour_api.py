"""Where the details of a run's behaviours are: one file, by the digest of the run's data."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, Response

from compute.behaviour_records import ContextUse, Structure
from compute.behaviour_specs import ContextMeasurement, StructureMeasurement
from compute.records import RegressionBehaviour
from compute.specs import BehaviourMeasurement, Measurement
from dashboard.behaviours import behaviour_text, context_text, structure_text
from dashboard.context import Context
from dashboard.development import Development
from dashboard.figures.behaviour_file import Found, encode_behaviours
from dashboard.files import RunFiles, for_ever
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.points import Groups, Kept, by_setting, of_kind


def register(server: Flask, context: Context) -> None:
    """Add the route to the server."""
    files = BehaviourFiles(context.library, context.payloads)

    @server.get(f"{context.prefix}data/<run>/<digest>/behaviour.bin")
    def behaviour(run: str, digest: str) -> Response:
        return for_ever(files.data(run, digest))


class BehaviourFiles:
    """The last few files, each made once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._library = library
        self._files = RunFiles(library, payloads)

    def data(self, run: str, digest: str) -> bytes | None:
        """Return the file of a run, or None if the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._files.get(run, digest, self._made)

    def _made(self, development: Development) -> bytes | None:
        name = development.run.name
        points = self._library.points(name)
        # Records may have come meanwhile: then the points are not those of the digest.
        if self._library.development(name) is not development:
            return None
        return encode_behaviours(
            development.run.steps, found_behaviours(by_setting(points.values()))
        )


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
