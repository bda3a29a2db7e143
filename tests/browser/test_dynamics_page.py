from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import pytest

from compute.store import Store
from compute.trajectories import RunTrajectory, trajectory
from dashboard.figures.dynamics import AXES
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import dynamics_samples as samples
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

RUN = synthetic.language_run("demo", 24)
SECOND = synthetic.language_run("second", 15)
WAY = samples.way(RUN, gaps=samples.GAP)
AT = 15
PHONE = {"viewport": {"width": 390, "height": 844}}
DARK = {"viewport": {"width": 1440, "height": 1600}, "color_scheme": "dark"}
STILL = {"reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run and another beside which it can be drawn, and runs without outputs."""
    store = Store(tmp_path_factory.mktemp("dynamics") / "store")
    samples.put(store, RUN, WAY)
    samples.put(store, SECOND, samples.way(SECOND, 1.6, seed=1))
    samples.put(store, synthetic.language_run("bare", 6), {})
    few = synthetic.language_run("few", 6)
    samples.put(store, few, dict(list(samples.way(few).items())[:3]))
    came = dataclasses.replace(synthetic.language_run("came", 6), source="shipped")
    samples.put(store, came, {})
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(page: Watched, index: int, query: str = "") -> Watched:
    """The page of the run at a checkpoint, with the ways drawn."""
    page.open(f"/dynamics?run=demo&step={RUN.steps[index]}{query}", ".way-line.own")
    page.settle()
    return page


def way() -> RunTrajectory:
    return trajectory({"demo": {t: WAY.get(t) for t in RUN.steps}}, axes=AXES).runs["demo"]


def numbers(text: str) -> list[float]:
    return [float(n) for n in re.findall(r"-?\d+\.\d+", text.replace("−", "-"))]


def place(page: Watched, selector: str) -> tuple[float, float]:
    """The middle of an element, in the window."""
    box = page.page.locator(selector).first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def picture(page: Watched) -> str:
    """What is painted in three dimensions."""
    return str(page.page.evaluate("document.querySelector('.turn-plane canvas').toDataURL()"))


@pytest.mark.parametrize("watched", [{}, DARK], indirect=True, ids=["light", "dark"])
def test_scrubbing_moves_the_mark_without_a_request(watched: Watched) -> None:
    opened(watched, AT)
    found = way()
    before = place(watched, ".way-mark.beside-0"), place(watched, ".turn-mark.beside-0")
    heights = "[...document.querySelectorAll('.panel')].map(p => p.getBoundingClientRect().height)"
    boxes = watched.page.evaluate(heights)
    painted = picture(watched)
    watched.requests.clear()
    for index in range(AT, AT + 4):
        if index > AT:
            watched.press("ArrowRight")
        off = np.hypot(found.beyond[index, -1], np.linalg.norm(found.scores[index, 2:]))
        said = numbers(watched.page.inner_text(".dynamics-summary"))
        wanted = [*found.scores[index, :2], off, *found.to_references[index]]
        assert said == pytest.approx(wanted, abs=6e-4)
        cells = watched.page.locator(".points-table tbody tr").first.locator("td").all_inner_texts()
        assert cells[0] == f"{RUN.steps[index]:,}"
        assert numbers(cells[-1]) == pytest.approx([found.speed[index]], abs=6e-4)
        assert watched.page.evaluate(heights) == boxes
    assert watched.requests == []
    after = place(watched, ".way-mark.beside-0"), place(watched, ".turn-mark.beside-0")
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert picture(watched) == painted, "no step moves what is drawn"
    marks = watched.page.locator("[data-step]").all_inner_texts()
    assert set(marks) == {f"step {RUN.steps[AT + 3]:,}"}
    assert len(marks) == 6


def test_distances_on_the_plane_are_those_of_the_ways(watched: Watched) -> None:
    """One unit has as many pixels across as up."""
    opened(watched, AT)
    scores = way().scores[:, :2]
    known = np.isfinite(scores[:, 0])
    dots = watched.page.evaluate(
        "[...document.querySelectorAll('.way-dot')].map(d => [+d.attributes.cx.value, +d.attributes.cy.value])"  # noqa: E501
    )
    drawn = np.array(dots)
    assert len(drawn) == known.sum()
    apart = np.linalg.norm(drawn - drawn[0], axis=1)
    wanted = np.linalg.norm(scores[known] - scores[known][0], axis=1)
    scale = apart[-1] / wanted[-1]
    np.testing.assert_allclose(apart, scale * wanted, atol=0.3)


def test_a_click_on_the_way_goes_to_that_checkpoint(watched: Watched) -> None:
    opened(watched, 0)
    index = 12
    dot = watched.page.locator(".way-dot").nth(index - len(samples.GAP)).bounding_box()
    assert dot is not None
    watched.page.mouse.move(dot["x"] + 2, dot["y"] + 2)
    watched.frame()
    assert f"step {RUN.steps[index]:,}" in watched.page.inner_text(".tooltip")
    assert "from unigram" in watched.page.inner_text(".tooltip")
    watched.page.mouse.click(dot["x"] + 2, dot["y"] + 2)
    watched.frame()
    assert watched.slider("aria-valuenow") == str(index)


def test_a_step_that_is_not_measured_has_no_mark(watched: Watched) -> None:
    opened(watched, samples.GAP[0])
    assert "not measured at this step" in watched.page.inner_text(".dynamics-summary")
    assert watched.page.locator(".way-mark.beside-0").is_hidden()
    assert watched.page.locator(".turn-mark.beside-0").is_hidden()
    readings = watched.page.locator(".dynamics-row .value").all_inner_texts()
    assert set(readings) == {"not measured"}
    assert "NaN" not in watched.page.inner_text("#main")


def test_a_reference_says_how_far_off_it_lies(watched: Watched) -> None:
    opened(watched, AT)
    labels = watched.page.locator(".way-label.of-reference").all_text_contents()
    assert [re.sub(r"[\d.]+ off", "", text) for text in labels] == ["uniform", "unigram", "bigram"]
    off = [numbers(text)[0] for text in labels]
    hollow = watched.page.locator(".way-plane .way-reference.far").count()
    assert hollow >= 1
    found = trajectory({"demo": {t: WAY.get(t) for t in RUN.steps}}, axes=AXES)
    rest = np.linalg.norm(found.reference_scores[:, 2:], axis=1)
    assert off == pytest.approx(np.hypot(found.reference_beyond[:, -1], rest), abs=6e-4)


def test_the_menus_choose_the_plane(watched: Watched) -> None:
    opened(watched, AT)
    watched.page.select_option("[aria-label='Component up']", "3")
    watched.page.wait_for_function("() => location.search.includes('pcs=1,3')")
    assert watched.page.inner_text(".axis-name.up").startswith("PC3")
    third = way().scores[AT, 2]
    assert numbers(watched.page.inner_text(".dynamics-summary"))[1] == pytest.approx(
        third, abs=6e-4
    )
    watched.page.select_option("[aria-label='Component across']", "3")
    watched.page.wait_for_function("() => location.search.includes('pcs=3,1')")


def test_arrow_keys_turn_the_drawing_that_has_the_focus(watched: Watched) -> None:
    opened(watched, AT)
    watched.page.focus(".turn-plane")
    before, angles = picture(watched), watched.page.inner_text(".turn-angles")
    watched.press("ArrowRight", "ArrowUp")
    assert picture(watched) != before
    assert watched.page.inner_text(".turn-angles") == "seen from −29°, 30° above"
    assert watched.slider("aria-valuenow") == str(AT), "the slider stays where it is"
    assert "seen from −29°" in str(watched.page.get_attribute(".turn-plane", "aria-label"))
    watched.page.get_by_role("button", name="reset the view").click()
    watched.frame()
    assert watched.page.inner_text(".turn-angles") == angles
    assert picture(watched) == before


def test_dragging_turns_and_a_click_goes_there(watched: Watched) -> None:
    opened(watched, 3)
    x, y = place(watched, ".turn-mark.beside-0")
    watched.press("End")
    watched.page.mouse.click(x, y)
    watched.frame()
    assert abs(int(watched.slider("aria-valuenow")) - 3) <= 1
    angles = watched.page.inner_text(".turn-angles")
    middle = place(watched, ".turn-plane")
    watched.page.mouse.move(*middle)
    watched.page.mouse.down()
    watched.page.mouse.move(middle[0] + 40, middle[1], steps=4)
    watched.page.mouse.up()
    watched.frame()
    assert watched.page.inner_text(".turn-angles") != angles


def test_the_slow_turn_is_on_request(watched: Watched) -> None:
    opened(watched, AT)
    button = watched.page.get_by_role("button", name="turn slowly")
    assert button.get_attribute("aria-pressed") == "false"
    before = watched.page.inner_text(".turn-angles")
    button.click()
    watched.page.wait_for_function(
        "before => document.querySelector('.turn-angles').textContent !== before", arg=before
    )
    button.click()
    assert button.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("watched", [STILL], indirect=True)
def test_nothing_turns_by_itself_with_reduced_motion(watched: Watched) -> None:
    opened(watched, AT)
    assert watched.page.get_by_text("turn slowly").is_hidden()


def test_the_runs_that_are_drawn_stand_in_the_address(watched: Watched) -> None:
    opened(watched, AT)
    watched.page.click(".dynamics-runs summary")
    closed = watched.page.locator(".dynamics-runs label.closed").all_inner_texts()
    assert any(text.startswith("bare") and "not measured" in text for text in closed)
    watched.page.check(".dynamics-runs input[value=second]")
    watched.page.wait_for_selector(".way-line.beside-1")
    watched.page.wait_for_function("() => location.search.includes('with=second')")
    opened(watched, AT, "&with=second,nobody,bare")
    note = watched.page.inner_text("#note")
    assert "nobody (there is no other run of that name)" in note
    assert "bare (its outputs are not measured)" in note
    watched.page.wait_for_function("() => location.search.endsWith('with=second')")
    rows = watched.page.locator(".points-table tbody tr").all_inner_texts()
    assert rows[1].startswith("B second")
    nearest = min(SECOND.steps, key=lambda t: abs(t - RUN.steps[AT]))
    assert f"{nearest:,}" in rows[1]
    assert watched.page.locator(".way-mark.beside-1").inner_text() == "B"
    dashes = watched.page.evaluate(
        "getComputedStyle(document.querySelector('.way-line.beside-1')).strokeDasharray"
    )
    assert dashes != "none"


@pytest.mark.parametrize("run", ["bare", "few", "came"])
def test_without_a_way_the_page_says_what_to_do(watched: Watched, run: str) -> None:
    watched.open(f"/dynamics?run={run}", ".dynamics-offer")
    text = watched.page.inner_text("#dynamics-state")
    assert watched.page.locator(".plane-panel").is_hidden()
    assert watched.slider("aria-valuetext").startswith("step 6,000")
    if run == "came":
        assert "weights are not here" in text
        assert "ontogeny compute" not in text
    else:
        assert f"ontogeny compute {run} --kinds outputs" in text
        assert watched.page.get_by_role("button", name="Compute", exact=True).is_visible()
        start = "Outputs are measured at 3 of" if run == "few" else "No outputs are measured yet."
        assert text.startswith(start)


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_a_phone_shows_all_of_it(watched: Watched) -> None:
    opened(watched, AT, "&with=second")
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 390
    slider = watched.page.locator(".dock-lane").bounding_box()
    assert slider is not None
    for plane in watched.page.locator(".dynamics-row .time-plane").all():
        box = plane.bounding_box()
        assert box is not None
        assert box["x"] == pytest.approx(slider["x"], abs=1)
        assert box["width"] == pytest.approx(slider["width"], abs=1)
    clear = watched.page.evaluate(
        """() => [...document.querySelectorAll('.dynamics-row')].every(row =>
          row.querySelector('strong').getBoundingClientRect().bottom
            <= row.querySelector('.time-plane').getBoundingClientRect().top + 1)"""
    )
    assert clear, "names stand above their planes"
