"""What the Calibration page asks for: the sweeps of a run, their traces, a sweep, a choice."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any

from flask import Flask, Response, abort, jsonify, request

from compute import calibrating
from compute.calibration import (
    Setting,
    Sweep,
    calibration_measurements,
    chosen_measurement,
    default_grid,
)
from compute.errors import JobError, OntogenyError, RunNotFound
from compute.llc_specs import CalibrationMeasurement
from compute.runs import Run
from compute.specs import llc_measurement
from compute.store import Store
from dashboard.api import obstacle
from dashboard.context import Context
from dashboard.figures.calibration import sweeps_file, traces_file
from dashboard.files import for_ever, keep_last
from dashboard.job_api import asked_steps, job_state
from dashboard.security import is_own_request

KEPT = 8
READ_ONLY = "So its settings stay as they are: the LLCs that came with it were measured with them."


def register(server: Flask, context: Context, *, guarded: bool) -> None:
    """Add the routes to the server; only our own pages may change anything."""
    store = context.library.store
    files = SweepFiles(store)
    data = f"{context.prefix}data/<run>/calibration"
    path = f"{context.prefix}api/calibration/<run>"

    def check() -> None:
        if not is_own_request(request, guarded=guarded) or not request.is_json:
            abort(403)

    @server.get(f"{data}/<digest>.bin")
    def sweep_file(run: str, digest: str) -> Response:
        return for_ever(files.data(run, digest))

    @server.get(f"{data}/traces/<digest>.bin")
    def cell_traces(run: str, digest: str) -> Response:
        estimate = calibrating.estimate_of(store, run, digest)
        return for_ever(None if estimate is None else traces_file(estimate))

    @server.get(path)
    def sweep_state(run: str) -> Response:
        response: Response = jsonify(calibration_state(context, files, run))
        response.headers["Cache-Control"] = "no-store"
        return response

    @server.post(f"{path}/start")
    def start_sweep(run: str) -> tuple[Response, int]:
        check()
        return _answered(lambda: submit_sweep(context, run, request.get_json(silent=True)), 202)

    @server.post(f"{path}/use")
    def use_cell(run: str) -> tuple[Response, int]:
        check()
        return _answered(lambda: use_setting(store, run, request.get_json(silent=True)), 200)


class SweepFiles:
    """The last few files of sweeps; another process makes the same bytes again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._latest: OrderedDict[str, tuple[int, str, bytes]] = OrderedDict()

    def digest(self, run: str) -> str:
        """Return the digest of a run's sweeps as they are now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._now(run)[1]

    def data(self, run: str, digest: str) -> bytes | None:
        """Return the file of that digest, or None if the run's sweeps are others by now."""
        _, known, data = self._now(run)
        return data if known == digest else None

    def _now(self, name: str) -> tuple[int, str, bytes]:
        with self._lock:
            revision = self._store.revision(name)
            known = self._latest.get(name)
            if known is None or known[0] != revision:
                run = self._store.run(name)
                data = sweeps_file(_named(self._store, run), llc_measurement(run))
                known = (revision, hashlib.sha256(data).hexdigest(), data)
                keep_last(self._latest, name, known, KEPT)
            return known


def calibration_state(context: Context, files: SweepFiles, name: str) -> dict[str, Any]:
    """Return where a run's sweeps are now, what is under way, and what stands against more.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    run = context.library.store.run(name)
    kind = CalibrationMeasurement.kind
    mine = [
        job for job in context.jobs.list()
        if job.run == name and any(spec["kind"] == kind for spec in job.specs)
    ]  # fmt: skip
    return {
        "sweeps": f"{context.prefix}data/{name}/calibration/{files.digest(name)}.bin",
        "traces": f"{context.prefix}data/{name}/calibration/traces",
        "job": job_state(mine[-1]) if mine else None,
        "service": context.jobs.service() is not None,
        "obstacle": obstacle(run),
        "readOnly": f"{obstacle(run)} {READ_ONLY}" if obstacle(run) else "",
        "chosen": bool(run.llc),
        "cells": len(_default_cells(run)),
        "steps": list(run.steps),
    }


def submit_sweep(context: Context, name: str, body: Any) -> dict[str, Any]:
    """Queue a calibration around the run's settings at the ``steps`` that ``body`` names."""
    asked = body if isinstance(body, dict) else {}
    run = context.library.store.run(name)
    steps = asked_steps(asked.get("steps"))
    if steps is None:
        raise JobError("steps must be a list of whole numbers")
    return {"job": job_state(context.jobs.submit(name, _default_cells(run), steps))}


def use_setting(store: Store, name: str, body: Any) -> dict[str, Any]:
    """Make a cell's setting the run's, which ``body`` names by sweep and setting.

    Raises
    ------
    JobError
        If the run can measure nothing, there is no such sweep, or it has not measured the setting.
    """
    asked = body if isinstance(body, dict) else {}
    run = store.run(name)
    if reason := obstacle(run):
        raise JobError(f"{reason} {READ_ONLY}")
    sweep = _named(store, run).get(str(asked.get("sweep")))
    setting = _asked_setting(asked.get("setting"))
    if sweep is None or setting is None or not _measured(sweep, setting):
        raise JobError("no cell of this run's calibrations has these settings; reload the page")
    calibrating.use(store, name, chosen_measurement(sweep.base, setting))
    return {"setting": setting._asdict()}


def _default_cells(run: Run) -> list[CalibrationMeasurement]:
    base = llc_measurement(run)
    return calibration_measurements(base, default_grid(base.llc))


def _named(store: Store, run: Run) -> dict[str, Sweep]:
    return {calibrating.sweep_id(sweep.base): sweep for sweep in calibrating.sweeps(store, run)}


def _asked_setting(value: Any) -> Setting | None:
    try:
        return Setting(**{name: float(value[name]) for name in Setting._fields})
    except (TypeError, KeyError, ValueError):
        return None


def _measured(sweep: Sweep, setting: Setting) -> bool:
    return any(setting in found for found in sweep.estimates.values())


def _answered(act: Any, status: int) -> tuple[Response, int]:
    try:
        return jsonify(act()), status
    except OntogenyError as error:
        code = 404 if isinstance(error, RunNotFound) else 409
        return jsonify({"reason": str(error)}), code
