"""A run whose LLC rises, falls and rises again, far beyond its errors; little else is measured."""

from __future__ import annotations

import itertools

import numpy as np

from compute.llc_specs import LLCMeasurement
from compute.records import Measured, to_bytes
from compute.runs import Run
from compute.specs import (
    BehaviourMeasurement,
    GraphMeasurement,
    NetworkMeasurement,
    standard_measurements,
)
from compute.store import Store
from tests.dashboard import synthetic
from tests.llc_samples import an_estimate

MAXIMUM, MINIMUM = 60, 700
_LEVELS = ((0, 20.0), (MAXIMUM, 120.0), (MINIMUM, 60.0), (6000, 150.0))


def level(step: int) -> float:
    """Return the LLC at a step: half a wave of ln(1 + t) between its turning points."""
    x = np.log1p(step)
    for (start, low), (end, high) in itertools.pairwise(_LEVELS):
        if step <= end:
            share = (x - np.log1p(start)) / (np.log1p(end) - np.log1p(start))
            return low + (high - low) * float(1 - np.cos(np.pi * share)) / 2
    raise ValueError(f"the run ends at step 6000, before {step}")


def fill(store: Store, run: Run, *, without: tuple[int, ...] = (), graphs: int = 0) -> None:
    """Put LLCs and behaviours into a store, and graphs of one task at every so many checkpoints.

    There is no LLC at the checkpoints ``without``; 0 for ``graphs`` is none at all.
    """
    store.put_run(run)
    found: list[Measured] = []
    for i, step in enumerate(run.steps):
        rng = np.random.default_rng(i)
        for spec in standard_measurements(run):
            if isinstance(spec, LLCMeasurement) and i not in without:
                llc = an_estimate(spec.llc, level(step), rng, noise=0.02)
                found.append(synthetic.wrap(run, step, spec, llc))
            elif isinstance(spec, BehaviourMeasurement):
                behaviour = synthetic.behaviour(run, step, rng)
                found.append(synthetic.wrap(run, step, spec, behaviour))
        if graphs and i % graphs == 0:
            found += _graph(run, step, rng)
    store.put_many({measured.key: to_bytes(measured) for measured in found}, run.name)


def _graph(run: Run, step: int, rng: np.random.Generator) -> list[Measured]:
    specs = standard_measurements(run)
    of = next(s for s in specs if isinstance(s, NetworkMeasurement))
    spec = next(s for s in specs if isinstance(s, GraphMeasurement) and s == of.graph)
    graph = synthetic.graph(run, step, spec, rng)
    return [
        synthetic.wrap(run, step, spec, graph),
        synthetic.wrap(run, step, of, synthetic.network(graph)),
    ]
