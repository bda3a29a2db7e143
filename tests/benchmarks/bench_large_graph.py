"""A graph of 1,476 components, as of 36 layers of 40 heads: stored, condensed, sent and drawn."""

from __future__ import annotations

import statistics
import time

import pytest
from playwright.sync_api import sync_playwright

from compute.records import from_bytes, to_bytes
from compute.store import Store
from dashboard.figures.edges import KEPT_EDGES
from dashboard.figures.graphs import GraphPoint
from dashboard.library import Library
from dashboard.payload import encode
from dashboard.points import condense
from tests.browser.conftest import DESKTOP, FLAGS, Watched, chromium, served
from tests.dashboard import more_graphs, synthetic

pytestmark = pytest.mark.bench
FRAMES, DRAWN = 300, 1_000
COUNT = """() => [...document.querySelectorAll('#graph-canvas .edge')]
  .map(path => (path.getAttribute('d') ?? '').split('M').length - 1).reduce((a, b) => a + b)"""
SCRUB = """async frames => {
  const key = name => document.body.dispatchEvent(
    new KeyboardEvent('keydown', { key: name, bubbles: true }));
  const spent = [];
  let before = performance.now();
  for (let i = 0; i < frames; i++) {
    key(i % 10 < 5 ? 'ArrowLeft' : 'ArrowRight');
    await new Promise(r => requestAnimationFrame(r));
    spent.push(performance.now() - before);
    before = performance.now();
  }
  return spent;
}"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("wide") / "store")
    more_graphs.fill_wide(store, more_graphs.wide_run())
    yield store
    store.close()


def test_storing_and_condensing(store, capsys):
    run = more_graphs.wide_run()
    graph = more_graphs.wide_graph(run.steps[-1])
    data = to_bytes(synthetic.wrap(run, run.steps[-1], more_graphs.EXACT, graph))
    read, condensed = [], []
    for _ in range(9):
        started = time.perf_counter()
        record = from_bytes(data).record
        between = time.perf_counter()
        kept = condense(record)
        read.append(between - started)
        condensed.append(time.perf_counter() - between)
    started = time.perf_counter()
    development = Library(store).development(run.name)
    opened = time.perf_counter() - started
    payload = encode(development)
    names = int.from_bytes(payload[:4], "little")
    arrays = (len(payload) - names) / len(run.steps)
    with capsys.disabled():
        print(f"\n{len(graph.components):,} components, {more_graphs.WIDE_EDGES:,} possible edges")
        print(f"  one record {len(data) / 1e6:.1f} MB: {told(read)} to decode,", end=" ")
        print(f"{told(condensed)} to condense,", end=" ")
        print(f"{more_graphs.kept_bytes(kept) / 1e3:.0f} kB of it kept")
        print(f"  from the store to the page {1e3 * opened / len(run.steps):.0f} ms a checkpoint")
        print(f"  sent to the browser {arrays / 1e3:.0f} kB a checkpoint,", end=" ")
        print(f"and {names / 1e3:.0f} kB of names once")
    assert isinstance(kept, GraphPoint)
    assert len(kept.edges.place) == KEPT_EDGES
    assert kept.edges.possible == more_graphs.WIDE_EDGES


def test_scrubbing(store, capsys):
    with served(store) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = Watched(browser.new_context(viewport=DESKTOP).new_page(), url).open("/?run=wide")
        head = page.page.inner_text("#graph-head")
        drawn = page.page.evaluate(COUNT)
        page.page.evaluate(SCRUB, 30)
        page.requests.clear()
        spent = sorted(page.page.evaluate(SCRUB, FRAMES))
        browser.close()
    with capsys.disabled():
        print(f"\n  a frame with 1,000 edges: median {statistics.median(spent):.1f} ms, ", end="")
        print(f"p95 {spent[int(0.95 * FRAMES)]:.1f} ms, worst {spent[-1]:.1f} ms")
    assert drawn == DRAWN
    assert f"{DRAWN:,} of {more_graphs.WIDE_EDGES:,} edges" in head
    assert page.requests == []
    assert page.complaints == []


def told(seconds: list[float]) -> str:
    least, most = 1e3 * min(seconds), 1e3 * max(seconds)
    return f"{1e3 * statistics.median(seconds):.1f} ms ({least:.1f} to {most:.1f})"
