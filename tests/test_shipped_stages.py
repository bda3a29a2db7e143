"""What the guide says of stages, behaviours and structure, read off the shipped records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from compute.behaviour_records import Structure as StructureRecord
from compute.coincidence.boundaries import boundary_distance
from compute.coincidence.components import components_together
from compute.coincidence.words import holm
from compute.measure.stages import Boundary, Stages, find_stages
from compute.records import LanguageBehaviour, Measured
from compute.store import Store
from compute.trajectories import trajectory
from dashboard.figures.behaviour_curves import effective_rank
from dashboard.figures.coincidence_tests import courses, parts_of
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
LANGUAGE = ("stdlib_lm", RUN)
_SPECTRA = ("EMB", "UNEMBED")


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
    """The circuit of ``attention_only``: who attends where, and from when on."""
    behaviour = by_step(store, RUN, "behaviour")
    last = max(behaviour)
    previous = {s: float(m.record.previous_token.max()) for s, m in behaviour.items()}
    prefix = {s: float(m.record.prefix_matching.max()) for s, m in behaviour.items()}
    one, other = circuit(at(behaviour, last))
    copied = {s: m.record.first_loss - m.record.second_loss for s, m in behaviour.items()}
    return [
        f"`{one}` passes 0.1 at step {first_step(previous, 0.1):,} and ends at "
        f"{previous[last]:.2f}",
        f"passes 0.05 at step {first_step(prefix, 0.05):,}; `{other}` ends at {prefix[last]:.2f}",
        f"by {copied[last]:.2f} nats at step {last:,}",
    ]


def circuit(behaviour: LanguageBehaviour) -> tuple[str, str]:
    """The best previous-token head, and the best induction head."""
    scores = (behaviour.previous_token, behaviour.prefix_matching)
    one, other = (behaviour.heads[int(score.argmax())] for score in scores)
    return one, other


def composition_facts(store: Store) -> list[str]:
    """How the two heads of each language model's circuit compose."""
    facts = []
    for run in LANGUAGE:
        made = by_step(store, run, "structure")
        last = max(made)
        end = at(made, last)
        pair = tuple(map(end.heads.index, circuit(at(by_step(store, run, "behaviour"), last))))
        composed = {s: float(m.record.k_composition[pair]) for s, m in made.items()}
        facts.append(
            f"K-composition of the two goes from {composed[0]:.3f} at step 0 to "
            f"{composed[last]:.3f} at the end, where chance is {end.composition_chance[1]:.3f} "
            f"and the largest of all pairs is {np.nanmax(end.k_composition):.3f}"
        )
    return facts


def structure_facts(store: Store) -> list[str]:
    """What the weights of ``stdlib_lm`` tell of its circuit, its spectra and its heads."""
    made = by_step(store, "stdlib_lm", "structure")
    behaviour = at(by_step(store, "stdlib_lm", "behaviour"), max(made))
    one, other = circuit(behaviour)
    start, early, end = (at(made, step) for step in (0, 301, max(made)))
    row, column = np.unravel_index(np.nanargmax(end.k_composition), end.k_composition.shape)
    second = end.heads[np.argsort(-behaviour.prefix_matching)[1]]
    assert (end.heads[row], end.heads[column]) == (one, second)
    ranks = {name: [spectral_rank(of, name) for of in (start, early, end)] for name in _SPECTRA}
    assert max(end.norm_small) == 0
    pair = (end.heads.index(one), end.heads.index(other))
    return [
        f"that of `{one}` with the other induction head, `{second}`",
        f"at step 301, before either head matches prefixes, it is {early.k_composition[pair]:.3f}",
        "from {:.0f} at step 0 to {:.0f} at step 301 and {:.0f} at the end".format(*ranks["EMB"]),
        "from {:.0f} to {:.0f} and {:.0f}".format(*ranks["UNEMBED"]),
        f"from {start.attention_entropy.mean():.2f} nats at step 0 to "
        f"{end.attention_entropy.mean():.2f} at the end",
        f"from {start.attention_variability.mean():.2f} to {end.attention_variability.mean():.2f}",
    ]


def spectral_rank(made: StructureRecord, name: str) -> float:
    return effective_rank(made.singular_values[made.embeddings.index(name)])


def course_facts(store: Store) -> list[str]:
    """Whether heads' refined LLCs go with their strength beyond what all heads do together."""
    development = Library(store).development("stdlib_lm")
    facts = []
    for strength in ("out_strength", "in_strength"):
        parts = parts_of(development.curves, development.graphs["text.zero"], strength)
        assert parts is not None
        found = courses(parts)
        r, low, high = (f"{v:.2f}".replace("-", "−") for v in (found.r, found.low, found.high))
        facts.append(f"r = {r} ({low} to {high})")
        assert (holm([found.p] * 23)[0] <= 0.05) == (strength == "out_strength")
        each = components_together(
            development.run.steps, parts.refined, parts.errors, parts.strength, parts.low,
            parts.high, parts.names, layers=parts.layers,
        )  # fmt: skip
        assert not (holm([one.p for one in each.over_time]) <= 0.05).any()
    together = f"{facts[0]} with out-strength and {facts[1]} with in-strength"
    return [together]


def context_facts(store: Store) -> list[str]:
    """How each language model comes to use its context."""
    return [fact for run in LANGUAGE for fact in uses_of_context(by_step(store, run, "context"))]


def uses_of_context(context: dict[int, Measured]) -> list[str]:
    last = max(context)
    lowest = min(context, key=lambda s: at(context, s).bigram)
    end = at(context, last)
    positional = {s: m.record.positional for s, m in context.items()}
    return [
        f"{end.icl:.2f} ± {1.96 * end.icl_error:.2f} nats at the end".replace("-", "−"),
        f"closest to the bigram table at step {lowest:,}, "
        f"{at(context, lowest).bigram:.2f} nats where the least is {end.bigram_entropy:.2f}",
        f"{end.bigram:.2f} nats at the end",
        f"Positional dependence passes 1.1 at step {first_step(positional, 1.1):,} and ends at "
        f"{end.positional:.2f} ± {1.96 * end.positional_error:.2f}",
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
    """The shape of the way that each language model goes."""
    facts = []
    for run in LANGUAGE:
        found = trajectory({run: {m.step: m.record for m in measured(store, run, "outputs")}})
        share, walk = (
            np.round(100 * part[:3]).astype(int) for part in (found.explained, found.walk)
        )
        facts.append(
            f"{share[0]}, {share[1]} and {share[2]} % of the variance, where a random walk over "
            f"the same checkpoints has {walk[0]}, {walk[1]} and {walk[2]} %"
        )
    return facts


def coincidence_facts(store: Store) -> list[str]:
    """Whether the LLC's critical points lie near the phases of the graph on real text."""
    facts = []
    for run in LANGUAGE:
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
        composition_facts,
        structure_facts,
        course_facts,
        context_facts,
        degeneracy_facts,
        dynamics_facts,
        coincidence_facts,
    ],
)
def test_the_guide_quotes_the_records(store: Store, facts: Callable[[Store], list[str]]) -> None:
    require_quoted(facts(store))


@pytest.mark.parametrize("run", LANGUAGE)
@pytest.mark.parametrize("kind", ["context", "structure", "outputs"])
def test_every_checkpoint_of_a_language_model_has_its_nature(
    store: Store, run: str, kind: str
) -> None:
    assert set(by_step(store, run, kind)) == set(store.run(run).steps)
