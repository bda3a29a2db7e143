"""The calibrations of a store's run, and how a choice becomes the run's settings."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from compute.calibration import Setting, Sweep, setting_of
from compute.errors import BadRecord
from compute.jobs import Jobs
from compute.llc_records import LLCEstimate
from compute.llc_specs import CalibrationMeasurement, LLCMeasurement
from compute.runs import Run
from compute.specs import key_parts, measurement_key, spec_digest, spec_to_json
from compute.store import Store

_KIND = CalibrationMeasurement.kind


class _Cell(NamedTuple):
    """One cell as the store has it: an estimate and its key, or why there is none."""

    spec: CalibrationMeasurement
    step: int
    estimate: LLCEstimate | None
    key: str
    reason: str


# By the digest of what is common to their cells.
_Groups: TypeAlias = dict[str, list[_Cell]]


def sweeps(store: Store, run: Run) -> list[Sweep]:
    """Return the calibrations of a run, those with most estimates first.

    Cells belong to one sweep if they differ in step size, nbeta, gamma and checkpoint only. Damaged
    records are left out; they are listed with the run's failures.
    """
    groups: _Groups = defaultdict(list)
    weights: dict[int, str] = {}
    for cell, digest in _measured(store, run):
        groups[sweep_id(cell.spec)].append(cell)
        weights[cell.step] = digest
    for cell in _failed(store, run, groups, weights):
        groups[sweep_id(cell.spec)].append(cell)
    found = [_sweep(cells) for cells in groups.values()]
    return sorted(found, key=lambda sweep: (-len(sweep.keys), sweep_id(sweep.base)))


def sweep_id(spec: CalibrationMeasurement) -> str:
    """Return 12 hex digits that name the sweep to which a cell belongs."""
    return spec_digest(_placed(spec, Setting(1.0, 1.0, 1.0)))


def sweep_of(store: Store, run: Run, measurement: LLCMeasurement) -> Sweep | None:
    """Return the sweep whose cells differ from a curve's measurement in their setting only."""
    name = sweep_id(CalibrationMeasurement(**vars(measurement)))
    return next((sweep for sweep in sweeps(store, run) if sweep_id(sweep.base) == name), None)


def estimate_of(store: Store, run: str, digest: str) -> LLCEstimate | None:
    """Return the estimate of the cell whose key ends in ``digest``; None if none can be read."""
    key = next((k for k in store.keys(run, _KIND) if k.rsplit("/", 1)[1] == digest), None)
    try:
        measured = None if key is None else store.get(key)
    except BadRecord:
        return None
    record = None if measured is None else measured.record
    return record if isinstance(record, LLCEstimate) else None


def use(store: Store, run: str, measurement: LLCMeasurement) -> Run:
    """Make a measurement the one by which a run's LLC is measured, and return the run's entry.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    with store.transact():
        entry = dataclasses.replace(store.run(run), llc=json.dumps(spec_to_json(measurement)))
        store.put_run(entry)
    return entry


def _measured(store: Store, run: Run) -> Iterator[tuple[_Cell, str]]:
    """Yield the cells that have an estimate, each with the digest of its checkpoint's weights."""
    for key in store.keys(run.name, _KIND):
        try:
            measured = store.get(key)
        except BadRecord:
            continue
        if measured is None or measured.step not in run.steps:
            continue
        spec, record = measured.spec, measured.record
        if isinstance(spec, CalibrationMeasurement) and isinstance(record, LLCEstimate):
            yield _Cell(spec, measured.step, record, key, ""), measured.weights_digest


def _failed(store: Store, run: Run, groups: _Groups, weights: dict[int, str]) -> list[_Cell]:
    """Return the cells that failed.

    A key does not say which settings it is of, so every cell that may have been asked for is tried:
    the specs of jobs, and all combinations of the settings of what was measured.
    """
    failures = {k: why for k, why in store.failures(run.name).items() if key_parts(k).kind == _KIND}
    steps = {key_parts(key).step for key in failures}
    candidates = list(_candidates(store, run, groups)) if steps else []
    found = []
    for step in steps.intersection(run.steps):
        digest = weights.get(step) or _weights_digest(store, run, step)
        for spec in candidates:
            key = measurement_key(
                spec, run=run.name, step=step, weights_digest=digest, data_digest=run.data_digest
            )
            if key in failures:
                found.append(_Cell(spec, step, None, key, failures[key]))
    return found


def _candidates(store: Store, run: Run, groups: _Groups) -> Iterable[CalibrationMeasurement]:
    asked: dict[str, set[CalibrationMeasurement]] = defaultdict(set)
    for job in Jobs(store).list():
        if job.run == run.name and any(spec["kind"] == _KIND for spec in job.specs):
            for spec in job.measurements():
                if isinstance(spec, CalibrationMeasurement):
                    asked[sweep_id(spec)].add(spec)
    for name, cells in groups.items():
        asked[name].update(cell.spec for cell in cells)
    return [spec for specs in asked.values() for spec in _combinations(list(specs))]


def _combinations(specs: Sequence[CalibrationMeasurement]) -> list[CalibrationMeasurement]:
    """Return one sweep's cells of all combinations of the settings that occur in it."""
    values = zip(*(setting_of(spec.llc) for spec in specs), strict=True)
    return [
        _placed(specs[0], Setting(*chosen))
        for chosen in itertools.product(*(set(v) for v in values))
    ]


def _weights_digest(store: Store, run: Run, step: int) -> str:
    """Return the digest of a checkpoint's weights from any of its records; "" if it has none."""
    for key in store.keys(run.name):
        if key_parts(key).step == step:
            try:
                measured = store.get(key)
            except BadRecord:
                continue
            if measured is not None:
                return measured.weights_digest
    return ""


def _placed(spec: CalibrationMeasurement, setting: Setting) -> CalibrationMeasurement:
    return dataclasses.replace(spec, llc=dataclasses.replace(spec.llc, **setting._asdict()))


def _sweep(cells: Sequence[_Cell]) -> Sweep:
    estimates: dict[int, dict[Setting, LLCEstimate]] = defaultdict(dict)
    failures: dict[int, dict[Setting, str]] = defaultdict(dict)
    keys = {}
    for cell in cells:
        setting = setting_of(cell.spec.llc)
        if cell.estimate is None:
            failures[cell.step][setting] = cell.reason
        else:
            estimates[cell.step][setting] = cell.estimate
            keys[cell.step, setting] = cell.key
    return Sweep(cells[0].spec, dict(estimates), dict(failures), keys)
