from __future__ import annotations

import re
import time
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Route

from compute.jobs import Jobs
from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCMeasurement
from compute.store import Store
from tests.browser.conftest import DESKTOP, Site, Watched, served
from tests.dashboard import chain_samples, synthetic
from tests.dashboard.chain_samples import DOUBTED

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}
LIGHT, DARK = {"color_scheme": "light"}, {"color_scheme": "dark"}
STEPS = synthetic.language_run().steps
GAP, FAILED = 60, 90
REASON = "2 of 4 chains diverged at step_size 0.001; calibrate with a smaller one"
DRAWN = ".draws-panel .chain-line"
# Keeps the text of every picture that the page makes of itself.
PICTURES = """() => {
  window.pictures = [];
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    if (blob.type.startsWith('image/svg')) pictures.push(blob.text());
    return make.call(URL, blob);
  };
}"""


@pytest.fixture(scope="module")
def chains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with estimates of every verdict, a gap, a failure, and some of another setting."""
    store = Store(tmp_path_factory.mktemp("chains") / "store")
    run = chain_samples.fill(
        store, synthetic.language_run(), missing=(("llc", GAP), ("llc", FAILED))
    )
    synthetic.fail(store, run, FAILED, "llc", REASON)
    store.put_run(synthetic.language_run("fresh", 24, 3000))
    with served(store) as url:
        yield Site(url, store)
    store.close()


@pytest.fixture
def page(browser: Browser, chains: Site, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of its own for each test; it must not have complained."""
    options = {"viewport": DESKTOP, **LIGHT, **dict(getattr(request, "param", {}))}
    context = browser.new_context(**options)
    context.set_default_timeout(30_000)
    watched = Watched(context.new_page(), chains.url)
    yield watched
    context.close()
    assert watched.complaints == []


def opened(page: Watched, index: int, query: str = "", wait: str = DRAWN) -> Watched:
    page.open(f"/chains?run=stdlib_lm&step={STEPS[index]}{query}", wait)
    return page


def record_of(site: Site, index: int, chains: int = 4) -> LLCEstimate:
    for key in site.store.keys("stdlib_lm", LLCMeasurement.kind):
        if f"/{STEPS[index]}/" in key:
            measured = site.store.get(key)
            assert measured is not None
            assert isinstance(measured.record, LLCEstimate)
            if measured.record.spec.chains == chains:
                return measured.record
    raise AssertionError(f"no estimate at step {STEPS[index]}")


def number(text: str) -> float:
    return float(text.split("±")[0].replace("−", "-").replace(",", "").strip())


def estimate(page: Watched) -> float:
    return number(page.page.inner_text(".estimate-row .readout-value"))


def check(page: Watched, name: str) -> tuple[str, str]:
    """The value of a check, and whether it passes."""
    row = page.page.locator(f"[data-check='{name}']")
    return row.locator("strong").inner_text(), row.locator(".spoken").inner_text()


# -- the page ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [LIGHT, DARK, PHONE], indirect=True)
def test_it_shows_the_estimate_its_verdict_and_its_chains(page: Watched, chains: Site) -> None:
    opened(page, 100)
    record = record_of(chains, 100)
    assert estimate(page) == pytest.approx(record.llc, abs=0.06)
    assert page.page.locator(DRAWN).count() == 2 * record.spec.chains
    means = [number(t) for t in page.page.locator(".chain-key strong").all_inner_texts()]
    np.testing.assert_allclose(means, record.per_chain, atol=0.06)
    assert "healthy" in page.page.inner_text(".estimate-row .verdict")
    assert check(page, "R-hat") == (f"{record.rhat:.2f}", "passes")
    assert page.page.inner_text("#checks-head .panel-fact") == "all pass"
    right = (
        "[...document.querySelectorAll('main .panel')].map(p => p.getBoundingClientRect().right)"
    )
    assert max(page.page.evaluate(right)) <= page.page.evaluate("innerWidth")


@pytest.mark.parametrize("index", sorted(DOUBTED))
def test_a_verdict_is_said_with_its_reason_and_the_check_that_fails(
    page: Watched, chains: Site, index: int
) -> None:
    opened(page, index)
    record = record_of(chains, index)
    said = page.page.locator(".estimate-row .verdict")
    assert said.locator("strong").inner_text() == DOUBTED[index]
    assert record.reason in said.inner_text().replace("\n", " ")
    assert "doubted" in str(page.page.locator(".estimate-row .value").get_attribute("class"))
    assert page.page.locator(".check.fails").count() >= 1


def sweep_dialog(page: Watched) -> None:
    """Open the dialog that makes a film of every sixteenth checkpoint's draws."""
    page.page.locator(".draws-panel .figure-menu > summary").click()
    page.page.get_by_role("button", name="Save sweep").click()
    page.page.locator("dialog.sweep").get_by_label("Checkpoints").select_option("16")


def test_a_film_that_would_lack_a_checkpoint_is_not_made(page: Watched) -> None:
    opened(page, 100)
    page.page.route("**/data/stdlib_lm/chains/**", lambda route: route.abort())
    sweep_dialog(page)
    page.page.get_by_role("button", name="Save", exact=True).click()
    page.page.wait_for_selector("dialog.sweep :text('The film would lack a checkpoint')")
    assert page.slider("aria-valuenow") == "100"
    page.complaints.clear()  # the browser tells of the refusal as an error of its own


def test_a_film_shows_the_chains_of_each_checkpoint_however_slow_the_server_is(
    page: Watched, chains: Site
) -> None:
    opened(page, 100)

    def late(route: Route) -> None:
        time.sleep(0.7)
        route.continue_()

    page.page.route("**/data/stdlib_lm/chains/**", late)
    page.page.evaluate(PICTURES)
    sweep_dialog(page)
    before = page.page.evaluate("pictures.length")
    with page.page.expect_download():
        page.page.get_by_role("button", name="Save", exact=True).click()
    frames = page.page.evaluate("Promise.all(pictures)")[before:]
    indices = [*range(0, 107, 16), 106]
    for text, index in zip(frames[-len(indices) :], indices, strict=True):
        told = [number(t) for t in re.findall(r"−?[\d,]+\.\d+", text)]
        for mean in record_of(chains, index).per_chain:
            assert min(abs(value - mean) for value in told) < 0.06, index


def test_scrubbing_moves_the_head_at_once_and_asks_for_chains_at_rest(
    page: Watched, chains: Site
) -> None:
    opened(page, 100)
    page.requests.clear()
    for index in (99, 98, 97):
        page.page.keyboard.press("ArrowLeft")
        page.frame()
        record = record_of(chains, index)
        assert estimate(page) == pytest.approx(record.llc, abs=0.06)
    marks = set(page.page.locator("[data-step]").all_inner_texts())
    assert marks == {f"step {STEPS[97]:,}"}
    page.page.wait_for_function(
        f"() => document.querySelector(\"[data-check='R-hat'] strong\").textContent"
        f" === '{record_of(chains, 97).rhat:.2f}'"
    )
    page.settle()
    assert 1 <= len(page.requests) <= 3
    assert all("/chains/" in url for url in page.requests)
    page.requests.clear()
    page.press("ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowRight")
    page.settle()
    assert len(page.requests) <= 1


def test_another_setting_has_its_own_chains_of_its_own_length(page: Watched, chains: Site) -> None:
    opened(page, 99)
    page.page.get_by_label("Settings of the LLC").select_option("llc~2")
    page.page.wait_for_function(f"() => document.querySelectorAll('{DRAWN}').length === 6")
    record = record_of(chains, 99, chains=3)
    assert estimate(page) == pytest.approx(record.llc, abs=0.06)
    assert f"{record.loss_trace.shape[1]:,} (up to 240)" in page.page.inner_text(".chain-settings")
    page.page.wait_for_function("() => location.search.includes('llc=llc~2')")
    page.press("ArrowLeft")
    assert "with these settings" in page.page.inner_text(".chains-missing")
    page.page.locator(".chains-missing .text-button").last.click()
    page.page.wait_for_selector(DRAWN)


def test_a_gap_says_so_and_can_be_filled(page: Watched, chains: Site) -> None:
    opened(page, GAP, wait=".chains-missing .action")
    assert "not computed" in page.page.inner_text(".estimate-row .readout-value")
    assert f"not computed at step {STEPS[GAP]:,}" in page.page.inner_text(".chains-missing")
    assert not page.page.locator(".checks-panel").is_visible()
    page.page.locator(".chains-missing .action").click()
    page.page.wait_for_function(
        "() => document.querySelector('.chains-missing').textContent.includes('no service')"
    )
    (job,) = Jobs(chains.store).list()
    assert job.steps == (STEPS[GAP],)
    assert [spec.kind for spec in job.measurements()] == ["llc"]
    Jobs(chains.store).cancel(job.id)


def test_a_failure_gives_its_reason(page: Watched) -> None:
    opened(page, FAILED, wait=".chains-missing .failed-text")
    assert REASON in page.page.inner_text(".chains-missing")


def test_a_run_of_which_nothing_is_measured_opens(page: Watched) -> None:
    page.open("/chains?run=fresh", ".chains-missing .action")
    assert "not computed" in page.page.inner_text(".estimate-row .readout-value")


def test_the_axis_is_the_runs_until_it_is_zoomed(page: Watched) -> None:
    opened(page, 100)
    labels = ".draws-panel .chain-tick[text-anchor=end]"
    ticks = f"() => [...document.querySelectorAll('{labels}')].map(t => t.textContent)"
    whole = page.page.evaluate(ticks)
    assert "axis of the whole run" in page.page.inner_text("#draws-head")
    page.press("Home")
    page.page.wait_for_function("() => !document.querySelector('.draws-panel .stale')")
    page.settle()
    assert page.page.evaluate(ticks) == whole
    page.page.get_by_text("zoom to this step").click()
    page.frame()
    assert page.page.evaluate(ticks) != whole
    assert "axis of this step" in page.page.inner_text("#draws-head")


def test_a_running_mean_ends_at_the_chains_own_estimate(page: Watched) -> None:
    opened(page, 100)
    before = page.page.locator(DRAWN).first.get_attribute("d")
    page.page.locator("[data-mode=mean]").click()
    page.frame()
    after = page.page.locator(DRAWN).first.get_attribute("d")
    assert before is not None
    assert after is not None
    assert before.split("L")[0] == after.split("L")[0]
    assert before.split("L")[-1] != after.split("L")[-1]


# -- the lane ------------------------------------------------------------------------------------


LANE = "[data-lane=llc]"


@pytest.mark.parametrize("page", [LIGHT, DARK, PHONE], indirect=True)
def test_no_doubted_number_looks_healthy_in_the_lane(page: Watched, chains: Site) -> None:
    page.open(f"/?run=stdlib_lm&step={STEPS[12]}&lanes=llc,loss")
    page.page.wait_for_selector(".verdict-legend")
    readout = page.page.locator(LANE)
    assert readout.locator(".verdict strong").inner_text() == "drifting"
    assert record_of(chains, 12).reason in str(readout.locator(".verdict").get_attribute("title"))
    assert "doubted" in str(readout.locator(".value").get_attribute("class"))
    legend = page.page.inner_text(".verdict-legend").split("\n")
    assert legend == ["short 2", "drifting 3", "not at a minimum 1", "diverged 1", "frozen 1"]
    page.press("ArrowLeft")
    assert "doubted" not in str(readout.locator(".value").get_attribute("class"))


def test_smoothing_is_off_until_asked_for_and_stays_in_the_address(page: Watched) -> None:
    page.open(f"/?run=stdlib_lm&step={STEPS[50]}&lanes=llc,loss")
    toggle = page.page.locator(f"{LANE} .toggle")
    assert toggle.inner_text() == "smooth"
    toggle.click()
    page.page.wait_for_function(
        "() => /smooth [\\d.]+ ± [\\d.]+/"
        ".test(document.querySelector('[data-lane=llc]').textContent)"
    )
    page.page.wait_for_function("() => location.search.includes('smooth=1')")
    page.requests.clear()
    before = toggle.inner_text()
    page.press("Home")
    assert toggle.inner_text() != before
    assert page.requests == []
