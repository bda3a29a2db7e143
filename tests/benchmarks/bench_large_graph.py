"""A graph of 1,476 components, as of 36 layers of 40 heads: stored, condensed, sent and drawn."""

from __future__ import annotations

import statistics
import time

import pytest
from playwright.sync_api import sync_playwright

from compute.records import from_bytes, to_bytes
from compute.store import Store
from dashboard.development import condense
from dashboard.library import Library
from dashboard.payload import encode
from tests.browser.conftest import DESKTOP, FLAGS, Watched, chromium, served
from tests.dashboard import more_graphs, synthetic

pytestmark = pytest.mark.bench
FRAMES = 300
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
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        condense(from_bytes(data).record)
        seconds.append(time.perf_counter() - started)
    development = Library(store).development(run.name)
    payload = encode(development)
    with capsys.disabled():
        print(f"\n{len(graph.components):,} components, {more_graphs.WIDE_EDGES:,} possible edges")
        print(f"  one record {len(data) / 1e6:.1f} MB; read and condensed in ", end="")
        print(f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")
        print(f"  sent to the browser {len(payload) / len(run.steps) / 1e3:.0f} kB a checkpoint")
    assert len(development.graphs) == 1


def test_scrubbing(store, capsys):
    with served(store) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = Watched(browser.new_context(viewport=DESKTOP).new_page(), url).open("/?run=wide")
        head = page.page.inner_text("#graph-head")
        page.page.evaluate(SCRUB, 30)
        page.requests.clear()
        spent = sorted(page.page.evaluate(SCRUB, FRAMES))
        browser.close()
    with capsys.disabled():
        print(f"\n  a frame with 1,000 edges: median {statistics.median(spent):.1f} ms, ", end="")
        print(f"p95 {spent[int(0.95 * FRAMES)]:.1f} ms, worst {spent[-1]:.1f} ms")
    assert "1,000 of 1,06" in head
    assert page.requests == []
