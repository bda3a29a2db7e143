from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from compute.jobs import Jobs, process_identity
from compute.records import AblationGraph, AttentionPatterns, NetworkMetrics
from compute.runs import Run
from compute.specs import AttentionMeasurement
from compute.store import Store
from tests.browser.conftest import DESKTOP, MISSING, Site, Watched, served
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}
RUN = synthetic.language_run()
SMALL = synthetic.language_run(checkpoints=12)
INDEX = 70
HEAD = "L2H3"
PAGE = f"/component?run=stdlib_lm&graph=text.zero&component={HEAD}&step={RUN.steps[INDEX]}"


def record_of(site: Site, kind: str, step: int) -> AblationGraph | NetworkMetrics:
    """The record of the graph on text that the page shows."""
    for key in site.store.keys("stdlib_lm", kind):
        if f"/{step}/" in key:
            measured = site.store.get(key)
            assert measured is not None
            graph = getattr(measured.spec, "graph", measured.spec)
            if graph.task.name == "text":
                assert isinstance(measured.record, AblationGraph | NetworkMetrics)
                return measured.record
    raise AssertionError(f"no {kind} at step {step}")


def number(text: str) -> float:
    return float(text.split("±")[0].replace("−", "-").replace(",", "").strip())


def edges(page: Watched, title: str) -> list[tuple[str, float]]:
    """Names and weights of one of the two lists, as they stand."""
    rows = page.page.locator(f".edge-side[aria-label='{title}'] li:not([hidden])")
    return [
        (row.locator(".component").inner_text(), number(row.locator(".edge-weight").inner_text()))
        for row in rows.all()
    ]


def shown(page: Watched, name: str) -> float:
    return number(page.page.locator(f"[data-number={name}] .readout-value").inner_text())


# -- what is measured ----------------------------------------------------------------------------


@pytest.mark.parametrize("watched", [{}, PHONE, {"color_scheme": "dark"}], indirect=True)
@pytest.mark.parametrize("component", ["L2H3", "L1MLP", "EMB", "LOGITS"])
def test_it_opens_for_every_kind_and_fits_the_window(watched: Watched, component: str) -> None:
    watched.open(f"/component?component={component}", ".multiple")
    assert watched.page.inner_text("h1") == component
    beyond = "main *", "els => els.filter(e => e.getBoundingClientRect().right > innerWidth).length"
    assert watched.page.eval_on_selector_all(*beyond) == 0
    assert watched.page.locator("#attention-panel").is_visible() == (component == "L2H3")


def test_everything_moves_with_the_slider(watched: Watched, site: Site) -> None:
    watched.open(PAGE, ".multiple")
    for index in (INDEX, INDEX + 1, INDEX + 11):
        step = RUN.steps[index]
        metrics = record_of(site, "network", step)
        assert isinstance(metrics, NetworkMetrics)
        row = metrics.node_names.index("out_strength")
        value = metrics.node_values[row, metrics.components.index(HEAD)]
        assert shown(watched, "out_strength") == pytest.approx(value, abs=0.006)
        marks = watched.page.locator("[data-step]").all_inner_texts()
        assert set(marks) == {f"step {step:,}"}
        rank = 1 + (metrics.node_values[row] > value).sum()
        assert f"rank {rank} of 22" in watched.page.inner_text("[data-number=out_strength]")
        watched.press("ArrowRight" if index == INDEX else "Shift+ArrowRight")


def test_edges_are_the_records_sorted_by_weight(watched: Watched, site: Site) -> None:
    watched.open(PAGE, ".multiple")
    for index in (INDEX, INDEX + 1):
        graph = record_of(site, "graph", RUN.steps[index])
        assert isinstance(graph, AblationGraph)
        c = graph.components.index(HEAD)
        for title, weights in [("Edges in", graph.weight[:, c]), ("Edges out", graph.weight[c])]:
            there = [i for i in range(len(weights)) if np.isfinite(weights[i])]
            found = dict(edges(watched, title))
            assert set(found) == {graph.components[i] for i in there}
            for i in there:
                assert found[graph.components[i]] == pytest.approx(weights[i], abs=0.0016)
            listed = [weight for _, weight in edges(watched, title)]
            assert listed == sorted(listed, reverse=True)
        watched.press("ArrowRight")


def test_an_edge_leads_to_its_other_end(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    watched.page.locator(".edge-side[aria-label='Edges in'] li[data-component=L1H2] button").click()
    watched.frame()
    assert watched.page.inner_text("h1") == "L1H2"
    assert HEAD in dict(edges(watched, "Edges out"))
    watched.page.wait_for_function("() => location.search.includes('component=L1H2')")


def test_the_menu_and_the_buttons_go_from_component_to_component(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    watched.page.get_by_role("button", name="Next component").click()
    watched.frame()
    assert watched.page.inner_text("h1") == "L2MLP"
    watched.page.locator(".component-choice select").select_option("LOGITS")
    watched.frame()
    assert watched.page.inner_text("h1") == "LOGITS"
    assert "Nothing lies after it" in watched.page.inner_text("[aria-label='Edges out']")
    watched.page.get_by_role("button", name="Next component").click()
    watched.frame()
    assert watched.page.inner_text("h1") == "EMB"
    assert "Nothing lies before it" in watched.page.inner_text("[aria-label='Edges in']")


def test_escape_leaves_the_component(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    watched.press("Escape")
    assert watched.page.inner_text("h1") == HEAD


def test_a_click_on_a_curve_goes_to_that_checkpoint(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    plane = watched.page.locator("[data-curve=in_strength] .multiple-plane")
    box = plane.bounding_box()
    assert box is not None
    plane.click(position={"x": box["width"] - 1, "y": 20})
    watched.frame()
    assert watched.page.locator("[data-step=curves]").inner_text() == f"step {RUN.steps[-1]:,}"


def test_a_gap_stays_a_gap_and_axes_stay(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    curve = watched.page.locator("[data-curve=out_strength]")
    line = curve.locator(".multiple-line")
    drawn = line.get_attribute("d")
    ends = curve.locator(".multiple-ends").inner_text()
    assert drawn is not None
    assert drawn.count("M") == 2
    watched.press("Home")
    assert line.get_attribute("d") == drawn
    assert curve.locator(".multiple-ends").inner_text() == ends


def test_a_step_that_was_not_computed_says_so(watched: Watched) -> None:
    watched.open(f"/component?component={HEAD}&step={RUN.steps[MISSING]}", ".multiple")
    assert "Not computed at step" in watched.page.inner_text("#component-edges")
    assert "not measured" in watched.page.inner_text("[data-number=out_strength]")
    assert "not computed" in watched.page.inner_text("[data-curve=in_strength]")


def test_other_prompts_keep_the_component(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    watched.page.get_by_label("Prompts", exact=True).select_option("passage")
    watched.frame()
    assert watched.page.inner_text("h1") == HEAD
    # A passage is one prompt: it has no intervals.
    assert "±" not in watched.page.inner_text("[data-number=out_strength]")
    watched.page.wait_for_function("() => location.search.includes('graph=passage.zero')")


def test_a_component_that_is_not_there_leads_to_one_that_is(watched: Watched) -> None:
    watched.open("/component?run=stdlib_lm&component=L9H9", ".message")
    watched.page.get_by_role("link", name="L3H0").click()
    watched.page.wait_for_selector(".multiple")
    assert watched.page.inner_text("h1") == "L3H0"


def test_without_a_component_the_first_head_is_shown(watched: Watched) -> None:
    watched.open("/component?run=icl_regression", ".multiple")
    assert watched.page.inner_text("h1") == "L0H0"
    assert watched.page.locator("[data-number=logit_change]").count() == 0


def test_pages_follow_each_other_without_traces(watched: Watched) -> None:
    watched.open("/component?component=L1H0", ".multiple")
    for _ in range(2):
        follow(watched, "Development", ".readout")
        assert all(panel.is_visible() for panel in watched.page.locator("main .panel").all())
        assert watched.page.evaluate("location.pathname") == "/"
        assert len(set(watched.steps())) == 1
        follow(watched, "Component", ".multiple")
        assert watched.page.evaluate("location.pathname") == "/component"
        assert watched.page.inner_text("h1") == "L1H0"
        watched.page.wait_for_selector("text=Attention was not measured")


def follow(page: Watched, name: str, wait: str) -> None:
    """Follow a link of the header, after the pause in which a page writes its address."""
    page.page.wait_for_timeout(400)
    link = page.page.locator("nav.pages").get_by_role("link", name=name, include_hidden=True)
    if not link.is_visible():
        page.page.locator("nav.pages details").filter(has_text=name).locator("summary").click()
    link.click()
    page.page.wait_for_selector(wait)
    page.settle()


def test_the_graph_page_opens_with_the_component_selected(watched: Watched) -> None:
    watched.open(PAGE, ".multiple")
    watched.page.get_by_role("link", name="in the graph").click()
    watched.page.wait_for_selector(f".node.selected[data-component={HEAD}]")


# -- what it attends to --------------------------------------------------------------------------


def patterns(step: int) -> AttentionPatterns:
    """Attention of one head that stands out: 0.75 to the token before."""
    pattern = np.zeros((1, 2, 6, 6), np.float16)
    for query, prompt in itertools.product(range(6), range(2)):
        pattern[0, prompt, query, 0] = 1 if query == 0 else 0.25
        if query:
            pattern[0, prompt, query, query - 1] += 0.75
    tokens = (("<s>", "def", " f", "(", "def", " f"), ("<s>", "one", "\n", "two", "one", "\n"))
    return AttentionPatterns(heads=(HEAD,), tokens=tokens, pattern=pattern)


def put(store: Store, step: int) -> None:
    store.put(synthetic.wrap(SMALL, step, AttentionMeasurement(), patterns(step)))


@pytest.fixture
def own(browser: Browser, store: Store) -> Iterator[Watched]:
    """A page on a store of its own, measured at one checkpoint."""
    synthetic.fill(store, SMALL)
    put(store, SMALL.steps[4])
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        context.set_default_timeout(30_000)
        page = Watched(context.new_page(), url)
        yield page
        context.close()
    assert page.complaints == []


def open_at(page: Watched, index: int) -> Watched:
    return page.open(f"/component?component={HEAD}&step={SMALL.steps[index]}", ".multiple")


def test_the_pattern_reads_as_query_key_and_share(own: Watched) -> None:
    open_at(own, 4).page.wait_for_selector(".attention-map")
    box = own.page.locator(".attention-canvas").bounding_box()
    assert box is not None
    cell = box["width"] / 6
    own.page.mouse.move(box["x"] + 1.5 * cell, box["y"] + 2.5 * cell)
    assert own.page.locator(".tooltip strong").inner_text() == "“␣f” → “def”: 0.75"
    assert own.page.locator(".attention-labels .query.on").text_content() == "␣f"
    assert own.page.locator(".attention-labels .key-token.on").text_content() == "def"
    own.page.get_by_label("Prompt", exact=True).select_option("1")
    own.page.mouse.move(box["x"] + 2.5 * cell, box["y"] + 3.5 * cell)
    assert own.page.locator(".tooltip strong").inner_text() == "“two” → “↵”: 0.75"
    named = own.page.get_attribute(".attention-canvas", "aria-label")
    assert named is not None
    assert "0.75" in named


def test_nothing_is_told_of_what_comes_after(own: Watched) -> None:
    open_at(own, 4).page.wait_for_selector(".attention-map")
    box = own.page.locator(".attention-canvas").bounding_box()
    assert box is not None
    own.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    assert not own.page.locator(".tooltip").is_visible()


def test_patterns_are_fetched_one_head_and_step_at_a_time_and_once(own: Watched) -> None:
    open_at(own, 4).page.wait_for_selector(".attention-map")
    own.press("ArrowRight")
    own.page.wait_for_selector(".attention-state")
    own.press("ArrowLeft")
    own.page.wait_for_selector(".attention-map")
    fetched = [url for url in own.requests if "/attention/" in url]
    assert len(fetched) == 1
    assert fetched[0].endswith(f"/{HEAD}.bin")


def test_a_step_without_a_pattern_leads_to_the_nearest_that_has_one(own: Watched) -> None:
    open_at(own, 9)
    own.page.wait_for_selector(f"text=not measured at step {SMALL.steps[9]:,}")
    own.page.locator(".attention-nearest button").click()
    own.page.wait_for_selector(".attention-map")
    assert own.slider("aria-valuenow") == "4"


def test_a_head_that_the_record_lacks_is_told(own: Watched) -> None:
    own.open(f"/component?component=L0H0&step={SMALL.steps[4]}", ".multiple")
    own.page.wait_for_selector("text=has no pattern of L0H0")
    # The browser itself notes that a file was not found.
    own.complaints = [line for line in own.complaints if "404" not in line]


def test_a_pattern_is_asked_for_waited_for_and_drawn(own: Watched, store: Store) -> None:
    step = SMALL.steps[7]
    open_at(own, 7).page.get_by_role("button", name=f"Measure at step {step:,}").click()
    own.page.wait_for_selector("text=but no service runs")
    (job,) = Jobs(store).list()
    assert (job.steps, [spec["kind"] for spec in job.specs]) == ((step,), ["attention"])
    owner = process_identity()
    Jobs(store).claim_service(owner)
    Jobs(store).claim(owner)
    own.page.wait_for_selector(f"text=Measuring step {step:,}")
    put(store, step)
    Jobs(store).progress(job.id, done=1, total=1, failed=0, eta_seconds=None)
    Jobs(store).finish(job.id, "done")
    own.page.wait_for_selector(".attention-map")
    assert own.slider("aria-valuenow") == "7"
    Jobs(store).release_service(owner)


def test_a_failure_is_told_with_its_reason(own: Watched, store: Store) -> None:
    step = SMALL.steps[7]
    key = synthetic.wrap(SMALL, step, AttentionMeasurement(), patterns(step)).key
    store.put_failure(key, "architecture 'odd' shows attention to later tokens")
    open_at(own, 7)
    own.page.wait_for_selector("text=shows attention to later tokens")
    assert own.page.locator(".attention-state a").get_attribute("href") == "/jobs"


def test_a_shipped_run_says_why_nothing_can_be_measured(browser: Browser, store: Store) -> None:
    shipped: Run = dataclasses.replace(SMALL, source="shipped")
    synthetic.fill(store, shipped)
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        page = open_at(Watched(context.new_page(), url), 7)
        page.page.wait_for_selector("text=its weights are not here")
        assert page.page.locator(".attention-offer button").is_disabled()
        context.close()
    assert page.complaints == []


def test_the_map_follows_the_colour_scheme(own: Watched) -> None:
    open_at(own, 4).page.wait_for_selector(".attention-map")
    picture = "() => document.querySelector('.attention-canvas').toDataURL()"
    light = own.page.evaluate(picture)
    own.page.get_by_role("button", name="Dark theme").click()
    own.frame()
    assert own.page.evaluate(picture) != light
