"""The developments in ``data/`` are whole, small, and show what the guide says of them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from compute.bundle import bundles, import_bundle
from compute.records import Measured, NetworkMetrics
from compute.specs import (
    AblationSpec,
    GraphMeasurement,
    LLCMeasurement,
    TaskSpec,
    spec_digest,
    standard_measurements,
)
from compute.store import Store
from dashboard.figures.structure import structure
from dashboard.library import Library

DATA = Path(__file__).parents[1] / "data"
GUIDE = (Path(__file__).parents[1] / "dashboard" / "guide.md").read_text(encoding="utf-8")
UNIGRAM = [GraphMeasurement(task=TaskSpec(name="unigram"))]
NAMES = ("stdlib_lm", "icl_regression")
SHIPPED = (*NAMES, "attention_only")
SEEDS = tuple(f"icl_regression_batch64{seed}" for seed in ("", "_seed2", "_seed3"))
EVERY = (*SHIPPED, *SEEDS)


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


@pytest.mark.parametrize("name", EVERY)
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
    language, regression, attention_only = (store.run(name) for name in SHIPPED)
    assert len(language.steps) >= 100
    assert language.steps[-1] >= 6_000
    assert len(regression.steps) >= 120
    assert regression.steps[-1] >= 100_000
    assert len(attention_only.steps) >= 85
    assert attention_only.steps[-1] >= 8_000
    assert {path.name for path in bundles(DATA)} == set(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_llc_has_four_chains_and_its_diagnostics(store, name):
    for m in measured(store, name, "llc"):
        assert isinstance(m.spec, LLCMeasurement)
        assert np.isfinite(m.record.per_chain).sum() >= 4, m.step
        assert np.isfinite([m.record.standard_error, m.record.rhat, m.record.ess]).all(), m.step


@pytest.mark.parametrize("name", EVERY)
def test_every_bundle_says_how_it_was_made(name):
    about = json.loads((DATA / name / "run.json").read_text())
    assert about["recipe"]["seed"] is not None
    assert about["recipe"]["checkpoint_steps"][0] == 0
    assert all({"python", "torch", "ontogeny"} <= set(e) for e in about["environments"])
    assert len(about["sha256"]) == 64


def test_the_shipped_data_are_small():
    assert sum(f.stat().st_size for f in DATA.rglob("*") if f.is_file()) < 30_000_000


def at(records: dict[int, Measured], step: int):
    return records[step].record


def by_step(store: Store, run: str, kind: str) -> dict[int, Measured]:
    return {m.step: m for m in measured(store, run, kind)}


def first_step(values: dict[int, float], level: float) -> int:
    return min(step for step, value in values.items() if value >= level)


def llc_text(estimate) -> str:
    return f"{estimate.llc:.1f} ± {1.96 * estimate.standard_error:.1f}".replace("-", "−")


def verdicts(found: dict[int, Measured]) -> Counter[str]:
    return Counter(m.record.verdict for m in found.values())


def require_quoted(facts: list[str]) -> None:
    """The guide says every one of these, in these words."""
    text = " ".join(GUIDE.split())
    missing = [fact for fact in facts if fact not in text]
    assert not missing, "the guide does not say:\n" + "\n".join(missing)


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
        f"{verdicts(llc)['healthy']} of the 107 estimates are healthy",
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


SETTINGS = [
    ("text", {}), ("text", {"ablation": "mean"}), ("text", {"ablation": "resample"}),
    ("unigram", {}), ("uniform", {}), ("passage", {}),
]  # fmt: skip


def networks(store: Store, task: str, **ablation: str) -> dict[int, NetworkMetrics]:
    """The metrics of one setting's graphs of ``stdlib_lm``, by step."""
    return {
        m.step: m.record
        for m in measured(store, "stdlib_lm", "network")
        if m.spec.graph.task.name == task and m.spec.graph.ablation == AblationSpec(**ablation)
    }


def of(found: dict[int, NetworkMetrics], metric: str, component: str) -> dict[int, float]:
    """One component's metric by step."""
    return {
        s: float(r.node_values[r.node_names.index(metric), r.components.index(component)])
        for s, r in found.items()
    }


def significant_from(found: dict[int, NetworkMetrics], component: str) -> int:
    """The step from which on a component passes the null at every checkpoint."""
    p = of(found, "spreader_p", component)
    return min(s for s in p if all(v <= 0.05 for t, v in p.items() if t >= s))


def role_facts(store: Store) -> list[str]:
    """What the guide says of roles against the layer null, read off the records."""
    found = [networks(store, task, **how) for task, how in SETTINGS]
    first = [of(f, "spreader_z", "L0MLP") for f in found]
    late = [significant_from(f, "L1H2") for f in found]
    text = found[0]
    z = of(text, "spreader_z", "L1H2")
    low, high = (
        getattr(text[6000], end)[
            text[6000].node_names.index("spreader_z"), text[6000].components.index("L1H2")
        ]
        for end in ("node_low", "node_high")
    )
    top = max(z, key=lambda s: z[s])
    other = of(text, "spreader_z", "L2H3")
    peak = max(other, key=lambda s: other[s])
    passage = of(found[-1], "spreader_p", "L2H3")
    share = np.mean([p <= 0.05 for s, p in passage.items() if s >= 1000])
    gather = [
        r.node_values[r.node_names.index("gatherer_p")]
        for f in (found[0], *found[3:])
        for r in f.values()
    ]
    early = [of(f, "spreader_z", "L1MLP")[0] for f in found]
    return [
        f"z {min(min(z.values()) for z in first):.1f} to {max(max(z.values()) for z in first):.1f}",
        f"from step {min(late)} at the earliest and {max(late)} at the latest",
        f"z {z[0]:.1f} at step 0, {z[top]:.1f} at step {top} and "
        f"{z[6000]:.1f} ({low:.1f} to {high:.1f}) at the end".replace("z -", "z −"),
        f"from step {significant_from(text, 'L2H3')} on (z {other[peak]:.1f} at step {peak}, "
        f"{other[6000]:.1f} at the end)",
        f"on the passage it passes at {100 * share:.0f} % of the checkpoints from step 1,000 on",
        f"the smallest p of any is {np.nanmin(gather):.2f}",
        f"`L1MLP` already has z {min(early):.1f} to {max(early):.1f} at step 0",
    ]


def phase_facts(store: Store) -> list[str]:
    """What the guide says of phases, computed from the records as the page does."""
    development = Library(store).development("stdlib_lm")
    steps = development.run.steps
    found = {
        task: structure(development.graphs[f"{task}.zero"], threshold=0).phases
        for task in ("text", "unigram", "uniform", "passage")
    }
    assert [task for task, view in found.items() if not view.limited] == ["uniform"]
    assert all(len(view.boundaries) == 8 for view in found.values() if view.limited)
    places = {task: [steps[b.index] for b in view.boundaries] for task, view in found.items()}
    common = [s for s in places["text"] if all(s in others for others in places.values())]
    agreeing = [
        b.agreement
        for task in ("text", "unigram", "uniform")
        for b in found[task].boundaries
        if steps[b.index] in common
    ]
    late = {task: [f"{s:,}" for s in places[task] if s not in common] for task in places}
    shares = [b.agreement for b in found["text"].boundaries if steps[b.index] not in common]
    strength = development.curve("graph.total_strength", "text.zero").values
    named = {task: [p.name for p in view.phases] for task, view in found.items()}
    assert named["text"][:-1] == [f"phase {i}" for i in range(1, 9)]
    assert named["text"][-1] == "refinement"
    return [
        f"boundaries at steps {', '.join(map(str, common[:-1]))} and {common[-1]} on all four, "
        f"with which {100 * min(agreeing):.0f} to 100 % of the prompts agree",
        f"total strength falls from {strength[0]:.1f} at step 0 to {strength.min():.1f} "
        f"at step {steps[int(strength.argmin())]}",
        f"{', '.join(late['text'][:-1])} and {late['text'][-1]} on real text, where "
        f"{100 * min(shares):.0f} to {100 * max(shares):.0f} % of the prompts agree",
        f"{', '.join(late['unigram'][:-1])} and {late['unigram'][-1]} on unigram tokens",
        f"the last phase, from step {late['text'][-1]}",
    ]


@pytest.mark.parametrize(("task", "how"), SETTINGS)
def test_at_step_0_no_head_passes_the_null(store, task, how):
    record = networks(store, task, **how)[0]
    p = record.node_values[record.node_names.index("spreader_p")]
    passing = {name for name, value in zip(record.components, p, strict=True) if value <= 0.05}
    assert passing == {"L0MLP", "L1MLP", "L2MLP"}


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
        f"{verdicts(llc)['not at a minimum']} of the 139 estimates say so",
        f"{llc_text(at(llc, peak))} at step {peak:,}",
        f"{llc_text(at(llc, last))} at step {last:,}",
    ]


@pytest.mark.parametrize(
    "facts", [language_facts, regression_facts, ablation_facts, role_facts, phase_facts]
)
def test_the_guide_quotes_the_shipped_records(store, facts):
    require_quoted(facts(store))


def test_heads_form_before_the_model_copies(store):
    behaviour = by_step(store, "stdlib_lm", "behaviour")
    previous = {s: float(m.record.previous_token.max()) for s, m in behaviour.items()}
    prefix = {s: float(m.record.prefix_matching.max()) for s, m in behaviour.items()}
    assert first_step(previous, 0.3) <= 600 < first_step(prefix, 0.2) <= 2_200
