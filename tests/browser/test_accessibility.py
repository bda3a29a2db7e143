"""axe-core over every page, in both themes, and what it cannot see: names, focus, tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from compute.bundle import bundles, import_bundle
from compute.store import Store
from dashboard.factory import PAGES
from tests.browser.conftest import DESKTOP, Watched, served, shipped

pytestmark = pytest.mark.browser

RUN = "attention_only"
SERIOUS = ("serious", "critical")
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shipped development, which has something in every panel."""
    store = Store(tmp_path_factory.mktemp("shipped") / "store")
    for folder in bundles(shipped()[0].parent):
        if folder.name == RUN:
            import_bundle(store, folder)
    with served(store) as address:
        yield address
    store.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, url: str, request: pytest.FixtureRequest) -> Iterator[Watched]:
    context = browser.new_context(viewport=DESKTOP, color_scheme=request.param)
    context.set_default_timeout(60_000)
    opened = Watched(context.new_page(), url)
    yield opened
    context.close()
    assert opened.complaints == []


def findings(page: Watched) -> list[str]:
    """What axe finds on the page as it is, and where."""
    found = Axe().run(page.page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: {[n['html'][:160] for n in v['nodes'][:3]]}"
        for v in found
        if v["impact"] in SERIOUS
    ]


def test_no_page_has_a_serious_finding(page: Watched) -> None:
    serious = {}
    page.page.set_default_timeout(240_000)  # Coincidence tests for as long as it takes
    for each in PAGES:
        page.open(f"{each.PATH}?run={RUN}&step=829&component=L0H1", "main")
        page.page.wait_for_timeout(300)
        if found := findings(page):
            serious[each.TITLE] = found
    assert serious == {}


def test_menus_and_dialogs_that_hang_open_have_none_either(page: Watched) -> None:
    page.open(f"/?run={RUN}&pin=L0H1,L1H2&sign=1&colour=induction")
    page.page.click(".views-menu summary")
    assert findings(page) == []
    page.press("Escape", "?")
    assert findings(page) == []
    page.press("Escape")
    page.page.get_by_role("button", name="matrix").click()
    page.frame()
    assert findings(page) == []
