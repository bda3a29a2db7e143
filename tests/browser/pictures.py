"""Takes the README's pictures from a store: ``python -m tests.browser.pictures STORE``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from compute.store import Store
from tests.browser.conftest import FLAGS, Watched, chromium, served

PLACE = Path(__file__).parents[2] / "assets" / "pictures"
SIZE = {"width": 1440, "height": 1234}
VIEW = "?run=stdlib_lm&step=1800&task=unigram&component=L2H3&lanes=llc,loss,previous,induction"


def main(folder: Path) -> None:
    """Write the pictures, light and dark."""
    PLACE.mkdir(exist_ok=True)
    with served(Store(folder)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
            page = Watched(context.new_page(), url).open(f"/{VIEW}")
            page.page.wait_for_selector("[data-lane=component]")
            page.settle()
            page.page.screenshot(path=PLACE / f"development-{scheme}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
