"""Estimates of every verdict, judged as real ones are, and a store whose run has them all."""

from __future__ import annotations

import dataclasses
import json

import numpy as np

from compute.llc_records import LLCEstimate, VerdictName
from compute.llc_specs import LLCMeasurement, LLCSpec
from compute.measure.llc import llc_from_traces
from compute.records import to_bytes
from compute.runs import Run
from compute.specs import spec_to_json
from compute.store import Store
from tests.dashboard import synthetic
from tests.llc_samples import autoregressive, traces

# Another setting of which a few checkpoints are measured, with chains that stop when they may.
OTHER = LLCMeasurement(
    llc=LLCSpec(
        step_size=1e-4, nbeta=100.0, gamma=1000.0, chains=3, draws=60, burn_in=40, batch_size=2,
        rel_error=0.02, max_draws=240,
    )
)  # fmt: skip
# At which checkpoints of a run the estimate is not healthy.
DOUBTED: dict[int, VerdictName] = {
    12: "drifting", 13: "drifting", 30: "short", 31: "short", 45: "not at a minimum",
    55: "diverged", 70: "frozen", 71: "drifting",
}  # fmt: skip


def judged(
    verdict: VerdictName, spec: LLCSpec, llc: float, rng: np.random.Generator
) -> LLCEstimate:
    """Return an estimate of about that value with that verdict."""
    found = traces(spec, llc, rng)
    rise = llc / spec.nbeta
    shape = found.losses.shape
    if verdict == "drifting":
        found = found._replace(losses=found.losses + rise * np.linspace(-0.5, 0.5, shape[-1]))
    if verdict == "short":
        found = found._replace(
            losses=found.baselines + rise * (1 + 0.2 * autoregressive(rng, shape, 0.985))
        )
    if verdict == "not at a minimum":
        found = found._replace(losses=2 * found.baselines - found.losses)
    if verdict == "diverged":
        found = found._replace(losses=found.losses + 7)
    if verdict == "frozen":
        found = found._replace(distances=np.full_like(found.distances, 20.0))
    estimate = llc_from_traces(found, 0, initial_loss=2.0, ignorant_loss=6.2, spec=spec)
    assert estimate.verdict == verdict, estimate.reason
    return estimate


def fill(store: Store, run: Run, *, missing: tuple[tuple[str, int], ...] = ()) -> Run:
    """Put a run into the store with estimates of every verdict, and some of another setting.

    Return the run as it is stored: with its own settings of the LLC, of chains that disagree less.
    """
    spec = LLCMeasurement(
        llc=LLCSpec(
            step_size=2e-4, nbeta=100.0, gamma=1000.0, chains=4, draws=100, burn_in=30, batch_size=2
        )
    )
    run = dataclasses.replace(run, llc=json.dumps(spec_to_json(spec)))
    unhealthy = tuple(("llc", index) for index in DOUBTED if index < len(run.steps))
    synthetic.fill(store, run, missing=missing + unhealthy)
    encoded = {}
    for index, verdict in DOUBTED.items():
        if index < len(run.steps) and ("llc", index) not in missing:
            rng = np.random.default_rng(1000 + index)
            record = judged(verdict, spec.llc, 60.0 + index / 2, rng)
            measured = synthetic.wrap(run, run.steps[index], spec, record)
            encoded[measured.key] = to_bytes(measured)
    for index in range(0, len(run.steps), 9):
        rng = np.random.default_rng(2000 + index)
        drawn = dataclasses.replace(OTHER.llc, draws=60 * (1 + index % 4))
        record = judged("healthy", drawn, 80.0 + index / 3, rng)
        record = dataclasses.replace(record, spec=OTHER.llc)
        measured = synthetic.wrap(run, run.steps[index], OTHER, record)
        encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)
    return run
