"""What the guide says of in-context regression from three seeds, read off the shipped records."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from compute.alignment import Band, band
from compute.records import Measured
from compute.store import Store
from tests.test_shipped import DATA, SEEDS, at, by_step, llc_text, require_quoted, store

__all__ = ["store"]  # the fixture

GROUP = SEEDS[0]


def listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


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


@pytest.mark.parametrize("facts", [learning_facts, degeneracy_facts])
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
