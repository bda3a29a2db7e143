"""Synthetic graphs beyond the standard ones: other ablations, attention taken apart, very wide."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from compute.records import AblationGraph, LanguageBehaviour, to_bytes
from compute.runs import Run
from compute.specs import (
    AblationSpec,
    BehaviourMeasurement,
    GraphMeasurement,
    LLCMeasurement,
    TaskSpec,
    standard_measurements,
)
from compute.store import Store
from tests.dashboard import synthetic
from tests.samples import a_graph

TEXT = TaskSpec(name="text")
EXACT = GraphMeasurement(task=TEXT)
MEAN = GraphMeasurement(task=TEXT, ablation=AblationSpec(ablation="mean"))
RESAMPLE = GraphMeasurement(task=TEXT, ablation=AblationSpec(ablation="resample"))
HOOKS = GraphMeasurement(task=TEXT, ablation=AblationSpec(granularity="hooks"))
ATTRIBUTION = GraphMeasurement(task=TEXT, ablation=AblationSpec(method="attribution"))
SETTINGS = (MEAN, RESAMPLE, HOOKS, ATTRIBUTION)

LAYERS, HEADS = 36, 40
WIDE_COMPONENTS = LAYERS * (HEADS + 1) + 2
# Between layers, within each layer from heads to the MLP, from EMB, to LOGITS, and between the two.
WIDE_EDGES = 41**2 * LAYERS * (LAYERS - 1) // 2 + LAYERS * HEADS + 2 * LAYERS * 41 + 1


def fill_settings(
    store: Store, run: Run, specs: Iterable[GraphMeasurement] = SETTINGS, *, seed: int = 0
) -> None:
    """Put graphs of other settings beside those of `synthetic.fill` with the same seed."""
    encoded = {}
    for spec in specs:
        for i, step in enumerate(run.steps):
            # The first draw of this generator made the exact graph of the same checkpoint.
            exact = synthetic.graph(run, step, EXACT, np.random.default_rng(seed + i))
            measured = synthetic.wrap(run, step, spec, variant(exact, spec, step))
            encoded[measured.key] = to_bytes(measured)
    store.put_many(encoded, run.name)


def variant(exact: AblationGraph, spec: GraphMeasurement, step: int) -> AblationGraph:
    """Return what another setting could have found where exact zero ablation found ``exact``."""
    rng = np.random.default_rng(step)
    if spec.ablation.granularity == "hooks":
        return hook_graph(step, rng)
    noise = rng.normal(0, 0.05, exact.weight.shape).astype(np.float32)
    scale = {"zero": 0.8, "mean": 0.6, "resample": 0.7}[spec.ablation.ablation]
    weight = np.clip(scale * exact.weight + noise, 0, 2)
    found = dataclasses.replace(
        exact, weight=weight, norm_change=weight, method=spec.ablation.method,
        weight_by_group=exact.weight_by_group[:0],
    )  # fmt: skip
    if spec.ablation.method == "exact":
        return found
    none = np.full(len(exact.components), np.nan, np.float32)
    return dataclasses.replace(found, logit_change=none, logit_change_error=none)


def hook_names(layers: int = 4, heads: int = 4) -> tuple[tuple[str, ...], ndarray]:
    """Return the nodes of a model whose attention is taken apart, and where an edge can be."""
    names, depth = ["EMB"], [-1.0]
    for layer in range(layers):
        for part, stage in {"Q": 0, "K": 0, "V": 0, "RQ": 1, "RK": 1, "Z": 2}.items():
            owners = ["", *(f"H{h}" for h in range(heads))]
            names += [f"L{layer}{owner}{part}" for owner in owners]
            depth += [4.0 * layer + stage] * len(owners)
        names.append(f"L{layer}POST")
        depth.append(4.0 * layer + 3)
    return (*names, "LOGITS"), np.array([*depth, 4.0 * layers])


def hook_graph(step: int, rng: np.random.Generator) -> AblationGraph:
    """Return a graph of queries, keys, values and outputs; between some later nodes no edge is."""
    names, order = hook_names()
    n = len(names)
    shape = np.random.default_rng(11).random((n, n)) ** 12
    each = np.clip(
        shape * (0.3 + 0.7 * synthetic.rise(step, 2.5, 4))
        + rng.normal(0, 0.01, (TEXT.prompts, n, n)),
        0,
        2,
    )
    # No edge leads into the rotated queries and keys of one head.
    closed = np.array(["H" in name and name.endswith(("RQ", "RK")) for name in names])
    each[:, ~(order[:, None] < order[None, :]) | closed[None, :]] = np.nan
    return a_graph(each, components=names, order=order, loss=synthetic.loss_at(step))


def wide_run(name: str = "wide", checkpoints: int = 6) -> Run:
    """Return a run of a model of 36 layers of 40 heads."""
    steps = np.unique(np.round(np.geomspace(1, 143_000, checkpoints - 1)).astype(int)).tolist()
    return Run(
        name=name, source="folder", location=f"/nowhere/{name}", family="language",
        steps=(0, *steps), data_digest="3" * 12, summary="36 layers of 40 heads",
    )  # fmt: skip


def wide_names(layers: int = LAYERS, heads: int = HEADS) -> tuple[tuple[str, ...], ndarray]:
    """Return the components of a wide model, and their depths."""
    parts = [*(f"H{head}" for head in range(heads)), "MLP"]
    names = [f"L{layer}{part}" for layer in range(layers) for part in parts]
    depth = np.repeat(2.0 * np.arange(layers), heads + 1) + np.tile([0] * heads + [1], layers)
    return ("EMB", *names, "LOGITS"), np.array([-1.0, *depth, 2.0 * layers])


def wide_graph(step: int, layers: int = LAYERS, heads: int = HEADS) -> AblationGraph:
    """Return a graph of up to a million edges, in halves, as the ablation keeps it."""
    names, order = wide_names(layers, heads)
    n, rng = len(names), np.random.default_rng(step)
    fixed = np.random.default_rng(1)
    strength = fixed.pareto(2, (2, n)).astype(np.float32) + 0.2  # few spread, few gather
    strength[0, [0, heads + 1]] *= 20  # EMB and L0MLP reach everything
    weight = fixed.exponential(0.001, (n, n)).astype(np.float32)
    weight *= strength[0][:, None] * strength[1][None, :]
    weight *= 0.2 + synthetic.rise(step, 3, 3)
    weight *= rng.normal(1, 0.05, n).astype(np.float32)
    weight = np.minimum(weight, 2, out=weight)
    weight[~(order[:, None] < order[None, :])] = np.nan
    half, effect = weight.astype(np.float16), np.nanmean(weight[:-1], axis=1).astype(np.float32)
    effect = np.append(effect, np.float32(np.nan))
    return AblationGraph(
        components=names, order=order, method="exact", prompts=TEXT.prompts,
        weight=half, weight_error=half / 20, norm_change=half * 2, norm_change_error=half / 10,
        loss_change=effect, loss_change_error=abs(effect) / 10, logit_change=-3 * effect,
        logit_change_error=abs(effect) / 5, loss=synthetic.loss_at(step),
        weight_by_group=np.zeros((0, int(np.isfinite(half).sum())), np.float16),
    )  # fmt: skip


def fill_wide(store: Store, run: Run, layers: int = LAYERS, heads: int = HEADS) -> None:
    """Put a wide run's graphs, LLCs and behaviours into a store: 18 MB for each checkpoint."""
    store.put_run(run)
    named = tuple(name for name in wide_names(layers, heads)[0] if "H" in name)
    standard = standard_measurements(run)
    llc = next(spec for spec in standard if isinstance(spec, LLCMeasurement))
    behaviour = next(spec for spec in standard if isinstance(spec, BehaviourMeasurement))
    for step in run.steps:
        rng = np.random.default_rng(step)
        small = synthetic.behaviour(synthetic.language_run(), step, rng)
        assert isinstance(small, LanguageBehaviour)
        scores = rng.random((2, len(named))).astype(np.float32) ** 8
        record = dataclasses.replace(
            small, heads=named, previous_token=scores[0], prefix_matching=scores[1]
        )
        found = (
            (EXACT, wide_graph(step, layers, heads)),
            (llc, synthetic.llc(step, llc, rng)),
            (behaviour, record),
        )
        wrapped = [synthetic.wrap(run, step, spec, value) for spec, value in found]
        store.put_many({m.key: to_bytes(m) for m in wrapped}, run.name)


def kept_bytes(kept: Any) -> int:
    """The bytes of all arrays of a dataclass, and of those inside of it."""
    values = [getattr(kept, f.name) for f in dataclasses.fields(kept)]
    arrays = [v.nbytes for v in values if isinstance(v, ndarray)]
    return sum(arrays) + sum(kept_bytes(v) for v in values if dataclasses.is_dataclass(v))
