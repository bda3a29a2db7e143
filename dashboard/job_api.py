"""What the browser asks of the queue: the jobs, a new one, an end to one, another try."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, request

from compute.errors import JobError, OntogenyError, RunNotFound
from compute.jobs import Job
from compute.runs import Run
from compute.specs import Measurement, demanded_measurements, standard_measurements
from dashboard.context import Context
from dashboard.security import is_own_request


def register(server: Flask, context: Context, *, guarded: bool) -> None:
    """Add the routes to the server; only our own pages may change the queue."""
    path = f"{context.prefix}api/jobs"

    def check() -> None:
        if not is_own_request(request, guarded=guarded) or not request.is_json:
            abort(403)

    @server.get(path)
    def listed() -> Response:
        response: Response = jsonify(queue_state(context))
        response.headers["Cache-Control"] = "no-store"
        return response

    @server.post(path)
    def submit() -> tuple[Response, int]:
        check()
        return submit_job(context, request.get_json(silent=True))

    @server.post(f"{path}/<job>/<any(cancel, retry):action>")
    def change(job: str, action: str) -> tuple[Response, int]:
        check()
        return change_job(context, job, action)


def queue_state(context: Context) -> dict[str, Any]:
    """Return every job, newest first, and whether a service is there to work on them."""
    return {
        "jobs": [job_state(job) for job in reversed(context.jobs.list())],
        "service": context.jobs.service() is not None,
    }


def submit_job(context: Context, body: Any) -> tuple[Response, int]:
    """Queue measurements of the run that ``body`` names.

    ``kinds`` names which, ``steps`` of which checkpoints; without them, all that is standard of
    every checkpoint.
    """
    asked = body if isinstance(body, dict) else {}
    try:
        run = context.library.store.run(str(asked.get("run")))
        specs = asked_measurements(run, asked.get("kinds"))
        job = context.jobs.submit(run.name, specs, asked_steps(asked.get("steps")))
    except OntogenyError as error:
        return _refused(error)
    return jsonify({"job": job_state(job)}), 202


def asked_measurements(run: Run, kinds: Any) -> list[Measurement]:
    """Return the measurements of the kinds that a page names; those that are standard for None.

    Raises
    ------
    JobError
        If there is no such kind.
    """
    if kinds is None:
        return list(standard_measurements(run))
    every = (*standard_measurements(run), *demanded_measurements(run))
    known = {spec.kind for spec in every}
    if not isinstance(kinds, list) or not all(kind in known for kind in kinds):
        raise JobError(f"kinds must be a list of some of {', '.join(sorted(known))}")
    return [spec for spec in every if spec.kind in kinds]


def asked_steps(steps: Any) -> list[int] | None:
    """Return the steps that a page names, or None for all.

    Raises
    ------
    JobError
        If they are not a list of numbers.
    """
    if steps is None:
        return None
    if not isinstance(steps, list) or not steps or not all(type(step) is int for step in steps):
        raise JobError("steps must be a list of whole numbers")
    return steps


def change_job(context: Context, job: str, action: str) -> tuple[Response, int]:
    """Cancel a job or try it again."""
    try:
        act = context.jobs.cancel if action == "cancel" else context.jobs.retry
        changed = act(job)
    except JobError as error:
        return _refused(error)
    return jsonify({"job": job_state(changed)}), 200


def job_state(job: Job) -> dict[str, Any]:
    """Return what the pages show of a job."""
    return {
        "id": job.id,
        "run": job.run,
        "measurements": len(job.specs),
        "checkpoints": None if job.steps is None else len(job.steps),
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "failed": job.failed,
        "eta": job.eta_seconds,
        "reason": job.reason,
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
    }


def _refused(error: OntogenyError) -> tuple[Response, int]:
    return jsonify({"reason": str(error)}), 404 if isinstance(error, RunNotFound) else 409
