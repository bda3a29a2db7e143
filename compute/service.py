"""The service: takes jobs from the queue, has their missing measurements made, keeps the records.

The one writer of a store. Workers hand back bytes; only this process puts them into the store.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from compute.engine import Engine
from compute.errors import OntogenyError, StoreError, StoreFull
from compute.jobs import Job, Jobs, process_identity
from compute.plan import Plan, Progress
from compute.runs import Run
from compute.specs import Measurement
from compute.store import Store

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
WRITE_SECONDS = 0.5
TROUBLE_SECONDS = 30.0


def weights_digest(run: Run, step: int) -> str:
    """Return the digest of a checkpoint's weights; imports torch when first called."""
    from compute.models import weights_digest

    return weights_digest(run, step)


def compute_run(
    store: Store,
    run: Run,
    specs: Sequence[Measurement],
    engine: Engine,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    *,
    steps: Sequence[int] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    weights_digest: Callable[[Run, int], str] = weights_digest,
) -> Progress:
    """Measure what a run still misses, coarse to fine, and return how far it got.

    Parameters
    ----------
    on_progress
        Called whenever something was found, measured or failed.
    steps
        The checkpoints to measure; None for all.
    cancelled
        Asked after every result; once it says yes, nothing more is measured.
    weights_digest
        Returns the digest of a checkpoint's weights, or raises a `RunError`.

    Raises
    ------
    StoreFull
        If the disk of the store is full. What was measured before is kept.
    JobError
        If the engine's scheduler cannot be reached.
    """
    plan = Plan(
        store, run, specs, steps=steps, weights_digest=weights_digest, on_progress=on_progress
    )
    on_progress(plan.progress())
    stop = cancelled()
    while plan.has_tasks and not stop:
        results = engine.run(plan.tasks())
        try:
            for task, outcome in results:
                plan.keep(task, outcome)
                stop = cancelled()
                if stop:
                    break
        finally:
            results.close()
    return plan.progress()


class Service:
    """The one process that measures for a store; a context manager.

    Parameters
    ----------
    engine
        Closed at the end of the context.

    Raises
    ------
    JobError
        On entering, if another live process measures for this store.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        *,
        weights_digest: Callable[[Run, int], str] = weights_digest,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._engine = store, engine
        self._weights_digest, self._sleep = weights_digest, sleep
        self._jobs = Jobs(store)
        self._identity = process_identity()
        self._leaving = threading.Event()
        self._heart = threading.Thread(target=self._beat, daemon=True, name="heartbeat")

    def __enter__(self) -> Self:
        """Claim the store."""
        self._jobs.claim_service(self._identity)
        self._heart.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the workers and give the store up."""
        self._leaving.set()
        self._engine.close()
        self._heart.join()
        with contextlib.suppress(OntogenyError):
            self._jobs.release_service(self._identity)

    def run_forever(self, say: Callable[[str], None] = print) -> None:
        """Work on jobs as they come, until interrupted."""
        while True:
            try:
                job = self.run_next()
            except StoreError as error:
                # The job is still this process's own, and is taken up again.
                say(f"ontogeny: {error}")
                self._sleep(TROUBLE_SECONDS)
                continue
            if job is None:
                self._sleep(POLL_SECONDS)
            else:
                say(_spoken(job))

    def run_next(
        self,
        job_id: str | None = None,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> Job | None:
        """Work on the oldest waiting job, or the one asked for; return it closed, or None.

        Interrupted, the job goes back into the queue.
        """
        job = self._jobs.claim(self._identity, job_id)
        if job is None:
            return None
        self._store.keep_reserve()
        try:
            return self._work(job, on_progress)
        except StoreFull as error:
            self._store.spend_reserve()
            return self._jobs.finish(job.id, "failed", str(error))
        except StoreError:
            raise
        except OntogenyError as error:
            return self._jobs.finish(job.id, "failed", str(error))
        except (KeyboardInterrupt, SystemExit):
            self._jobs.release(job.id)
            raise

    def _work(self, job: Job, on_progress: Callable[[Progress], None]) -> Job:
        note = _Throttled(lambda progress: self._note(job.id, progress))

        def on_change(progress: Progress) -> None:
            note(progress)
            on_progress(progress)

        progress = compute_run(
            self._store,
            self._store.run(job.run),
            job.measurements(),
            self._engine,
            on_change,
            steps=job.steps,
            cancelled=lambda: self._jobs.get(job.id).state == "cancelled",
            weights_digest=self._weights_digest,
        )
        self._note(job.id, progress)
        return self._jobs.finish(job.id, *_verdict(progress))

    def _note(self, job_id: str, progress: Progress) -> None:
        self._jobs.progress(
            job_id,
            done=progress.done,
            total=progress.total,
            failed=progress.failed,
            eta_seconds=progress.eta_seconds,
        )

    def _beat(self) -> None:
        """Show that this process lives, also while a long measurement runs."""
        while not self._leaving.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OntogenyError):
                self._jobs.heartbeat(self._identity)
        self._store.close()


class _Throttled:
    """Passes on at most one call every `WRITE_SECONDS`."""

    def __init__(self, call: Callable[[Progress], None]) -> None:
        self._call = call
        self._last = float("-inf")

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() - self._last >= WRITE_SECONDS:
            self._call(progress)
            self._last = time.monotonic()


def _verdict(progress: Progress) -> tuple[Literal["done", "failed"], str]:
    """Return how a job ended and, if anything failed, the first reason."""
    if not progress.failed:
        return "done", ""
    reason = f"{progress.failed} of {progress.total} failed, first: {progress.failures[0].reason}"
    return ("failed" if progress.failed == progress.total else "done"), reason


def _spoken(job: Job) -> str:
    """Return one line on a closed job."""
    line = f"job {job.id} on {job.run}: {job.state}, {job.done} of {job.total} measurements"
    return f"{line}; {job.reason}" if job.reason else line
