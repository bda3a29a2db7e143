from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from compute.bundle import import_bundle
from compute.store import Store
from tests.browser.conftest import DESKTOP, FAILED, MISSING, REASON, Site, Watched, served, shipped
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

SCHEMES = [{"color_scheme": "light"}, {"color_scheme": "dark"}]
PHONE = {"viewport": {"width": 390, "height": 844}}


def drag_over_all(page: Watched, steps: tuple[int, ...], every: int = 1) -> None:
    """Drag the thumb from the first checkpoint to the last; every panel follows, no one asks."""
    page.page.locator(".segments [data-axis=index]").click()
    page.settle()
    page.press("Home")
    box = page.page.locator("[role=slider]").bounding_box()
    assert box is not None
    page.requests.clear()
    y = box["y"] + 20
    page.page.mouse.move(box["x"], y)
    page.page.mouse.down()
    for i in range(0, len(steps), every):
        page.page.mouse.move(box["x"] + box["width"] * i / (len(steps) - 1), y)
        assert set(page.steps()) == {steps[i]}
        assert cursor_and_thumb_meet(page)
    page.page.mouse.up()
    page.frame()
    assert page.requests == []


def cursor_and_thumb_meet(page: Watched) -> bool:
    places = page.page.evaluate(
        """() => ['.lanes-plane > .cursor', '.thumb', '.stem'].map(s => {
             const b = document.querySelector(s).getBoundingClientRect();
             return b.left + b.width / 2; })"""
    )
    return bool(max(places) - min(places) < 1.5)


@pytest.mark.parametrize("watched", SCHEMES, indirect=True)
def test_dragging_shows_every_checkpoint_on_every_panel_and_asks_for_nothing(
    watched: Watched,
) -> None:
    watched.open()
    drag_over_all(watched, synthetic.language_run().steps)


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_dragging_works_on_a_phone(watched: Watched) -> None:
    watched.open()
    drag_over_all(watched, synthetic.language_run().steps, every=8)


@pytest.mark.parametrize("folder", shipped(), ids=lambda folder: folder.name)
def test_dragging_over_a_shipped_development(
    browser: Browser, tmp_path: Path, folder: Path
) -> None:
    store = Store(tmp_path / "store")
    run = import_bundle(store, folder).run
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        page = Watched(context.new_page(), url).open(f"/?run={run.name}")
        drag_over_all(page, run.steps)
        context.close()
    store.close()
    assert page.complaints == []


def test_a_click_on_a_curve_jumps_there(watched: Watched) -> None:
    watched.open("/?step=0")
    plane = watched.page.locator(".lanes-plane")
    box = plane.bounding_box()
    assert box is not None
    plane.click(position={"x": box["width"] * 0.75, "y": 40})
    watched.frame()
    (step,) = set(watched.steps())
    assert 500 < step < 900
    assert cursor_and_thumb_meet(watched)


def test_a_click_on_the_ranks_over_time_jumps_there(watched: Watched) -> None:
    watched.open("/?step=0")
    watched.page.locator(".bump-canvas").click(position={"x": 440, "y": 40})
    watched.frame()
    (step,) = set(watched.steps())
    assert step > 1000


def test_a_component_is_highlighted_everywhere(watched: Watched) -> None:
    watched.open("/?step=6000")
    watched.page.locator(".node[data-component=L1H2]").click()
    watched.page.wait_for_selector(".readout[data-lane=component]")
    watched.frame()
    page = watched.page
    assert page.locator("tr.selected .component").inner_text() == "L1H2"
    assert page.locator(".bump-lines path.selected").get_attribute("data-component") == "L1H2"
    assert page.locator(".edge.on:visible").count() > 0
    assert "L1H2" in page.locator("[data-lane=induction] .beside").inner_text()
    colours = page.evaluate(
        """() => [['.node.selected .shape', 'stroke'], ['.edge.on', 'stroke'],
                  ['tr.selected .component', 'color'], ['.bump-lines path.selected', 'stroke'],
                  ['[data-lane=component] .value', 'color']]
             .map(([s, p]) => getComputedStyle(document.querySelector(s))[p])"""
    )
    assert len(set(colours)) == 1
    page.locator(".node[data-component=L1H2]").click()
    page.wait_for_selector(".readout[data-lane=component]", state="detached")
    assert page.locator("tr.selected").count() == 0


def test_the_keyboard_moves_through_time(watched: Watched) -> None:
    steps = synthetic.language_run().steps
    watched.open("/?step=0")
    watched.press("ArrowRight", "ArrowRight", "Shift+ArrowRight")
    assert set(watched.steps()) == {steps[12]}
    watched.press("ArrowLeft", "PageUp")
    assert set(watched.steps()) == {steps[21]}
    watched.press("End")
    assert set(watched.steps()) == {steps[-1]}
    assert watched.slider("aria-valuetext") == "step 6,000, checkpoint 107 of 107"
    watched.press("ArrowRight", "Home", "ArrowLeft")
    assert set(watched.steps()) == {0}


def test_the_keyboard_reaches_components_and_help(watched: Watched) -> None:
    watched.open()
    watched.page.locator(".node[data-component=L0H0]").focus()
    watched.press("ArrowUp", "Enter")
    assert watched.page.locator(".node.selected").get_attribute("data-component") == "L0H1"
    watched.press("Escape")
    assert watched.page.locator(".node.selected").count() == 0
    watched.press("?")
    assert watched.page.locator("#help").is_visible()
    watched.press("Escape")
    assert not watched.page.locator("#help").is_visible()


def test_playing_moves_and_pauses(watched: Watched) -> None:
    watched.open("/?step=0")
    watched.page.select_option("[aria-label=Speed]", "30")
    watched.page.locator("[role=slider]").focus()
    watched.press(" ")
    watched.page.wait_for_function(
        "() => Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow')) > 4"
    )
    watched.press(" ")
    stopped = watched.steps()
    watched.page.wait_for_timeout(200)
    assert watched.steps() == stopped


def test_a_typed_step_goes_to_the_nearest_checkpoint_and_says_so(watched: Watched) -> None:
    watched.open()
    box = watched.page.locator(".step-box")
    box.fill("1,801")
    box.press("Enter")
    watched.frame()
    (step,) = set(watched.steps())
    assert abs(step - 1801) < 60
    assert "No checkpoint at step 1,801" in watched.page.locator("#note").inner_text()


def test_the_address_holds_the_view(watched: Watched, site: Site) -> None:
    watched.open("/?step=0")
    watched.page.locator(".node[data-component=L2H3]").click()
    watched.page.locator(".segments [data-axis=linear]").click()
    watched.page.select_option(".title-menu", "in_strength")
    watched.page.select_option("[aria-label='Add a lane']", "rhat")
    watched.press("End")
    watched.page.wait_for_function("() => location.search.includes('step=6000')")
    watched.page.wait_for_selector("[data-lane=rhat]")
    shared = watched.page.url.removeprefix(site.url)
    before = seen(watched)
    watched.open(shared)
    watched.page.wait_for_selector("[data-lane=rhat]")
    assert seen(watched) == before
    assert watched.page.locator("#note").is_hidden()


def seen(page: Watched) -> list[object]:
    """What tells one view from another."""
    page.settle()
    return [
        page.steps(),
        page.page.locator(".node.selected").get_attribute("data-component"),
        page.page.locator(".segments [data-axis][aria-pressed=true]").inner_text(),
        page.page.eval_on_selector_all(".readout", "n => n.map(x => x.dataset.lane)"),
        page.page.locator("#rank-table tbody").inner_text(),
        page.page.input_value(".typed"),
    ]


def test_what_a_link_asks_that_cannot_be_is_clamped_with_a_note(watched: Watched) -> None:
    watched.open("/?step=99999&threshold=7&axis=polar&component=L9H9&lanes=llc,none&colour=red")
    assert set(watched.steps()) == {6000}
    note = watched.page.locator("#note").inner_text()
    assert "99,999" in note
    assert "threshold" in note
    assert watched.page.locator(".readout").count() == 1


def test_zooming_moves_the_slider_with_the_axis(watched: Watched) -> None:
    watched.open("/?step=1000")
    box = watched.page.locator(".lanes-plane").bounding_box()
    assert box is not None
    mouse, y = watched.page.mouse, box["y"] + 60
    mouse.move(box["x"] + 0.6 * box["width"], y)
    mouse.down()
    mouse.move(box["x"] + 0.95 * box["width"], y, steps=4)
    mouse.up()
    watched.settle()
    assert cursor_and_thumb_meet(watched)
    drawn = watched.page.evaluate(
        "() => document.querySelector('.js-plotly-plot').layout.xaxis.range[0]"
    )
    assert drawn > 2
    watched.press("0")
    watched.settle()
    assert cursor_and_thumb_meet(watched)


def test_the_threshold_counts_what_it_hides(watched: Watched) -> None:
    watched.open("/?step=6000&threshold=0")
    fact = watched.page.locator(".graph-panel .panel-fact")
    assert " ".join(fact.inner_text().split()) == "191 of 191 edges · 100 % of weight"
    watched.page.locator(".typed").fill("0.3")
    watched.page.locator(".typed").press("Enter")
    watched.frame()
    shown = int(fact.inner_text().split()[0])
    assert 0 < shown < 191
    assert watched.page.locator(".edge:visible").count() == shown


def test_a_failure_is_told_at_its_step(watched: Watched) -> None:
    step = synthetic.language_run().steps[FAILED]
    watched.open("/?step=0")
    watched.page.locator(".failures summary").click()
    watched.page.locator(".failures button").click()
    watched.frame()
    assert set(watched.steps()) == {step}
    assert REASON in watched.page.locator("[data-lane=llc]").inner_text()


def test_a_gap_is_told_and_never_drawn_as_zero(watched: Watched) -> None:
    step = synthetic.language_run().steps[MISSING]
    watched.open(f"/?step={step}")
    for panel in ("#graph-canvas", "#rank-table"):
        assert f"Not computed at step {step:,}" in watched.page.locator(panel).inner_text()
    assert watched.page.locator(".edge:visible").count() == 0
    assert "not computed" in watched.page.locator("[data-lane='graph.mean_strength']").inner_text()


def test_tooltips_tell_weights_with_their_error(watched: Watched) -> None:
    watched.open("/?step=6000")
    watched.page.locator(".node[data-component=L1H2] .shape").hover()
    tip = watched.page.locator(".tooltip")
    assert "out-strength" in tip.inner_text()
    assert "step 6,000" in tip.inner_text()
