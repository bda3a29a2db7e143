"""A store that looks like a measured one: real records, invented numbers. Nothing of it ships."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray

from compute.measure.network import measure_network
from compute.records import (
    AblationGraph,
    LanguageBehaviour,
    LLCEstimate,
    Measured,
    NetworkMetrics,
    Record,
    RegressionBehaviour,
    to_bytes,
)
from compute.runs import Run
from compute.specs import (
    GraphMeasurement,
    LLCMeasurement,
    Measurement,
    NetworkMeasurement,
    measurement_key,
    standard_measurements,
)
from compute.store import Store
from tests.llc_samples import an_estimate
from tests.samples import a_graph

METRICS = {"resamples": 20, "permutations": 99}


def language_run(name: str = "stdlib_lm", checkpoints: int = 107, last: int = 6000) -> Run:
    """Return a run with log- and then linearly spaced checkpoints."""
    log = np.unique(np.round(np.geomspace(1, last, checkpoints // 2)).astype(int))
    linear = np.linspace(0, last, 4 * checkpoints).round().astype(int)
    steps = {0, last, *log.tolist()}
    spacing = last / (checkpoints - len(steps) + 1)
    for t in linear:
        if len(steps) < checkpoints and min(abs(t - s) for s in steps) > spacing / 2:
            steps.add(int(t))
    return Run(
        name=name, source="folder", location=f"/nowhere/{name}", family="language",
        steps=tuple(sorted(steps)), data_digest="0" * 12,
        summary="GPT-NeoX, 4 layers of 4 heads, on Python's standard library",
    )  # fmt: skip


def regression_run(name: str = "icl_regression") -> Run:
    """Return a run of the regression transformer."""
    steps = np.unique(np.round(np.geomspace(1, 100_000, 90)).astype(int)).tolist()
    return Run(
        name=name, source="folder", location=f"/nowhere/{name}", family="regression",
        steps=(0, *steps), data_digest="1" * 12, summary="in-context linear regression",
    )  # fmt: skip


def fill(
    store: Store, run: Run, *, missing: tuple[tuple[str, int], ...] = (), seed: int = 0
) -> None:
    """Put every standard record of ``run`` into ``store``, but for ``missing`` (kind, index)."""
    store.put_run(run)
    encoded = {}
    for i, step in enumerate(run.steps):
        for measured in _measured(run, step, np.random.default_rng(seed + i)):
            if (measured.spec.kind, i) not in missing:
                encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)


def fail(store: Store, run: Run, index: int, kind: str, reason: str) -> None:
    """Enter a failure of the first standard measurement of a kind."""
    spec = next(s for s in standard_measurements(run) if s.kind == kind)
    key = measurement_key(
        spec, run=run.name, step=run.steps[index], weights_digest="w", data_digest=run.data_digest
    )
    store.put_failure(key, reason)


def _measured(run: Run, step: int, rng: np.random.Generator) -> Iterator[Measured]:
    graphs = {}
    for spec in standard_measurements(run):
        record: Record
        if isinstance(spec, GraphMeasurement):
            record = graphs[spec.task.name] = graph(run, step, spec, rng)
        elif isinstance(spec, NetworkMeasurement):
            record = network(graphs[spec.graph.task.name])
        elif isinstance(spec, LLCMeasurement):
            record = llc(step, spec, rng)
        else:
            record = behaviour(run, step, rng)
        yield wrap(run, step, spec, record)


def wrap(run: Run, step: int, spec: Measurement, record: Record) -> Measured:
    """Return a record as the service would keep it."""
    return Measured(
        spec=spec, run=run.name, step=step, weights_digest=f"w{step}", data_digest=run.data_digest,
        record=record, environment={"python": "3.11"}, seconds=0.1,
    )  # fmt: skip


def components_of(run: Run) -> tuple[tuple[str, ...], ndarray]:
    """Return names and orders: a parallel model for language, a sequential one for regression."""
    names, order = ["EMB"], [-1.0]
    sequential = run.family == "regression"
    for layer in range(2 if sequential else 4):
        depth = 2.0 * layer if sequential else float(layer)
        names += [f"L{layer}H{h}" for h in range(4)] + [f"L{layer}MLP"]
        order += [depth] * 4 + [depth + 1 if sequential else depth]
    return (*names, "LOGITS"), np.array([*order, max(order) + 1], dtype=np.float32)


def graph(run: Run, step: int, spec: GraphMeasurement, rng: np.random.Generator) -> AblationGraph:
    """Return a graph in which a previous-token and an induction head grow together."""
    names, order = components_of(run)
    n, prompts = len(names), spec.task.prompts
    shape = np.random.default_rng(7).random((n, n)) ** 5
    shape[0] = np.maximum(shape[0], 0.6 * np.exp(-0.4 * np.arange(n) / 4))
    grown = shape * (0.25 + 0.75 * rise(step, 2.0, 4.0))
    if "L2H3" in names:
        grown[names.index("L1H2"), names.index("L2H3")] = 0.9 * rise(step, 3.2, 14)
        grown[names.index("L1H2"), names.index("LOGITS")] = 0.5 * rise(step, 3.2, 10)
    noise = rng.normal(0, 0.02, (prompts, n, n))
    each = np.clip(grown + noise, 0, 2)
    each[:, ~(order[:, None] < order[None, :])] = np.nan
    effect = np.nan_to_num(grown[:, -1]) - 0.05
    return a_graph(
        each, components=names, order=order,
        loss_change=effect.astype(np.float32), loss=float(loss_at(step)),
        loss_change_error=np.full(n, 0.005, dtype=np.float32),
    )  # fmt: skip


def network(of: AblationGraph) -> NetworkMetrics:
    """Return the metrics of a graph, really measured, with few resamples."""
    return measure_network(of, NetworkMeasurement(**METRICS), np.random.default_rng(0))


def llc(step: int, spec: LLCMeasurement, rng: np.random.Generator) -> LLCEstimate:
    """Return an estimate that rises, falls and rises again."""
    curve = 40 + 60 * rise(step, 1.6, 3) + 26 * rise(step, 3.05, 9) - 9 * rise(step, 3.32, 14)
    level = curve + 10 * rise(step, 3.55, 12) + rng.normal(0, 3)
    return an_estimate(spec.llc, float(level), rng, loss=float(loss_at(step)))


def behaviour(
    run: Run, step: int, rng: np.random.Generator
) -> LanguageBehaviour | RegressionBehaviour:
    """Return behaviours in which induction comes late."""
    heads = tuple(c for c in components_of(run)[0] if c[2:3] == "H")
    previous = np.abs(rng.normal(0.03, 0.01, len(heads))).astype(np.float32)
    previous[heads.index("L1H2")] += 0.35 * rise(step, 2.4, 8)
    prefix = np.abs(rng.normal(0.02, 0.004, len(heads))).astype(np.float32)
    if run.family == "regression":
        by_pair = 4.2 - 2.4 * rise(step, 3, 3) * np.linspace(0.1, 1, 8)
        return RegressionBehaviour(
            loss=float(by_pair.mean()), loss_error=0.03, loss_by_pair=by_pair.astype(np.float32),
            task_prior_score=2 * rise(step, 3.2, 6), ridge_distance=3 - 2.6 * rise(step, 3.4, 4),
            heads=heads, previous_token=previous,
        )  # fmt: skip
    prefix[heads.index("L2H3")] += 0.24 * rise(step, 3.22, 16)
    loss = float(loss_at(step))
    return LanguageBehaviour(
        loss=loss, loss_error=0.02, first_loss=loss + 0.3,
        second_loss=loss + 0.3 - 0.7 * rise(step, 3.25, 14),
        correct_logit=9 * rise(step, 2.8, 4), correct_probability=0.6 * rise(step, 3.3, 8),
        heads=heads, previous_token=previous, prefix_matching=prefix,
    )  # fmt: skip


def loss_at(step: int) -> float:
    """Return a loss that falls twice."""
    return float(6.3 - 2.9 * rise(step, 1.75, 3.4) - 1.5 * rise(step, 2.9, 4))


def rise(step: int, centre: float, steepness: float) -> float:
    """Return a logistic curve in the logarithm of the step."""
    return float(1 / (1 + np.exp(-(np.log10(1 + step) - centre) * steepness)))
