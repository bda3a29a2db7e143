"""Change points are found where they are, and none where nothing changes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from compute.errors import SettingsError
from compute.networks.phase_names import name_phases
from compute.networks.phases import PhaseSpec, find_phases
from compute.networks.stability import tau_b

FAST = PhaseSpec(surrogates=59)
METRICS = 6
# Metrics that move together, as those of one graph do.
MIXED = np.eye(METRICS) + 0.5


def noise(rng, length, memory, count=METRICS):
    fresh = rng.standard_normal((length, count)) @ MIXED[:count, :count]
    for t in range(1, length):
        fresh[t] = memory * fresh[t - 1] + np.sqrt(1 - memory**2) * fresh[t]
    return fresh


def stepped(rng, cuts, length=100, memory=0.3, size=3.0):
    """Metrics whose levels jump at ``cuts``, by about ``size`` standard deviations of the noise."""
    levels = np.zeros((length, METRICS))
    for cut in cuts:
        levels[cut:] += size * rng.choice([-1, 1], METRICS) * rng.uniform(0.5, 1.5, METRICS)
    return levels + noise(rng, length, memory)


def found(series, spec=FAST, **options):
    return find_phases(series, spec=spec, generator=np.random.default_rng(1), **options)


def at(phases):
    return [boundary.index for boundary in phases.boundaries]


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_known_change_points_are_found_within_two_checkpoints(memory):
    cuts, draws, hits, alarms = (25, 55, 75), 40, 0, 0
    for seed in range(draws):
        places = at(found(stepped(np.random.default_rng(seed), cuts, memory=memory)))
        hits += sum(any(abs(place - cut) <= 2 for place in places) for cut in cuts)
        alarms += sum(all(abs(place - cut) > 2 for cut in cuts) for place in places)
    assert hits >= 0.98 * draws * len(cuts)
    assert alarms <= 0.15 * draws


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_stationary_series_have_no_boundary_in_95_percent_of_draws(memory):
    draws = 200
    alarms = sum(
        bool(at(found(noise(np.random.default_rng(seed), 80, memory)))) for seed in range(draws)
    )
    # 5 % of 200 is 10; 99 % of binomial draws have at most 18.
    assert alarms <= 18


def test_intervals_hold_the_truth():
    held, cuts = [], (30, 60)
    for seed in range(60):
        series = stepped(np.random.default_rng(seed), cuts, length=90, size=1.2)
        phases = found(series)
        if len(phases.boundaries) == len(cuts):
            held += [b.low <= cut <= b.high for b, cut in zip(phases.boundaries, cuts, strict=True)]
    assert len(held) > 80
    assert np.mean(held) >= 0.9


def test_a_graph_series_changes_where_its_weights_do():
    """Layered graphs whose weights are drawn from another law after each cut."""
    rng, cuts = np.random.default_rng(0), (20, 45)
    law = np.searchsorted(cuts, np.arange(70), side="right")
    series = []
    for shape in np.array([0.4, 1.2, 0.6])[law]:
        weight = np.triu(rng.gamma(shape, 0.2, (12, 12)), 1)
        kept = weight[weight > 0.05]
        series.append([len(kept), weight.sum(), np.median(kept), weight.sum(1).max(), kept.std()])
    places = at(found(np.array(series)))
    assert len(places) == 2
    assert all(abs(a - b) <= 2 for a, b in zip(places, cuts, strict=True))


def test_boundaries_are_counted_in_all_checkpoints():
    """A gap is not measured, and does not shift what is."""
    series = stepped(np.random.default_rng(3), (25, 55, 75), memory=0)
    gapped = np.full((110, METRICS), np.nan)
    measured = np.r_[0:40, 50:110]
    gapped[measured] = series
    whole, with_gap = found(series), found(gapped)
    assert [measured[place] for place in at(whole)] == at(with_gap)
    assert (with_gap.first, with_gap.last) == (0, 109)


def test_metrics_without_change_or_with_holes_are_left_out():
    series = np.column_stack([stepped(np.random.default_rng(0), (50,)), np.ones(100)])
    series[10, 2] = np.nan
    assert found(series).metrics == (0, 1, 3, 4, 5)


def test_the_scale_of_a_metric_does_not_matter():
    series = stepped(np.random.default_rng(5), (40,), size=4)
    assert at(found(series)) == at(found(series * np.array([1, 1e3, 1e-6, 1, 1, 5.0]) + 7))


def test_too_few_checkpoints_say_so():
    phases = found(noise(np.random.default_rng(0), 7, 0))
    assert phases.boundaries == ()
    assert phases.reason == "7 checkpoints; phases are looked for in at least 20"
    assert found(np.full((20, 3), np.nan)).reason == "no checkpoint with graph metrics"
    assert found(np.ones((20, 3))).reason == "no metric that changes"


def test_agreement_is_the_share_of_replicates_with_the_boundary():
    rng = np.random.default_rng(0)
    same = [stepped(rng, (50,), size=6) for _ in range(3)]
    other = [stepped(rng, (20,), size=6)]
    phases = found(same[0], replicates=np.stack(same + other))
    assert at(phases) == pytest.approx([50], abs=1)
    assert phases.boundaries[0].agreement == 0.75
    assert np.isnan(found(same[0]).boundaries[0].agreement)


def test_the_same_generator_gives_the_same_answer():
    series = stepped(np.random.default_rng(0), (30, 60))
    assert found(series) == found(series)


def test_a_search_that_stops_early_says_so():
    series = stepped(np.random.default_rng(2), (20, 40, 60, 80), size=8, memory=0)
    few = found(series, PhaseSpec(surrogates=59, most_boundaries=2))
    assert len(few.boundaries) == 2
    assert few.limited
    assert not found(series).limited


@pytest.mark.parametrize(
    "wrong", [{"shortest": 1}, {"most_boundaries": 0}, {"surrogates": 5}, {"level": 1.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError):
        PhaseSpec(**wrong)


def named(z, strength, cuts):
    """Names of phases cut at ``cuts``, for scores ``z`` [checkpoints, components]."""
    series = np.searchsorted(cuts, np.arange(len(z)), side="right")[:, None] * 10.0
    series = series + 0.01 * np.random.default_rng(0).standard_normal((len(z), 2))
    phases = found(series)
    assert at(phases) == list(cuts)
    return [p.name for p in name_phases(phases, tau=tau_b(z), strength=strength)]


def test_names_are_given_where_their_signature_is_met():
    rng, n = np.random.default_rng(0), 20
    early, final = rng.standard_normal((2, n))
    share = np.r_[np.zeros(20), np.linspace(0.4, 0.95, 20), np.ones(20)][:, None]
    z = (1 - share) * early + share * final + 0.02 * rng.standard_normal((60, n))
    strength = np.r_[np.full(20, 1.0), np.linspace(2, 5, 20), np.full(20, 5.0)]
    assert named(z, strength, (20, 40)) == ["exploration", "consolidation", "refinement"]


def test_phases_without_signature_are_numbered():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((1, 20)) + 0.02 * rng.standard_normal((60, 20))
    strength = np.linspace(5, 1, 60)
    assert named(z, strength, (20, 40)) == ["phase 1", "phase 2", "phase 3"]


def test_the_reason_of_a_name_gives_its_numbers():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((40, 20))
    series = np.repeat([0.0, 9.0], 20)[:, None] + 0.01 * rng.standard_normal((40, 2))
    phases = found(series)
    first, last = name_phases(phases, tau=tau_b(z), strength=np.linspace(0, 1, 40))
    assert (first.first, first.last, last.first, last.last) == (0, 19, 20, 39)
    assert re.search(r"\+5\d % over the phase before", last.why)
    assert "τ-b" in first.why
