"""What the browser asks for besides pages: the data of a run, and its state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, jsonify

from compute.errors import BadRecord
from compute.jobs import Job
from compute.records import AttentionPatterns
from compute.runs import Run
from compute.specs import AttentionMeasurement, key_parts
from dashboard.context import Context
from dashboard.figures.attention import head_file
from dashboard.files import for_ever
from dashboard.job_api import job_state
from dashboard.refinements import Refinements
from dashboard.structures import Structures


def register(server: Flask, context: Context) -> None:
    """Add the routes to the server."""
    prefix = context.prefix
    structures = Structures(context.library, context.payloads)
    refinements = Refinements(context.library, context.payloads)

    @server.get(f"{prefix}data/<run>/<digest>.bin")
    def data(run: str, digest: str) -> Response:
        return for_ever(context.payloads.data(run, digest))

    @server.get(f"{prefix}data/<run>/<digest>/<graph>.bin")
    def structure(run: str, digest: str, graph: str) -> Response:
        return for_ever(structures.data(run, digest, graph))

    @server.get(f"{prefix}data/<run>/<digest>/refined/clusters.bin")
    def clusters(run: str, digest: str) -> Response:
        return for_ever(refinements.clusters(run, digest))

    @server.get(f"{prefix}data/<run>/<digest>/refined/effects/<graph>.bin")
    def effects(run: str, digest: str, graph: str) -> Response:
        return for_ever(refinements.effects(run, digest, graph))

    @server.get(f"{prefix}data/<run>/attention/<digest>/<head>.bin")
    def attention(run: str, digest: str, head: str) -> Response:
        return for_ever(head_patterns(context, run, digest, head))

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
        "attention": attention_state(context, run, mine),
    }


def attention_state(context: Context, run: Run, jobs: Iterable[Job]) -> dict[str, dict[str, str]]:
    """Return by step where its attention patterns are, and which steps an open job waits for.

    The address of one head's is that of the step, a slash, the head's name and ``.bin``.
    """
    place = f"{context.prefix}data/{run.name}/attention"
    keys = {key_parts(key).step: key for key in _attention_keys(context, run.name)}
    kind = AttentionMeasurement.kind
    waiting = [job for job in jobs if job.open and any(s["kind"] == kind for s in job.specs)]
    return {
        "measured": {str(t): f"{place}/{_digest(key)}" for t, key in keys.items()},
        "waiting": {
            str(step): job.state
            for job in waiting
            for step in (run.steps if job.steps is None else job.steps)
            if step not in keys
        },
    }


def head_patterns(context: Context, run: str, digest: str, head: str) -> bytes | None:
    """Return one head's attention patterns as a file, or None where there are none to read."""
    key = next((k for k in _attention_keys(context, run) if _digest(k) == digest), None)
    try:
        measured = None if key is None else context.library.store.get(key)
    except BadRecord:
        return None
    if measured is None or not isinstance(measured.record, AttentionPatterns):
        return None
    return head_file(measured.record, head)


def _attention_keys(context: Context, run: str) -> list[str]:
    return context.library.store.keys(run, AttentionMeasurement.kind)


def _digest(key: str) -> str:
    return key.rsplit("/", 1)[1]


def obstacle(run: Run) -> str:
    """Return why nothing can be computed for a run, or an empty string."""
    if run.source == "shipped":
        return "This run came as records only; its weights are not here."
    return ""
