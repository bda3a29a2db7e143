from __future__ import annotations

import base64
import csv
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from compute.bundle import import_bundle
from compute.store import Store
from tests.browser.conftest import DESKTOP, Site, Watched, served, shipped
from tests.browser.pictures import VIEWS

pytestmark = pytest.mark.browser

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
# The guide has no figures.
DRAWN = {name: (at, wait) for name, (at, _, wait) in VIEWS.items() if name != "guide"}
# Legends and axes that must be in the picture, by panel.
WORDS = {
    "graph-panel": ["head", "MLP", "input, output", "size out-strength", "layer 0", "L2H3"],
    "rank-panel": ["EMB", "95 %", "rank over training"],
    "lanes-panel": ["loss", "nats per token", "1,000", "stage 1 · A", "not at a minimum 3"],
    "matrix-panel": ["weight, 1 − cosine · square-root scale"],
    "space-panel": ["phase boundary", "first", "last step"],
    "weights-panel": ["median", "90th percentile", "weight, 1 − cosine; log axis"],
    "turn-panel": ["PC1", "PC2", "PC3"],
    "draws-panel": ["mean of each chain", "estimate, ± 95 %"],
    "maps-panel": ["recommended", "failed 16"],
}
RUNS = ("stdlib_lm", "attention_only", "icl_regression_batch64")
# Canvases of these are written as shapes: nothing in them is a picture made of pixels.
VECTORS = {"graph-panel", "rank-panel", "lanes-panel", "space-panel", "weights-panel", "turn-panel"}

PICTURES = """async () => {
  const { figureOf, pngOf } = await import('/assets/modules/figure.mjs');
  const found = [];
  for (const panel of document.querySelectorAll('.panel:has(> .figure-menu)')) {
    const figure = figureOf(panel);
    const image = await createImageBitmap(await pngOf(figure, 2));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    const pixels = new Uint32Array(data.buffer);
    const colours = new Set();
    for (let k = 0; k < pixels.length && colours.size < 20; k += 7) colours.add(pixels[k]);
    const { text, title, width, height } = figure;
    found.push({ name: panel.className.split(' ').at(-1), text, title, size: [width, height],
      png: [image.width, image.height], colours: colours.size });
  }
  return found;
}"""

# The share of pixels of a panel's screenshot that its picture shows otherwise.
DIFFERENCE = """async ([selector, shot]) => {
  const { figureOf, rasterise } = await import('/assets/modules/figure.mjs');
  const panel = document.querySelector(selector);
  const drawn = await rasterise(figureOf(panel), 1);
  const image = new Image();
  image.src = shot;
  await image.decode();
  const { width, height } = image;
  const seen = Object.assign(document.createElement('canvas'), { width, height });
  seen.getContext('2d').drawImage(image, 0, 0);
  const box = panel.getBoundingClientRect();
  const [w, h] = [Math.floor(box.width) - 4, Math.floor(box.height) - 4];
  const of = (canvas) => canvas.getContext('2d').getImageData(2, 2, w, h).data;
  const [a, b] = [of(drawn), of(seen)];
  let different = 0;
  for (let k = 0; k < a.length; k += 4) {
    different += Math.max(...[0, 1, 2].map((c) => Math.abs(a[k + c] - b[k + c]))) > 64;
  }
  return different / (w * h);
}"""


@pytest.fixture(scope="module")
def developments(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The developments that ship, served: there is something on every page."""
    store = Store(tmp_path_factory.mktemp("figures") / "store")
    for folder in shipped():
        import_bundle(store, folder)
    with served(store) as url:
        yield url
    store.close()


@pytest.fixture
def real(browser: Browser, developments: str) -> Iterator[Watched]:
    context = browser.new_context(viewport=DESKTOP, color_scheme="light")
    context.set_default_timeout(60_000)
    page = Watched(context.new_page(), developments)
    yield page
    context.close()
    assert page.complaints == []


def words_of(root: ET.Element) -> str:
    return " ".join("".join(node.itertext()) for node in root.iter(f"{SVG}text"))


def check(text: str, title: str) -> ET.Element:
    """Return a picture that needs nothing but itself to be looked at."""
    root = ET.fromstring(text)
    names = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert not names & {"script", "foreignObject", "style", "a", "use"}
    defined = {node.get("id") for node in root.iter() if node.get("id")}
    for node in root.iter():
        for key, value in node.attrib.items():
            assert not key.startswith("on"), key
            if key in ("href", LINK):
                assert value.startswith("data:image/png;base64,"), value[:40]
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target.removeprefix("#") in defined, target
            assert "NaN" not in value
            assert "undefined" not in value
    assert root.findtext(f"{SVG}title") == title
    return root


def test_every_panel_of_every_page_gives_a_picture_that_stands_alone(real: Watched) -> None:
    seen = set()
    for name, (address, wait) in DRAWN.items():
        real.page.goto(real.url + address)
        # Coincidences of a whole development take their time on a busy machine.
        real.page.wait_for_selector(wait, timeout=300_000)
        real.settle()
        figures = real.page.evaluate(PICTURES)
        assert figures, name
        for figure in figures:
            panel = figure["name"]
            seen.add(panel)
            root = check(figure["text"], figure["title"])
            words = words_of(root)
            assert "Ontogeny 0." in words, (name, panel)
            assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", words)
            assert f"{real.url}{address.split('?')[0]}" in words.replace(" ", "")
            if name not in ("jobs", "runs", "calibration"):
                assert re.search(rf"({'|'.join(RUNS)}) · step [\d,]+", words), panel
                assert re.search(r"records sha256 [0-9a-f]{12}", words), panel
            for word in WORDS.get(panel, []):
                assert word in words, (panel, word)
            assert figure["png"] == [2 * side for side in figure["size"]]
            assert figure["colours"] > 5, panel
            if panel in VECTORS:
                assert not list(root.iter(f"{SVG}image")), panel
    assert set(WORDS) <= seen
    assert len(seen) > 30


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_picture_looks_like_its_panel(real: Watched, scheme: str) -> None:
    real.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    real.open(*DRAWN["development"])
    real.page.add_style_tag(content=".figure-menu, .dock, .masthead { visibility: hidden }")
    for panel in (".graph-panel", ".rank-panel", ".lanes-panel"):
        share = real.page.evaluate(DIFFERENCE, [panel, shot_of(real.page, panel)])
        assert share < 0.012, (panel, share)


def shot_of(page: Page, selector: str) -> str:
    shot = page.locator(selector).screenshot()
    return "data:image/png;base64," + base64.b64encode(shot).decode()


def chosen(page: Watched, panel: str, name: str, *, shift: bool = False) -> Path:
    """Choose an entry of a panel's menu and return the file that comes."""
    page.page.locator(f"{panel} .figure-menu > summary").click()
    with page.page.expect_download() as download:
        entry = page.page.locator(f"{panel} .figure-popover button", has_text=name).first
        entry.click(modifiers=["Shift"] if shift else [])
    return Path(download.value.path())


@pytest.mark.parametrize("watched", [{"color_scheme": "dark"}], indirect=True)
def test_a_dark_page_gives_a_light_picture_for_print(watched: Watched) -> None:
    watched.open("/?run=stdlib_lm&step=6000")
    dark = chosen(watched, ".lanes-panel", "Save SVG").read_text("utf-8")
    assert "#151a1f" in dark
    assert "#42c6bd" in dark
    light = chosen(watched, ".lanes-panel", "Save SVG", shift=True).read_text("utf-8")
    assert "#151a1f" not in light
    assert "#42c6bd" not in light
    assert "#0b7a75" in light
    assert watched.page.evaluate("document.documentElement.dataset.theme") is None
    watched.page.locator(".graph-panel .figure-menu > summary").click()
    watched.page.get_by_role("button", name="light background, for print").click()
    with watched.page.expect_download() as download:
        watched.page.get_by_role("button", name="Save PNG", exact=False).first.click()
    assert re.fullmatch(
        r"stdlib_lm-step6000-ablation-graph\.png", download.value.suggested_filename
    )
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_menu_works_by_keyboard_and_leads_to_the_data_as_it_is_shown(watched: Watched) -> None:
    code = "import ontogeny\nontogeny.open_store('store').run('stdlib_lm')"
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(body=code, content_type="text/x-python")

    watched.page.route("**/export/**/*.py?*", answer)
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    watched.open("/?run=stdlib_lm&step=1000")
    watched.page.locator(".graph-panel .figure-menu > summary").focus()
    watched.press("Enter")
    links = watched.page.locator(".graph-panel .figure-row a")
    assert links.all_inner_texts() == ["CSV", "JSON", "Parquet", "GraphML", "GEXF", "JSON"]
    addresses = [link.get_attribute("href") or "" for link in links.all()]
    assert addresses[0].startswith("/export/stdlib_lm/edges.csv?")
    assert "run=stdlib_lm&" in addresses[0]
    assert addresses[3].startswith("/export/stdlib_lm/graph.graphml?")
    assert all("&threshold=" in a and "&top=" in a and "&graph=" in a for a in addresses)
    assert all(
        f"step={watched.slider('aria-valuetext').split()[1].replace(',', '')}" in a
        for a in addresses
    )
    watched.page.get_by_role("button", name="Code that gets this", exact=True).first.press("Enter")
    watched.page.wait_for_selector(".figure-code code")
    assert watched.page.locator(".figure-code code").inner_text() == code
    watched.page.get_by_role("button", name="Copy code").click()
    watched.page.wait_for_selector("text=Copied")
    assert watched.page.evaluate("navigator.clipboard.readText()") == code
    assert len(asked) == 1
    watched.press("Escape")
    assert watched.page.locator(".figure-menu[open]").count() == 0
    label = watched.page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == "Save or get the data: Ablation graph"
    lanes = watched.page.locator(".lanes-panel")
    lanes.locator(".figure-menu > summary").click()
    address = lanes.locator(".figure-row a").first.get_attribute("href") or ""
    assert "&curves=llc,loss," in address
    asked = parse_qs(urlsplit(address).query)["curves"][0].split(",")
    rows = csv.DictReader(
        watched.page.request.get(urljoin(watched.page.url, address)).text().splitlines()
    )
    assert list(dict.fromkeys(row["curve"] for row in rows)) == asked


def test_no_menu_stays_when_the_page_changes(watched: Watched, site: Site) -> None:
    watched.open("/")
    assert watched.page.locator(".figure-menu").count() == 3
    watched.page.get_by_role("link", name="Jobs").click()
    watched.page.wait_for_selector(".jobs h2")
    watched.page.locator(".jobs .figure-menu > summary").click()
    assert watched.page.locator(".figure-popover a").count() == 0
    watched.page.get_by_role("link", name="Guide").click()
    watched.page.wait_for_selector(".guide")
    assert watched.page.locator(".figure-menu").count() == 0
