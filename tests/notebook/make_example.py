"""Runs the example notebook and keeps its outputs: ``python -m tests.notebook.make_example``.

Figures are drawn by Chromium, so that they are seen wherever the notebook is shown.
"""

from __future__ import annotations

import json
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import FLAGS, chromium
from tests.notebook.cells import execute

EXAMPLE = Path(__file__).parents[2] / "dashboard" / "notebook" / "example.ipynb"


def main() -> None:
    """Execute the notebook with pictures and write it back."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 1000})
        made = execute(json.loads(EXAMPLE.read_text("utf-8")), lambda figure: drawn(page, figure))
        browser.close()
    EXAMPLE.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{EXAMPLE}: {EXAMPLE.stat().st_size:,} bytes")


def drawn(page: Page, figure: go.Figure) -> bytes:
    """Return a figure as PNG."""
    page.set_content(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
    page.wait_for_selector(".main-svg")
    return page.locator(".plotly-graph-div").screenshot()


if __name__ == "__main__":
    main()
