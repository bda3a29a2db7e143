"""One task on one worker: open the checkpoint, measure, return the record as bytes.

A worker knows no store, so it may run on another machine. It keeps the checkpoint that it opened
last, since the next task is mostly on the same one; while it measures, it reads the one after that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from compute.errors import MeasurementError, OntogenyError
from compute.records import Measured, Record, from_bytes, to_bytes
from compute.runs import Run
from compute.specs import Measurement, NetworkMeasurement, measurement_key

if TYPE_CHECKING:
    from compute.models import CheckpointCache, LoadedModel

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One measurement of one checkpoint.

    Attributes
    ----------
    source_record
        The encoded record that a derived measurement reads (a graph, for its metrics); None for
        measurements that open the checkpoint.
    next_step
        The checkpoint that this worker will probably open after this one; None if nobody knows.
        It is a hint, and no part of what the task is.
    """

    run: Run
    step: int
    spec: Measurement
    weights_digest: str
    source_record: bytes | None = None
    next_step: int | None = dataclasses.field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The key of the record that this task makes."""
        return measurement_key(
            self.spec,
            run=self.run.name,
            step=self.step,
            weights_digest=self.weights_digest,
            data_digest=self.run.data_digest,
        )


@dataclasses.dataclass(frozen=True)
class Success:
    """The encoded record of a finished task."""

    data: bytes


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a task gave no record, in one line for a person."""

    reason: str


Outcome: TypeAlias = Success | Failure


def perform(
    task: Task,
    checkpoints: Path | None = None,
    disk_budget: int | None = None,
    keep_checkpoints: bool = False,
) -> Outcome:
    """Measure one task; whatever goes wrong becomes a `Failure` with its reason.

    Parameters
    ----------
    checkpoints
        Where fetched checkpoints are kept for all workers of a machine; None to fetch for every
        task, and delete at once.
    disk_budget
        Bytes that they may take there; None for the whole disk.
    keep_checkpoints
        Leave them there; else this process deletes those of the run when it has become idle.
    """
    started = time.perf_counter()
    try:
        if isinstance(task.spec, NetworkMeasurement):
            record = _derived(task)
        else:
            record = _direct(task, checkpoints, disk_budget, keep_checkpoints)
        return Success(to_bytes(_measured(task, record, time.perf_counter() - started)))
    except OntogenyError as error:
        return Failure(str(error))
    except Exception as error:
        log.exception("task %s failed", task.key)
        return Failure(
            f"step {task.step:,}: unexpected {type(error).__name__} while measuring "
            f"{task.spec.kind}: {str(error).strip()[:200]}"
        )


class _Kept:
    """The checkpoint that each thread of this process has opened last; none in an idle process.

    By thread, since a worker of someone else's cluster may have several: what measures hangs hooks
    into a model, so two must not share one.

    Parameters
    ----------
    idle_seconds
        How long after its last task a process counts as idle.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._models: dict[int, tuple[object, LoadedModel]] = {}
        self._at_work, self._lock = 0, threading.Lock()
        self._timer = threading.Timer(0, lambda: None)

    @contextlib.contextmanager
    def at_work(self, tidy: Callable[[], None]) -> Iterator[None]:
        """Count as busy in this context; `tidy` is called when the process has become idle."""
        with self._lock:
            self._at_work += 1
            self._timer.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    self._timer = threading.Timer(self._idle_seconds, self._rest, args=(tidy,))
                    self._timer.daemon = True
                    self._timer.start()

    def take(self, identity: object) -> LoadedModel | None:
        """Return this thread's model if it is the one that is meant; forget it in any case."""
        found, model = self._models.pop(threading.get_ident(), (None, None))
        return model if found == identity else None

    def put(self, identity: object, model: LoadedModel) -> None:
        """Keep a model for this thread's next task."""
        self._models[threading.get_ident()] = (identity, model)

    def _rest(self, tidy: Callable[[], None]) -> None:
        # Its memory is wanted elsewhere, and a deleted file takes its disk while it is mapped.
        self._models.clear()
        with contextlib.suppress(OntogenyError, OSError):
            tidy()


class _ReadAhead:
    """One thread that reads what comes next while this process measures.

    Whatever goes wrong in it is left to be found, and reported, when the checkpoint is opened.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._done: object = None

    def start(self, what: object, read: Callable[[], None]) -> None:
        """Read, unless the thread is still at work or has just read ``what``."""
        with self._lock:
            if what == self._done or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(
                target=self._try, args=(what, read), daemon=True, name="read-ahead"
            )
            self._thread.start()

    def _try(self, what: object, read: Callable[[], None]) -> None:
        try:
            read()
            self._done = what
        except (OntogenyError, OSError):
            log.debug("could not read %s ahead", what, exc_info=True)


_kept = _Kept()
_ahead = _ReadAhead()


def _direct(
    task: Task, checkpoints: Path | None, disk_budget: int | None, keep_checkpoints: bool
) -> Record:
    """Open the checkpoint and measure it; torch is imported only now."""
    from compute.measure.dispatch import measure
    from compute.measure.tasks import Texts
    from compute.models import CheckpointCache, read_ahead
    from compute.models.text import passage_tokens, text_tokens

    cache = CheckpointCache(checkpoints, disk_budget) if checkpoints is not None else None
    run_folder = Path(task.run.location) if task.run.source == "folder" else None
    text = Path(task.run.text) if task.run.text else None
    tidy = partial(_delete_fetched, task.run, None if keep_checkpoints else cache)
    with _kept.at_work(tidy), _opened(task, cache) as model:
        if (step := task.next_step) is not None:
            _ahead.start((task.run, step), partial(read_ahead, task.run, step, cache))
        tokens = partial(
            text_tokens, run_folder=run_folder, text=text, tokenizer_folder=model.folder
        )
        texts = Texts(
            train=partial(tokens, "train"),
            heldout=partial(tokens, "heldout"),
            passage=partial(passage_tokens, model.folder),
        )
        return measure(task.spec, model, texts)


@contextlib.contextmanager
def _opened(task: Task, cache: CheckpointCache | None) -> Iterator[LoadedModel]:
    """Open a task's checkpoint, or give the one that is open already.

    A model is in evaluation mode and frozen, and what measures it leaves it as it was; one on
    which a measurement broke off is not used again.
    """
    from compute.models import checkpoint_folder, open_model

    run = task.run
    identity = (run.name, run.source, run.location, task.step, task.weights_digest)
    # Another one is forgotten before this is opened: there may be memory for one only.
    model = _kept.take(identity)
    with checkpoint_folder(run, task.step, cache, digest=task.weights_digest) as folder:
        model = model or open_model(folder)
        yield dataclasses.replace(model, folder=folder)
    _kept.put(identity, model)


def _delete_fetched(run: Run, cache: CheckpointCache | None) -> None:
    """Delete the fetched checkpoints of a run that no process uses."""
    if cache is not None and run.source == "hub":
        cache.delete_unused([run.location])


def _derived(task: Task) -> Record:
    from compute.measure.dispatch import derive

    if task.source_record is None:
        raise MeasurementError("a derived measurement needs the record that it reads")
    assert isinstance(task.spec, NetworkMeasurement)
    return derive(task.spec, from_bytes(task.source_record).record)


def _measured(task: Task, record: Record, seconds: float) -> Measured:
    return Measured(
        spec=task.spec,
        run=task.run.name,
        step=task.step,
        weights_digest=task.weights_digest,
        data_digest=task.run.data_digest,
        record=record,
        environment={
            "python": platform.python_version(),
            "torch": importlib.metadata.version("torch"),
            "ontogeny": importlib.metadata.version("ontogeny"),
        },
        seconds=seconds,
    )
