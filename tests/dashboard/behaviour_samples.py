"""Runs whose behaviours develop: invented records of every kind, with gaps, and their specs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy import ndarray

from compute.behaviour_records import ContextUse, ShiftedRegression, Structure
from compute.behaviour_specs import ContextMeasurement, ShiftMeasurement, StructureMeasurement
from compute.records import Record, to_bytes
from compute.runs import Run
from compute.specs import (
    BehaviourMeasurement,
    GraphMeasurement,
    Measurement,
    standard_measurements,
)
from compute.store import Store
from tests.dashboard import synthetic
from tests.dashboard.synthetic import components_of, loss_at, rise

GAP = (10, 11)
ENTROPY, SCALES = 3.4, (1.0, 3.0, 5.0, 10.0, 100.0)
EMBEDDINGS = {"language": ("EMB", "UNEMBED"), "regression": ("EMB", "POS", "UNEMBED")}


def heads_of(run: Run) -> tuple[str, ...]:
    """Return the heads of a run, layer by layer."""
    return tuple(c for c in components_of(run)[0] if c[2:3] == "H")


def context_use(step: int, *, positions: int = 127, seed: int = 0) -> ContextUse:
    """Return a use of context that grows: losses fall with the position once induction is there."""
    rng = np.random.default_rng([step, seed])
    learnt = rise(step, 3.0, 5)
    by_position = loss_at(step) - 0.35 * learnt * np.log(np.arange(1, positions + 1) / 20)
    by_position = by_position + rng.normal(0, 0.02, positions)
    ratio = 1 - np.array([0.1, 0.3, 0.4]) * np.array([rise(step, c, 5) for c in (1.8, 2.4, 2.9)])
    return ContextUse(
        loss_by_position=by_position.astype(np.float32),
        loss_by_position_error=np.full(positions, 0.03, np.float32),
        icl=-0.8 * learnt, icl_error=0.01 + 0.02 * learnt,
        bigram=ENTROPY + 3 * (1 - rise(step, 1.6, 4)) + 0.6 * learnt, bigram_error=0.02,
        bigram_entropy=ENTROPY, ngrams=(2, 3, 4), ngram=ratio.astype(np.float32),
        ngram_error=np.full(3, 0.02, np.float32),
        positional=1 + 0.3 * rise(step, 2.3, 5), positional_error=0.01,
    )  # fmt: skip


def shifted(step: int) -> ShiftedRegression:
    """Return errors that fall in distribution, and rise far from it."""
    scales = np.array(SCALES, dtype=np.float32)
    learnt = rise(step, 3.2, 4)
    error = (4 * scales**2 * (1 - 0.9 * learnt) + scales**3 * learnt).astype(np.float32)
    fields = ("input_error", "task_error", "input_ridge", "task_ridge")
    values = {name: error * share for name, share in zip(fields, (1, 0.8, 0.9, 0.7), strict=True)}
    return ShiftedRegression(
        scales=scales,
        input_standard_error=0.02 * values["input_error"],
        task_standard_error=0.02 * values["task_error"],
        input_ridge_standard_error=0.03 * values["input_ridge"],
        task_ridge_standard_error=0.03 * values["task_ridge"],
        **values,
    )


def structure(run: Run, step: int) -> Structure:
    """Return a structure in which L1H2 comes to write into the keys of L2H3, if they are there."""
    rng = np.random.default_rng([step, 1])
    heads = heads_of(run)
    layers = np.array([int(head[1]) for head in heads])
    possible = layers[:, None] < layers[None, :]
    composed = [composition(rng, possible) for _ in range(3)]
    if "L2H3" in heads:
        composed[1][heads.index("L1H2"), heads.index("L2H3")] = 0.05 + 0.3 * rise(step, 3.1, 8)
    entropy = 3.5 - 2.5 * rise(step, 2.5, 4) * np.linspace(0.2, 1, len(heads))
    norms = [f"L{k}{part}" for k in range(layers.max() + 1) for part in ("LN1", "LN2")] + ["LNF"]
    shrink = 1 - 0.8 * rise(step, 2.8, 4) * np.linspace(0, 1, len(norms))
    embeddings = EMBEDDINGS[run.family]
    return Structure(
        heads=heads, q_composition=composed[0], k_composition=composed[1],
        v_composition=composed[2], composition_chance=np.array([0.05, 0.06, 0.07], np.float32),
        attention_entropy=entropy.astype(np.float32),
        attention_entropy_error=np.full(len(heads), 0.05, np.float32),
        attention_variability=(0.9 * rise(step, 3, 4) * np.linspace(1, 0.1, len(heads))).astype(
            np.float32
        ),
        norms=tuple(norms), norm_mean=shrink.astype(np.float32),
        norm_spread=(0.4 * (1 - shrink)).astype(np.float32),
        norm_size=(8 * shrink).astype(np.float32),
        norm_small=np.clip(0.5 - shrink, 0, 1).astype(np.float32),
        embeddings=embeddings, singular_values=spectra(step, len(embeddings), run),
    )  # fmt: skip


def composition(rng: np.random.Generator, possible: ndarray) -> ndarray:
    """Return compositions near chance, NaN where the row's layer does not come first."""
    return np.where(possible, np.abs(rng.normal(0.06, 0.01, possible.shape)), np.nan).astype(
        np.float32
    )


def spectra(step: int, count: int, run: Run) -> ndarray:
    """Return spectra that become steeper; the second of three matrices has fewer values."""
    width = 5 if run.family == "regression" else 64
    steep = 0.2 + 6 * rise(step, 2.6, 4) / width
    values = np.exp(-steep * np.arange(width)) * (3 + 20 * rise(step, 2, 3))
    table = np.stack([values / (k + 1) for k in range(count)]).astype(np.float32)
    table[1, width - 2 :] = np.nan
    return table


def specs_of(run: Run) -> dict[str, Measurement]:
    """Return the measurements of behaviours of a run, by kind."""
    standard = {
        s.kind: s for s in standard_measurements(run) if isinstance(s, BehaviourMeasurement)
    }
    of_family: Mapping[str, Measurement] = (
        {"context": ContextMeasurement()}
        if run.family == "language"
        else {"shift": ShiftMeasurement()}
    )
    return {**standard, **of_family, "structure": StructureMeasurement()}


def records_at(run: Run, index: int) -> dict[str, Record]:
    """Return the records of one checkpoint by kind; only the loss is there in a gap."""
    step = run.steps[index]
    rng = np.random.default_rng(step)
    found: dict[str, Record] = {"behaviour": synthetic.behaviour(run, step, rng)}
    if index in GAP:
        return found
    found["structure"] = structure(run, step)
    if run.family == "language":
        return {**found, "context": context_use(step)}
    return {**found, "shift": shifted(step)}


def behave(
    store: Store, run: Run, kinds: tuple[str, ...] = ("behaviour", "context", "shift", "structure")
) -> None:
    """Put a run, a graph of every checkpoint and the behaviours of those kinds into a store."""
    store.put_run(run)
    specs = specs_of(run)
    graph = next(s for s in standard_measurements(run) if isinstance(s, GraphMeasurement))
    encoded = {}
    for index, step in enumerate(run.steps):
        found: list[tuple[Measurement, Record]] = [
            (specs[kind], record)
            for kind, record in records_at(run, index).items() if kind in kinds
        ]  # fmt: skip
        found.append((graph, synthetic.graph(run, step, graph, np.random.default_rng(step))))
        for spec, record in found:
            measured = synthetic.wrap(run, step, spec, record)
            encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)
