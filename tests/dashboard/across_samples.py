"""Runs of one recipe that pass the same turns at other steps, and runs of other recipes."""

from __future__ import annotations

import dataclasses

import numpy as np

from compute.llc_specs import LLCMeasurement
from compute.records import Measured, Record, to_bytes
from compute.runs import Run
from compute.specs import standard_measurements
from compute.store import Store
from tests.dashboard import chain_samples
from tests.dashboard.synthetic import behaviour, language_run, rise, wrap
from tests.llc_samples import an_estimate

RECIPE = "tiny"
# By how much later than the first seed's a seed's turns come.
LATER = {1: 1.0, 2: 1.6, 3: 0.8}
DRIFTS = 14


def seed_run(seed: int, *, checkpoints: int = 48, tokens: int = 4096) -> Run:
    """Return a run of the recipe."""
    return dataclasses.replace(
        language_run(f"tiny_seed{seed}", checkpoints), recipe=RECIPE, seed=seed,
        tokens_per_step=tokens,
    )  # fmt: skip


def level(step: float) -> float:
    """Return an LLC that rises, falls and rises again, with turns near 200 and 1,100."""
    down = 34 * rise(step, 2.65, 9)  # type: ignore[arg-type]
    return 30 + 70 * rise(step, 1.6, 4) - down + 60 * rise(step, 3.4, 9)  # type: ignore[arg-type]


def fill(store: Store, run: Run, later: float = 1.0, *, gaps: tuple[int, ...] = ()) -> None:
    """Put a run's LLC, loss and behaviours into a store; one LLC drifts, ``gaps`` have none."""
    store.put_run(run)
    encoded = {}
    for i, step in enumerate(run.steps):
        for measured in _measured(run, step, later, i, gaps):
            encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)


def _measured(run: Run, step: int, later: float, i: int, gaps: tuple[int, ...]) -> list[Measured]:
    rng = np.random.default_rng([run.seed or 0, i])
    found: list[Measured] = []
    for spec in standard_measurements(run):
        record: Record
        if isinstance(spec, LLCMeasurement):
            if i in gaps:
                continue
            value = level(step / later) + rng.normal(0, 0.6)
            record = an_estimate(spec.llc, float(value), rng, noise=0.01)
            if i == DRIFTS:
                record = chain_samples.judged("drifting", spec.llc, float(value), rng)
        elif spec.kind == "behaviour":
            record = behaviour(run, round(step / later), rng)
        else:
            continue
        found.append(wrap(run, step, spec, record))
    return found


def fill_recipe(store: Store) -> list[Run]:
    """Put three seeds of the recipe into a store."""
    runs = [seed_run(seed) for seed in LATER]
    for run in runs:
        fill(store, run, LATER[run.seed or 0])
    return runs
