"""Sharing a view: the versioned address, saved views, frames of other pages, and tokens as time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from compute.store import Store
from tests.browser.conftest import DESKTOP, Site, Watched, served
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser


def test_a_newer_link_is_opened_as_far_as_it_is_understood(watched: Watched) -> None:
    page = watched.open("/?v=99&run=stdlib_lm&step=0&hologram=1").page
    assert "newer version" in page.inner_text("#note")
    assert watched.steps() == [0] * 5
    watched.press("ArrowRight")
    page.wait_for_url("**?v=1&run=stdlib_lm**")


def test_a_view_is_saved_with_a_note_opened_again_and_deleted(
    watched: Watched, tmp_path: Path
) -> None:
    page = watched.open("/?run=stdlib_lm&pin=L0H1").page
    watched.press("Home", "ArrowRight")
    page.wait_for_url("**step=*")
    kept = watched.steps()
    page.click(".views-menu summary")
    page.get_by_label("Note on this view").fill("where it begins")
    page.get_by_role("button", name="Save view").click()
    page.get_by_text("Saved in this browser.").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as file").click()
    file = tmp_path / "views.json"
    saved.value.save_as(file)
    assert [view["note"] for view in json.loads(file.read_text())] == ["where it begins"]
    page.keyboard.press("Escape")
    watched.press("End")
    assert watched.steps() != kept
    page.click(".views-menu summary")
    page.get_by_role("link", name="where it begins").click()
    page.wait_for_selector(".pin-chip")
    watched.settle()
    assert watched.steps() == kept
    page.click(".views-menu summary")
    page.get_by_role("button", name="Delete the view where it begins").click()
    page.get_by_text("No view is saved in this browser yet.").wait_for()
    page.set_input_files(".views input[type=file]", file)
    page.get_by_text("1 of 1 views added.").wait_for()


def test_a_file_of_views_cannot_lead_elsewhere(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("/?run=stdlib_lm").page
    view = {"note": "x", "page": "", "saved": "2026-01-01"}
    addresses = ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil"]
    file = tmp_path / "views.json"
    file.write_text(json.dumps([view | {"address": a} for a in addresses]))
    page.click(".views-menu summary")
    page.set_input_files(".views input[type=file]", file)
    page.get_by_text("0 of 0 views added.").wait_for()
    file.write_text("no json")
    page.set_input_files(".views input[type=file]", file)
    page.get_by_text("holds no saved views").wait_for()


def test_pages_of_a_run_open_at_the_same_view(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm").page
    watched.press("Home", "ArrowRight", "ArrowRight")
    page.wait_for_url("**step=*")
    step = watched.steps()[0]
    page.get_by_text("Degeneracy", exact=True).click()
    page.get_by_role("link", name="Chains").click()
    page.wait_for_selector("[data-page=chains] [data-step]")
    watched.settle()
    assert page.locator("[data-step]").first.inner_text() == f"step {step:,}"


def test_a_frame_has_the_view_without_the_header(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm&step=0&embed=1").page
    assert page.locator(".masthead").count() == 0
    watched.press("ArrowRight")
    page.wait_for_url("**embed=1")
    link = page.get_by_role("link", name="open in Ontogeny").get_attribute("href")
    assert link is not None
    assert "embed" not in link
    assert "run=stdlib_lm" in link


def test_two_readers_do_not_disturb_each_other_and_need_no_other_host(
    browser: Browser, site: Site
) -> None:
    contexts = [browser.new_context(viewport=DESKTOP) for _ in range(2)]
    for context in contexts:
        context.route(lambda url: not url.startswith(site.url), lambda route: route.abort())
    one, other = (
        Watched(context.new_page(), site.url).open("/?run=stdlib_lm&step=6000")
        for context in contexts
    )
    one.press("Home", "f")
    other.press("ArrowLeft", "/")
    other.page.keyboard.type("L1")
    one.press("ArrowRight", "p")
    moved = synthetic.language_run().steps
    assert set(one.steps()) == {moved[1]}
    assert set(other.steps()) == {moved[-2]}
    assert other.page.locator(".rank-panel").is_visible()
    assert one.page.locator(".node.found").count() == 0
    assert one.complaints == other.complaints == []
    for context in contexts:
        context.close()


def test_a_printed_page_says_where_it_is_from(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm&step=0").page
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    foot = page.inner_text(".print-foot")
    assert "stdlib_lm · step 0 of 6,000" in foot
    assert "run=stdlib_lm&step=0" in foot
    assert page.locator("#dock").is_hidden()
    assert page.locator(".find").is_hidden()
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.locator(".print-foot").count() == 0


@pytest.mark.parametrize("watched", [{"color_scheme": "dark"}], indirect=True)
def test_curves_of_a_dark_page_are_printed_dark_on_white(watched: Watched) -> None:
    page = watched.open().page
    page.wait_for_selector("#lanes-stage.drawn")
    page.emulate_media(media="print", color_scheme="dark")
    shown = page.locator(".lanes-figure").evaluate("n => getComputedStyle(n).filter")
    assert shown.startswith("invert(1)")
    page.emulate_media(media="screen", color_scheme="dark")
    assert page.locator(".lanes-figure").evaluate("n => getComputedStyle(n).filter") == "none"


@pytest.fixture
def counted(browser: Browser, tmp_path: Path) -> Iterator[Watched]:
    """A run of which it is known how many tokens a step sees."""
    store = Store(tmp_path / "store")
    run = dataclasses.replace(synthetic.language_run(), tokens_per_step=4096)
    synthetic.fill(store, run)
    context = browser.new_context(viewport=DESKTOP)
    with served(store) as url:
        page = Watched(context.new_page(), url)
        yield page
        context.close()
    store.close()
    assert page.complaints == []


def test_time_is_told_in_tokens_where_they_are_known(counted: Watched) -> None:
    page = counted.open("/?run=stdlib_lm&axis=tokens").page
    ticks = page.locator(".ticks span").all_inner_texts()
    assert ticks[0] == "0"
    assert any(tick.endswith(("K", "M")) for tick in ticks)
    assert page.locator("[data-axis=tokens]").get_attribute("aria-pressed") == "true"
    labels = page.locator(".lanes-figure .xtick text").all_text_contents()
    assert sorted(labels) == sorted(ticks)


def test_without_tokens_there_is_no_such_axis(watched: Watched) -> None:
    page = watched.open("/?run=stdlib_lm&axis=tokens").page
    assert page.locator("[data-axis=tokens]").count() == 0
    assert page.locator("[data-axis=log]").get_attribute("aria-pressed") == "true"
