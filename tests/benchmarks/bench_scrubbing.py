"""Scrubbing and opening the page: a shipped run with all panels, and a model of 410 components."""

from __future__ import annotations

import statistics

import pytest
from playwright.sync_api import sync_playwright

from compute.bundle import import_bundle
from compute.store import Store
from tests.benchmarks.bench_large_graph import COUNT, SCRUB
from tests.browser.conftest import DESKTOP, FLAGS, Watched, chromium, served, shipped
from tests.dashboard import more_graphs

pytestmark = pytest.mark.bench
RUN, LAYERS, HEADS = "stdlib_lm", 24, 16
FRAMES, LONG = 600, 2_000
PAINTED = """() => new Promise(done => new PerformanceObserver((list, observer) => {
  const paint = list.getEntriesByName('first-contentful-paint')[0];
  if (paint) { observer.disconnect(); done(paint.startTime); }
}).observe({ type: 'paint', buffered: true }))"""
# When the graph is there, the values beside the lanes, and the curves that Plotly draws; and when
# the last task ends that would keep a key waiting for 50 ms.
WATCH = """(() => {
  window.appeared = {};
  const curves = '#lanes-stage .scatterlayer path';
  const parts = { graph: '.node', values: '.readout .value', curves };
  new MutationObserver(() => {
    for (const [name, selector] of Object.entries(parts)) {
      if (!appeared[name] && document.querySelector(selector)) appeared[name] = performance.now();
    }
  }).observe(document, { childList: true, subtree: true });
  new PerformanceObserver(list => {
    const { startTime, duration } = list.getEntries().at(-1);
    appeared['last long task'] = startTime + duration;
  }).observe({ type: 'longtask', buffered: true });
})()"""
HEAP = """() => performance.memory.usedJSHeapSize / 1e6"""
PRECISE = [*FLAGS, "--enable-precise-memory-info", "--js-flags=--expose-gc"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("scrubbing") / "store")
    import_bundle(store, next(f for f in shipped() if f.name == RUN))
    run = more_graphs.wide_run(checkpoints=12)
    more_graphs.fill_wide(store, run, LAYERS, HEADS)
    with served(store) as address:
        yield address
    store.close()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=PRECISE)
        yield opened
        opened.close()


def told(spent: list[float]) -> str:
    ordered = sorted(spent)
    median, late = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
    return f"median {median:.1f} ms, p95 {late:.1f} ms, worst {ordered[-1]:.1f} ms"


@pytest.mark.parametrize(
    ("path", "edges"),
    [(f"/?run={RUN}", 83), (f"/?run={RUN}&component=L1H2", 83), ("/?run=wide", 1_000)],
)
def test_a_frame_while_scrubbing(browser, url, path, edges, capsys):
    page = Watched(browser.new_context(viewport=DESKTOP).new_page(), url).open(path)
    drawn = page.page.evaluate(COUNT)
    page.page.evaluate(SCRUB, 30)
    page.settle()
    page.requests.clear()
    spent = page.page.evaluate(SCRUB, FRAMES)
    with capsys.disabled():
        print(f"\n  {path}, {drawn:,} edges at the last step: a frame takes {told(spent)}")
    assert page.requests == []
    assert page.complaints == []
    page.page.context.close()


def test_the_heap_after_two_thousand_frames(browser, url, capsys):
    page = Watched(browser.new_context(viewport=DESKTOP).new_page(), url).open(f"/?run={RUN}")
    sizes = []
    for _ in range(5):
        page.page.evaluate(SCRUB, LONG // 4)
        page.page.evaluate("() => gc()")
        sizes.append(page.page.evaluate(HEAP))
    with capsys.disabled():
        told_sizes = ", ".join(f"{size:.1f}" for size in sizes)
        print(f"\n  heap after each of {len(sizes)} times {LONG // 4} frames: {told_sizes} MB")
    page.page.context.close()


def test_opening_the_page_from_a_warm_server(browser, url, capsys):
    opened = []
    for _ in range(7):
        context = browser.new_context(viewport=DESKTOP)
        context.add_init_script(WATCH)
        page = Watched(context.new_page(), url)
        page.page.goto(f"{url}/?run={RUN}")
        painted = page.page.evaluate(PAINTED)
        page.page.wait_for_function("() => appeared.curves")
        page.settle()
        opened.append({"first contentful paint": painted, **page.page.evaluate("() => appeared")})
        assert page.complaints == []
        context.close()
    with capsys.disabled():
        print()
        for name in opened[0]:
            print(f"  {name}: {told([times[name] for times in opened[1:]])}")
