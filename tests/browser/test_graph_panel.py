"""What a reader does to the graph: find, pin, hide, size, colour, sign, matrix, fill the page."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Watched

pytestmark = pytest.mark.browser

SHOWN = """() => [...document.querySelectorAll('#graph-canvas .node')]
  .filter(n => n.style.display !== 'none').map(n => n.dataset.component)"""
ENDS = """() => [...document.querySelectorAll('#graph-canvas .edge.on')]
  .filter(n => n.style.display !== 'none').length"""
LAST = "/?run=stdlib_lm&threshold=0"


def count(page: Watched) -> tuple[int, int]:
    """How many edges the head says are drawn, and of how many."""
    text = page.page.inner_text("#graph-head").replace(",", "")
    found = re.search(r"(\d+) of (\d+) edges", text)
    assert found, text
    return int(found[1]), int(found[2])


def sizes(page: Watched) -> dict[str, str]:
    return dict(
        page.page.eval_on_selector_all(
            ".node", "n => n.map(x => [x.dataset.component, x.children[1].style.transform"
            " || x.children[1].getAttribute('transform')])",
        )
    )  # fmt: skip


def fills(page: Watched) -> dict[str, str]:
    return dict(
        page.page.eval_on_selector_all(
            ".node", "n => n.map(x => [x.dataset.component, getComputedStyle(x.children[1]).fill])"
        )
    )


def test_pins_stand_out_can_hide_the_rest_and_lie_in_the_address(watched: Watched) -> None:
    page = watched.open(LAST).page
    every = page.evaluate(SHOWN)
    drawn, possible = count(watched)
    assert drawn == possible
    page.click(".node[data-component=L0H1]", modifiers=["Shift"])
    page.click(".node[data-component=L1H0]")
    page.keyboard.press("p")
    watched.press("Escape")
    page.get_by_role("button", name="Unpin L1H0").wait_for()
    assert page.evaluate(ENDS) == 1
    page.get_by_role("button", name="only these").click()
    watched.frame()
    assert page.evaluate(SHOWN) == ["L0H1", "L1H0"]
    assert count(watched) == (1, possible)
    page.wait_for_url("**pin=L0H1,L1H0&only=1**")
    watched.open(page.url.removeprefix(watched.url))
    assert page.evaluate(SHOWN) == ["L0H1", "L1H0"]
    page.get_by_role("button", name="unpin all").click()
    watched.frame()
    assert page.evaluate(SHOWN) == every
    assert count(watched) == (drawn, possible)


def test_finding_marks_selects_and_pins(watched: Watched) -> None:
    page = watched.open(LAST).page
    watched.press("/")
    page.keyboard.type("l1h")
    watched.frame()
    found = page.locator(".node.found").count()
    assert found > 1
    assert f"{found} found" in page.inner_text("#graph-tools")
    page.keyboard.press("Shift+Enter")
    watched.frame()
    assert page.locator(".node.pinned").count() == found
    page.get_by_label("Find components by name").fill("L1H1")
    page.keyboard.press("Enter")
    watched.frame()
    assert page.locator(".node.selected").get_attribute("data-component") == "L1H1"
    page.keyboard.press("Escape")
    watched.frame()
    assert page.locator(".node.found").count() == 0


def test_size_and_colour_go_by_any_metric_and_scrub_along(watched: Watched) -> None:
    page = watched.open(LAST).page
    before, plain = sizes(watched), fills(watched)
    page.get_by_label("Size by").select_option("in_strength")
    page.get_by_label("Colour by").select_option("layer")
    watched.frame()
    assert sizes(watched) != before
    layers = fills(watched)
    assert layers["L0H0"] == layers["L0H1"] != layers["L1H0"]
    assert layers != plain
    page.get_by_label("Colour by").select_option("out_strength")
    watched.frame()
    assert "out-strength" in page.inner_text(".graph-scale")
    late = fills(watched)
    watched.press("Home")
    assert fills(watched) != late
    page.wait_for_url("**colour=out_strength&size=in_strength**")
    chosen = page.get_by_label("Rank components by").input_value()
    assert chosen == "out_strength"


def test_head_scores_colour_heads_and_leave_the_rest_clear(watched: Watched) -> None:
    page = watched.open(LAST + "&colour=induction").page
    assert page.get_by_label("Colour by").input_value() == "induction"
    found = fills(watched)
    assert found["L0MLP"] == found["EMB"] != found["L1H0"]
    page.hover(".node[data-component=L1H0] .shape")
    assert "induction" in page.locator(".tooltip").inner_text()


def test_signs_colour_edges_by_whether_what_they_leave_helps(watched: Watched) -> None:
    page = watched.open(LAST).page
    assert page.locator("#graph-canvas :is(.edge.more, .edge.less)").count() == 0
    page.get_by_role("button", name="sign").click()
    watched.frame()
    assert page.locator("#graph-canvas .edge.more").count() > 0
    assert "loss rises" in page.inner_text("#graph-tools")
    assert page.locator("#graph-canvas .edge.less").count() > 0
    page.get_by_label("Colour by").select_option("loss_change")
    page.wait_for_url("**colour=loss_change**sign=1**")
    page.hover(".node[data-component=EMB] .shape")
    assert "loss when ablated\n+" in page.locator(".tooltip").inner_text()


def test_the_matrix_has_every_edge_and_follows_the_slider(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm").page
    page.get_by_role("button", name="matrix").click()
    watched.frame()
    drawn, possible = count(watched)
    assert drawn == possible
    pixels = "() => document.querySelector('.graph-matrix canvas').toDataURL()"
    late = page.evaluate(pixels)
    watched.press("Home")
    assert page.evaluate(pixels) != late
    page.click(".graph-matrix [data-component=L0H1]")
    watched.frame()
    assert page.locator(".rank-table tr.selected").inner_text().count("L0H1") == 1
    page.wait_for_url("**as=matrix**")
    page.get_by_role("button", name="graph", exact=True).click()
    watched.frame()
    assert page.locator(".node[data-component=L0H1]").is_visible()


def test_the_graph_fills_the_page_and_comes_back(watched: Watched) -> None:
    page = watched.open(LAST).page
    small = page.locator("#graph-canvas").bounding_box()
    watched.press("f")
    watched.settle()
    large = page.locator("#graph-canvas").bounding_box()
    assert small
    assert large
    assert large["width"] > 1.5 * small["width"]
    assert page.locator("#dock").is_visible()
    assert page.locator(".rank-panel").is_hidden()
    watched.press("ArrowLeft", "Escape")
    watched.settle()
    assert page.locator(".rank-panel").is_visible()
    assert page.locator("#graph-canvas").bounding_box() == small


def test_play_runs_backwards_and_stops_at_the_start(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm").page
    watched.press("Home", "ArrowRight", "ArrowRight")
    watched.press("r")
    assert page.get_by_role("button", name="reverse").get_attribute("aria-pressed") == "true"
    watched.press("Space")
    page.wait_for_function(
        "() => document.querySelector('[role=slider]').getAttribute('aria-valuenow') === '0'"
    )
    page.get_by_role("button", name="Play").wait_for()
