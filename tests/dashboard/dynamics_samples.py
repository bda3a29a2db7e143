"""Runs whose outputs go by simple predictors: invented records with gaps, and walks of chance."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from compute.behaviour_records import ModelOutputs
from compute.behaviour_specs import OutputsMeasurement
from compute.measure.references import LANGUAGE_REFERENCES, REGRESSION_REFERENCES
from compute.records import Record, to_bytes
from compute.runs import Run
from compute.specs import BehaviourMeasurement, Measurement, standard_measurements
from compute.store import Store
from tests.dashboard.synthetic import behaviour, rise, wrap

DIMENSIONS = 48
GAP = (9, 10)
SPEC = OutputsMeasurement(dimensions=DIMENSIONS)


def references(scale: float = 1.0) -> ndarray:
    """Return the outputs of three predictors; the last lies off the plane of the others."""
    found = np.zeros((3, DIMENSIONS))
    found[1, 0] = 2.4
    found[2, :2] = 3.0, 1.7
    found[2, 12] = 1.2
    return found * scale


def place(step: int, later: float = 1.0, seed: int = 0) -> ndarray:
    """Return outputs that go to the second predictor, turn to the third, and then elsewhere."""
    t = round(step / later)
    away = np.zeros(DIMENSIONS)
    away[0] = 2.3 * rise(t, 1.4, 4) + 0.5 * rise(t, 2.6, 5) + 0.2
    away[1] = 1.9 * rise(t, 2.5, 6) - 0.9 * rise(t, 3.3, 8)
    away[2] = 1.1 * rise(t, 3.1, 7) - 0.5 * rise(t, 2.0, 8)
    away[3] = 0.5 * rise(t, 3.5, 10)
    return away + np.random.default_rng([step, seed]).normal(0, 0.012, DIMENSIONS)


def record(outputs: ndarray, beside: ndarray, names: tuple[str, ...]) -> ModelOutputs:
    """Return the record of outputs that were not projected."""
    kept = outputs.astype(np.float16).astype(float)
    return ModelOutputs(
        outputs=outputs.astype(np.float16), square=float(kept @ kept), references=names,
        reference_squares=(beside**2).sum(1), reference_products=beside @ kept,
        reference_between=beside @ beside.T,
    )  # fmt: skip


def way(
    run: Run, later: float = 1.0, *, seed: int = 0, gaps: tuple[int, ...] = (), scale: float = 1.0
) -> dict[int, ModelOutputs]:
    """Return the outputs of a run by step, without those of the indices in ``gaps``."""
    names = LANGUAGE_REFERENCES if run.family == "language" else REGRESSION_REFERENCES
    return {
        step: record(place(step, later, seed), references(scale), names)
        for i, step in enumerate(run.steps) if i not in gaps
    }  # fmt: skip


def walk(run: Run, *, dimensions: int = 600, seed: int = 0) -> dict[int, ModelOutputs]:
    """Return the outputs of a random walk, whose variance grows with ln(1 + t)."""
    gaps = np.sqrt(np.diff(np.log1p(run.steps)))
    drawn = np.random.default_rng(seed).normal(0, 0.05, (len(gaps), dimensions))
    points = np.concatenate([np.zeros((1, dimensions)), np.cumsum(gaps[:, None] * drawn, axis=0)])
    beside = np.zeros((3, dimensions))
    beside[:, 0] = 0, 0.1, 0.2
    at = zip(run.steps, points, strict=True)
    return {step: record(row, beside, LANGUAGE_REFERENCES) for step, row in at}


def put(
    store: Store, run: Run, found: dict[int, ModelOutputs], spec: OutputsMeasurement = SPEC
) -> None:
    """Put a run into a store, with its loss at every checkpoint and these outputs."""
    store.put_run(run)
    loss = next(s for s in standard_measurements(run) if isinstance(s, BehaviourMeasurement))
    encoded = {}
    for step in run.steps:
        records: list[tuple[Measurement, Record]] = [
            (loss, behaviour(run, step, np.random.default_rng(step)))
        ]
        if step in found:
            records.append((spec, found[step]))
        for setting, value in records:
            measured = wrap(run, step, setting, value)
            encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)
