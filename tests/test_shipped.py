"""The developments in ``data/`` are whole, small, and show what the guide says of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from compute.bundle import bundles, import_bundle
from compute.records import Measured
from compute.specs import (
    AblationSpec,
    GraphMeasurement,
    LLCMeasurement,
    TaskSpec,
    spec_digest,
    standard_measurements,
)
from compute.store import Store

DATA = Path(__file__).parents[1] / "data"
GUIDE = (Path(__file__).parents[1] / "dashboard" / "guide.md").read_text(encoding="utf-8")
UNIGRAM = [GraphMeasurement(task=TaskSpec(name="unigram"))]
NAMES = ("stdlib_lm", "icl_regression")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    for folder in bundles(DATA):
        import_bundle(store, folder)
    yield store
    store.close()


def measured(store: Store, run: str, kind: str) -> list[Measured]:
    found = [store.get(key) for key in store.keys(run, kind)]
    return sorted((m for m in found if m), key=lambda m: m.step)


def graphs(store: Store, task: str, **ablation: str) -> dict[int, Measured]:
    """The graphs of ``stdlib_lm`` on a task, by step; exact and of zero ablation unless named."""
    wanted = AblationSpec(**ablation)
    return {
        m.step: m
        for m in measured(store, "stdlib_lm", "graph")
        if isinstance(m.spec, GraphMeasurement)
        and m.spec.task.name == task
        and m.spec.ablation == wanted
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_checkpoint_has_every_standard_measurement(store, name):
    run = store.run(name)
    assert run.source == "shipped"
    have = {
        (m.step, spec_digest(m.spec))
        for kind in ("graph", "network", "behaviour", "llc")
        for m in measured(store, name, kind)
    }
    wanted = {(s, spec_digest(spec)) for s in run.steps for spec in standard_measurements(run)}
    assert have >= wanted


def test_the_runs_are_as_long_as_promised(store):
    language, regression = (store.run(name) for name in NAMES)
    assert len(language.steps) >= 100
    assert language.steps[-1] >= 6_000
    assert len(regression.steps) >= 120
    assert regression.steps[-1] >= 100_000


@pytest.mark.parametrize("name", NAMES)
def test_every_llc_has_four_chains_and_its_diagnostics(store, name):
    for m in measured(store, name, "llc"):
        assert isinstance(m.spec, LLCMeasurement)
        assert np.isfinite(m.record.per_chain).sum() >= 4, m.step
        assert np.isfinite([m.record.standard_error, m.record.rhat, m.record.ess]).all(), m.step


@pytest.mark.parametrize("name", NAMES)
def test_every_bundle_says_how_it_was_made(name):
    about = json.loads((DATA / name / "run.json").read_text())
    assert about["recipe"]["seed"] is not None
    assert about["recipe"]["checkpoint_steps"][0] == 0
    assert all({"python", "torch", "ontogeny"} <= set(e) for e in about["environments"])
    assert len(about["sha256"]) == 64


def test_the_shipped_data_are_small():
    assert sum(f.stat().st_size for f in DATA.rglob("*") if f.is_file()) < 20_000_000


def at(records: dict[int, Measured], step: int):
    return records[step].record


def by_step(store: Store, run: str, kind: str) -> dict[int, Measured]:
    return {m.step: m for m in measured(store, run, kind)}


def first_step(values: dict[int, float], level: float) -> int:
    return min(step for step, value in values.items() if value >= level)


def llc_text(estimate) -> str:
    return f"{estimate.llc:.1f} ± {1.96 * estimate.standard_error:.1f}"


def language_facts(store: Store) -> list[str]:
    """What the guide says of ``stdlib_lm``, in its words, read off the records."""
    behaviour = by_step(store, "stdlib_lm", "behaviour")
    llc = by_step(store, "stdlib_lm", "llc")
    unigram = graphs(store, "unigram")
    previous = {s: float(m.record.previous_token.max()) for s, m in behaviour.items()}
    prefix = {s: float(m.record.prefix_matching.max()) for s, m in behaviour.items()}
    copied = {s: m.record.first_loss - m.record.second_loss for s, m in behaviour.items()}
    last = max(behaviour)
    best = at(behaviour, last).heads[int(at(behaviour, last).previous_token.argmax())]
    inductive = at(behaviour, last).heads[int(at(behaviour, last).prefix_matching.argmax())]
    early = max((s for s in llc if s <= 300), key=lambda s: at(llc, s).llc)
    trough = min((s for s in llc if early < s <= 600), key=lambda s: at(llc, s).llc)
    bump = max((s for s in llc if trough < s <= 1500), key=lambda s: at(llc, s).llc)
    dip = min((s for s in llc if bump < s <= 4000), key=lambda s: at(llc, s).llc)
    names = at(unigram, last).components
    edge = {
        s: float(m.record.weight[names.index(best), names.index(inductive)])
        for s, m in unigram.items()
    }
    hurt = {s: float(m.record.loss_change[names.index(best)]) for s, m in unigram.items()}
    return [
        f"`{best}` passes 0.1 at step {first_step(previous, 0.1):,}, "
        f"0.3 at {first_step(previous, 0.3):,} and ends at {previous[last]:.2f}",
        f"passes 0.05 at step {first_step(prefix, 0.05):,}, 0.2 at {first_step(prefix, 0.2):,}",
        f"`{inductive}` ends at {prefix[last]:.2f}",
        f"{copied[first_step(copied, 0.2)]:.2f} nats at step {first_step(copied, 0.2):,} "
        f"and {copied[last]:.2f} at the end",
        f"from {edge[0]:.3f} at step 0 and {edge[early]:.3f} at {early:,} "
        f"to {edge[bump]:.3f} at {bump:,} and {edge[last]:.3f} at the end",
        f"{hurt[trough]:.3f} nats at step {trough:,} and {hurt[last]:.2f} at the end",
        f"{llc_text(at(llc, 0))} at step 0",
        f"{llc_text(at(llc, early))} at step {early:,}",
        f"{llc_text(at(llc, trough))} at step {trough:,}",
        f"{llc_text(at(llc, bump))} at step {bump:,}",
        f"{llc_text(at(llc, dip))} at step {dip:,}",
        f"{llc_text(at(llc, last))} at step {last:,}",
        f"`{best}` is spreader {rank(store, best, 0)} of 22 at step 0, "
        f"{rank(store, best, bump)} at {bump:,} and {rank(store, best, last)} at the end",
    ]


def ablation_facts(store: Store) -> list[str]:
    """What the guide says of the other graphs of ``stdlib_lm``, read off the records."""
    facts = []
    for name in ("zero", "mean", "resample"):
        record = at(graphs(store, "text", ablation=name), 6_000)
        source, target = (record.components.index(c) for c in ("L2H3", "L3H0"))
        facts.append(
            f"{name}: {record.weight[source, target]:.3f} ± "
            f"{1.96 * record.weight_error[source, target]:.3f} and "
            f"{record.loss_change[source]:.2f} ± {1.96 * record.loss_change_error[source]:.2f} nats"
        )
    agreement = []
    exact = graphs(store, "text")
    for step, m in graphs(store, "text", method="attribution").items():
        edges = np.isfinite(exact[step].record.weight)
        pair = (m.record.weight[edges], exact[step].record.weight[edges])
        agreement.append(spearmanr(*pair).statistic)
    low, middle, high = np.percentile(agreement, [0, 50, 100])
    return [*facts, f"{low:.2f} to {high:.2f} over the checkpoints, median {middle:.2f}"]


def rank(store: Store, component: str, step: int) -> int:
    """The place of a component by out-strength on unigram tokens, 1 for the strongest."""
    record = next(
        m.record
        for m in measured(store, "stdlib_lm", "network")
        if m.step == step and m.spec.graph in UNIGRAM
    )
    strength = record.node_values[record.node_names.index("out_strength")]
    return int((strength > strength[record.components.index(component)]).sum()) + 1


def test_two_components_spread_most_at_every_checkpoint(store):
    for m in measured(store, "stdlib_lm", "network"):
        if m.spec.graph in UNIGRAM:
            strength = m.record.node_values[m.record.node_names.index("out_strength")]
            first_two = {m.record.components[i] for i in np.argsort(-strength)[:2]}
            assert first_two == {"EMB", "L0MLP"}, m.step


def regression_facts(store: Store) -> list[str]:
    """What the guide says of ``icl_regression``, in its words, read off the records."""
    behaviour = by_step(store, "icl_regression", "behaviour")
    llc = by_step(store, "icl_regression", "llc")
    last = max(behaviour)
    prior = {s: m.record.task_prior_score for s, m in behaviour.items()}
    quiet = min(prior, key=lambda s: prior[s])
    peak = max(llc, key=lambda s: at(llc, s).llc)
    negative = [s for s in llc if at(llc, s).llc + 1.96 * at(llc, s).standard_error < 0]
    return [
        f"{prior[0]:.2f} at step 0 and {prior[quiet]:.3f} at step {quiet:,}",
        f"{at(behaviour, quiet).loss:.2f} at step {quiet:,} and "
        f"{at(behaviour, last).loss:.2f} at step {last:,}",
        f"{at(behaviour, quiet).ridge_distance:.2f} at step {quiet:,} and "
        f"{at(behaviour, last).ridge_distance:.2f} at step {last:,}",
        f"below zero up to step {max(negative):,}",
        f"{llc_text(at(llc, peak))} at step {peak:,}",
        f"{llc_text(at(llc, last))} at step {last:,}",
    ]


@pytest.mark.parametrize("facts", [language_facts, regression_facts, ablation_facts])
def test_the_guide_quotes_the_shipped_records(store, facts):
    text = " ".join(GUIDE.split())
    missing = [fact for fact in facts(store) if fact not in text]
    assert not missing, "the guide does not say:\n" + "\n".join(missing)


def test_heads_form_before_the_model_copies(store):
    behaviour = by_step(store, "stdlib_lm", "behaviour")
    previous = {s: float(m.record.previous_token.max()) for s, m in behaviour.items()}
    prefix = {s: float(m.record.prefix_matching.max()) for s, m in behaviour.items()}
    assert first_step(previous, 0.3) <= 600 < first_step(prefix, 0.2) <= 2_200
