"""Other graphs than the standard ones, and graphs of more than a thousand components."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from compute.store import Store
from tests.browser.conftest import DESKTOP, Watched, served
from tests.dashboard import more_graphs, synthetic

pytestmark = pytest.mark.browser

DRAWN = 1_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = Store(tmp_path_factory.mktemp("graphs") / "store")
    run = synthetic.language_run()
    synthetic.fill(store, run)
    more_graphs.fill_settings(store, run)
    more_graphs.fill_wide(store, more_graphs.wide_run())
    with served(store) as address:
        yield address
    store.close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Watched]:
    context = browser.new_context(viewport=DESKTOP)
    context.set_default_timeout(30_000)
    opened = Watched(context.new_page(), url)
    yield opened
    context.close()
    assert opened.complaints == []


def head(page: Watched) -> str:
    return page.page.inner_text("#graph-head").replace("\n", " ")


def test_another_ablation_is_chosen_and_stands_in_the_address(page: Watched) -> None:
    page.open()
    zero = head(page)
    page.page.select_option("[data-menu=ablation]", "text.mean")
    page.frame()
    assert "mean ablation" in page.page.inner_text("#graph-choice")
    page.page.wait_for_url("**graph=text.mean**")
    assert head(page) != zero
    again = page.page.url
    page.open(again.removeprefix(page.url))
    assert page.page.input_value("[data-menu=ablation]") == "text.mean"


def test_an_attribution_graph_is_called_an_approximation_and_compared(page: Watched) -> None:
    page.open("/?graph=text.zero.attribution")
    assert re.search(r"approximation, rank correlation 0\.\d\d with exact", head(page))
    assert "approximation" in page.page.inner_text("#graph-choice")
    page.page.select_option("[data-menu=ablation]", "text.zero")
    page.frame()
    assert "approximation" not in head(page)


def test_queries_keys_and_values_are_drawn(page: Watched) -> None:
    page.open("/?graph=text.zero.hooks")
    names = page.page.evaluate(
        "[...document.querySelectorAll('#graph-canvas .node')].map(n => n.ariaLabel)"
    )
    assert {"EMB", "L0Q", "L0H1RK", "L3POST", "LOGITS"} <= set(names)


def test_a_thousand_components_are_scrubbed_without_asking(page: Watched) -> None:
    run = more_graphs.wide_run()
    page.open("/?run=wide")
    page.page.locator(".segments [data-axis=index]").click()
    page.settle()
    page.press("Home")
    page.requests.clear()
    weights = []
    for step in run.steps:
        assert set(page.steps()) == {step}
        found = re.search(r"([\d,]+) of ([\d,]+) edges . (\d+) %", head(page))
        assert found, head(page)
        shown, total = (int(number.replace(",", "")) for number in found.groups()[:2])
        assert 0 < shown <= DRAWN
        assert 1_000_000 < total <= more_graphs.WIDE_EDGES
        weights.append(int(found[3]))
        page.press("ArrowRight")
    assert page.requests == []
    assert max(weights) < 100


def test_the_most_edges_that_are_drawn_can_be_chosen(page: Watched) -> None:
    page.open("/?run=wide")
    page.page.fill(".most", "50")
    page.page.press(".most", "Enter")
    page.frame()
    assert head(page).startswith("Ablation graph step 143,000 50 of ")
