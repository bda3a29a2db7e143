from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator

from compute.calibration import RULE, Setting, setting_of
from compute.jobs import Jobs
from compute.specs import llc_measurement
from compute.store import Store
from tests.browser.conftest import DESKTOP, Watched, served
from tests.dashboard import synthetic
from tests.dashboard.calibration_samples import (
    BEST,
    GAMMAS,
    NBETAS,
    REASON,
    STEP_SIZES,
    WILD,
    level,
    put_sweep,
)

pytestmark = pytest.mark.browser

RUN = synthetic.language_run(checkpoints=8)
EARLY, LATE = RUN.steps[3], RUN.steps[-1]
CELLS = len(STEP_SIZES) * len(NBETAS) * len(GAMMAS)
PAGE = f"/calibration?run={RUN.name}"
DRAWN = ".map-cell"
VIEWS = [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}]


@pytest.fixture
def own(browser: Browser, store: Store, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page on a store with one calibrated run; it must not have complained."""
    store.put_run(RUN)
    put_sweep(store, RUN, (EARLY, LATE))
    yield from page_on(browser, store, dict(getattr(request, "param", {})))


def page_on(browser: Browser, store: Store, options: dict[str, object]) -> Iterator[Watched]:
    with served(store) as url:
        context = browser.new_context(**{"viewport": DESKTOP, **options})  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        page = Watched(context.new_page(), url)
        yield page
        context.close()
    assert page.complaints == []


def cell(page: Watched, setting: Setting, step: int = LATE) -> Locator:
    """The button of one cell."""
    map_ = page.page.locator(f".map-section[aria-label='step {step:,}'] .map-figure")
    cells = map_.nth(GAMMAS.index(setting.gamma)).locator(".map-cell")
    row = len(NBETAS) - 1 - NBETAS.index(setting.nbeta)
    return cells.nth(row * len(STEP_SIZES) + STEP_SIZES.index(setting.step_size))


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@pytest.mark.parametrize("own", VIEWS, indirect=True)
def test_every_cell_shows_its_estimate_and_fits_the_window(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    assert own.page.locator(".map-cell").count() == 2 * CELLS
    for step in (EARLY, LATE):
        for setting in (BEST, BEST._replace(step_size=3e-4), BEST._replace(gamma=1000.0)):
            shown = number(cell(own, setting, step).inner_text())
            assert shown == pytest.approx(level(setting, step), abs=0.06)
    beyond = "main *", "els => els.filter(e => e.getBoundingClientRect().right > innerWidth).length"
    assert own.page.eval_on_selector_all(*beyond) == 0


def test_marks_tell_the_usable_the_doubted_and_the_failed_apart(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    assert "usable" in classes(cell(own, BEST))
    assert "recommended" in classes(cell(own, BEST))
    assert "doubted" in classes(cell(own, BEST._replace(gamma=1000.0)))
    failed = cell(own, WILD)
    assert "failed" in classes(failed)
    assert failed.inner_text() == ""
    long = classes(cell(own, BEST._replace(step_size=3e-4)))
    assert not {"usable", "doubted", "failed"} & set(long)
    # Of 12 settings at 2 steps: 4 under the tight tie, 5 short ones, and the one that failed.
    keys = own.page.locator(".map-keys").inner_text()
    assert all(words in keys for words in ("usable 8 of 24", "short 10", "failed 2"))


def classes(node: Locator) -> list[str]:
    return (node.get_attribute("class") or "").split()


def test_the_recommendation_is_told_with_its_reason_and_its_rule(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    shown = {name: own.page.inner_text(f"[data-setting={name}]") for name in Setting._fields}
    assert shown == {"step_size": "1e−4", "nbeta": "100", "gamma": "3,000"}
    assert "usable at every step" in own.page.inner_text(".choice-why")
    own.page.locator(".choice-rule summary").click()
    assert own.page.locator(".choice-rule p").inner_text().lower() == f"{RULE}.".lower()


def test_a_cell_tells_its_estimate_its_problem_and_its_traces_once(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    own.settle()
    own.requests.clear()
    loose, long = BEST._replace(gamma=1000.0, nbeta=50.0), BEST._replace(step_size=3e-4)
    for setting in (loose, long, loose, long):
        cell(own, setting).hover()
        own.page.wait_for_timeout(200)
        own.settle()
        words = own.page.inner_text(".cell-panel")
        assert f"{level(setting, LATE):.3g} ± 0.2" in words
    assert "Not flat: the step size adds about" in words
    assert len(own.requests) == len({*own.requests}) == 2
    assert all("/calibration/traces/" in url for url in own.requests)
    own.page.mouse.move(5, 5)
    own.frame()
    assert f"{level(BEST, LATE):.3g} ± 0.2" in own.page.inner_text(".cell-panel")


def test_a_failed_cell_says_why_and_asks_for_nothing(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    own.settle()
    own.requests.clear()
    cell(own, WILD).hover()
    own.page.wait_for_timeout(200)
    assert REASON[1:] in own.page.inner_text(".cell-problem")
    assert own.page.inner_text(".cell-verdict") == "failed"
    assert own.requests == []


def test_arrows_go_from_cell_to_cell_and_on_into_the_next_map(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    cell(own, Setting(3e-5, 50.0, 1000.0)).focus()
    own.press("ArrowRight", "ArrowRight", "ArrowRight")
    assert own.page.inner_text(".cell-panel h2") == "ε 3e−5 · nβ 50 · γ 3,000"
    own.press("ArrowUp")
    assert own.page.inner_text(".cell-panel h2") == "ε 3e−5 · nβ 100 · γ 3,000"
    own.press("ArrowUp")
    assert own.page.inner_text(".cell-panel h2") == "ε 3e−5 · nβ 100 · γ 3,000"
    own.press("Enter")
    own.page.mouse.move(5, 5)
    own.frame()
    assert own.page.locator(".map-cell[aria-pressed=true]").count() == 1


def test_a_step_and_a_measure_are_chosen_and_stand_in_the_address(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    own.page.get_by_role("button", name=f"{EARLY:,}", exact=True).click()
    own.page.get_by_label("Colour cells by").select_option("rise")
    own.frame()
    assert own.page.locator(".map-cell").count() == CELLS
    rise = level(BEST, EARLY) / BEST.nbeta
    assert number(cell(own, BEST, EARLY).inner_text()) == pytest.approx(rise, abs=0.006)
    assert f"for step {EARLY:,}" in own.page.inner_text(".choice-panel")
    own.page.wait_for_function(f"() => location.search.includes('step={EARLY}&measure=rise')")
    own.page.reload()
    own.page.wait_for_selector(DRAWN)
    assert own.page.locator(".map-cell").count() == CELLS
    assert own.page.get_by_label("Colour cells by").input_value() == "rise"


def test_a_step_that_was_not_calibrated_is_told(own: Watched) -> None:
    own.open(f"{PAGE}&step=1", DRAWN)
    assert "Step 1 has no calibration" in own.page.inner_text("#note")
    assert own.page.locator(".map-cell").count() == 2 * CELLS


def test_flat_lines_are_level_and_a_point_tells_its_cell(own: Watched) -> None:
    own.open(f"{PAGE}&step={LATE}", DRAWN)
    points = own.page.locator("[data-point]")
    # A point for every cell that has an estimate, at one height for the two shorter step sizes.
    assert points.count() == CELLS - 1
    heights = {}
    for point in points.all():
        place = point.get_attribute("transform") or ""
        x, y = map(float, place.removeprefix("translate(").removesuffix(")").split())
        heights[int(point.get_attribute("data-point") or -1)] = (x, y)
    order = sorted(heights)
    by_index = [heights[i] for i in order]
    first = by_index[0]
    assert by_index[1][1] == pytest.approx(first[1])
    assert by_index[2][1] < first[1] - 10
    assert by_index[2][0] > by_index[1][0] > first[0]
    own.page.locator("[data-point]").first.hover(force=True)
    own.frame()
    assert own.page.inner_text(".cell-panel h2") == "ε 3e−5 · nβ 50 · γ 1,000"
    assert own.page.locator(".flat-group.on .flat-label").text_content() == "50 · 1,000"


def test_what_is_used_is_stored_and_said(own: Watched, store: Store) -> None:
    own.open(PAGE, DRAWN)
    assert "the standard ones" in own.page.inner_text(".choice-panel")
    own.page.get_by_role("button", name="Use for this run").click()
    own.page.wait_for_selector("text=These are the run’s settings.")
    assert setting_of(llc_measurement(store.run(RUN.name)).llc) == BEST
    assert "Curves by other settings stay" in own.page.inner_text(".choice-panel")
    assert "of-run" in classes(cell(own, BEST))
    assert own.page.get_by_role("button", name="Use for this run").count() == 0


def test_another_usable_cell_can_be_used_instead_but_no_other(own: Watched, store: Store) -> None:
    own.open(PAGE, DRAWN)
    cell(own, BEST._replace(gamma=1000.0)).click()
    own.frame()
    assert own.page.locator(".choice-panel .action").inner_text() == "Use for this run"
    other = BEST._replace(step_size=3e-5)
    cell(own, other).click()
    own.frame()
    button = own.page.locator(".choice-panel .action")
    assert button.inner_text() == "Use ε 3e−5 · nβ 100 · γ 3,000"
    button.click()
    own.page.wait_for_selector("text=These are the run’s settings.")
    assert setting_of(llc_measurement(store.run(RUN.name)).llc) == other


def test_a_calibration_is_asked_for_and_followed(own: Watched, store: Store) -> None:
    own.open(PAGE, DRAWN)
    own.page.get_by_label("Step to calibrate").select_option(str(EARLY))
    own.page.get_by_role("button", name="Calibrate", exact=True).click()
    own.page.wait_for_selector("text=A calibration waits, but no service runs")
    (job,) = Jobs(store).list()
    assert job.steps == (EARLY,)
    assert {spec["kind"] for spec in job.specs} == {"calibration"}
    put_sweep(store, RUN, (RUN.steps[5],))
    own.page.wait_for_selector(f".map-section[aria-label='step {RUN.steps[5]:,}']")
    assert own.page.locator(".map-cell").count() == 3 * CELLS
    Jobs(store).cancel(job.id)
    own.page.wait_for_selector(".start-progress", state="detached")


def test_a_run_without_a_calibration_says_what_one_is(browser: Browser, store: Store) -> None:
    store.put_run(RUN)
    for page in page_on(browser, store, {}):
        page.open(PAGE, ".calibration-empty")
        assert "names what is wrong with it" in page.page.inner_text("main")
        assert page.page.locator(".choice-panel").is_hidden()
        assert page.page.get_by_role("button", name="Calibrate", exact=True).is_enabled()


def test_a_shipped_run_shows_its_calibration_and_says_why_nothing_can_change(
    browser: Browser, store: Store
) -> None:
    store.put_run(dataclasses.replace(RUN, source="shipped"))
    put_sweep(store, RUN, (LATE,))
    for page in page_on(browser, store, {}):
        page.open(PAGE, DRAWN)
        assert all(button.is_disabled() for button in page.page.locator("main .action").all())
        assert "its weights are not here" in page.page.inner_text(".choice-panel")
        assert "its weights are not here" in page.page.inner_text(".start-panel")


def test_the_scheme_changes_colours_and_nothing_else(own: Watched) -> None:
    own.open(PAGE, DRAWN)
    colour = "n => getComputedStyle(n).backgroundColor"
    before = cell(own, BEST).evaluate(colour)
    words = own.page.inner_text("main")
    own.page.get_by_role("button", name="Dark theme").click()
    own.frame()
    assert cell(own, BEST).evaluate(colour) != before
    assert own.page.inner_text("main") == words
