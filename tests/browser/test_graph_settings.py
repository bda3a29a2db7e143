"""Other graphs than the standard ones, and graphs of more than a thousand components."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from compute.store import Store
from tests.browser.conftest import DESKTOP, Watched, served
from tests.dashboard import more_graphs, synthetic

pytestmark = pytest.mark.browser

DRAWN, MISSING = 1_000, 40
PHONE = {"width": 390, "height": 844}
COUNT = """() => [...document.querySelectorAll('#graph-canvas .edge')]
  .map(p => (p.getAttribute('d') ?? '').split('M').length - 1).reduce((a, b) => a + b)"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = Store(tmp_path_factory.mktemp("graphs") / "store")
    run = synthetic.language_run()
    synthetic.fill(store, run, missing=(("graph", MISSING), ("network", MISSING)))
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


def point_at(page: Watched, component: str) -> tuple[float, float]:
    """Where a component's mark is, of a graph that draws each in an element of its own."""
    box = page.page.locator(f".node[data-component={component}] .shape").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def tooltip(page: Watched) -> str:
    return " ".join(page.page.locator(".tooltip").inner_text().split())


@pytest.mark.parametrize(
    ("query", "graph"),
    [
        ("", "text.zero"),
        ("?task=unigram", "unigram.zero"),
        ("?graph=text.resample", "text.resample"),
        ("?graph=text.sideways", "text.zero"),
        ("?graph=text.sideways&task=passage", "passage.zero"),
        ("?graph=text.mean&task=unigram", "text.mean"),
        ("?task=nonsense", "text.zero"),
    ],
)
def test_links_old_and_new_name_the_graph(page: Watched, query: str, graph: str) -> None:
    page.open("/" + query)
    page.press("ArrowLeft")
    page.page.wait_for_url(f"**graph={graph}&**")
    assert page.page.locator("#note").is_hidden()


def test_a_run_with_one_setting_has_no_choice_of_ablations(page: Watched) -> None:
    page.open("/?run=wide")
    assert page.page.locator("[data-menu=ablation]").count() == 0
    assert "zero ablation" in page.page.inner_text("#graph-choice")


def test_other_prompts_keep_the_ablation_where_it_was_measured(page: Watched) -> None:
    page.open("/?graph=text.mean")
    page.page.select_option("[data-menu=prompts]", "unigram")
    page.page.wait_for_url("**graph=unigram.zero**")
    assert page.page.locator("[data-menu=ablation]").count() == 0
    page.page.select_option("[data-menu=prompts]", "text")
    page.page.wait_for_url("**graph=text.zero**")


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


def test_without_an_exact_graph_there_is_no_correlation_and_a_reason(page: Watched) -> None:
    step = synthetic.language_run().steps[MISSING]
    page.open(f"/?graph=text.zero.attribution&step={step}")
    assert "approximation, rank correlation —, no exact graph here" in head(page)
    title = page.page.get_attribute("#graph-head .approximate", "title") or ""
    assert "There is no exact graph of this step" in title
    page.press("ArrowRight")
    assert re.search(r"rank correlation 0\.\d\d with exact", head(page))
    title = page.page.get_attribute("#graph-head .approximate", "title") or ""
    assert "over 191 edges" in title


def test_an_approximation_is_called_one_in_tooltips_ranks_and_for_those_who_listen(
    page: Watched,
) -> None:
    page.open("/?graph=text.zero.attribution&step=6000")
    page.page.mouse.move(*point_at(page, "L1H2"))
    assert "step 6,000 · approximation" in tooltip(page)
    assert "right token’s logit not measured" in tooltip(page)
    assert "approximation" in page.page.inner_text("#rank-head")
    page.press("ArrowLeft")
    page.page.wait_for_function(
        "() => /Approximation, rank corr/.test(document.querySelector('.spoken').textContent)"
    )


def test_the_tooltip_of_an_edge_has_both_changes_with_their_doubt(page: Watched) -> None:
    page.open("/?step=6000&graph=text.zero")
    (x, y), (u, v) = point_at(page, "EMB"), point_at(page, "L0H0")
    for k in range(-12, 13):
        page.page.mouse.move((x + u) / 2, (y + v) / 2 + k)
        if page.page.locator(".tooltip:visible").count() and "EMB → L0H0" in tooltip(page):
            break
    number = r"\d\.\d+ ± 0\.\d+"
    pattern = f"weight, 1 − cosine {number} relative norm change {number} prompts 16 step 6,000"
    assert re.search(pattern, tooltip(page)), tooltip(page)


def test_a_selected_head_stays_selected_when_attention_is_taken_apart(page: Watched) -> None:
    page.open("/?component=L1H2")
    page.page.select_option("[data-menu=ablation]", "text.zero.hooks")
    page.page.wait_for_url("**component=L1H2Z**")
    assert page.page.locator(".node.selected").get_attribute("data-component") == "L1H2Z"
    page.page.select_option("[data-menu=ablation]", "text.mean")
    page.page.wait_for_url("**component=L1H2&**")
    page.settle()


def test_the_heaviest_few_of_a_small_graph_are_drawn_and_counted(page: Watched) -> None:
    page.open("/?step=6000&threshold=0")
    page.page.fill(".most", "10")
    page.page.press(".most", "Enter")
    page.frame()
    assert re.search(r" 10 of 191 edges · \d\d % of weight", head(page))
    assert page.page.locator(".edge:visible").count() == 10
    page.page.wait_for_url("**top=10&**")
    page.page.fill(".most", "nonsense")
    page.page.press(".most", "Enter")
    assert page.page.input_value(".most") == "10"
    page.page.fill(".most", "all")
    page.page.press(".most", "Enter")
    page.frame()
    assert page.page.locator(".edge:visible").count() == 191


def test_a_gap_of_another_graph_says_what_to_type(page: Watched) -> None:
    page.open("/?graph=text.mean")
    shown = page.page.evaluate(
        """async () => {
          const { fillAbsence } = await import('/assets/modules/coverage.mjs');
          const place = document.createElement('div');
          const payload = { steps: [7], failures: [] };
          const model = { payload, state: { index: 0 }, obstacle: '' };
          fillAbsence(place, model, 'graph', 'ontogeny compute a --ablation mean');
          return [place.innerText, place.querySelectorAll('button').length]; }"""
    )
    assert shown == ["Not computed at step 7ontogeny compute a --ablation mean", 0]


def test_queries_keys_and_values_are_drawn(page: Watched) -> None:
    page.open("/?graph=text.zero.hooks")
    names = page.page.evaluate(
        "[...document.querySelectorAll('#graph-canvas .node')].map(n => n.ariaLabel)"
    )
    assert {"EMB", "L0Q", "L0H1RK", "L3POST", "LOGITS"} <= set(names)
    assert len(names) == 4 * (6 * 5 + 1) + 2
    assert " 300 of 5,235 edges" in head(page)
    assert page.page.evaluate(COUNT) == 300
    assert "all heads of a layer" in page.page.inner_text(".legend")
    page.page.mouse.move(*point_at(page, "L2H1RQ"))
    assert "L2H1RQ, rotated queries" in tooltip(page)


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
        assert shown == DRAWN == page.page.evaluate(COUNT)
        assert total == more_graphs.WIDE_EDGES
        weights.append(int(found[3]))
        heavy = np.sort(np.nan_to_num(more_graphs.wide_graph(step).weight.astype(float)).ravel())
        assert weights[-1] == round(100 * heavy[-DRAWN:].sum() / heavy.sum())
        page.press("ArrowRight")
    assert page.requests == []
    assert max(weights) < 100


def test_the_most_edges_that_are_drawn_can_be_chosen(page: Watched) -> None:
    page.open("/?run=wide")
    page.page.fill(".most", "50")
    page.page.press(".most", "Enter")
    page.frame()
    assert head(page).startswith("Ablation graph step 143,000 50 of ")
    assert page.page.evaluate(COUNT) == 50


def test_a_threshold_on_a_wide_graph_counts_exactly(page: Watched) -> None:
    page.open("/?run=wide&step=143000&threshold=0.2")
    weight = more_graphs.wide_graph(143_000).weight
    heavy = int((weight.astype(float) >= 0.2).sum())
    assert 0 < heavy < DRAWN
    assert f" {heavy} of 1,063,423 edges" in head(page)
    assert page.page.evaluate(COUNT) == heavy


def test_what_a_wide_graph_does_not_keep_is_said(page: Watched) -> None:
    page.open("/?run=wide&step=143000&top=all")
    assert " 2,000 of 1,063,423 edges" in head(page)
    weight = more_graphs.wide_graph(143_000).weight
    least = float(np.sort(weight[np.isfinite(weight)])[-2_000])
    said = re.search(
        r"the 2,000 heaviest are kept, here down to ([\d.]+)", page.page.inner_text("#graph-choice")
    )
    assert said
    assert float(said[1]) == pytest.approx(least, rel=0.01)


def test_a_component_of_a_crowd_is_picked_followed_and_left(page: Watched) -> None:
    page.open("/?run=wide&step=143000")
    page.page.locator("tr", has_text="L0H27").first.click()
    page.page.wait_for_selector(".node-mark.selected")
    box = page.page.locator(".node-mark.selected .ring").bounding_box()
    assert box is not None
    assert page.page.locator(".node-mark.selected text").text_content() == "L0H27"
    canvas = page.page.locator("#graph-canvas").bounding_box()
    assert canvas is not None
    page.page.keyboard.press("Escape")
    page.frame()
    assert page.page.locator(".node-mark.selected").is_hidden()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x + 2, y + 2)
    text = tooltip(page)
    assert text.startswith("L0H27 out-strength")
    assert re.search(r"loss when ablated \+\d\.\d+ ± 0\.\d+ nats", text)
    assert re.search(r"right token’s logit −\d\.\d+ ± 0\.\d+", text)
    assert "Ablating it hurts where the loss rises (+) and the right token’s logit falls" in text
    page.page.mouse.click(x + 2, y + 2)
    page.page.wait_for_selector("[data-lane=component]")
    assert page.page.locator("tr.selected .component").inner_text() == "L0H27"
    on = "[...document.querySelectorAll('.edge.on')].some(p => p.getAttribute('d'))"
    assert page.page.evaluate(on)
    page.page.mouse.click(canvas["x"] + 3, canvas["y"] + canvas["height"] / 2)
    page.page.wait_for_selector("[data-lane=component]", state="detached")


def test_a_crowd_is_walked_by_the_keyboard(page: Watched) -> None:
    page.open("/?run=wide&component=L3H7")
    page.page.wait_for_selector(".node-mark.selected")
    page.page.locator(".node-mark.focus").focus()
    page.press("ArrowUp", "Shift+ArrowUp", "Enter")
    page.page.wait_for_function("() => location.search.includes('component=L4H8')")
    assert page.page.locator(".node-mark.selected text").text_content() == "L4H8"
    page.settle()


def test_the_ranks_of_a_crowd_are_few_and_hold_the_selected_one(page: Watched) -> None:
    page.open("/?run=wide&component=LOGITS&step=143000")
    page.page.wait_for_selector("[data-lane=component]")
    rows = page.page.locator("#rank-table tbody tr")
    assert rows.count() == 52
    assert "1,428 more components" in page.page.inner_text("#rank-table")
    selected = page.page.locator("tr.selected").inner_text().split()
    assert selected[:2] == ["1,478", "LOGITS"]
    assert page.page.locator(".bump-lines path").count() < 200
    assert page.page.locator(".bump-lines path.selected").count() == 1


@pytest.mark.parametrize("query", ["?run=wide", "?graph=text.zero.hooks", "?graph=text.mean"])
def test_every_graph_fits_a_phone(browser: Browser, url: str, query: str) -> None:
    context = browser.new_context(viewport=PHONE)  # type: ignore[arg-type]
    page = Watched(context.new_page(), url).open("/" + query)
    wide = page.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    cut = page.page.evaluate(
        """() => [...document.querySelectorAll('#graph-choice select')]
          .some(s => s.getBoundingClientRect().right > innerWidth)"""
    )
    context.close()
    assert (wide, cut) == (0, False)
    assert page.complaints == []
