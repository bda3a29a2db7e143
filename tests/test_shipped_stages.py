"""What the guide says of stages, behaviours and structure, read off the shipped records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compute.coincidence.boundaries import boundary_distance
from compute.measure.stages import Boundary, Stages, find_stages
from compute.store import Store
from compute.trajectories import trajectory
from dashboard.figures.stages import stage_points
from dashboard.figures.structure import structure
from dashboard.library import Library
from tests.test_shipped import (
    EVERY,
    at,
    by_step,
    first_step,
    llc_text,
    measured,
    require_quoted,
    store,
    verdicts,
)

__all__ = ["store"]  # the fixture

RUN = "attention_only"


def stages_of(store: Store, run: str, curve: str = "llc") -> Stages:
    """The stages of one of a run's curves, as the pages have them."""
    development = Library(store).development(run)
    found = development.curve(curve, "")
    assert found is not None
    return find_stages(development.run.steps, *stage_points(found))


def text_of(boundary: Boundary) -> str:
    """A boundary as the guide writes it."""
    kind = "a slope change" if boundary.kind == "slope" else f"a {boundary.kind}"
    return f"{kind} at {boundary.step:,.0f} ({boundary.low:,.0f} to {boundary.high:,.0f})"


def stage_facts(store: Store) -> list[str]:
    """Every critical point of the LLC of every run that ships."""
    return [text_of(b) for run in EVERY for b in stages_of(store, run).critical_points]


def head_facts(store: Store) -> list[str]:
    """The circuit of ``attention_only``: who attends where, from when on, and how they compose."""
    behaviour, structure = (by_step(store, RUN, kind) for kind in ("behaviour", "structure"))
    last = max(behaviour)
    previous = {s: float(m.record.previous_token.max()) for s, m in behaviour.items()}
    prefix = {s: float(m.record.prefix_matching.max()) for s, m in behaviour.items()}
    end = at(behaviour, last)
    one = end.heads[int(end.previous_token.argmax())]
    other = end.heads[int(end.prefix_matching.argmax())]
    made = at(structure, last)
    pair = (made.heads.index(one), made.heads.index(other))
    composed = {s: float(m.record.k_composition[pair]) for s, m in structure.items()}
    most = np.nanmax(made.k_composition)
    copied = {s: m.record.first_loss - m.record.second_loss for s, m in behaviour.items()}
    return [
        f"`{one}` passes 0.1 at step {first_step(previous, 0.1):,} and ends at "
        f"{previous[last]:.2f}",
        f"passes 0.05 at step {first_step(prefix, 0.05):,}; `{other}` ends at {prefix[last]:.2f}",
        f"by {copied[last]:.2f} nats at step {last:,}",
        f"K-composition of the two goes from {composed[0]:.3f} at step 0 to "
        f"{composed[last]:.3f} at the end, where chance is {made.composition_chance[1]:.3f} and "
        f"the largest of all pairs is {most:.3f}",
    ]


def context_facts(store: Store) -> list[str]:
    """How ``attention_only`` comes to use its context."""
    context = by_step(store, RUN, "context")
    last = max(context)
    icl = {s: m.record.icl for s, m in context.items()}
    lowest = min(context, key=lambda s: at(context, s).bigram)
    end = at(context, last)
    positional = max(context, key=lambda s: at(context, s).positional)
    return [
        f"{icl[last]:.2f} ± {1.96 * end.icl_error:.2f} nats at the end".replace("-", "−"),
        f"closest to the bigram table at step {lowest:,}, "
        f"{at(context, lowest).bigram:.2f} nats where the least is {end.bigram_entropy:.2f}",
        f"{end.bigram:.2f} nats at the end",
        f"{at(context, positional).positional:.2f} at step {positional:,} and "
        f"{end.positional:.2f} ± {1.96 * end.positional_error:.2f} at the end",
        f"{end.ngram[0]:.2f}, {end.ngram[1]:.2f} and {end.ngram[2]:.2f} for n of 2, 3 and 4",
    ]


def degeneracy_facts(store: Store) -> list[str]:
    """The LLC of ``attention_only``."""
    llc = by_step(store, RUN, "llc")
    last = max(llc)
    count = verdicts(llc)
    peak = max((s for s in llc if at(llc, s).verdict == "healthy"), key=lambda s: at(llc, s).llc)
    return [
        f"{count['healthy']} of the {len(llc)} estimates are healthy",
        f"{llc_text(at(llc, peak))} at step {peak:,} and {llc_text(at(llc, last))} at {last:,}",
    ]


def dynamics_facts(store: Store) -> list[str]:
    """The shape of the way that ``attention_only`` goes."""
    outputs = {m.step: m.record for m in measured(store, RUN, "outputs")}
    found = trajectory({RUN: outputs})
    share, walk = (np.round(100 * part[:3]).astype(int) for part in (found.explained, found.walk))
    return [
        f"{share[0]}, {share[1]} and {share[2]} % of the variance, where a random walk over the "
        f"same checkpoints has {walk[0]}, {walk[1]} and {walk[2]} %"
    ]


def coincidence_facts(store: Store) -> list[str]:
    """Whether the LLC's critical points lie near the phases of the graph on real text."""
    facts = []
    for run in ("stdlib_lm", RUN):
        development = Library(store).development(run)
        steps = development.run.steps
        phases = structure(development.graphs["text.zero"], threshold=0).phases
        assert phases is not None
        places = [
            Boundary(steps[b.index], steps[b.low], steps[b.high], "slope", 1.0)
            for b in phases.boundaries
        ]
        found = boundary_distance(stages_of(store, run).critical_points, places, steps)
        apart, low, high, chance = np.exp([found.distance, found.low, found.high, found.chance])
        facts.append(
            f"a factor of {apart:.2f} ({low:.2f} to {high:.2f}) in time from the graph's "
            f"{len(places)} boundaries, by chance {chance:.2f}, p = {found.p:.2f}"
        )
    return facts


@pytest.mark.parametrize(
    "facts",
    [
        stage_facts,
        head_facts,
        context_facts,
        degeneracy_facts,
        dynamics_facts,
        coincidence_facts,
    ],
)
def test_the_guide_quotes_the_records(store: Store, facts: Callable[[Store], list[str]]) -> None:
    require_quoted(facts(store))


def test_every_checkpoint_of_attention_only_has_its_nature(store: Store) -> None:
    steps = set(store.run(RUN).steps)
    for kind in ("context", "structure", "outputs"):
        assert set(by_step(store, RUN, kind)) == steps, kind
