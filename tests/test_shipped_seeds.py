"""What the guide says of in-context regression from three seeds, read off the shipped records."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from compute.alignment import Band, band
from compute.records import Measured
from compute.store import Store
from compute.trajectories import trajectory
from dashboard.figures.structure import structure
from dashboard.library import Library
from tests.test_shipped import (
    DATA,
    SEEDS,
    at,
    by_step,
    llc_text,
    of,
    require_quoted,
    significant_from,
    store,
)

__all__ = ["store"]  # the fixture

GROUP = SEEDS[0]


def listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]


def over_seeds(store: Store, kind: str, value: Callable[[Measured], float]) -> Band:
    """The mean of one quantity over the seeds with its interval, as on the page *Across runs*."""
    curves = {}
    for name in SEEDS:
        found = by_step(store, name, kind)
        curves[name] = (sorted(found), np.array([value(found[s]) for s in sorted(found)]))
    return band(curves)


def mean_text(over: Band, step: int, places: int = 2) -> str:
    """The mean at a step, and its 95 % interval over the seeds."""
    i = over.steps.tolist().index(step)
    parts = (f"{v:.{places}f}".replace("-", "−") for v in (over.mean[i], over.low[i], over.high[i]))
    return "{} ({} to {})".format(*parts)


def healthy_llc(m: Measured) -> float:
    return m.record.llc if m.record.verdict == "healthy" else np.nan


def learning_facts(store: Store) -> list[str]:
    """Saying nothing first, then regressing."""
    prior, loss, ridge = (
        over_seeds(store, "behaviour", value)
        for value in (
            lambda m: m.record.task_prior_score,
            lambda m: m.record.loss,
            lambda m: m.record.ridge_distance,
        )
    )
    quiet = int(prior.steps[int(prior.mean.argmin())])
    last = int(prior.steps[-1])
    return [
        f"{mean_text(prior, quiet, 4)} at step {quiet:,}",
        f"error is {mean_text(loss, quiet)} at step {quiet:,} and {mean_text(loss, last)} at "
        f"{last:,}",
        f"distance to ridge regression {mean_text(ridge, quiet)} and {mean_text(ridge, last)}",
    ]


def degeneracy_facts(store: Store) -> list[str]:
    """The rise and the fall of the LLC in each seed, and on average."""
    found = [by_step(store, name, "llc") for name in SEEDS]
    last = max(found[0])
    peaks = []
    for llc in found:
        peak = max(
            (s for s in llc if at(llc, s).verdict == "healthy"), key=lambda s: at(llc, s).llc
        )
        peaks.append(f"{llc_text(at(llc, peak))} at step {peak:,}")
    healthy = [sum(at(llc, s).verdict == "healthy" for s in llc) for llc in found]
    mean = over_seeds(store, "llc", healthy_llc)
    top = int(mean.steps[int(np.nanargmax(np.where(mean.runs == len(SEEDS), mean.mean, np.nan)))])
    return [
        f"{listed([str(count) for count in healthy])} of the {len(found[0])} estimates are healthy",
        f"largest at {listed(peaks)}",
        f"ends at {listed([llc_text(at(llc, last)) for llc in found])}",
        f"{mean_text(mean, top, 1)} at step {top:,} and {mean_text(mean, last, 1)} at {last:,}",
    ]


def context_facts(store: Store) -> list[str]:
    """What a later pair gains on an earlier one, and what is left of it out of distribution."""

    def gained(late: int, early: int) -> Band:
        return over_seeds(
            store,
            "behaviour",
            lambda m: m.record.loss_by_pair[late - 1] - m.record.loss_by_pair[early - 1],
        )

    def shifted(field: str, scale: float) -> Band:
        return over_seeds(
            store,
            "shift",
            lambda m: getattr(m.record, field)[m.record.scales.tolist().index(scale)],
        )

    first, second = gained(4, 1), gained(8, 4)
    inputs, tasks = shifted("input_ridge", 3), shifted("task_ridge", 3)
    far = shifted("input_error", 10)
    last = int(first.steps[-1])
    return [
        f"{mean_text(first, 13_122)} at step 13,122 and {mean_text(first, last)} at {last:,}",
        f"{mean_text(second, 13_122)} and {mean_text(second, last)}",
        f"from {mean_text(inputs, 2_432, 1)} at step 2,432 to {mean_text(inputs, last, 1)} at "
        f"{last:,} with inputs three times as large",
        f"from {mean_text(tasks, 2_432, 1)} to {mean_text(tasks, last, 1)} with tasks",
        f"the error is {mean_text(far, last, 0)} where saying nothing has "
        f"{mean_text(far, 2_432, 0)}",
    ]


def structure_facts(store: Store) -> list[str]:
    """The layer norms and embeddings that collapse, and how heads attend."""

    def norm(field: str, name: str) -> Band:
        return over_seeds(
            store, "structure", lambda m: getattr(m.record, field)[m.record.norms.index(name)]
        )

    def evenness(name: str) -> Band:
        def ratio(m: Measured) -> float:
            values = m.record.singular_values[m.record.embeddings.index(name)]
            found = values[np.isfinite(values)]
            return float(found[-1] / found[0])

        return over_seeds(store, "structure", ratio)

    size, first = norm("norm_size", "final"), norm("norm_size", "L0.attention")
    small = norm("norm_small", "final")
    embedding, unembedding = evenness("EMB"), evenness("UNEMBED")
    entropy = over_seeds(store, "structure", lambda m: m.record.attention_entropy.mean())
    varied = over_seeds(store, "structure", lambda m: m.record.attention_variability.mean())
    last = int(size.steps[-1])
    return [
        f"from {mean_text(size, 40_000)} at step 40,000 to {mean_text(size, last)} at {last:,}",
        f"a share of {mean_text(small, last)} of its factors are then below a tenth",
        f"from {mean_text(first, 40_000)} to {mean_text(first, last)}",
        f"from {mean_text(embedding, 0)} to {mean_text(embedding, last)} in the embedding and "
        f"from {mean_text(unembedding, 0)} to {mean_text(unembedding, last)} in the unembedding",
        f"from {mean_text(entropy, 0)} nats at step 0 to {mean_text(entropy, 40_000)} at 40,000",
        f"from {mean_text(varied, 0)} to {mean_text(varied, 40_000)}",
    ]


def graph_facts(store: Store) -> list[str]:
    """The head that attends to the token before, its place in the graph, and the phases."""
    heads, scores, zs, since, phases, strength = [], [], [], [], [], []
    for name in SEEDS:
        behaviour = by_step(store, name, "behaviour")
        network = {s: m.record for s, m in by_step(store, name, "network").items()}
        last = max(behaviour)
        end = at(behaviour, last)
        head = end.heads[int(end.previous_token.argmax())]
        first = [h for h in end.heads if h.startswith("L0")]
        passing = [h for h in first if of(network, "spreader_p", h)[last] <= 0.05]
        assert passing == [head]
        heads.append(f"`{head}`")
        scores.append(f"{end.previous_token.max():.2f}")
        zs.append(f"{of(network, 'spreader_z', head)[last]:.1f}")
        since.append(f"{significant_from(network, head):,}")
        development = Library(store).development(name)
        found = structure(development.graphs["regression.zero"], threshold=0).phases
        phases.append([f"{development.run.steps[b.index]:,}" for b in found.boundaries])
        strength.append(development.curve("graph.total_strength", "regression.zero").values)
        assert not found.limited
    return [
        f"{listed(heads)}, with scores of {listed(scores)} at the end",
        f"(z {listed(zs)}), from steps {listed(since)} on",
        f"at steps {listed(phases[0])} in seed 1, {listed(phases[1])} in seed 2 and "
        f"{listed(phases[2])} in seed 3",
        f"from {min(s[0] for s in strength):.1f} to {max(s[0] for s in strength):.1f} at step 0 to "
        f"{min(s[-1] for s in strength):.1f} to {max(s[-1] for s in strength):.1f} at the end",
    ]


def dynamics_facts(store: Store) -> list[str]:
    """The shape of the ways that the seeds go, alone and together."""
    outputs = {
        name: {step: m.record for step, m in by_step(store, name, "outputs").items()}
        for name in SEEDS
    }
    alone = [trajectory({name: found}) for name, found in outputs.items()]
    together = trajectory(outputs)
    shares = [f"{100 * found.explained[0]:.0f}" for found in alone]
    joint, walk = (
        np.round(100 * part[:3]).astype(int) for part in (together.explained, together.walk)
    )
    return [
        f"{listed(shares)} % of each seed's variance, where a random walk over the same "
        f"checkpoints has {100 * alone[0].walk[0]:.0f} %",
        f"{joint[0]}, {joint[1]} and {joint[2]} %, those of three walks {walk[0]}, {walk[1]} and "
        f"{walk[2]} %",
    ]


@pytest.mark.parametrize(
    "facts",
    [
        learning_facts,
        degeneracy_facts,
        context_facts,
        structure_facts,
        graph_facts,
        dynamics_facts,
    ],
)
def test_the_guide_quotes_the_records(store: Store, facts: Callable[[Store], list[str]]) -> None:
    require_quoted(facts(store))


def test_the_seeds_are_of_one_recipe_past_the_third_stage(store: Store) -> None:
    runs = [store.run(name) for name in SEEDS]
    assert {(run.recipe, run.tokens_per_step, run.llc) for run in runs} == {
        (GROUP, 1024, runs[0].llc)
    }
    assert [run.seed for run in runs] == [1, 2, 3]
    assert {run.steps for run in runs} == {runs[0].steps}
    assert runs[0].steps[-1] >= 126_000


def test_the_seeds_are_measured_as_the_run_of_the_whole_batch_is(store: Store) -> None:
    assert store.run(GROUP).llc == store.run("icl_regression").llc
    about = json.loads((DATA / GROUP / "run.json").read_text())
    assert about["recipe"]["batch_size"] == 64
    for kind in ("shift", "structure", "outputs"):
        for name in SEEDS:
            assert set(by_step(store, name, kind)) == set(store.run(name).steps), (name, kind)
