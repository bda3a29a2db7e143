"""Takes the README's pictures from a store: ``python -m tests.browser.pictures STORE``."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from compute.store import Store
from tests.browser.conftest import FLAGS, Watched, chromium, served

PLACE = Path(__file__).parents[2] / "assets" / "pictures"
RUN = "run=stdlib_lm&graph=unigram.zero&component=L2H3"
# Of each page: its address, its height, and what is there when it is drawn.
VIEWS = {
    "development": (
        f"/?{RUN}&step=1800&lanes=llc,loss,previous,induction", 1234, "[data-lane=component]",
    ),
    "network": (f"/network?{RUN}&step=1800&metric=spreader_z", 1500, ".phase-note"),
    "component": (f"/component?{RUN}&step=6000", 1000, ".attention-canvas"),
    "compare": ("/compare?run=stdlib_lm&step=6000&against=1000", 1420, ".compare-table tr"),
    "runs": ("/runs", 900, ".runs-list"),
    "chains": (f"/chains?{RUN}&step=819", 1000, ".draws-panel .chain-line"),
    "calibration": ("/calibration?run=icl_regression", 980, ".map-figure"),
    "refined": (
        "/refined?run=stdlib_lm&graph=text.zero&component=L2H3&step=2200", 1200,
        ".rho-row .time-plane",
    ),
    "behaviour": (
        "/behaviour?run=attention_only&step=3000&component=L1H2", 1500, ".norm-row[data-norm]",
    ),
    "dynamics": ("/dynamics?run=attention_only&step=1287", 1100, ".way-line"),
    "coincidence": ("/coincidence?run=stdlib_lm&step=819", 1200, ".verdict-list"),
}  # fmt: skip


def main(folder: Path) -> None:
    """Write the pictures of the pages, light and dark."""
    PLACE.mkdir(exist_ok=True)
    with served(Store(folder)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for scheme in ("light", "dark"):
            for name, (address, height, drawn) in VIEWS.items():
                size = {"width": 1440, "height": height}
                context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
                page = Watched(context.new_page(), url).open(address, drawn)
                page.settle()
                page.page.screenshot(path=PLACE / f"{name}-{scheme}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
