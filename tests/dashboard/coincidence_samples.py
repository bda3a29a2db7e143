"""Runs whose boundaries are known: an LLC that turns twice, graphs, and what is missing."""

from __future__ import annotations

import dataclasses

import numpy as np

from compute.records import ImportedValue, to_bytes
from compute.runs import Run
from compute.specs import ImportedMeasurement
from compute.store import Store
from tests.dashboard import refined_samples, stage_samples, synthetic

GRAPH = "text.zero"
# Of the tests of `full`: two of the graph and two of each of loss, copying, induction, previous.
DISTANCES = 10


def full(checkpoints: int = 40) -> Run:
    """Return a run with an LLC that turns twice, graphs and refined LLCs."""
    return synthetic.language_run("whole", checkpoints=checkpoints)


def fill_full(store: Store, run: Run) -> None:
    """Put it into a store."""
    stage_samples.fill(store, run, graphs=1)
    refined_samples.refine(store, run)


def fill_imported(store: Store, run: Run) -> None:
    """Put a run into a store that has no LLC but one that was imported, and no graph."""
    stage_samples.fill(store, run, without=tuple(range(len(run.steps))))
    spec = ImportedMeasurement(name="llc", source="a paper", file="f" * 64)
    encoded = {}
    for step in run.steps:
        rng = np.random.default_rng(step)
        value = stage_samples.level(step) + rng.normal()
        measured = synthetic.wrap(run, step, spec, ImportedValue(value=float(value), error=1.0))
        encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)


def bare(name: str = "bare") -> Run:
    """Return a run of which nothing is measured."""
    return dataclasses.replace(synthetic.language_run(name, 12, 3000), name=name)
