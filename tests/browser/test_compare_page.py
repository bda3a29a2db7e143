from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from compute.records import AblationGraph
from compute.store import Store
from dashboard.library import Library
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import across_samples, synthetic

pytestmark = pytest.mark.browser

RUNS = [across_samples.seed_run(seed, checkpoints=14) for seed in (1, 2)]
STEPS = RUNS[0].steps
REGRESSION = dataclasses.replace(synthetic.regression_run("plain"), steps=(0, 10, 100, 1000))
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two seeds of a recipe, whose prompts are the same, and a run of another kind."""
    store = Store(tmp_path_factory.mktemp("compare") / "store")
    synthetic.fill(store, RUNS[0], missing=(("graph", 5), ("network", 5)))
    synthetic.fill(store, RUNS[1], seed=100)
    synthetic.fill(store, REGRESSION)
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(page: Watched, query: str) -> Watched:
    page.open(f"/compare?run=tiny_seed1&{query}", ".compare-table tbody tr")
    page.page.wait_for_function(
        "() => /200 resamples|independent/.test("
        "document.querySelector('.compare-ranks-panel .panel-words').textContent)"
        " && !document.body.textContent.includes('are being loaded')"
    )
    page.settle()
    return page


def record(site: Site, run: str, step: int) -> AblationGraph:
    library = Library(site.store)
    spec = library.development(run).graphs["text.zero"].spec
    key = next(k for k, p in library.points(run).items() if (p.spec, p.step) == (spec, step))
    measured = site.store.get(key)
    assert measured is not None
    assert isinstance(measured.record, AblationGraph)
    return measured.record


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text.replace("−", "-")))


def cells(page: Watched, component: str) -> list[str]:
    row = page.page.locator(f".compare-table tr[data-component={component}]")
    return [text.strip() for text in row.locator("td").all_inner_texts()]


def test_a_pair_of_steps_has_paired_differences_of_edges_and_of_ranks(
    watched: Watched, site: Site
) -> None:
    opened(watched, f"step={STEPS[12]}&against={STEPS[3]}&metric=out_strength&most=all")
    a, b = (record(site, "tiny_seed1", STEPS[i]) for i in (12, 3))
    change = b.group_weights() - a.group_weights()
    edges = np.argwhere(np.isfinite(a.weight))
    error = change.std(0, ddof=1) / np.sqrt(len(change))
    half = stats.t.ppf(0.975, len(change) - 1) * error
    mean = change.mean(0)
    told = [bool(abs(mean[i, j]) > half[i, j]) for i, j in edges]
    higher = sum(t and mean[i, j] > 0 for t, (i, j) in zip(told, edges, strict=True))
    words = watched.page.inner_text(".compare-told")
    found = re.match(r"Of ([\d,]+) edges (\d+) are heavier in B, (\d+) in A, of (\d+) it", words)
    assert found is not None
    assert number(found[1]) == len(edges)
    # Half precision in the file: an edge or two at the very end of its interval may differ.
    assert number(found[2]) == pytest.approx(higher, abs=3)
    assert number(found[4]) == pytest.approx(len(edges) - sum(told), abs=3)
    assert "Intervals are paired" in words
    i = a.components.index("L1H2")
    _, value_a, value_b, apart, interval, ranks, _ = cells(watched, "L1H2")
    strengths = [np.nansum(g.weight[i]) for g in (a, b)]
    assert [number(value_a), number(value_b)] == pytest.approx(strengths, abs=0.02)
    assert number(apart) == pytest.approx(strengths[1] - strengths[0], abs=0.02)
    low, high = (number(end) for end in interval.split(" to "))
    width = 2 * 1.96 * (change[:, i].sum(1).std() / np.sqrt(len(change)))
    assert high - low == pytest.approx(width, rel=0.4, abs=0.02)
    assert low <= strengths[1] - strengths[0] <= high
    assert re.fullmatch(r"\d+ → \d+", ranks)
    assert "the same ones at A and at B" in watched.page.inner_text(".compare-ranks-panel")
    assert "L1H2 → L2H3" in watched.page.inner_text(".compare-list")


def test_scrubbing_either_slider_moves_everything_and_asks_for_nothing(watched: Watched) -> None:
    opened(watched, f"step={STEPS[12]}&against={STEPS[3]}&metric=out_strength")
    captions = watched.page.locator(".compare-caption")
    strokes = (
        "() => [...document.querySelectorAll('[data-side=difference] .edge')]"
        ".map(e => e.style.strokeWidth + e.style.display).join()"
    )
    before = watched.page.evaluate(strokes)
    quiet = len(watched.requests)
    watched.page.focus(".slider-b")
    watched.press("ArrowRight", "ArrowRight")
    assert f"step {STEPS[5]:,}" in captions.nth(2).inner_text()
    assert f"step {STEPS[12]:,}" in captions.nth(0).inner_text()
    state = watched.page.locator("[data-side=b] .panel-state")
    assert "Not computed" in state.inner_text()
    assert "needs both" in watched.page.inner_text("[data-side=difference] .panel-state")
    watched.press("ArrowRight")
    assert watched.page.evaluate(strokes) != before
    watched.page.focus("[role=slider]")
    watched.press("ArrowLeft")
    assert f"step {STEPS[11]:,}" in captions.nth(0).inner_text()
    assert f"step {STEPS[6]:,}" in captions.nth(2).inner_text()
    box = watched.page.locator(".slider").bounding_box()
    assert box is not None
    watched.page.keyboard.down("Shift")
    watched.page.mouse.click(box["x"] + box["width"] - 1, box["y"] + 26)
    watched.page.keyboard.up("Shift")
    watched.frame()
    assert f"step {STEPS[-1]:,}" in captions.nth(2).inner_text()
    assert f"step {STEPS[11]:,}" in captions.nth(0).inner_text()
    assert len(watched.requests) == quiet
    watched.page.wait_for_function(f"() => location.search.includes('against={STEPS[-1]}')")
    watched.page.evaluate("document.activeElement.blur()")
    watched.press("x")
    assert f"step {STEPS[-1]:,}" in captions.nth(0).inner_text()
    assert f"step {STEPS[11]:,}" in captions.nth(2).inner_text()
    watched.press("b")
    assert "same checkpoint" in watched.page.inner_text(".compare-lead")


SAID = """async () => {
  const { changesAt, drawnChanges } = await import('/assets/modules/compare_edges.mjs');
  const { rankAll } = await import('/assets/modules/ranking.mjs');
  const components = ['a', 'b', 'c'].map((name, i) => ({ name, a: i, b: i }));
  const graph = (target, weight) => ({ components, lists: {
    offsets: [0, 2], source: [0, 0], target, weight, error: [0.01, 0.01],
    possible: [3], positive: [9] } });
  const inA = new Map(components.map(({ name }, i) => [name, i]));
  const [a, b] = [graph([1, 2], [0.5, 0.1]), graph([1, 0], [0.9, 0.4])];
  const changes = changesAt(a, b, { components, inA, pairs: null }, 0, 0, null);
  const drawn = drawnChanges(changes, 0, null, true);
  const { rank, shared } = rankAll(
    { values: Float32Array.of(0, 5, 0, 0), low: [], high: [] }, 4, 1);
  return { bound: [...changes.bound], known: [...changes.half].map(Number.isFinite),
           drawn: drawn.edges.length, rank: [...rank], shared: [...shared] };
}"""


def test_what_one_side_alone_keeps_cannot_be_told_and_ties_share_their_mean(
    watched: Watched,
) -> None:
    watched.open("/guide", ".guide")
    said = watched.page.evaluate(SAID)
    assert said["bound"] == [0, 1]
    assert said["known"] == [True, False]
    assert said["drawn"] == 1
    assert (said["rank"], said["shared"]) == ([2, 1, 2, 2], [3, 1, 3, 3])


def test_the_table_sorts_filters_and_selects(watched: Watched) -> None:
    opened(watched, f"step={STEPS[12]}&against={STEPS[3]}&metric=out_strength&most=all")
    rows = ".compare-table tbody tr:not([hidden])"
    names = f"() => [...document.querySelectorAll('{rows}')].map(r => r.dataset.component)"
    watched.page.click(".compare-table th.name button")
    watched.frame()
    by_name = watched.page.evaluate(names)
    assert by_name == sorted(by_name)
    assert watched.page.get_attribute("th.name", "aria-sort") == "ascending"
    watched.page.click(".compare-table th.a button")
    watched.frame()
    values = [number(cells(watched, name)[1]) for name in watched.page.evaluate(names)]
    assert values == sorted(values, reverse=True)
    watched.page.fill(".compare-filter", "l2h")
    watched.frame()
    assert sorted(watched.page.evaluate(names)) == ["L2H0", "L2H1", "L2H2", "L2H3"]
    watched.page.click(".compare-table [data-component=L2H3] button")
    watched.frame()
    assert watched.page.locator("[data-side] .node.selected").count() == 3
    assert watched.page.locator(".slope.selected").count() == 1
    drawn = watched.page.inner_text("[data-side=difference] .compare-count")
    watched.page.get_by_label("only what can be told").check()
    watched.frame()
    assert watched.page.inner_text("[data-side=difference] .compare-count") != drawn
    shown = watched.page.locator("[data-side=difference] .unsure .edge:visible")
    assert shown.count() == 0


def test_the_menus_save_the_differences_with_their_intervals(watched: Watched, site: Site) -> None:
    opened(watched, f"step={STEPS[12]}&against={STEPS[3]}&metric=out_strength&most=all")
    place = {"run_a": "tiny_seed1", "step_a": str(STEPS[12]), "step_b": str(STEPS[3])}
    components = watched.saved_csv(".compare-ranks-panel")
    assert len(components) == watched.page.locator(".compare-table tbody tr").count()
    for row in components:
        assert place.items() <= row.items()
        change = float(row["b"]) - float(row["a"])
        assert float(row["change"]) == pytest.approx(change, abs=1e-6)
        assert float(row["change_low"]) <= change + 1e-6
        assert change - 1e-6 <= float(row["change_high"])
        assert float(row["places"]) == float(row["rank_a"]) - float(row["rank_b"])
        assert row["same_prompts"] == "1"
    edges = watched.saved_csv(".compare-graphs-panel")
    a, b = (record(site, "tiny_seed1", STEPS[i]) for i in (12, 3))
    assert len(edges) == np.isfinite(a.weight).sum()
    for row in edges[:20]:
        at = tuple(a.components.index(row[end]) for end in ("source", "target"))
        assert float(row["weight_a"]) == pytest.approx(a.weight[at], abs=1e-3)
        assert float(row["change"]) == pytest.approx(b.weight[at] - a.weight[at], abs=2e-3)


def test_two_runs_of_a_recipe_pair_and_swap(watched: Watched) -> None:
    opened(watched, f"step={STEPS[8]}&with=tiny_seed2&metric=out_strength")
    captions = watched.page.locator(".compare-caption")
    assert f"tiny_seed2, step {STEPS[8]:,}" in captions.nth(2).inner_text()
    assert "Intervals are paired" in watched.page.inner_text(".compare-told")
    watched.page.focus("[role=slider]")
    watched.press("ArrowLeft")
    watched.frame()
    assert f"tiny_seed2, step {STEPS[7]:,}" in captions.nth(2).inner_text()
    assert watched.page.locator(".across-line.run-b").first.is_visible()
    watched.page.get_by_role("textbox", name="Step of B").fill(str(STEPS[2]))
    watched.press("Enter")
    watched.frame()
    watched.page.wait_for_function(f"() => location.search.includes('against={STEPS[2]}')")
    watched.page.get_by_role("button", name="Swap A and B").click()
    watched.page.wait_for_function(
        "() => document.querySelector('#main').dataset.run === 'tiny_seed2'"
        " && document.querySelectorAll('.compare-table tbody tr').length > 0"
    )
    watched.settle()
    assert f"tiny_seed2, step {STEPS[2]:,}" in captions.nth(0).inner_text()
    assert f"tiny_seed1, step {STEPS[7]:,}" in captions.nth(2).inner_text()


def test_runs_of_another_kind_say_what_cannot_be_compared(watched: Watched) -> None:
    watched.open(f"/compare?run=tiny_seed1&with=plain&step={STEPS[8]}", ".compare-figure")
    watched.page.wait_for_selector("[data-side=difference] .panel-state:has-text('no graph of')")
    assert "no metric on both sides" in watched.page.inner_text(".compare-ranks-panel")


@pytest.mark.parametrize("watched", [PHONE, {"color_scheme": "dark"}], indirect=True)
def test_the_page_fits_and_an_address_is_read_back(watched: Watched) -> None:
    opened(watched, f"step={STEPS[9]}&against={STEPS[4]}&apart=0.05&most=10&sure=1&metric=katz")
    wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    count = watched.page.inner_text("[data-side=difference] .compare-count")
    assert count.startswith(("10 of", "9 of", "8 of"))
    watched.page.focus(".slider-b")
    watched.press("ArrowLeft")
    watched.page.wait_for_function(f"() => location.search.includes('against={STEPS[3]}')")
    again = watched.page.evaluate("location.search")
    words = watched.page.inner_text(".compare-lead")
    opened(watched, again.removeprefix("?run=tiny_seed1&"))
    assert watched.page.inner_text(".compare-lead") == words
    for part in ("apart=0.05", "most=10", "sure=1", "metric=katz"):
        assert part in again
