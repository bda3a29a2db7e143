from __future__ import annotations

import numpy as np
import pytest

from dashboard.figures.axis import AXIS_KINDS, AxisKind, extent, positions, round_step, ticks

STEPS = (0, 1, 10, 100, 1000, 6000)


def test_step_zero_has_a_place_on_the_log_axis() -> None:
    assert positions(STEPS, "log")[0] == 0.0
    assert positions(STEPS, "log")[2] == pytest.approx(np.log10(11))


def test_index_axis_spaces_checkpoints_evenly() -> None:
    assert positions(STEPS, "index").tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", AXIS_KINDS)
def test_ticks_lie_on_the_axis_and_name_both_ends(kind: AxisKind) -> None:
    places, labels = ticks(STEPS, kind)
    low, high = extent(STEPS, kind)
    assert places == sorted(places)
    assert low <= places[0]
    assert places[-1] == pytest.approx(high)
    assert (labels[0], labels[-1]) == ("0", "6,000")


def test_linear_ticks_keep_clear_of_the_last_step() -> None:
    places, _ = ticks((0, 6100), "linear")
    assert places[-1] - places[-2] > 0.5 * (places[1] - places[0])


@pytest.mark.parametrize("steps", [(), (7,)])
@pytest.mark.parametrize("kind", AXIS_KINDS)
def test_an_axis_of_one_checkpoint_or_none_has_a_width(
    steps: tuple[int, ...], kind: AxisKind
) -> None:
    low, high = extent(steps, kind)
    assert high > low
    assert len(ticks(steps, kind)[0]) == len(steps)


def test_round_steps() -> None:
    assert [round_step(w) for w in (0.4, 1, 3, 7, 20, 21)] == [1, 1, 5, 10, 20, 50]
