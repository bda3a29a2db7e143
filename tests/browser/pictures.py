"""Takes pictures of every page from a store: ``python -m tests.browser.pictures STORE [PAGE ..]``.

Wide and narrow, light and dark; the README shows some, and ``assets/pictures/README.md`` all.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

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
    "dynamics": ("/dynamics?run=attention_only&step=1287", 1100, ".way-mark"),
    "coincidence": ("/coincidence?run=stdlib_lm&step=905", 1200, ".verdict-list"),
    "across": ("/across?run=icl_regression_batch64&step=13122", 1100, ".across-lane"),
    "jobs": ("/jobs", 700, ".jobs h2"),
    "guide": ("/guide", 1100, ".guide h2"),
}  # fmt: skip
WIDE, NARROW, NARROW_HEIGHT = 1440, 390, 1500
SCHEMES = ("light", "dark")
HEAD = """# Every page, wide and narrow, light and dark

Taken with `python -m tests.browser.pictures STORE` of the developments that ship.
"""


def main(folder: Path, names: Sequence[str]) -> None:
    """Write the pictures of the pages, and the document that shows them all."""
    PLACE.mkdir(exist_ok=True)
    with served(Store(folder)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in names or VIEWS:
            for scheme in SCHEMES:
                take(browser, url, name, scheme, narrow=False)
                take(browser, url, name, scheme, narrow=True)
        browser.close()
    (PLACE / "README.md").write_text(gallery(), encoding="utf-8")


def take(browser: Browser, url: str, name: str, scheme: str, *, narrow: bool) -> None:
    """Take one picture of a page."""
    address, height, drawn = VIEWS[name]
    size = (
        {"width": NARROW, "height": NARROW_HEIGHT} if narrow else {"width": WIDE, "height": height}
    )
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(300_000)
    page = Watched(context.new_page(), url).open(address, drawn)
    page.page.screenshot(path=PLACE / file_name(name, scheme, narrow=narrow))
    context.close()


def file_name(name: str, scheme: str, *, narrow: bool) -> str:
    """Return the name of a picture's file."""
    return f"{name}-narrow-{scheme}.png" if narrow else f"{name}-{scheme}.png"


def gallery() -> str:
    """Return the document that shows every picture."""
    parts = [HEAD]
    for name in VIEWS:
        parts.append(f"\n## {name.capitalize()}\n")
        for narrow in (False, True):
            width = 195 if narrow else 405
            parts += [
                f'<img src="{file_name(name, scheme, narrow=narrow)}" width="{width}" '
                f'alt="{name.capitalize()}, {"narrow" if narrow else "wide"}, {scheme}">'
                for scheme in SCHEMES
            ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
