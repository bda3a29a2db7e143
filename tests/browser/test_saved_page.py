from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import DESKTOP, Watched

pytestmark = pytest.mark.browser

# What the Development page says at a step, in every panel.
NUMBERS = """async () => {
  await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
  const all = (selector) => [...document.querySelectorAll(selector)];
  const texts = (selector) => all(selector).map(n => n.innerText.trim());
  const edges = all('.edge').filter(n => n.style.display !== 'none').map(n => n.style.strokeWidth);
  const cursor = document.querySelector('.lanes-plane .cursor').style.transform;
  return { edges, cursor, counts: texts('.graph-count'), ranks: texts('.rank-table td'),
    values: texts('.readout-value'), steps: texts('[data-step]') };
}"""
LANES = """() => [...document.querySelectorAll('.lanes-plane .lane-dot')]
  .filter(n => n.style.display !== 'none').map(n => n.style.transform)"""


class File:
    """A saved page opened from the disk, without a network; it must not have complained."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on(
            "console", lambda m: m.type in ("error", "warning") and self.complaints.append(m.text)
        )
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("request", lambda r: self.requests.append(r.url))
        page.goto(path.as_uri())

    def asked(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("data:", "blob:"))]


@pytest.fixture
def disk(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, color_scheme="light", offline=True)
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def saved(page: Watched, folder: Path) -> Path:
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Save page").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_saved_page_scrubs_from_the_disk_with_the_numbers_of_the_live_one(
    watched: Watched, disk: Page, tmp_path: Path
) -> None:
    watched.open("/?run=stdlib_lm&step=1000&component=L2H3")
    path = saved(watched, tmp_path)
    assert re.fullmatch(r"stdlib_lm-step\d+-development\.html", path.name)
    text = path.read_text("utf-8")
    assert not re.search(
        r"""(?:src|href)=["']https?://""", text.replace(f'href="{watched.url}', "")
    )
    file = File(disk, path)
    disk.wait_for_selector(".readout")
    disk.wait_for_selector(".stage-name")
    for keys in ([], ["Home"], ["ArrowRight"] * 5, ["End"], ["PageUp"] * 3):
        for key in keys:
            watched.page.keyboard.press(key)
            disk.keyboard.press(key)
        live, here = watched.page.evaluate(NUMBERS), disk.evaluate(NUMBERS)
        assert here == live, keys
        assert disk.evaluate(LANES) == watched.page.evaluate(LANES), keys
    plays(disk)
    redraws(disk)
    assert disk.locator(".saved-note").inner_text().startswith(f"A copy of {watched.url}/?v=1&run=")
    assert file.asked() == [path.as_uri()]
    assert file.complaints == []


def plays(page: Page) -> None:
    before = page.get_attribute("[role=slider]", "aria-valuenow")
    page.get_by_role("button", name="Play").click()
    moved = f"() => document.querySelector('[role=slider]').ariaValueNow !== '{before}'"
    page.wait_for_function(moved)
    page.get_by_role("button", name="Pause").click()


LINE = "document.querySelector('.saved-line.llc').getAttribute('d')"


def redraws(page: Page) -> None:
    """Axis, zoom, lanes, theme: the curves that Python drew are drawn by the file."""

    log = page.evaluate(LINE)
    page.locator("[data-axis=linear]").click()
    page.wait_for_function(f"(d) => {LINE} !== d", arg=log)
    assert page.locator(".lanes-panel .quiet").first.inner_text() == "linear axis"
    linear = page.evaluate(LINE)
    page.keyboard.press("+")
    page.wait_for_function(f"(d) => {LINE} !== d", arg=linear)
    lanes = page.locator(".readout").count()
    page.get_by_label("Add a lane").select_option(index=1)
    page.wait_for_function(f"() => document.querySelectorAll('.readout').length === {lanes + 1}")
    page.get_by_role("button", name="Dark theme").click()
    page.locator(".graph-panel .figure-menu > summary").click()
    assert page.locator(".graph-panel .figure-popover a").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Save SVG").click()
    assert "<svg" in Path(download.value.path()).read_text("utf-8")


@pytest.mark.parametrize(
    ("address", "wait"),
    [
        ("/network?run=stdlib_lm&step=1000", ".phase-note"),
        ("/component?component=L2H3", ".multiple"),
    ],
)
def test_other_pages_work_from_the_disk_too(
    watched: Watched, disk: Page, tmp_path: Path, address: str, wait: str
) -> None:
    watched.open(address, wait)
    path = saved(watched, tmp_path)
    file = File(disk, path)
    disk.wait_for_selector(wait)
    words = """() => [...document.querySelectorAll('.panel-step, .value')]
      .map(n => n.innerText).filter(Boolean)"""
    for key in ("Home", "PageDown"):
        watched.press(key)
        disk.keyboard.press(key)
        disk.wait_for_timeout(100)
        here = set(disk.evaluate(words))
        assert here
        assert here <= set(watched.page.evaluate(words))
    assert file.asked() == [path.as_uri()]
    assert file.complaints == []
