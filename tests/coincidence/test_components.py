"""Components whose refined LLC goes with their strength are told from those that drift alike."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from compute.coincidence.components import (
    ComponentsTogether,
    components_together,
)
from compute.coincidence.over_time import OverTime, over_time
from compute.coincidence.ranks import ALL_ORDERS, orders, rank_correlation
from compute.coincidence.within import Within, within
from compute.coincidence.words import holm
from compute.errors import SettingsError

STEPS = np.array([0, 10, 30, 80, 200, 500, 1000, 2000, 4000, 6000])
LAYERS = [0, 0, 0, 1, 1, 1]
NAMES = [f"L{layer}H{i % 3}" for i, layer in enumerate(LAYERS)]


def tables(seed: int, own: float, components: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Two quantities that drift alike in all components, and ``own`` in each one by itself."""
    rng = np.random.default_rng(seed)
    drift = np.linspace(0, 5, len(STEPS))[:, None]
    course = rng.normal(size=(len(STEPS), components)).cumsum(0)
    other = rng.normal(size=course.shape).cumsum(0)
    strength = own * course + math.sqrt(1 - own**2) * other
    return 20 + drift + course, 3 + drift + strength


def together(
    refined: np.ndarray, strength: np.ndarray, error: float = 0.05, layers: list[int] | None = None
) -> ComponentsTogether:
    errors = np.full(refined.shape, error)
    names = [f"L0H{i}" for i in range(refined.shape[1])]
    return components_together(
        STEPS[: len(refined)], refined, errors, strength, strength - errors, strength + errors,
        names, layers=layers,
    )  # fmt: skip


def courses(refined: np.ndarray, strength: np.ndarray, layers: list[int] | None = None) -> Within:
    errors = np.full(refined.shape, 0.05)
    own = np.array(layers or [0] * refined.shape[1])
    return within(
        (refined, errors, errors), (strength, errors, errors), own, np.random.default_rng(0)
    )


def slow_within(refined: np.ndarray, strength: np.ndarray, order: tuple[int, ...]) -> float:
    """Double-centre the ranks of all cells, and correlate, with loops."""

    def centred(table: np.ndarray) -> np.ndarray:
        flat = sorted(table.ravel())
        ranks = np.array([[flat.index(v) + 1.0 for v in row] for row in table])
        out = np.empty_like(ranks)
        for t, c in itertools.product(*(range(n) for n in ranks.shape)):
            out[t, c] = ranks[t, c] - ranks[t].mean() - ranks[:, c].mean() + ranks.mean()
        return out

    a, b = centred(refined), centred(strength)[:, list(order)]
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def test_within_is_that_of_a_slow_count_over_all_orders_of_each_layer() -> None:
    refined, strength = tables(0, 0.7)
    found = courses(refined, strength, LAYERS)
    inner = [list(itertools.permutations(group)) for group in ((0, 1, 2), (3, 4, 5))]
    rs = [slow_within(refined, strength, a + b) for a in inner[0] for b in inner[1]]
    assert found.r == pytest.approx(rs[0])
    assert found.p == pytest.approx(np.mean(np.abs(rs) >= abs(rs[0]) - 1e-9))
    assert found.smallest_p == pytest.approx(1 / 36)
    assert (found.components, found.steps) == (6, len(STEPS))


def test_components_that_only_drift_alike_are_not_related() -> None:
    ps = [courses(*tables(seed, 0.0)).p for seed in range(25)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.2
    assert 0.3 <= np.mean(ps) <= 0.7


def test_components_with_a_relation_of_their_own_are_found() -> None:
    found = [courses(*tables(seed, 0.9)) for seed in range(8)]
    assert all(f.related for f in found)
    assert all(f.low > 0 for f in found)


def test_the_level_of_a_component_does_not_matter_within() -> None:
    refined, strength = tables(1, 0.5)
    apart = 1000.0 * np.arange(6)
    one = courses(refined + apart, strength + apart)
    # So far apart, ranks are those of each component by itself, whatever its level.
    other = courses(refined + 2 * apart, strength + apart[-1] + apart)
    assert other.r == pytest.approx(one.r)
    assert other.p == one.p


def test_too_few_components_in_a_layer_cannot_tell() -> None:
    found = courses(*tables(0, 0.9), [0, 0, 1, 1, 2, 3])
    assert found.smallest_p == 0.25
    assert "no p below 0.25" in found.reason
    assert not found.related


def test_gaps_take_the_component_or_the_step_out() -> None:
    refined, strength = tables(2, 0.5)
    refined[2, 1] = np.nan
    strength[:8, 5] = np.nan
    found = together(refined, strength)
    assert (found.within.components, found.within.steps) == (5, len(STEPS) - 1)
    assert found.across.components.tolist() == [5, 5, 4, 5, 5, 5, 5, 5, 6, 6]
    assert math.isnan(found.across.rho[2])
    assert "2 steps" in found.over_time[5].reason


def test_nothing_measured_is_a_reason_everywhere() -> None:
    nothing = np.full((len(STEPS), 6), np.nan)
    found = together(nothing, nothing)
    assert np.isnan(found.across.rho).all()
    assert math.isnan(found.within.r)
    assert found.within.reason
    assert all("0 steps" in one.reason for one in found.over_time)


@pytest.mark.parametrize("components", [6, 7])
def test_across_is_exact_over_all_orders(components: int) -> None:
    refined, strength = tables(3, 0.5, components)
    found = together(refined, strength).across
    a, b = refined[4], strength[4]
    rho = spearmanr(a, b).statistic
    every = [spearman_by_hand(a, b[list(o)]) for o in itertools.permutations(range(components))]
    assert found.rho[4] == pytest.approx(rho)
    assert found.p[4] == pytest.approx(np.mean(np.abs(every) >= abs(rho) - 1e-9))
    assert found.low[4] <= rho <= found.high[4]


def spearman_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    """Without ties: one minus six times the squared differences of ranks over n (n^2 - 1)."""
    ranks = [np.argsort(np.argsort(v)) for v in (a, b)]
    n = len(a)
    return 1 - 6 * float(((ranks[0] - ranks[1]) ** 2).sum()) / (n * (n * n - 1))


def test_the_order_of_components_does_not_matter() -> None:
    refined, strength = tables(4, 0.5)
    order = np.random.default_rng(0).permutation(6)
    one = together(refined, strength, layers=LAYERS)
    other = together(refined[:, order], strength[:, order], layers=[LAYERS[i] for i in order])
    assert other.within.r == pytest.approx(one.within.r)
    assert other.within.p == one.within.p
    np.testing.assert_allclose(other.across.rho, one.across.rho)


def test_ranks_take_ties_at_their_mean_and_nothing_without_an_order() -> None:
    a, b = np.array([1.0, 2.0, 2.0, 5.0]), np.array([0.0, 3.0, 1.0, 1.0])
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert math.isnan(float(rank_correlation(a, np.ones(4))))


def test_many_components_are_mixed_at_random_within_their_groups() -> None:
    groups = [np.arange(6), np.arange(6, 12)]
    mixed, whole = orders(groups, np.random.default_rng(0))
    assert not whole
    assert math.factorial(6) ** 2 > ALL_ORDERS
    assert (np.sort(mixed[:, :6], axis=1) == groups[0]).all()
    assert (np.sort(mixed[:, 6:], axis=1) == groups[1]).all()


def over(one: np.ndarray, other: np.ndarray, surrogates: int = 199) -> OverTime:
    steps = np.expm1(np.linspace(0, 8, len(one)))
    errors = np.full(len(one), 0.05)
    generator = np.random.default_rng(0)
    return over_time(steps, one, errors, other, errors, generator=generator, surrogates=surrogates)


def test_one_component_with_many_bends_can_tell() -> None:
    x = np.linspace(0, 8, 40)
    wave = np.sin(4 * x) + 0.5 * np.sin(7 * x)
    found = over(wave, np.exp(wave) + 0.01 * x)
    assert found.related
    assert found.rho > 0.95
    assert found.low < found.r < found.high
    assert 0 < found.least < found.r
    assert found.points == 40


def test_two_trends_cannot_tell_however_well_they_agree() -> None:
    x = np.linspace(0, 8, 20)
    found = over(1 / (1 + np.exp(-4 * (x - 3))), 1 / (1 + np.exp(-5 * (x - 4))))
    assert found.rho > 0.85
    assert not found.related
    assert "independent stretches" in found.reason


def test_curves_that_drift_by_themselves_rarely_go_together() -> None:
    """Their values correlate almost always, and their intervals of slopes hold 0."""
    passing = held = drifted = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        one, other = (
            rng.choice([-1, 1]) * np.linspace(0, 3, 40) + 0.3 * np.sin(freq * np.linspace(0, 8, 40))
            + 0.05 * rng.normal(size=40)
            for freq in rng.uniform(2, 5, 2)
        )  # fmt: skip
        found = over(one, other, 39)
        passing += found.related
        held += found.low <= 0 <= found.high
        drifted += abs(found.rho) > 0.8
    assert drifted >= 18
    assert passing <= 3
    assert held >= 17


def test_many_components_have_draws_enough_to_pass_together() -> None:
    x = np.linspace(0, 8, 20)
    steps = np.expm1(x)
    phases = np.linspace(0, 6, 52)
    refined = np.sin(3 * x[:, None] + phases) + 0.4 * np.sin(5 * x[:, None] + 2 * phases)
    errors = np.full(refined.shape, 0.02)
    found = components_together(
        steps, refined, errors, 2 * refined, 2 * refined - errors, 2 * refined + errors,
        [f"L0H{i}" for i in range(52)],
    )  # fmt: skip
    assert (holm([one.p for one in found.over_time]) <= 0.05).all()


@pytest.mark.parametrize("value", [2.0, 0.1])
def test_a_constant_course_is_a_reason(value: float) -> None:
    found = over(np.sin(np.linspace(0, 20, 30)), np.full(30, value))
    assert math.isnan(found.r)
    assert "does not change" in found.reason


def test_equal_orders_of_few_components_are_no_sure_thing() -> None:
    refined = np.arange(5.0)[None]
    errors = np.full(refined.shape, 3.0)
    found = components_together(
        STEPS[:1], refined, errors, 2 * refined, 2 * refined - 1, 2 * refined + 1, NAMES[:5]
    )
    assert found.across.rho[0] == pytest.approx(1)
    assert found.across.low[0] < 0.4


@pytest.mark.parametrize(("number", "r"), [(5, 0.0), (5, 0.9), (6, 0.7), (8, 0.9), (16, 0.7)])
def test_intervals_of_rank_correlations_hold_the_truth(number: int, r: float) -> None:
    truth = 6 / math.pi * math.asin(r / 2)  # of Gaussian pairs
    rng = np.random.default_rng(number)
    drawn = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], (60, number))
    none = np.zeros((60, number))
    found = components_together(
        np.arange(60), drawn[..., 0], none, drawn[..., 1], drawn[..., 1], drawn[..., 1],
        [f"L0H{i}" for i in range(number)],
    ).across  # fmt: skip
    assert np.mean((found.low <= truth) & (truth <= found.high)) >= 0.9


@pytest.mark.parametrize(
    ("rows", "steps", "reason"),
    [(9, STEPS, "checkpoints x components"), (10, STEPS[::-1], "ascend")],
)
def test_bad_input_is_refused(rows: int, steps: np.ndarray, reason: str) -> None:
    refined, strength = tables(5, 0.0)
    with pytest.raises(SettingsError, match=reason):
        components_together(steps, refined[:rows], refined, strength, strength, strength, NAMES)
