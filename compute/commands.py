"""What each command of ``ontogeny`` does.

Each imports what it needs when it runs, so that ``--help`` and ``serve`` start at once and the web
process never loads torch.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from compute import settings
from compute.errors import OntogenyError, RunError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from compute.engine import Engine
    from compute.jobs import Job, Jobs
    from compute.runs import Run
    from compute.specs import Measurement
    from compute.store import Store

T = TypeVar("T")

INTERRUPTED = 130
WATCH_SECONDS = 0.5
SHIPPED = Path(__file__).resolve().parent.parent / "data"


def serve(options: argparse.Namespace) -> int:
    """Serve the pages, and measure in a process of its own."""
    from compute import serving

    chosen = settings.resolve(options)
    application = open_application(chosen)
    server = serving.listen(application.server, chosen)
    serving.exit_on_sigterm()
    beside: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if not options.no_compute:
        beside = serving.ServiceProcess(serving.service_command(chosen))
    with beside:
        print(f"Ontogeny at {serving.url(chosen)}  (store: {chosen.data.resolve()})", flush=True)
        server.run()
    return 0


def open_application(chosen: settings.Settings) -> Any:
    """Return the Dash application on a store that holds the shipped developments."""
    settings.calculate_in_one_thread()
    from compute.bundle import import_bundle
    from compute.catalogue import adding_command
    from compute.store import Store
    from dashboard.factory import create_app

    store = Store(chosen.data)
    _each_shipped(functools.partial(import_bundle, store))
    return create_app(
        store,
        token=chosen.token,
        path_prefix=chosen.path_prefix,
        embed_origins=chosen.embed_origins,
        runs_folders=chosen.runs_folders,
        add=adding_command(chosen.data),
    )


def add_run(options: argparse.Namespace) -> int:
    """Enter a run into the catalogue."""
    from compute.models import checkpoint_size, describe_run, fetching_text

    run = describe_run(
        options.location,
        name=options.name,
        source="hub" if options.hub else "folder",
        text=options.text,
        recipe=options.recipe or "",
        tokens_per_step=options.tokens_per_step or 0,
    )
    size = checkpoint_size(run.location, run.steps) if run.source == "hub" else None
    _enter(_open_store(options), run)
    if run.source == "hub":
        print(fetching_text(run.name, len(run.steps), size))
    return 0


def compute(options: argparse.Namespace) -> int:
    """Measure what a run misses, here, or have the running service do it and watch."""
    from compute.choices import chosen_measurements, chosen_steps

    chosen = settings.resolve(options)
    store = _open_store(options)
    run = store.run(options.run)
    specs, steps = chosen_measurements(run, options), chosen_steps(options)
    if options.retry_failed:
        store.clear_failures(run.name)
    console = _console()
    job = _measure(store, chosen, run, specs, steps, console)
    return INTERRUPTED if job is None else _report(store, job, console)


def calibrate(options: argparse.Namespace) -> int:
    """Try settings of the LLC at some checkpoints, and say which can be trusted."""
    from compute import calibrating, calibration
    from compute.choices import chosen_base, chosen_steps, chosen_values
    from compute.terminal import list_calibration

    chosen = settings.resolve(options)
    store = _open_store(options)
    run = store.run(options.run)
    base, steps = chosen_base(run, options), chosen_steps(options)
    grid = dataclasses.replace(calibration.default_grid(base.llc), **chosen_values(options))
    cells = calibration.calibration_measurements(base, grid)
    if not cells:
        raise SettingsError(
            f"every step_size times gamma is {calibration.MOST_PULL:g} or more, where the tie "
            "alone distorts the chains: give smaller ones"
        )
    console = _console()
    job = _measure(store, chosen, run, cells, steps, console)
    if job is None:
        return INTERRUPTED
    sweep = calibrating.sweep_of(store, run, base)
    if job.state not in ("done", "failed") or sweep is None:
        return _report(store, job, console)
    found = sweep.judged(job.steps)
    list_calibration(console, found)
    if found.choice is not None and options.use:
        measurement = calibration.chosen_measurement(sweep.base, found.choice)
        calibrating.use(store, run.name, measurement)
        console.print(
            f"these are the settings of {run.name} now; curves by others stay beside. "
            f"Next: ontogeny compute {run.name} --kinds llc",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    return 0 if found.choice is not None else 1


def train(options: argparse.Namespace) -> int:
    """Train a development, from where it was left, and enter it into the catalogue.

    The LLC of one that is new here is measured as that of the shipped runs of its recipe.
    """
    from compute.bundle import bundled_run
    from compute.models import DEVELOPMENTS, describe_run
    from compute.models.developments import training
    from compute.terminal import Bar, Steps

    if options.name not in DEVELOPMENTS:
        raise SettingsError(f"no development {options.name!r}; there are {', '.join(DEVELOPMENTS)}")
    store = _open_store(options)
    folder = options.runs_folder / options.name
    settings_of_llc = {run.recipe: run.llc for run in _each_shipped(bundled_run)}
    try:
        with Bar(f"training {options.name}", _console()).shown() as bar:
            training.train(
                DEVELOPMENTS[options.name](), folder, until=options.until, on_step=Steps(bar)
            )
    except FloatingPointError as error:
        raise RunError(f"{options.name}: {error}") from error
    run = describe_run(str(folder))
    _enter(store, dataclasses.replace(run, llc=settings_of_llc.get(run.recipe, "")))
    return 0


def _each_shipped(read: Callable[[Path], T]) -> list[T]:
    """Return what ``read`` makes of each bundle that ships; one that is damaged is left out."""
    from compute.bundle import bundles

    found = []
    for folder in bundles(SHIPPED):
        try:
            found.append(read(folder))
        except OntogenyError as error:
            print(f"ontogeny: {folder.name} is left out: {error}", file=sys.stderr)
    return found


def export(options: argparse.Namespace) -> int:
    """Write a run's records into a folder."""
    from compute.bundle import export_run

    store = _open_store(options)
    run = store.run(options.run)
    kinds = export_run(
        store, run, options.folder, recipe=_recipe(run), weights_digests=_digests(run)
    )
    size = sum(path.stat().st_size for path in options.folder.iterdir()) / 1e6
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{run.name}: {counts} records in {options.folder} ({size:.1f} MB)")
    return 0


def import_(options: argparse.Namespace) -> int:
    """Read exported records, or curves that were made elsewhere."""
    if options.file is not None:
        return _import_curves(options)
    folder = Path(options.folder_or_run)
    if options.source is not None or folder.is_file():
        raise SettingsError("curves are imported beside a run: ontogeny import RUN FILE.csv")
    from compute.bundle import import_bundle

    done = import_bundle(_open_store(options), folder)
    what = f"{done.records} records" if done.records else "nothing new: it was imported before"
    print(f"{done.run.name}: {what}")
    return 0


def check(options: argparse.Namespace) -> int:
    """Read every record; list what is damaged, failed and missing."""
    from compute.check import check_run

    store = _open_store(options)
    runs = [store.run(options.run)] if options.run else store.runs()
    damaged = 0
    for run in runs:
        report = check_run(store, run, repair=options.repair)
        damaged += len(report.damaged)
        for line in report.lines():
            print(line)
    return 1 if damaged and not options.repair else 0


def service(options: argparse.Namespace) -> int:
    """Measure for the queue of a store until stopped."""
    from compute import downloads, serving
    from compute.service import Service

    chosen = settings.resolve(options)
    serving.exit_on_sigterm()
    if options.with_parent:
        serving.stop_with_parent()
    store = _open_store(options)

    def say(line: str) -> None:
        print(line, flush=True)
        downloads.delete_unused(store, chosen)

    try:
        with Service(store, _engine(chosen)) as worker:
            worker.run_forever(say)
    finally:
        downloads.delete_unused(store, chosen)
    return 0


def jobs(options: argparse.Namespace) -> int:
    """List the jobs, or cancel or retry one."""
    from compute.jobs import Jobs
    from compute.terminal import list_jobs

    queue = Jobs(_open_store(options))
    if options.action != "list":
        if options.job is None:
            raise SettingsError(f"which job? ontogeny jobs {options.action} JOB")
        (queue.cancel if options.action == "cancel" else queue.retry)(options.job)
    list_jobs(_console(), queue.list())
    return 0


def version(options: argparse.Namespace) -> int:
    """Print the version."""
    import importlib.metadata

    print(f"ontogeny {importlib.metadata.version('ontogeny')}")
    return 0


def _import_curves(options: argparse.Namespace) -> int:
    from compute.imported import import_curves

    done = import_curves(
        _open_store(options), options.folder_or_run, options.file, source=options.source
    )
    for line in done.lines():
        print(line)
    return 0


def _open_store(options: argparse.Namespace) -> Store:
    from compute.store import Store

    return Store(settings.resolve(options).data)


def _engine(chosen: settings.Settings) -> Engine:
    from compute.engine import DaskEngine
    from compute.worker import perform

    return DaskEngine(
        chosen.workers,
        scheduler=chosen.scheduler,
        perform=functools.partial(
            perform,
            checkpoints=chosen.checkpoints,
            disk_budget=chosen.checkpoint_disk,
            keep_checkpoints=chosen.keep_checkpoints,
        ),
    )


def _console() -> Console:
    from rich.console import Console

    return Console()


def _measure(
    store: Store,
    chosen: settings.Settings,
    run: Run,
    specs: Sequence[Measurement],
    steps: Sequence[int] | None,
    console: Console,
) -> Job | None:
    """Queue a job and see it through, here or by the running service; None if interrupted."""
    from compute import downloads
    from compute.jobs import Jobs

    downloads.announce(store, chosen, run, specs, steps, console)
    queue = Jobs(store)
    job = queue.submit(run.name, specs, steps)
    try:
        while job.open:
            if queue.service() is None:
                job = _compute_here(store, chosen, job, console)
            else:
                job = _watch(queue, job, console)
    except KeyboardInterrupt:
        queue.cancel(job.id)
        console.print("stopped; what is finished is kept, and the same command goes on")
        return None
    return job


def _compute_here(store: Store, chosen: settings.Settings, job: Job, console: Console) -> Job:
    """Work on a job in this process."""
    from compute import downloads, serving
    from compute.jobs import Jobs
    from compute.service import Service
    from compute.terminal import Bar

    serving.exit_on_sigterm()
    try:
        with Service(store, _engine(chosen)) as service, Bar(job.run, console).shown() as bar:
            return service.run_next(job.id, bar.measured) or Jobs(store).get(job.id)
    finally:
        downloads.delete_unused(store, chosen)


def _watch(queue: Jobs, job: Job, console: Console) -> Job:
    """Watch a job that the running service works on, until it is closed or the service gone."""
    from compute.terminal import Bar

    console.print("a compute service is at work on this store, and has taken the job")
    with Bar(job.run, console).shown() as bar:
        while job.open and queue.service() is not None:
            time.sleep(WATCH_SECONDS)
            job = queue.get(job.id)
            bar.job(job)
    return job


def _report(store: Store, job: Job, console: Console) -> int:
    """Say how a job ended, list what failed, and return the exit code."""
    from compute.plan import known_failures
    from compute.terminal import list_failures

    line = f"{job.run}: {job.state}, {job.done} of {job.total} measurements in the store"
    console.print(line, markup=False, highlight=False)
    if job.state == "failed" and not job.failed:
        raise RunError(job.reason)
    if job.failed:
        kinds = {spec["kind"] for spec in job.specs}
        failures = [failed for failed in known_failures(store, job.run) if failed.kind in kinds]
        list_failures(console, [f for f in failures if job.steps is None or f.step in job.steps])
        console.print("try again: ontogeny compute --retry-failed", job.run, highlight=False)
    return 1 if job.failed else 0


def _digests(run: Run) -> dict[int, str] | None:
    """Return the digest of every checkpoint that can be read; None where no weights are here."""
    if run.source == "shipped":
        return None
    from compute.models import weights_digest

    digests = {}
    for step in run.steps:
        with contextlib.suppress(RunError):
            digests[step] = weights_digest(run, step)
    return digests


def _recipe(run: Run) -> dict[str, Any] | None:
    """Return how a run of this project was trained; None for other runs."""
    with contextlib.suppress(OSError, ValueError):
        recipe: dict[str, Any] = json.loads((Path(run.location) / "recipe.json").read_text())
        return recipe
    return None


def _enter(store: Store, run: Run) -> None:
    """Put a run into the catalogue, and say so."""
    from compute.catalogue import enter

    enter(store, run)
    first, last = run.steps[0], run.steps[-1]
    print(
        f"{run.name}: {len(run.steps)} checkpoints, steps {first:,} to {last:,}; "
        f"next: ontogeny compute {run.name}"
    )
