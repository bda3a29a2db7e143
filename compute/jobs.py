"""The durable queue: what is to be measured, how far it is, and who is at it.

Jobs live in the store as JSON documents and change in transactions only, so that any number of
processes may submit, cancel and watch while one service works.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import socket
import time
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import psutil

from compute.errors import JobError
from compute.specs import Measurement, spec_from_json, spec_to_json
from compute.store import Store

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

# A service on another host is taken for dead after this long without a sign of life.
STALE_SECONDS = 60.0

_JOB, _HEARTBEAT, _SERVICE = "job/", "heartbeat/", "service"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A request to measure one run.

    Attributes
    ----------
    id
        Sorts by the time of submission.
    specs
        What to measure, as `spec_to_json` writes it.
    steps
        The checkpoints to measure, or None for all.
    done, total, failed
        Measurements that are in the store (those found there included), wanted, and failed.
    eta_seconds
        Wall time that is left, or None while nobody can tell.
    reason
        Why the job failed, or what went wrong in a finished one; one line.
    created, started, finished
        Seconds since the epoch.
    owner
        The process that works on it, as `process_identity` names it.
    """

    id: str
    run: str
    specs: tuple[dict[str, Any], ...]
    steps: tuple[int, ...] | None = None
    state: State = "queued"
    done: int = 0
    total: int = 0
    failed: int = 0
    eta_seconds: float | None = None
    reason: str = ""
    created: float
    started: float | None = None
    finished: float | None = None
    owner: str = ""

    @property
    def open(self) -> bool:
        """Whether the job still waits or runs."""
        return self.state in ("queued", "running")

    def measurements(self) -> list[Measurement]:
        """Return the specs as objects."""
        return [spec_from_json(value) for value in self.specs]


class Jobs:
    """The queue of a store.

    Parameters
    ----------
    store
        Where the jobs are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(
        self, run: str, specs: Sequence[Measurement], steps: Sequence[int] | None = None
    ) -> Job:
        """Queue a job and return it; the same request that is still open is returned instead.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        JobError
            If the run's weights are not here, or there is nothing to measure.
        """
        entry = self._store.run(run)
        if entry.source == "shipped":
            raise JobError(
                f"run {run!r} came as records only, so nothing can be measured on it; "
                "add the folder with its checkpoints first: ontogeny add FOLDER"
            )
        if not specs:
            raise JobError("no measurement was asked for")
        if unknown := sorted(set(steps or ()) - set(entry.steps)):
            raise JobError(f"run {run!r} has no checkpoint at step {unknown[0]}")
        job = Job(
            id=f"{time.time_ns() // 1000:017d}-{secrets.token_hex(2)}",
            run=run,
            specs=tuple(json.loads(json.dumps([spec_to_json(spec) for spec in specs]))),
            steps=None if steps is None else tuple(sorted(set(steps))),
            created=time.time(),
        )
        with self._store.transact():
            for other in self.list():
                if other.open and _request(other) == _request(job):
                    return other
            self._save(job)
        return job

    def list(self) -> list[Job]:
        """Return all jobs, oldest first."""
        found = (_from_json(value) for value in self._store.documents(_JOB).values())
        return [job for job in found if job is not None]

    def get(self, job_id: str) -> Job:
        """Return one job.

        Raises
        ------
        JobError
            If there is none of that id.
        """
        value = self._store.document(_JOB + job_id)
        job = None if value is None else _from_json(value)
        if job is None:
            raise JobError(f"no job {job_id!r}; list them with: ontogeny jobs")
        return job

    def claim(self, owner: str, job_id: str | None = None) -> Job | None:
        """Return a job that is now ``owner``'s, or None if none waits; only one claimant gets it.

        The oldest waiting job is taken (or the one asked for). A running job whose owner is dead
        waits too: it is resumed.
        """
        with self._store.transact():
            for job in self.list():
                if job_id in (None, job.id) and self._is_waiting(job, owner):
                    now = time.time()
                    return self._save(
                        dataclasses.replace(job, state="running", owner=owner, started=now)
                    )
        return None

    def progress(
        self, job_id: str, *, done: int, total: int, failed: int, eta_seconds: float | None
    ) -> Job:
        """Note how far a job is and return it; a cancelled job stays cancelled."""
        with self._store.transact():
            job = dataclasses.replace(
                self.get(job_id), done=done, total=total, failed=failed, eta_seconds=eta_seconds
            )
            return self._save(job)

    def finish(self, job_id: str, state: Literal["done", "failed"], reason: str = "") -> Job:
        """Close a running job and return it; a cancelled job stays cancelled."""
        with self._store.transact():
            job = self.get(job_id)
            if job.state != "cancelled":
                job = dataclasses.replace(job, state=state, reason=reason)
            return self._save(
                dataclasses.replace(job, owner="", eta_seconds=None, finished=time.time())
            )

    def release(self, job_id: str) -> None:
        """Put a running job back into the queue, for the next service to resume."""
        with self._store.transact():
            job = self.get(job_id)
            if job.state == "running":
                self._save(dataclasses.replace(job, state="queued", owner="", eta_seconds=None))

    def cancel(self, job_id: str) -> Job:
        """Cancel an open job and return it; what it has measured stays.

        Raises
        ------
        JobError
            If the job is closed already, or unknown.
        """
        with self._store.transact():
            job = self.get(job_id)
            if not job.open:
                raise JobError(f"job {job_id} is {job.state} already")
            return self._save(
                dataclasses.replace(job, state="cancelled", eta_seconds=None, finished=time.time())
            )

    def retry(self, job_id: str) -> Job:
        """Queue a closed job again, its failures forgotten, and return it.

        Raises
        ------
        JobError
            If the job is still open, or unknown.
        """
        with self._store.transact():
            job = self.get(job_id)
            if job.open:
                raise JobError(f"job {job_id} is {job.state}; cancel it first")
            self._store.clear_failures(job.run)
            fresh = Job(
                id=job.id, run=job.run, specs=job.specs, steps=job.steps, created=job.created
            )
            return self._save(fresh)

    # -- who is alive --------------------------------------------------------------------------

    def claim_service(self, owner: str) -> None:
        """Make ``owner`` the one process that measures for this store.

        Raises
        ------
        JobError
            If another process that is alive has claimed it.
        """
        with self._store.transact():
            holder = self.service()
            if holder is not None and holder != owner:
                raise JobError(
                    f"{_spoken(holder)} measures for the store {self._store.folder} already; "
                    "submit jobs to it, or stop it first"
                )
            self._store.put_document(_SERVICE, {"owner": owner})
            self.heartbeat(owner)

    def service(self) -> str | None:
        """Return the live process that measures for this store, or None."""
        value = self._store.document(_SERVICE)
        return value["owner"] if value and self.is_alive(value["owner"]) else None

    def release_service(self, owner: str) -> None:
        """Give up what `claim_service` gave; the jobs of ``owner`` wait again."""
        with self._store.transact():
            if (self._store.document(_SERVICE) or {}).get("owner") == owner:
                self._store.drop_document(_SERVICE)
            self._store.drop_document(_HEARTBEAT + owner)

    def heartbeat(self, owner: str) -> None:
        """Note that ``owner`` is alive now."""
        self._store.put_document(_HEARTBEAT + owner, {"time": time.time()})

    def is_alive(self, owner: str) -> bool:
        """Say whether a process lives: asked of the system here, by heartbeat elsewhere."""
        host, pid, born = owner.rsplit(":", 2)
        if host == socket.gethostname():
            return _birth(int(pid)) == born
        beat = self._store.document(_HEARTBEAT + owner)
        return beat is not None and time.time() - float(beat["time"]) < STALE_SECONDS

    # ------------------------------------------------------------------------------------------

    def _is_waiting(self, job: Job, claimant: str) -> bool:
        if job.state == "queued":
            return True
        return job.state == "running" and (job.owner == claimant or not self.is_alive(job.owner))

    def _save(self, job: Job) -> Job:
        self._store.put_document(_JOB + job.id, dataclasses.asdict(job))
        return job


def process_identity() -> str:
    """Return a name of this process that no other one has had: host, pid and time of birth."""
    return f"{socket.gethostname()}:{os.getpid()}:{_birth(os.getpid())}"


def _birth(pid: int) -> str | None:
    """Return when a living process was born, or None; a zombie does not live."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return str(round(process.create_time() * 100))
    except psutil.Error:
        return None


def _spoken(owner: str) -> str:
    host, pid, _ = owner.rsplit(":", 2)
    return f"process {pid} on {host}"


def _request(job: Job) -> str:
    return json.dumps([job.run, job.specs, job.steps], sort_keys=True)


def _from_json(value: dict[str, Any]) -> Job | None:
    """Return a job as it was saved; None for one that another version of this project saved."""
    try:
        steps = None if value["steps"] is None else tuple(value["steps"])
        return Job(**{**value, "specs": tuple(value["specs"]), "steps": steps})
    except (KeyError, TypeError):
        return None
