"""From the store to developments, each record decoded once per process."""

from __future__ import annotations

import threading

from compute.errors import BadRecord
from compute.llc_specs import CalibrationMeasurement
from compute.runs import Run
from compute.specs import Measurement, key_parts, spec_digest, standard_measurements
from compute.store import Store
from dashboard.development import Development, Failure, develop
from dashboard.points import Point, condense

CORRUPT = "this record is damaged in the store; delete it and compute it again"


class Library:
    """The developments of a store, as they are now.

    Parameters
    ----------
    store
        Where the records are. It is only read.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._points: dict[str, Point | None] = {}
        self._latest: dict[str, tuple[int, Development]] = {}

    def development(self, name: str) -> Development:
        """Return a run with everything measured on it.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        with self._lock:
            revision = self.store.revision(name)
            known = self._latest.get(name)
            if known is None or known[0] != revision:
                known = (revision, self._read(name))
                self._latest[name] = known
            return known[1]

    def points(self, name: str) -> dict[str, Point]:
        """Return what is kept of every readable record of a run's checkpoints, by its key.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        with self._lock:
            steps = self.store.run(name).steps
            found = {key: self._point(key) for key in self.store.keys(name)}
            return {k: p for k, p in found.items() if p is not None and p.step in steps}

    def _read(self, name: str) -> Development:
        run = self.store.run(name)
        keys = self.store.keys(name)
        points = {key: self._point(key) for key in keys}
        failures = [
            _failure(k, reason)
            for k, reason in self.store.failures(name).items()
            # Cells of a calibration are meant to fail somewhere; its own page shows them.
            if key_parts(k).kind != CalibrationMeasurement.kind
        ]
        failures += [_failure(key, CORRUPT) for key, point in points.items() if point is None]
        found = [p for p in points.values() if p is not None and p.step in run.steps]
        return develop(run, found, failures, _expected(run, found))

    def _point(self, key: str) -> Point | None:
        """Return what is kept of a record, or None if its bytes are damaged."""
        if key not in self._points:
            try:
                measured = self.store.get(key)
            except BadRecord:
                measured = None
            self._points[key] = (
                None
                if measured is None
                else Point(measured.spec, measured.step, condense(measured.record))
            )
        return self._points[key]


def _failure(key: str, reason: str) -> Failure:
    parts = key_parts(key)
    return Failure(parts.step, parts.kind, reason)


def _expected(run: Run, points: list[Point]) -> list[Measurement]:
    """Return what coverage counts: all that is standard; of records that shipped, what there is."""
    if run.source != "shipped":
        return list(standard_measurements(run))
    return list({spec_digest(p.spec): p.spec for p in points}.values())
