from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from compute.store import Store
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import coincidence_samples

pytestmark = pytest.mark.browser

RUN = coincidence_samples.full(26)
PHONE = {"viewport": {"width": 390, "height": 844}}
TALL = {"viewport": {"width": 1440, "height": 1600}}
SCHEMES = [TALL, {**TALL, "color_scheme": "dark"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with everything, one with an imported LLC alone, and one with nothing."""
    store = Store(tmp_path_factory.mktemp("coincidence") / "store")
    coincidence_samples.fill_full(store, RUN)
    lent = dataclasses.replace(RUN, name="lent")
    coincidence_samples.fill_imported(store, lent)
    store.put_run(coincidence_samples.bare())
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(
    page: Watched, run: str = RUN.name, wait: str = ".together-table [data-part]", query: str = ""
) -> Watched:
    """The page, once what is computed over all checkpoints is there."""
    page.open(f"/coincidence?run={run}{query}", wait)
    return page


def cursors(page: Watched) -> list[float]:
    return [
        float(x)
        for x in page.page.eval_on_selector_all(
            ".boundaries-panel .cursor", "all => all.map(n => n.getBoundingClientRect().left)"
        )
    ]


@pytest.mark.parametrize("watched", SCHEMES, indirect=True)
def test_the_page_says_in_words_what_coincides_and_what_cannot_be_told(watched: Watched) -> None:
    opened(watched)
    words = watched.page.inner_text(".verdict-body")
    assert "LLC stages and graph phases" in words
    assert "does not say that one causes the other" in words
    assert "Not measured, so not compared: in-context learning" in words
    assert "tests, p corrected together" in watched.page.inner_text("#verdict-head")
    shown = watched.page.locator(".verdict-list li").count()
    watched.page.get_by_role("button", name="comparisons in words").click()
    watched.frame()
    verdicts = watched.page.eval_on_selector_all(
        ".verdict-list li", "all => all.map(n => n.dataset.verdict)"
    )
    assert len(verdicts) > shown
    order = ["together", "caution", "chance", "untold"]
    assert verdicts == sorted(verdicts, key=order.index)
    counts = watched.page.locator(".verdict-counts dd").all_inner_texts()
    assert sum(int(text) for text in counts) == len(verdicts)


def test_a_click_on_a_boundary_goes_to_its_step_and_the_axis_is_the_sliders(
    watched: Watched,
) -> None:
    opened(watched)
    mark = watched.page.locator(".boundary-mark.llc[data-kind=maximum]").first
    label = mark.get_attribute("aria-label") or ""
    step = int(label.split("at step ")[1].split(" ")[0].replace(",", ""))
    mark.click()
    watched.frame()
    nearest = min(RUN.steps, key=lambda t: abs(t - step))
    assert watched.slider("aria-valuenow") == str(RUN.steps.index(nearest))
    assert f"step {nearest:,}" in watched.page.inner_text("#boundaries-head")
    thumb = watched.page.locator(".thumb").bounding_box()
    assert thumb is not None
    for left in cursors(watched):
        assert left == pytest.approx(thumb["x"] + thumb["width"] / 2, abs=1.5)


def test_marks_can_be_reached_and_used_by_keyboard(watched: Watched) -> None:
    opened(watched)
    watched.page.locator(".boundary-mark.graph").first.focus()
    label = watched.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label.startswith("graph phases: boundary between phases at step ")
    watched.press("Enter")
    step = int(label.split("at step ")[1].split(" ")[0].replace(",", ""))
    assert watched.slider("aria-valuenow") == str(RUN.steps.index(step))


def test_scrubbing_moves_the_scatter_and_its_words_and_asks_for_nothing(watched: Watched) -> None:
    opened(watched, query=f"&step={RUN.steps[10]}")
    now = watched.page.locator(".together-now .now")
    assert f"step {RUN.steps[10]:,}" in now.inner_text()
    place = watched.page.get_attribute(".cloud-point[data-part=L0H2]", "transform")
    heights = watched.page.evaluate("document.documentElement.scrollHeight")
    watched.requests.clear()
    watched.press("ArrowRight", "ArrowRight")
    assert f"step {RUN.steps[12]:,}" in now.inner_text()
    assert watched.page.get_attribute(".cloud-point[data-part=L0H2]", "transform") != place
    assert watched.page.evaluate("document.documentElement.scrollHeight") == heights
    assert watched.requests == []


def test_another_curve_is_drawn_from_the_menu_and_from_the_table(watched: Watched) -> None:
    opened(watched)
    drawn = watched.page.get_attribute(".lag-line", "d")
    menu = watched.page.get_by_label("Curve beside the LLC")
    assert menu.locator("optgroup").count() == 2
    menu.select_option(label="induction")
    watched.frame()
    assert watched.page.get_attribute(".lag-line", "d") != drawn
    assert "induction" in watched.page.inner_text(".lags-side .panel-words")
    assert (
        watched.page.locator(".lags-panel tr.selected").get_attribute("data-curve") == "induction"
    )
    watched.page.locator("[data-curve='loss'] button").click()
    watched.frame()
    assert watched.page.get_attribute(".lag-line", "d") == drawn
    assert menu.input_value() == "loss"


def test_the_other_strength_is_fetched_when_it_is_chosen(watched: Watched) -> None:
    opened(watched)
    watched.requests.clear()
    with watched.page.expect_response("**/in_strength.json"):
        watched.page.get_by_label("Strength", exact=True).select_option(label="in-strength")
    watched.page.wait_for_selector(".together-table [data-part]")
    watched.settle()
    assert [url.rsplit("/", 1)[1] for url in watched.requests] == ["in_strength.json"]
    assert "in-strength" in watched.page.inner_text(".together-table .panel-words >> nth=0")
    assert "in-strength" in watched.page.inner_text(".cloud-frame .axis-name.up")


def test_tables_can_be_saved(watched: Watched) -> None:
    opened(watched)
    with watched.page.expect_download() as saved:
        watched.page.locator("#distances-head").get_by_role("button").click()
    assert saved.value.suggested_filename == f"{RUN.name}-text.zero-distances.csv"
    lines = saved.value.path().read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + coincidence_samples.DISTANCES
    assert lines[0].startswith("first,second,start,end,first_boundaries")
    assert lines[1].startswith("LLC stages,graph phases,")


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_a_small_screen_holds_the_page(watched: Watched) -> None:
    opened(watched)
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 390
    sign = watched.page.locator(".distances-body tbody .coincidence-verdict i").first.bounding_box()
    assert sign is not None
    assert 0 < sign["x"] < 390
    for left in cursors(watched):
        assert 0 < left < 390


def test_each_panel_says_by_itself_what_it_lacks(watched: Watched) -> None:
    opened(watched, "lent", ".distances-body tbody tr")
    assert watched.page.inner_text(".boundary-llc strong") == "imported: llc"
    assert "it has no phases" in watched.page.inner_text(".boundaries-body")
    assert "no component has a strength" in watched.page.inner_text(".together-body")
    opened(watched, "bare", ".verdict-lead")
    assert "ontogeny compute bare --kinds llc" in watched.page.inner_text(".verdict-body")
    for panel in ("distances", "lags"):
        assert "This run has no LLC" in watched.page.inner_text(f".{panel}-body")
