"""What a run still misses, in which order it is measured, and how long the rest will take."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from compute.errors import BadRecord, RunError
from compute.records import from_bytes
from compute.runs import Run, coarse_to_fine
from compute.specs import Measurement, NetworkMeasurement, key_parts
from compute.store import Store
from compute.worker import Failure, Outcome, Task

# Stands for the weights of a checkpoint that cannot be read, in the keys of its failures.
UNREADABLE = "unreadable"


@dataclasses.dataclass(frozen=True)
class Count:
    """Of one kind of measurement: how many are wanted, in the store, and failed."""

    total: int
    done: int = 0
    failed: int = 0

    @property
    def left(self) -> int:
        """How many are neither in the store nor failed."""
        return self.total - self.done - self.failed


@dataclasses.dataclass(frozen=True)
class Failed:
    """One measurement that failed, and why."""

    step: int
    kind: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the measuring of one run is.

    Attributes
    ----------
    kinds
        Counts by kind of measurement.
    eta_seconds
        Wall time that is left; None while nothing has been measured.
    failures
        Every failure, those of earlier attempts that were not tried again included.
    """

    kinds: Mapping[str, Count]
    eta_seconds: float | None
    failures: tuple[Failed, ...] = ()

    @property
    def total(self) -> int:
        """Measurements that are wanted."""
        return sum(count.total for count in self.kinds.values())

    @property
    def done(self) -> int:
        """Measurements that are in the store."""
        return sum(count.done for count in self.kinds.values())

    @property
    def failed(self) -> int:
        """Measurements that failed."""
        return sum(count.failed for count in self.kinds.values())


class Pace:
    """Estimates the wall time that is left from what recent measurements took.

    Each kind has its own median, since kinds differ by orders of magnitude; how many workers
    are really at work is read off the recent past, loading and waiting included.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=21))
        self._recent: deque[tuple[float, float]] = deque([(clock(), 0.0)], maxlen=64)

    def note(self, kind: str, seconds: float) -> None:
        """Note that a measurement took ``seconds`` on its worker and has just finished."""
        now, seconds = self._clock(), max(seconds, 1e-3)
        if len(self._recent) == 1:
            # The start of the workers is over and says nothing of the rest.
            self._recent[0] = (max(self._recent[0][0], now - seconds), 0.0)
        self._seconds[kind].append(seconds)
        self._recent.append((now, seconds))

    def eta(self, left: Mapping[str, int]) -> float | None:
        """Return the seconds until ``left``, counts by kind, are done; None if nobody can tell."""
        if not any(left.values()):
            return 0.0
        medians = {kind: statistics.median(values) for kind, values in self._seconds.items()}
        if not medians:
            return None
        typical = statistics.fmean(medians.values())
        work = sum(count * medians.get(kind, typical) for kind, count in left.items())
        (start, _), *measured = self._recent
        elapsed = max(self._clock() - start, 1e-3)
        return work * elapsed / sum(seconds for _, seconds in measured)


class Plan:
    """The missing measurements of one run, coarse to fine.

    Parameters
    ----------
    specs
        What to measure; the graphs that network metrics are derived from are added.
    steps
        Which checkpoints; None for all.
    weights_digest
        Returns the digest of a checkpoint's weights, or raises a `RunError`.
    on_progress
        Called whenever something was found, measured or failed.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        specs: Sequence[Measurement],
        *,
        steps: Sequence[int] | None,
        weights_digest: Callable[[Run, int], str],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._store, self._run = store, run
        self._weights_digest, self._on_progress = weights_digest, on_progress
        self._specs = _with_sources(specs)
        wanted = run.steps if steps is None else tuple(sorted(set(steps)))
        self._steps = deque(coarse_to_fine(wanted))
        self._ready: deque[Task] = deque()
        self._derived: defaultdict[str, list[Task]] = defaultdict(list)
        self._known_failures = store.failures(run.name)
        self._failures: list[Failed] = []
        self._pace = Pace()
        self._under_way = 0
        self._to_open = set(unmeasured_steps(store, run, self._specs, wanted))
        self._counts: dict[str, Count] = {}
        for spec in self._specs:
            self._count(spec, total=len(wanted))

    @property
    def has_tasks(self) -> bool:
        """Whether `tasks` has more to give now."""
        return bool(self._steps or self._ready)

    def progress(self) -> Progress:
        """Return how far the plan is."""
        left = {kind: count.left for kind, count in self._counts.items()}
        return Progress(
            kinds=dict(self._counts),
            eta_seconds=self._pace.eta(left),
            failures=tuple(self._failures),
        )

    def tasks(self) -> Iterator[Task]:
        """Yield what can be measured now: derived measurements first, then step by step.

        A checkpoint's weights are read when its turn comes, so the first task comes at once.
        """
        while self.has_tasks:
            if self._ready:
                task = self._ready.popleft()
                self._under_way += 1
                yield dataclasses.replace(task, next_step=self._next_step())
            else:
                self._plan_step(self._steps.popleft())
                self._on_progress(self.progress())

    def keep(self, task: Task, outcome: Outcome) -> None:
        """Put an outcome into the store, and make ready what was waiting for it.

        Raises
        ------
        StoreFull
            If the disk of the store is full; what was put before stays.
        """
        self._under_way -= 1
        if isinstance(outcome, Failure):
            self._fail(task, outcome.reason)
        else:
            self._succeed(task, outcome.data)
        self._on_progress(self.progress())

    # ------------------------------------------------------------------------------------------

    def _next_step(self) -> int | None:
        """Return the step that the worker of the task just given will probably open next.

        Workers take tasks in turn, so its next task comes about as many tasks later as are under
        way now, this one included. As many of those as are ready belong to the step that is being
        given out; the others to the steps still to come that miss something. Where all belong to
        this step, the answer is the first of those all the same: it is opened soon.
        """
        coming = [step for step in self._steps if step in self._to_open]
        if not coming:
            return None
        tasks_of_a_step = sum(not isinstance(spec, NetworkMeasurement) for spec in self._specs)
        beyond = max(0, self._under_way - len(self._ready) - 1)
        return coming[min(beyond // max(1, tasks_of_a_step), len(coming) - 1)]

    def _plan_step(self, step: int) -> None:
        tasks = [
            Task(run=self._run, step=step, spec=spec, weights_digest=UNREADABLE)
            for spec in self._specs
        ]
        try:
            digest = self._weights_digest(self._run, step)
        except RunError as error:
            for task in tasks:
                self._fail(task, str(error))
            return
        for task in tasks:
            if task.key in self._known_failures:
                self._store.drop_failure(task.key)
            self._plan_task(dataclasses.replace(task, weights_digest=digest))

    def _plan_task(self, task: Task) -> None:
        if self._store.has(task.key):
            self._count(task.spec, done=1)
        elif task.key in self._known_failures:
            self._note_failure(task, self._known_failures[task.key])
        elif isinstance(task.spec, NetworkMeasurement):
            self._plan_derived(task, task.spec)
        else:
            self._ready.append(task)

    def _plan_derived(self, task: Task, spec: NetworkMeasurement) -> None:
        """Make ready a measurement that reads another's record, or let it wait for that record.

        Its source was planned before it, so it is in the store, known to fail, or under way.
        """
        source = dataclasses.replace(task, spec=spec.graph).key
        record = self._store.get_bytes(source)
        if record is not None:
            self._ready.append(dataclasses.replace(task, source_record=record))
        elif source in self._known_failures:
            self._fail(task, _no_source(self._known_failures[source]))
        else:
            self._derived[source].append(task)

    def _succeed(self, task: Task, data: bytes) -> None:
        try:
            measured = from_bytes(data)
        except BadRecord as error:
            self._fail(task, f"the worker returned no record: {error}")
            return
        if measured.key != task.key:
            self._fail(task, "the worker measured something else; is it of this version?")
            return
        self._store.put(measured)
        self._count(task.spec, done=1)
        self._pace.note(task.spec.kind, measured.seconds)
        for derived in self._derived.pop(task.key, ()):
            self._ready.appendleft(dataclasses.replace(derived, source_record=data))

    def _fail(self, task: Task, reason: str) -> None:
        reason = " ".join(reason.split())
        self._store.put_failure(task.key, reason)
        self._note_failure(task, reason)
        for derived in self._derived.pop(task.key, ()):
            self._fail(derived, _no_source(reason))

    def _note_failure(self, task: Task, reason: str) -> None:
        self._failures.append(Failed(task.step, task.spec.kind, reason))
        self._count(task.spec, failed=1)

    def _count(self, spec: Measurement, *, total: int = 0, done: int = 0, failed: int = 0) -> None:
        count = self._counts.get(spec.kind, Count(0))
        self._counts[spec.kind] = Count(
            count.total + total, count.done + done, count.failed + failed
        )


def _with_sources(specs: Sequence[Measurement]) -> list[Measurement]:
    """Return the specs without repetition, sources added, derived measurements last."""
    sources = [spec.graph for spec in specs if isinstance(spec, NetworkMeasurement)]
    distinct = dict.fromkeys([*specs, *sources])
    return sorted(distinct, key=lambda spec: isinstance(spec, NetworkMeasurement))


def _no_source(reason: str) -> str:
    return f"its ablation graph failed: {reason}"


def unmeasured_steps(
    store: Store, run: Run, specs: Sequence[Measurement], steps: Sequence[int] | None
) -> list[int]:
    """Return the steps whose checkpoint must be opened to measure ``specs``, ascending.

    It is told from the number of records and failures of each kind, without asking for any
    weights: where weights have changed, or other specs of a kind were measured, it may be wrong.
    """
    direct = [spec for spec in _with_sources(specs) if not isinstance(spec, NetworkMeasurement)]
    keys = [*store.keys(run.name), *store.failures(run.name)]
    found = Counter((parts.kind, parts.step) for parts in map(key_parts, keys))
    wanted = Counter(spec.kind for spec in direct)
    return [
        step
        for step in (run.steps if steps is None else sorted(set(steps)))
        if any(found[kind, step] < count for kind, count in wanted.items())
    ]


def known_failures(store: Store, run: str) -> list[Failed]:
    """Return what is known to have failed on a run, by step and kind."""
    found = []
    for key, reason in store.failures(run).items():
        parts = key_parts(key)
        found.append(Failed(parts.step, parts.kind, reason))
    return sorted(found, key=lambda failed: (failed.step, failed.kind))
