from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest

from compute.llc_records import VerdictName
from dashboard.figures.axis import positions
from dashboard.figures.belief import SYMBOLS, smoothed
from dashboard.figures.lane_traces import Lane, alone, band_outline
from dashboard.figures.lanes import WIDE, lanes_figure, number, value_range
from dashboard.figures.series import Curve, Group
from dashboard.theme import Theme

STEPS = (0, 1, 10, 100, 1000)
LIGHT = Theme("light")


def a_curve(values: list[float], *, error: float = np.nan, group: Group = "llc") -> Curve:
    at = np.array(values, dtype=np.float32)
    return Curve(
        id="llc", name="LLC", unit="", group=group, settings="",
        values=at, low=at - error, high=at + error,
    )  # fmt: skip


def test_plotted_values_are_the_curve_at_its_steps() -> None:
    figure = lanes_figure(STEPS, [Lane(curve=a_curve([1, 2, 3, 4, 5]))], axis="log", theme=LIGHT)
    line = figure.data[1]
    assert list(line.y) == [1, 2, 3, 4, 5]
    assert np.allclose(line.x, positions(STEPS, "log"))


def test_missing_step_leaves_a_gap() -> None:
    figure = lanes_figure(
        STEPS, [Lane(curve=a_curve([1, 2, np.nan, 4, 5]))], axis="log", theme=LIGHT
    )
    line = figure.data[1]
    assert np.isnan(line.y[2])
    assert line.connectgaps is False


def test_a_lonely_checkpoint_is_a_dot() -> None:
    lane = Lane(curve=a_curve([1, np.nan, 3, np.nan, 5]))
    figure = lanes_figure(STEPS, [lane], axis="log", theme=LIGHT)
    assert list(figure.data[1].marker.size) == [5, 0, 5, 0, 5]


@pytest.mark.parametrize(
    ("measured", "lonely"),
    [([True], [True]), ([], []), ([True, True, False, True], [False, False, False, True])],
)
def test_alone(measured: list[bool], lonely: list[bool]) -> None:
    assert alone(np.array(measured, dtype=bool)).tolist() == lonely


def test_band_has_one_closed_outline_for_each_stretch() -> None:
    x = np.arange(5.0)
    low = np.array([0, 0, np.nan, 1, 1.0])
    xs, ys = band_outline(x, low, low + 2)
    assert xs[:4].tolist() == [0, 1, 1, 0]
    assert ys[:4].tolist() == [0, 0, 2, 2]
    assert np.isnan(xs[4])
    assert xs[5:9].tolist() == [3, 4, 4, 3]


def test_no_interval_draws_no_band() -> None:
    xs, _ = band_outline(np.arange(3.0), np.full(3, np.nan), np.full(3, np.nan))
    assert len(xs) == 0


def test_range_is_the_runs_and_holds_the_interval() -> None:
    low, high = value_range(Lane(curve=a_curve([100, 120], error=7)))
    assert low <= 93
    assert high >= 127


def test_range_starts_at_zero_unless_the_values_are_far_from_it() -> None:
    assert value_range(Lane(curve=a_curve([1.6, 6.3])))[0] == 0
    assert value_range(Lane(curve=a_curve([98, 99])))[0] > 90


def test_negative_values_are_shown() -> None:
    low, high = value_range(Lane(curve=a_curve([-3, 8])))
    assert low <= -3
    assert high >= 8


@pytest.mark.parametrize("values", [[np.nan, np.nan], [0.0, 0.0], [4.0, 4.0]])
def test_range_of_nothing_or_of_one_value_has_a_width(values: list[float]) -> None:
    low, high = value_range(Lane(curve=a_curve(values)))
    assert high > low


def test_a_selected_component_has_its_own_line_on_the_same_axis() -> None:
    lane = Lane(curve=a_curve([1, 2, 3, 4, 5]), selected=a_curve([0, 0, 0, 0, 9]))
    figure = lanes_figure(STEPS, [lane], axis="log", theme=LIGHT)
    assert list(figure.data[2].y) == [0, 0, 0, 0, 9]
    assert figure.data[2].line.color == LIGHT["sel"]
    assert figure.layout.yaxis.range[1] >= 9


def test_lanes_lie_where_the_browser_is_told() -> None:
    lanes = [Lane(curve=a_curve([1, 2, 3, 4, 5])) for _ in range(3)]
    figure = lanes_figure(STEPS, lanes, axis="linear", theme=LIGHT)
    drawn = figure.layout.height - WIDE.foot
    for place, axis in zip(
        figure.layout.meta["lanes"],
        (figure.layout.yaxis, figure.layout.yaxis2, figure.layout.yaxis3),
        strict=True,
    ):
        assert drawn * (1 - axis.domain[1]) == pytest.approx(place["top"])
        assert drawn * (axis.domain[1] - axis.domain[0]) == pytest.approx(place["height"])
        assert list(axis.range) == place["range"]


def test_themes_differ_in_colour_only() -> None:
    lane = Lane(curve=a_curve([1, 2, 3, 4, 5]))
    light = lanes_figure(STEPS, [lane], axis="log", theme=LIGHT)
    dark = lanes_figure(STEPS, [lane], axis="log", theme=Theme("dark"))
    assert light.data[1].line.color != dark.data[1].line.color
    assert light.layout.yaxis.range == dark.layout.yaxis.range


def judged(values: list[float], verdicts: list[str], error: float = 1.0) -> Curve:
    curve = a_curve(values, error=error)
    return dataclasses.replace(curve, verdicts=tuple(verdicts), reasons=("",) * len(verdicts))


def test_no_line_and_no_band_passes_through_what_is_not_healthy() -> None:
    curve = judged([1, 2, 9, 4, 5], ["healthy", "healthy", "drifting", "healthy", "healthy"])
    figure = lanes_figure(STEPS, [Lane(curve=curve)], axis="index", theme=LIGHT)
    band, line, marks = figure.data
    assert np.isnan(line.y[2])
    assert list(np.delete(line.y, 2)) == [1, 2, 4, 5]
    assert line.connectgaps is False
    assert 2 not in list(band.x)
    assert list(marks.x) == [2]
    assert list(marks.y) == [9]
    assert list(marks.marker.symbol) == ["triangle-right"]


def test_every_verdict_has_a_shape_of_its_own() -> None:
    verdicts = [v for v in get_args(VerdictName) if v != "healthy"]
    assert set(SYMBOLS) == set(verdicts)
    assert len(set(SYMBOLS.values())) == len(verdicts)
    curve = judged([1, 2, 3, 4, 5], verdicts)
    figure = lanes_figure(STEPS, [Lane(curve=curve)], axis="log", theme=LIGHT)
    assert not np.isfinite(figure.data[1].y).any()
    assert list(figure.data[2].marker.symbol) == [SYMBOLS[v] for v in verdicts]


def test_a_healthy_checkpoint_between_doubted_ones_is_a_dot() -> None:
    curve = judged([1, 2, 3, 4, 5], ["short", "healthy", "short", "healthy", "healthy"])
    figure = lanes_figure(STEPS, [Lane(curve=curve)], axis="log", theme=LIGHT)
    assert list(figure.data[1].marker.size) == [0, 5, 0, 0, 0]


def test_a_diverged_value_does_not_flatten_the_curve_and_stands_at_the_edge() -> None:
    curve = judged([10, 20, 30, 20, 1e6], ["healthy"] * 4 + ["diverged"])
    figure = lanes_figure(STEPS, [Lane(curve=curve)], axis="log", theme=LIGHT)
    low, high = figure.layout.yaxis.range
    assert high < 80
    (y,) = figure.data[2].y
    assert 0.9 * high < y < high
    assert low <= 9


def test_smoothing_keeps_the_points_and_forgets_what_is_not_healthy() -> None:
    steps = tuple(range(0, 400, 20))
    values = [10.0 + np.log1p(t) for t in steps]
    values[8] = 500.0
    verdicts = ["healthy"] * 20
    verdicts[8] = "diverged"
    curve = judged(values, verdicts, error=0.1)
    found = smoothed(steps, curve)
    assert found is not None
    assert found.mean[8] == pytest.approx(10 + np.log1p(160), abs=0.2)
    figure = lanes_figure(steps, [Lane(curve=curve, smoothed=found)], axis="log", theme=LIGHT)
    band, points, line, marks = figure.data
    assert points.mode == "markers"
    np.testing.assert_allclose(np.delete(points.y, 8), np.delete(values, 8), rtol=1e-6)
    assert np.isfinite(line.y).all()
    assert len(marks.x) == 1
    assert len(band.x) > 20
    sent = figure.layout.meta["lanes"][0]["smooth"]
    np.testing.assert_allclose(sent["values"], found.mean)


def test_a_smooth_curve_does_not_go_beyond_what_is_believed() -> None:
    steps = tuple(range(12))
    curve = judged([float(t) for t in steps], ["short", *["healthy"] * 9, "short", "short"])
    found = smoothed(steps, curve)
    assert found is not None
    assert np.isfinite(found.mean).tolist() == [False, *[True] * 9, False, False]


def test_nothing_smooth_through_a_few_points_or_what_nobody_judged() -> None:
    assert smoothed(STEPS, judged([1, 2, 3, 4, 5], ["healthy"] * 5)) is None
    assert smoothed(tuple(range(9)), a_curve([float(t) for t in range(9)])) is None


@pytest.mark.parametrize(
    ("low", "labels"), [(-5.0, ["0", "300"]), (-290.0, ["−300", "0", "300"]), (3.0, ["0", "300"])]
)
def test_the_label_of_an_end_never_touches_zeros(low: float, labels: list[str]) -> None:
    lane = Lane(curve=a_curve([low, 20, 100, 200, 290]))
    figure = lanes_figure(STEPS, [lane], axis="log", theme=LIGHT)
    assert list(figure.layout.yaxis.ticktext) == labels


def test_numbers_on_axes() -> None:
    assert [number(v) for v in (0, 140, -2.5, 12000, 0.28)] == [
        "0",
        "140",
        "−2.5",
        "12,000",
        "0.28",
    ]
