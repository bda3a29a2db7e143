"""Where tasks run: a local Dask cluster, a scheduler elsewhere, or this very process.

The only module that imports dask. An engine knows nothing of what a task means: it pulls tasks
from an iterable as workers come free and yields each with its outcome.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from compute.errors import JobError
from compute.worker import Failure, Outcome, Task, perform

if TYPE_CHECKING:
    from distributed import Client, Future

Perform: TypeAlias = Callable[[Task], Outcome]
Results: TypeAlias = Generator[tuple[Task, Outcome], None, None]

# A task that has taken this many workers with it is given up.
DEATHS = 3
CONNECT_SECONDS = 20
STOP_SECONDS = 1

# One thread a process: two one-thread workers beat one two-thread worker on small models. The
# MALLOC settings keep freed memory in the process: Dask's own (trim at 64 KiB) gives every array
# back, and the page faults of getting it again doubled the time of an SGLD step.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_ARENA_MAX": "2",
}


class Engine(Protocol):
    """Runs tasks."""

    def run(self, tasks: Iterable[Task]) -> Results:
        """Yield each task with its outcome, as they finish.

        Tasks are pulled one at a time, when a worker is free, so an iterable may decide late what
        comes next. Closing the iterator cancels what is under way.
        """
        ...

    def close(self) -> None:
        """Stop the workers."""
        ...


class InlineEngine:
    """Runs tasks in this process, one after the other.

    Parameters
    ----------
    perform
        What is done with each task.
    """

    def __init__(self, perform: Perform = perform) -> None:
        self._perform = perform

    def run(self, tasks: Iterable[Task]) -> Results:
        """Yield each task with its outcome."""
        for task in tasks:
            yield task, self._perform(task)

    def close(self) -> None:
        """Do nothing: there are no workers."""


class DaskEngine:
    """Runs tasks on a local cluster of one-thread processes, or on a scheduler elsewhere.

    The cluster starts with the first task.

    Parameters
    ----------
    workers
        Processes of the local cluster; ignored with ``scheduler``.
    scheduler
        The address of a running Dask scheduler, ``tcp://host:port``, or None.
    perform
        What is done with each task; it must be importable on the workers.
    connect_seconds
        How long a scheduler may take to answer.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        scheduler: str | None = None,
        perform: Perform = perform,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self._workers = workers
        self._scheduler, self._connect_seconds = scheduler, connect_seconds
        self._perform = perform
        self._cluster: Any = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        """Return the engine, to be closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, tasks: Iterable[Task]) -> Results:
        """Yield each task with its outcome, as they finish.

        Raises
        ------
        JobError
            If the scheduler cannot be reached.
        """
        waiting = iter(tasks)
        running: dict[str, Task] = {}
        finished: SimpleQueue[Future[Any]] = SimpleQueue()
        futures: list[Future[Any]] = []
        try:
            futures += self._fill(waiting, running, finished)
            while running:
                future = finished.get()
                task, outcome = running.pop(str(future.key)), self._outcome(future)
                # Forgotten before the consumer runs: a key that is asked for again must be
                # computed again, not answered from the scheduler's memory.
                futures.remove(future)
                future.release()
                yield task, outcome
                futures += self._fill(waiting, running, finished)
        finally:
            if futures and self._client is not None:
                self._client.cancel(futures)

    def close(self) -> None:
        """Stop the client and the local workers."""
        client, cluster = self._client, self._cluster
        self._client = self._cluster = None
        if client is not None:
            client.close()
        if cluster is not None:
            cluster.sync(_stop_workers, cluster)
            cluster.close()

    def _fill(
        self, waiting: Iterator[Task], running: dict[str, Task], finished: SimpleQueue[Future[Any]]
    ) -> list[Future[Any]]:
        """Submit tasks until every worker thread has one and no more; return their futures.

        With a second task queued behind a first, a worker's death would count against both.
        """
        futures = []
        while len(running) < self._slots():
            task = next(waiting, None)
            if task is None:
                break
            if task.key not in running:
                future = self._connected().submit(self._perform, task, key=task.key)
                future.add_done_callback(finished.put)
                running[task.key] = task
                futures.append(future)
        return futures

    def _slots(self) -> int:
        if self._scheduler is None:
            return self._workers
        return max(1, sum(self._client.nthreads().values())) if self._client else 1

    def _connected(self) -> Client:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _connect(self) -> Client:
        import dask
        from distributed import Client, LocalCluster

        if self._scheduler is not None:
            try:
                return Client(self._scheduler, timeout=self._connect_seconds, set_as_default=False)
            except (OSError, TimeoutError, ValueError) as error:
                raise JobError(
                    f"no Dask scheduler answers at {self._scheduler}; start one with "
                    f"'dask scheduler', or leave out --scheduler ({type(error).__name__})"
                ) from error
        # Set before a worker starts: the allocator and the thread pools read it only then.
        before_start = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
        with _interrupts_held(), dask.config.set(before_start):
            self._cluster = LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                # Any port: None would mean 8787, and a warning where that is taken.
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"allowed_failures": DEATHS - 1, "dashboard": False},
            )
            return Client(self._cluster, set_as_default=False)

    def _outcome(self, future: Future[Any]) -> Outcome:
        """Return what a task gave, or why its worker gave nothing."""
        from distributed import KilledWorker

        if future.status == "finished":
            result: Outcome = future.result()
            return result
        if future.status != "error":
            where = self._scheduler or "the local cluster"
            raise JobError(f"the Dask scheduler went away ({where}); start the job again to go on")
        error = future.exception()
        if isinstance(error, KilledWorker):
            return Failure(
                f"its worker process died {DEATHS} times; the usual reason is too little memory: "
                "use fewer workers (--workers)"
            )
        return Failure(f"the worker broke: {type(error).__name__}: {error}".replace("\n", " "))


async def _stop_workers(cluster: Any) -> None:
    """Stop the local workers soon; by itself, dask waits several seconds for a busy one."""
    nannies = list(cluster.workers.values())
    await asyncio.gather(*(nanny.close(timeout=STOP_SECONDS) for nanny in nannies))


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the context ends.

    A half-started cluster cannot be closed. The workers inherit the hold and keep it: Ctrl-C in a
    terminal reaches them too, and killing them is up to this process.
    """
    # The tracker's own start would lift the hold.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
