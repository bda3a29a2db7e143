from __future__ import annotations

import csv
import dataclasses
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from werkzeug.serving import make_server

from compute.store import Store
from dashboard.factory import create_app
from tests.dashboard import synthetic

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
DESKTOP = {"width": 1440, "height": 1010}
# The values stand beside the lanes before Plotly has drawn them.
LANES_DRAWN = """() => !document.querySelector('.lanes-figure[data-lanes]')
  || document.querySelector('.lanes-figure .main-svg')"""
MISSING, FAILED = 40, 90
REASON = "2 of 4 chains diverged at step_size 0.001; calibrate with a smaller one"


def chromium() -> str | None:
    """The installed Chromium, or None for Playwright's own."""
    found = (shutil.which(name) for name in NAMES)
    return os.environ.get("CHROMIUM") or next((path for path in found if path), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@dataclasses.dataclass
class Site:
    """A served store."""

    url: str
    store: Store


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A store with a run that has gaps and a failure, one of another family, and an empty one."""
    store = Store(tmp_path_factory.mktemp("site") / "store")
    run = synthetic.language_run()
    gaps = (("llc", 60), ("llc", FAILED), ("graph", MISSING), ("network", MISSING))
    synthetic.fill(store, run, missing=gaps)
    synthetic.fail(store, run, FAILED, "llc", REASON)
    synthetic.fill(store, synthetic.regression_run())
    store.put_run(synthetic.language_run("fresh", 24, 3000))
    with served(store) as url:
        yield Site(url, store)
    store.close()


class served:  # noqa: N801 (reads as a verb)
    """Serves a store on a free port."""

    def __init__(self, store: Store, **options: str) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = create_app(store, **options).server
        self._server = make_server("127.0.0.1", 0, server, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Watched:
    """A page whose every complaint is kept, and what a reader does on it."""

    def __init__(self, page: Page, url: str, *, first_visit: bool = False) -> None:
        # Every visit but that of the tour's own test is one of somebody who has seen it.
        if not first_visit:
            page.add_init_script("localStorage.setItem('ontogeny-tour', 'seen')")
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.on("request", self._note)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _note(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            self.requests.append(request.url)

    def open(self, path: str = "/", wait: str = ".readout") -> Watched:
        """Go to an address and wait until the page is drawn."""
        self.page.goto(self.url + path)
        self.page.wait_for_selector(wait, timeout=60_000)
        self.page.wait_for_function(LANES_DRAWN)
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until nothing is asked for and two frames have passed."""
        self.page.wait_for_load_state("networkidle")
        self.frame()

    def frame(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )

    def steps(self) -> list[int]:
        """The step that every panel says it shows, and the dock's."""
        texts = self.page.evaluate(
            """async () => {
              await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
              const panels = [...document.querySelectorAll('[data-step]')].map(n => n.textContent);
              const slider = document.querySelector('[role=slider]').getAttribute('aria-valuetext');
              const box = document.querySelector('.step-box').value;
              return [...panels, slider.split(', checkpoint')[0], box]; }"""
        )
        assert len(texts) == 5
        return [int(text.removeprefix("step ").replace(",", "")) for text in texts]

    def slider(self, attribute: str) -> str:
        """An attribute of the slider."""
        value = self.page.get_attribute("[role=slider]", attribute)
        assert value is not None
        return value

    def saved_csv(self, panel: str) -> list[dict[str, str]]:
        """What the menu of a panel saves as CSV."""
        self.page.locator(f"{panel} .figure-menu > summary").click()
        with self.page.expect_download() as download:
            self.page.locator(f"{panel} .figure-popover button", has_text="Save CSV").click()
        text = download.value.path().read_text("utf-8")
        return list(csv.DictReader(text.splitlines()))

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
        self.frame()


@pytest.fixture
def watched(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A page of its own for each test; it must not have complained."""
    options = dict(getattr(request, "param", {}))
    options = {"viewport": DESKTOP, "color_scheme": "light", **options}
    first_visit = options.pop("first_visit", False)
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    page = Watched(context.new_page(), site.url, first_visit=first_visit)
    yield page
    context.close()
    assert page.complaints == []


def shipped() -> list[Path]:
    """The developments that ship with the project."""
    data = Path(__file__).parents[2] / "data"
    return sorted(p.parent for p in data.glob("*/run.json"))
