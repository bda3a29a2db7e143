"""What the browser asks for besides pages: the data of a run, and its state."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify

from compute.runs import Run
from dashboard.context import Context
from dashboard.job_api import job_state

FOREVER = "public, max-age=31536000, immutable"


def register(server: Flask, context: Context) -> None:
    """Add the routes to the server."""
    prefix = context.prefix

    @server.get(f"{prefix}data/<run>/<digest>.bin")
    def data(run: str, digest: str) -> Response:
        found = context.payloads.data(run, digest)
        if found is None:
            abort(404)
        response = Response(found, mimetype="application/octet-stream")
        response.headers["Cache-Control"] = FOREVER
        return response

    @server.get(f"{prefix}api/state/<run>")
    def state(run: str) -> Response:
        response: Response = jsonify(run_state(context, run))
        response.headers["Cache-Control"] = "no-store"
        return response


def run_state(context: Context, name: str) -> dict[str, Any]:
    """Return where a run's data is now, whether a job works on it, and whether one could.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    run = context.library.store.run(name)
    mine = [job for job in context.jobs.list() if job.run == name]
    return {
        "run": name,
        "payload": context.payloads.address(name),
        "job": job_state(mine[-1]) if mine else None,
        "service": context.jobs.service() is not None,
        "obstacle": obstacle(run),
    }


def obstacle(run: Run) -> str:
    """Return why nothing can be computed for a run, or an empty string."""
    if run.source == "shipped":
        return "This run came as records only; its weights are not here."
    return ""
