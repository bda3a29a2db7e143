"""One task on one worker: open the checkpoint, measure, return the record as bytes.

A worker knows no store, so it may run on another machine.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import logging
import platform
import time
from functools import partial
from pathlib import Path
from typing import TypeAlias

from compute.errors import MeasurementError, OntogenyError
from compute.records import Measured, Record, from_bytes, to_bytes
from compute.runs import Run
from compute.specs import Measurement, NetworkMeasurement, measurement_key

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """One measurement of one checkpoint.

    Attributes
    ----------
    source_record
        The encoded record that a derived measurement reads (a graph, for its metrics); None for
        measurements that open the checkpoint.
    """

    run: Run
    step: int
    spec: Measurement
    weights_digest: str
    source_record: bytes | None = None

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


def perform(task: Task) -> Outcome:
    """Measure one task; whatever goes wrong becomes a `Failure` with its reason."""
    started = time.perf_counter()
    try:
        record = _derived(task) if isinstance(task.spec, NetworkMeasurement) else _direct(task)
        return Success(to_bytes(_measured(task, record, time.perf_counter() - started)))
    except OntogenyError as error:
        return Failure(str(error))
    except Exception as error:
        log.exception("task %s failed", task.key)
        return Failure(
            f"step {task.step:,}: unexpected {type(error).__name__} while measuring "
            f"{task.spec.kind}: {str(error).strip()[:200]}"
        )


def _direct(task: Task) -> Record:
    """Open the checkpoint and measure it; torch is imported only now."""
    from compute.measure.dispatch import measure
    from compute.measure.tasks import Texts
    from compute.models import open_checkpoint
    from compute.models.text import passage_tokens, text_tokens

    run_folder = Path(task.run.location) if task.run.source == "folder" else None
    text = Path(task.run.text) if task.run.text else None
    with open_checkpoint(task.run, task.step) as model:
        tokens = partial(
            text_tokens, run_folder=run_folder, text=text, tokenizer_folder=model.folder
        )
        texts = Texts(
            train=partial(tokens, "train"),
            heldout=partial(tokens, "heldout"),
            passage=partial(passage_tokens, model.folder),
        )
        return measure(task.spec, model, texts)


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
