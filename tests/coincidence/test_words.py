"""The sentences say the numbers they are given, and no more than these do."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from compute.coincidence.boundaries import BoundaryCoincidence
from compute.coincidence.components import Across, ComponentsTogether
from compute.coincidence.lags import LaggedCorrelation
from compute.coincidence.over_time import OverTime
from compute.coincidence.within import Within
from compute.coincidence.words import (
    across_text,
    boundaries_text,
    holm,
    lag_text,
    over_time_text,
    reachable,
    unreachable_text,
    within_text,
)

NAN = float("nan")
NEAR = BoundaryCoincidence(
    first=3, second=4, distance=math.log(1.25), low=math.log(1.1), high=math.log(1.6),
    chance=math.log(2.5), p=0.012, p_scattered=0.02, smallest_p=0.004, usual_p=0.01, shared=2,
    chance_shared=0.6,
)  # fmt: skip
GAPS = np.full(5, NAN)
LATER = LaggedCorrelation(
    lags=np.array([-1.5, -1.0, 0.5, 1.0, 1.5]), r=np.array([NAN, 0, -0.72, 0, NAN]), low=GAPS,
    high=GAPS, left=GAPS, lag=0.5, lag_low=0.4, lag_high=0.6, extremum=-0.72, extremum_low=-0.85,
    extremum_high=-0.5, least=-0.4, p=0.004, stretches=7.3, start=0, end=6000,
)  # fmt: skip
WITHIN = Within(r=-0.41, low=-0.6, high=-0.2, p=0.008, smallest_p=1 / 5000, components=12, steps=9)


def one(rho: float, p: float, reason: str = "") -> OverTime:
    return OverTime(
        rho=0.99, r=rho, low=rho - 0.1, high=rho + 0.1, least=rho / 2, p=p, stretches=6.0,
        points=9, reason=reason,
    )  # fmt: skip


def components(*each: OverTime) -> ComponentsTogether:
    across = Across(
        rho=np.array([0.8, -0.3, NAN]), low=np.array([0.5, -0.7, NAN]),
        high=np.array([0.9, 0.2, NAN]), p=np.array([0.01, 0.4, NAN]),
        components=np.array([12, 12, 3]),
    )  # fmt: skip
    return ComponentsTogether(
        steps=np.array([0.0, 1000.0, 6000.0]), names=tuple(f"L0H{i}" for i in range(len(each))),
        over_time=each, across=across, within=WITHIN,
    )  # fmt: skip


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]).tolist() == [1, 1]
    assert holm([0.02]).tolist() == [0.02]
    assert holm([]).tolist() == []


def test_holm_counts_no_gap_as_a_test() -> None:
    np.testing.assert_allclose(holm([NAN, 0.02, NAN, 0.5]), [NAN, 0.04, NAN, 0.5])


def test_holm_finds_a_false_one_in_few_families() -> None:
    families = np.random.default_rng(0).uniform(size=(2000, 6))
    assert np.mean([holm(ps).min() <= 0.05 for ps in families]) == pytest.approx(0.05, abs=0.015)


def test_near_boundaries_in_words() -> None:
    assert boundaries_text(NEAR, "LLC stages", "graph phases") == (
        "The boundaries of LLC stages (3 boundaries) and graph phases (4) lie a factor of 1.25 in "
        "1 + t apart on average (95 % interval 1.10 to 1.60); turned round the run at random they "
        "would lie a factor of 2.50 in 1 + t apart (p = 0.01). Intervals of 2 overlap in pairs, "
        "where 0.6 would by chance. They lie nearer to each other than chance would have it."
    )


@pytest.mark.parametrize(
    ("change", "adjusted", "said"),
    [
        (
            {"p": 0.4},
            None,
            "no nearer than chance would have it; it does not show that they differ",
        ),
        ({}, 0.06, "0.06 after Holm's correction"),
        ({}, 0.06, "no nearer than chance"),
        ({"p_scattered": 0.3}, None, "with caution"),
        ({"reason": "Few."}, None, "Whether they coincide cannot be told. Few."),
        ({"distance": NAN, "reason": "None."}, None, "cannot be told. None."),
    ],
)
def test_boundaries_claim_no_more(
    change: dict[str, float], adjusted: float | None, said: str
) -> None:
    text = boundaries_text(dataclasses.replace(NEAR, **change), "a", "b", adjusted=adjusted)
    assert said in text
    assert "nearer to each other than chance" not in text
    assert "nan" not in text


def test_a_lag_in_words() -> None:
    text = lag_text(LATER, "the LLC", "the loss")
    assert "r = −0.72 (95 % interval at that lag −0.85 to −0.50), of which −0.40 is left" in text
    assert "steps 0 to 6,000" in text
    assert "p = 0.004 at any lag" in text
    assert "in opposite directions, the loss later than the LLC by a factor of 1.65" in text
    assert "(95 % interval 1.49 to 1.82)" in text


def test_a_lag_at_the_end_of_those_looked_at_may_be_longer() -> None:
    text = lag_text(dataclasses.replace(LATER, lag=1.0, lag_low=0.9, lag_high=1.0), "a", "b")
    assert text.endswith("the true one may be longer.")
    vague = lag_text(dataclasses.replace(LATER, lag_high=1.0), "a", "b")
    assert vague.endswith("the true one may be longer.")
    assert "may be longer" not in lag_text(LATER, "a", "b")


def test_a_lag_the_other_way_and_one_that_may_be_none() -> None:
    other = dataclasses.replace(LATER, lag=-0.5, lag_low=-0.6, lag_high=-0.4, extremum=0.7)
    assert "together, the LLC later than the loss by a factor of 1.65" in lag_text(
        other, "the LLC", "the loss"
    )
    none = dataclasses.replace(LATER, lag=0.0, lag_low=-0.1, lag_high=0.2)
    assert "at the same time to within a factor of 1.22" in lag_text(none, "a", "b")


@pytest.mark.parametrize("change", [{"p": 0.3}, {"p": NAN, "reason": "Few stretches."}])
def test_a_lag_of_chance_is_not_told(change: dict[str, float]) -> None:
    text = lag_text(dataclasses.replace(LATER, **change), "a", "b")
    assert "later" not in text
    assert "as much is left by chance" in text or "cannot be told. Few stretches." in text
    assert "nan" not in text


def test_tests_that_cannot_pass_take_nothing_from_the_others() -> None:
    ps = [0.0165, 0.0165, 0.012, 0.001, NAN]
    which, limit = reachable(ps, [0.0165, 0.0165, 0.012, 0.0005, NAN])
    assert which.tolist() == [False, False, True, True, False]
    assert limit == pytest.approx(0.05 / 4)
    assert reachable([NAN], [NAN])[0].tolist() == [False]
    assert reachable([], [])[0].tolist() == []
    every, _ = reachable([0.5] * 40, [0.0] * 40)
    assert every.all()


def test_whatever_chance_does_few_families_have_a_false_one() -> None:
    """Tests whose p is one of few values, as those of few orders are."""
    rng = np.random.default_rng(0)
    orders = np.array([4, 24, 60, 120, 999])
    wrong = 0
    for _ in range(2000):
        ps = (1 + rng.integers(0, orders)) / orders
        which, _ = reachable(ps, 1 / orders)
        wrong += bool((holm(np.where(which, ps, NAN)) <= 0.05).any())
    assert wrong / 2000 <= 0.06


def test_components_over_time_in_words() -> None:
    found = components(one(0.8, 0.001), one(0.5, 0.07), one(0.9, NAN, "Few."))
    text = over_time_text(found)
    assert "in 1: L0H0 r = 0.80 (0.70 to 0.90), of 2 components" in text
    assert "For 1 more it cannot be told" in text
    assert "L0H1" not in text
    assert "in none, of 1 component" in over_time_text(components(one(0.5, 0.2)))
    untold = over_time_text(components(one(0.9, NAN, "Few."), one(0.9, NAN, "Few.")))
    assert untold.startswith("For none of 2 components")
    assert untold.endswith("Few.")


def test_a_test_that_cannot_pass_says_so() -> None:
    assert unreachable_text(0.0013, 0.0165) == (
        "Among so many tests one whose p cannot fall to 0.0013 is left out, so that the others "
        "keep their power; this one's cannot fall below 0.017."
    )


def test_the_orders_of_components_at_a_step_in_words() -> None:
    found = components(one(0.8, 0.001))
    assert "step 0 the orders of 12 components" in across_text(found, 0)
    assert "p = 0.01, 0.02 after Holm's correction). The two orders are related" in across_text(
        found, 0
    )
    assert "step 1,000" in across_text(found, 1)
    assert "cannot tell that from chance" in across_text(found, 1)
    assert "3 components with both values" in across_text(found, 2)


def test_courses_of_their_own_in_words() -> None:
    text = within_text(WITHIN)
    assert "r = −0.41 (95 % interval −0.60 to −0.20; 9 steps; p = 0.008, and 0.0002 is" in text
    assert "goes with its own course" in text
    assert "mixed up at random do so by chance" in within_text(WITHIN, adjusted=0.2)
    few = within_text(dataclasses.replace(WITHIN, smallest_p=0.25, reason="Few."))
    assert few.endswith("Whether that is chance cannot be told. Few.")
    assert "goes with its own" not in few
    assert "cannot be told. None." in within_text(
        dataclasses.replace(WITHIN, r=NAN, reason="None.")
    )
