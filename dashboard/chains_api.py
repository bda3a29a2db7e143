"""Where the chains of a run's estimates are: which there are, and those of one, by its digest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, jsonify

from compute.errors import BadRecord
from compute.jobs import Job
from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCMeasurement
from compute.runs import Run
from compute.specs import llc_measurement
from dashboard.context import Context
from dashboard.degeneracy import llc_settings
from dashboard.figures.chains import chains_file, run_range
from dashboard.files import for_ever
from dashboard.labels import llc_text
from dashboard.points import by_setting


def register(server: Flask, context: Context) -> None:
    """Add the routes to the server."""
    prefix = context.prefix

    @server.get(f"{prefix}data/<run>/chains/<digest>.bin")
    def one_estimate(run: str, digest: str) -> Response:
        return for_ever(chains_of(context, run, digest))

    @server.get(f"{prefix}api/chains/<run>")
    def all_chains(run: str) -> Response:
        response: Response = jsonify(chains_state(context, run))
        response.headers["Cache-Control"] = "no-store"
        return response


def chains_state(context: Context, name: str) -> dict[str, Any]:
    """Return the settings of a run's LLC, and by step where the chains of each are.

    Each has the id of its ``curve`` in the run's data, its ``label``, whether it is ``standard``
    for the run, ``range`` (ends of an axis for the draws of the whole run, null if unknown) and
    ``measured``. ``waiting`` says for which steps an open job waits or works.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    run = context.library.store.run(name)
    points = context.library.points(name)
    address = {
        (p.spec, p.step): f"{context.prefix}data/{name}/chains/{_digest(key)}.bin"
        for key, p in points.items()
        if isinstance(p.spec, LLCMeasurement)
    }
    found = []
    for i, (spec, at) in enumerate(llc_settings(run, by_setting(points.values()))):
        assert isinstance(spec, LLCMeasurement)
        records = [value for value in at.values() if isinstance(value, LLCEstimate)]
        found.append(
            {
                "curve": f"llc~{i + 1}" if i else "llc",
                "label": llc_text(spec),
                "standard": spec == llc_measurement(run),
                "range": run_range(records),
                "measured": {str(step): address[spec, step] for step in sorted(at)},
            }
        )
    mine = [job for job in context.jobs.list() if job.run == name]
    return {"settings": found, "waiting": _waiting(run, mine)}


def _waiting(run: Run, jobs: Iterable[Job]) -> dict[str, str]:
    kind = LLCMeasurement.kind
    return {
        str(step): job.state
        for job in jobs
        if job.open and any(spec["kind"] == kind for spec in job.specs)
        for step in (run.steps if job.steps is None else job.steps)
    }


def chains_of(context: Context, run: str, digest: str) -> bytes | None:
    """Return the chains of one estimate as a file, or None where there are none to read."""
    keys = context.library.store.keys(run, LLCMeasurement.kind)
    key = next((k for k in keys if _digest(k) == digest), None)
    try:
        measured = None if key is None else context.library.store.get(key)
    except BadRecord:
        return None
    if measured is None or not isinstance(measured.record, LLCEstimate):
        return None
    assert isinstance(measured.spec, LLCMeasurement)
    return chains_file(measured.spec, measured.record)


def _digest(key: str) -> str:
    return key.rsplit("/", 1)[1]
