from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.browser.conftest import DESKTOP, MISSING, Watched
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

STEPS = synthetic.language_run().steps
DRAWN = ".stability-curves .curve-readout"
PANELS = 7
PHONE = {"viewport": {"width": 390, "height": 844}}
TALL = {"viewport": {"width": 1440, "height": 3400}}
SCHEMES = [{**TALL, "color_scheme": "light"}, {**TALL, "color_scheme": "dark"}]


def opened(page: Watched, query: str = "") -> Watched:
    """The Network page, with what is computed over all checkpoints and the table's first rows."""
    page.open(f"/network?run=stdlib_lm{query}", wait=DRAWN)
    page.page.wait_for_selector(".rank-grid .ag-row[row-id]")
    page.settle()
    return page


def shown(page: Watched) -> set[int]:
    """The steps that the panels and the dock say they show."""
    texts = page.page.evaluate(
        """async () => {
          await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
          const panels = [...document.querySelectorAll('[data-step]')].map(n => n.textContent);
          return [...panels, 'step ' + document.querySelector('.step-box').value]; }"""
    )
    assert len(texts) == PANELS + 1
    return {int(text.removeprefix("step ").replace(",", "")) for text in texts}


def table_step(page: Watched) -> str:
    return page.page.locator("#rank-step").inner_text()


def painted(page: Watched, selector: str) -> str:
    """What a canvas holds, as a string that differs where a pixel does."""
    return str(page.page.evaluate(f"document.querySelector('{selector}').toDataURL()"))


@pytest.mark.parametrize("watched", SCHEMES, indirect=True)
def test_scrubbing_moves_every_panel_and_asks_for_nothing_but_the_table(watched: Watched) -> None:
    opened(watched)
    watched.page.locator(".segments [data-axis=index]").click()
    watched.press("Home")
    watched.page.wait_for_function(
        "() => document.querySelector('#rank-step').textContent === 'step 0'"
    )
    watched.settle()
    box = watched.page.locator("[role=slider]").bounding_box()
    assert box is not None
    watched.requests.clear()
    y = box["y"] + 20
    watched.page.mouse.move(box["x"], y)
    watched.page.mouse.down()
    for i in range(0, len(STEPS), 4):
        watched.page.mouse.move(box["x"] + box["width"] * i / (len(STEPS) - 1), y)
        assert shown(watched) == {STEPS[i]}
        assert cursors_meet(watched)
    watched.page.mouse.up()
    last = f"step {STEPS[i]:,}"
    watched.page.wait_for_function(
        f"() => document.querySelector('#rank-step').textContent === '{last}'"
    )
    assert {url.split("?")[0].rsplit("/", 1)[1] for url in watched.requests} == {
        "_dash-update-component"
    }


def cursors_meet(page: Watched) -> bool:
    """Say whether the cursors of panels over the time axis stand on the slider's thumb."""
    places = page.page.evaluate(
        """() => ['.thumb', '.phase-strip .cursor', '.metric-row .cursor', '.heat-panel .cursor',
                  '.communities-panel .cursor'].map(s => {
             const b = document.querySelector(s).getBoundingClientRect();
             return b.left + b.width / 2; })"""
    )
    return bool(max(places) - min(places) < 2)


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_scrubbing_works_on_a_phone(watched: Watched) -> None:
    opened(watched)
    watched.press("Home")
    assert shown(watched) == {0}
    watched.press("End", "PageDown")
    assert shown(watched) == {STEPS[-11]}
    assert cursors_meet(watched)
    wide = "[...document.querySelectorAll('main .panel')].map(p => p.getBoundingClientRect().right)"
    assert max(watched.page.evaluate(wide)) <= 390


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_the_matrix_and_the_histogram_are_those_of_the_step(watched: Watched) -> None:
    opened(watched, "&step=0")
    canvases = (".matrix-plane canvas", ".weights-plane canvas")
    before = [painted(watched, c) for c in canvases]
    watched.press("End")
    after = [painted(watched, c) for c in canvases]
    assert all(a != b for a, b in zip(before, after, strict=True))
    watched.press("Home")
    assert [painted(watched, c) for c in canvases] == before


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_colours_belong_to_the_run_not_to_the_step(watched: Watched) -> None:
    opened(watched, "&step=0")
    fixed = (".heat-panel canvas", ".stability-plane canvas", ".space-plane canvas")
    legends = "[...document.querySelectorAll('.scale')].map(n => n.textContent)"
    before = [*(painted(watched, c) for c in fixed), *watched.page.evaluate(legends)]
    watched.press("End")
    assert [*(painted(watched, c) for c in fixed), *watched.page.evaluate(legends)] == before


@pytest.mark.parametrize("watched", [TALL], indirect=True)
@pytest.mark.parametrize(
    "plane", [".stability-plane", ".heat-panel .time-plane", ".communities-panel .time-plane"]
)
def test_a_click_on_a_picture_over_time_jumps_there(watched: Watched, plane: str) -> None:
    opened(watched, "&step=0")
    box = watched.page.locator(plane).bounding_box()
    assert box is not None
    at = {"x": 0.75 * box["width"], "y": 0.3 * box["height"]}
    watched.page.locator(plane).click(position=at)
    (step,) = shown(watched)
    assert 500 < step < 900


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_a_click_in_graph_space_goes_to_that_checkpoint(watched: Watched) -> None:
    opened(watched, "&step=0")
    where = "document.querySelector('.space-mark').style.transform"
    plane = watched.page.locator(".space-plane")
    watched.press("End")
    x, y = (float(v) for v in re.findall(r"-?[\d.]+(?=px)", watched.page.evaluate(where)))
    watched.press("Home")
    plane.click(position={"x": x, "y": y})
    (step,) = shown(watched)
    assert step > 1000


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_the_matrix_tells_an_edge_and_selects_its_source(watched: Watched) -> None:
    opened(watched, "&step=6000")
    plane = watched.page.locator(".matrix-plane")
    box = plane.bounding_box()
    assert box is not None
    at = {"x": 21.5 / 22 * box["width"], "y": 8.5 / 22 * box["height"]}
    plane.hover(position=at)
    tip = watched.page.locator(".tooltip")
    text = tip.inner_text()
    assert text.startswith("L1H2 → LOGITS")
    assert re.search(r"0\.\d+ ± 0\.\d+", text)
    assert re.search(r"Stands at 0\.\d+ in \d+ % of checkpoints\.", text)
    watched.page.wait_for_function(
        "() => document.querySelector('[role=status].spoken').textContent.includes('L1H2 → LOGITS')"
    )
    plane.click(position=at)
    watched.frame()
    assert watched.page.locator(".matrix-left .selected").inner_text() == "L1H2"
    assert watched.page.locator(".heat-panel .row-label.selected").inner_text() == "L1H2"
    plane.hover(position={"x": 4, "y": box["height"] - 4})
    assert "No edge can be" in tip.inner_text()


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_the_matrix_shows_the_flow_from_layer_to_layer(watched: Watched) -> None:
    opened(watched)
    watched.page.locator("[data-view=flow]").click()
    watched.frame()
    names = watched.page.locator(".matrix-left").inner_text().split("\n")
    assert names == ["EMB", *(f"layer {k}" for k in range(4)), "LOGITS"]


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_every_way_to_compare_checkpoints_is_drawn(watched: Watched) -> None:
    opened(watched)
    seen = set()
    for way in ("tau", "overlap", "frobenius", "correlation"):
        watched.page.select_option("[aria-label='Compare checkpoints by']", way)
        watched.frame()
        seen.add(painted(watched, ".stability-plane canvas"))
    assert len(seen) == 4


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_metrics_can_be_chosen_under_the_phases(watched: Watched) -> None:
    opened(watched)
    watched.page.locator(".metric-menu summary").click()
    watched.page.locator(".metric-menu input[value='graph.efficiency']").check()
    watched.frame()
    assert "efficiency" in watched.page.locator(".metric-rows").inner_text()
    watched.page.locator(".metric-menu input[value='graph.gini']").uncheck()
    assert "Gini" not in watched.page.locator(".metric-rows").inner_text()
    assert watched.page.locator(".phase-list li").count() >= 2


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_what_is_not_measured_at_a_step_is_said(watched: Watched) -> None:
    opened(watched, f"&step={STEPS[MISSING]}")
    assert watched.page.locator("#weights-head .panel-fact").inner_text() == "not measured here"
    assert "not measured" in watched.page.locator(".metric-rows").inner_text()


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_the_table_ranks_sorts_and_follows_the_step(watched: Watched) -> None:
    opened(watched, "&step=0")
    assert table_step(watched) == "step 0"
    components = watched.page.locator(".rank-grid .ag-pinned-left-cols-container [row-id]")
    assert components.count() == 22
    header = watched.page.locator(".ag-header-cell[col-id=in_strength]")
    header.click()
    header.click()
    column = ".ag-center-cols-container .ag-row[row-index='0'] [col-id=in_strength]"
    watched.page.wait_for_function(
        f"() => document.querySelector(\"{column}\").textContent !== '0.000'"
    )
    largest = float(watched.page.locator(column).inner_text())
    every = watched.page.locator("[col-id=in_strength].ag-cell").all_inner_texts()
    assert largest == max(float(v) for v in every)
    watched.page.focus("[role=slider]")  # in the table, End goes to its last column
    watched.press("End")
    watched.page.wait_for_function(
        "() => document.querySelector('#rank-step').textContent === 'step 6,000'"
    )
    assert header.get_attribute("aria-sort") == "descending"


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_a_row_of_the_table_selects_its_component(watched: Watched) -> None:
    opened(watched)
    watched.page.locator(".rank-grid [row-id=L2H3] [col-id=component]").click()
    watched.frame()
    assert watched.page.locator(".network-chosen").inner_text().startswith("L2H3")
    colour = (
        "s => getComputedStyle(document.querySelector(`.rank-grid [row-id=${s}]`)).backgroundColor"
    )
    assert watched.page.evaluate(colour, "L2H3") != watched.page.evaluate(colour, "L2H2")


@pytest.mark.parametrize("watched", [TALL], indirect=True)
def test_the_table_is_saved_with_every_metric(watched: Watched, tmp_path: Path) -> None:
    opened(watched, "&step=6000&metric=in_strength")
    watched.page.get_by_role("button", name="all metrics").click()
    watched.frame()
    grid = "window.dash_ag_grid.getApi('rank-grid')"
    assert watched.page.evaluate(f"{grid}.getColumn('pagerank').isVisible()")
    assert not watched.page.evaluate(f"{grid}.getColumn('pagerank_low').isVisible()")
    with watched.page.expect_download() as saved:
        watched.page.get_by_role("button", name="Download CSV").click()
    assert saved.value.suggested_filename == "stdlib_lm-text.zero-step-6000.csv"
    path = tmp_path / "ranks.csv"
    saved.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 23
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(rows[0]) > 3 * 16


def test_without_a_graph_every_panel_says_so(watched: Watched) -> None:
    watched.open("/network?run=fresh", wait=".panel-state")
    reasons = watched.page.locator(".network .panel-state:visible").all_inner_texts()
    assert reasons
    assert set(reasons) == {"No graph is measured yet."}


@pytest.mark.parametrize("watched", [{"viewport": DESKTOP}], indirect=True)
def test_the_time_axis_and_the_graph_are_in_the_address(watched: Watched) -> None:
    opened(watched, "&step=1000&metric=spreader_z")
    watched.page.locator(".segments [data-axis=linear]").click()
    watched.page.wait_for_function("() => location.search.includes('axis=linear')")
    assert "metric=spreader_z" in watched.page.url
    watched.page.reload()
    watched.page.wait_for_selector(DRAWN)
    watched.settle()
    assert watched.page.input_value("[aria-label='Colour components by']") == "spreader_z"
