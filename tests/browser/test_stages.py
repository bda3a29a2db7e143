from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest

from compute.store import Store
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import refined_samples, stage_samples, synthetic

pytestmark = pytest.mark.browser

RUN = synthetic.language_run(checkpoints=36)
TALL = {"viewport": {"width": 1440, "height": 2600}}
PHONE = {"viewport": {"width": 390, "height": 844}}
WHOLE = ".stage-now .whole"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with two critical points of the LLC and a few graphs, and one without an LLC."""
    store = Store(tmp_path_factory.mktemp("stages") / "store")
    stage_samples.fill(store, RUN, graphs=9)
    refined_samples.refine(store, RUN, "mlps")
    store.put_run(synthetic.language_run("fresh", 24, 3000))
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(page: Watched, path: str = "/?run=stdlib_lm", wait: str = ".readout") -> Watched:
    """A page with its stages."""
    page.open(path, wait=wait)
    page.page.wait_for_function(
        f"() => {{ const n = document.querySelector('{WHOLE}');"
        " return n && n.textContent && !n.textContent.startsWith('finding'); }"
    )
    page.settle()
    return page


def here(page: Watched) -> int:
    """The step of the dock."""
    page.frame()
    return int(page.page.input_value(".step-box").replace(",", ""))


def nearest(step: float) -> int:
    """The checkpoint nearest to a step."""
    return min(RUN.steps, key=lambda t: abs(t - step))


def boundaries(page: Watched, kind: str = "critical") -> list[float]:
    """The boundaries that the server tells of."""
    found = page.page.evaluate(
        """async (kind) => {
          const address = document.getElementById('main').dataset.payload;
          const file = await fetch(address.replace('.bin', '/stages/llc.json'));
          return (await file.json())[kind].map(b => b.step); }""",
        kind,
    )
    return [float(step) for step in found]


def lines(page: Watched, layer: str) -> list[float]:
    """Where a layer's boundaries are, as shares of its width, measured on the screen."""
    found = page.page.evaluate(
        """(layer) => {
          const node = document.querySelector(layer);
          const { left, width } = node.getBoundingClientRect();
          return [...node.querySelectorAll('.stage-line')]
            .map(n => (n.getBoundingClientRect().left - left) / width); }""",
        layer,
    )
    return [float(share) for share in found]


PLANES = {
    "development": ("/?run=stdlib_lm", ".readout", "[data-bands=lane], [data-bands=foot]", 5),
    "network": ("/network?run=stdlib_lm", ".metric-row", ".time-plane > [data-bands=plane]", 4),
    "refined": ("/refined?run=stdlib_lm", ".refined-plane", ".refined-plane > [data-bands]", 4),
    "component": (
        "/component?run=stdlib_lm",
        ".multiple-plane",
        ".multiple-plane > [data-bands]",
        6,
    ),
    "chains": ("/chains?run=stdlib_lm", ".estimate-row", ".time-plane > [data-bands=plane]", 1),
}


@pytest.mark.parametrize("watched", [TALL], indirect=True)
@pytest.mark.parametrize("name", PLANES)
def test_stages_stand_behind_every_time_axis(watched: Watched, name: str) -> None:
    path, wait, layers, fewest = PLANES[name]
    opened(watched, path, wait)
    types = watched.page.evaluate(
        """(layers) => [...document.querySelectorAll(layers)].map(layer =>
          [...layer.querySelectorAll('.stage-band')]
            .map(n => n.getAttribute('class').split(' ')[1]).join(''))""",
        layers,
    )
    assert len(types) >= fewest
    assert set(types) == {"ABA"}
    dock = watched.page.locator("[data-bands=dock]")
    assert dock.locator(".stage-name").all_text_contents() == ["A", "B", "A"]
    assert dock.locator(".stage-mark.maximum").count() == 1
    assert dock.locator(".stage-interval.minimum").count() == 3
    assert watched.page.locator(".page [data-bands=intervals] .stage-interval").count() == (
        6 if name in ("development", "chains") else 0
    )


@pytest.mark.parametrize("axis", ["log", "linear", "index"])
def test_boundaries_lie_where_the_axis_says_zoomed_too(watched: Watched, axis: str) -> None:
    opened(watched, f"/?run=stdlib_lm&axis={axis}")
    steps = list(RUN.steps)

    def place(step: float) -> float:
        if axis == "log":
            return math.log10(1 + step)
        after = next(i for i, t in enumerate(steps) if t >= step)
        part = (step - steps[after - 1]) / (steps[after] - steps[after - 1])
        return step if axis == "linear" else after - 1 + part

    def shares(low: int, high: int) -> list[float]:
        span = place(high) - (place(low) if low else 0)
        start = place(low) if low else 0
        return [(place(b) - start) / span for b in boundaries(watched)]

    for layer in ("[data-bands=dock]", "[data-bands=lane]"):
        assert lines(watched, layer) == pytest.approx(shares(0, steps[-1]), abs=2e-3)
    low, high = steps[3], steps[-2]
    opened(watched, f"/?run=stdlib_lm&axis={axis}&zoom={low}-{high}")
    for layer in ("[data-bands=dock]", "[data-bands=lane]"):
        assert lines(watched, layer) == pytest.approx(shares(low, high), abs=2e-3)


def test_brackets_go_from_boundary_to_boundary_and_ask_nothing(watched: Watched) -> None:
    opened(watched, "/?run=stdlib_lm&step=0")
    first, second = (nearest(step) for step in boundaries(watched))
    watched.page.evaluate("document.querySelector('[data-bands=dock] rect').dataset.kept = 'yes'")
    watched.requests.clear()
    for key, step in (("]", first), ("]", second), ("]", second), ("[", first)):
        watched.press(key)
        assert here(watched) == step
    watched.page.get_by_role("button", name="Next boundary of stages").click()
    assert here(watched) == second
    assert watched.requests == []
    assert watched.page.locator("[data-bands=dock] [data-kept=yes]").count() == 1
    note = watched.page.locator("#note").inner_text()
    assert f"No boundary of stages after step {second:,}" in note


def test_the_stage_of_the_step_is_told_with_its_boundaries(watched: Watched) -> None:
    opened(watched, "/?run=stdlib_lm&step=0")
    first, second = (f"{round(step):,}" for step in boundaries(watched))
    interval = r"\([\d,]+ to [\d,]+\)"
    told = watched.page.locator(WHOLE).inner_text()
    wanted = f"stage 1 of 3 · type A, LLC rises · steps 0 to {first} {interval}"
    assert re.fullmatch(wanted, told)
    watched.page.fill(".step-box", "200")
    watched.press("Enter")
    told = watched.page.locator(WHOLE).inner_text()
    wanted = f"stage 2 of 3 · type B, LLC falls · steps {first} {interval} to {second} {interval}"
    assert re.fullmatch(wanted, told)
    watched.page.wait_for_function(
        "() => [...document.querySelectorAll('[aria-live]')].some(n => "
        "n.textContent.startsWith('stage 2 of 3, type B, LLC falls'))"
    )
    assert watched.slider("aria-describedby") == "stage-now"
    watched.press("[")
    assert watched.page.locator(WHOLE).inner_text().endswith("at its maximum")


def test_what_is_shown_of_stages_is_in_the_address(watched: Watched) -> None:
    opened(watched)
    choice = watched.page.get_by_label("Stages of the LLC")
    choice.select_option(label="stages: slope changes too")
    watched.page.wait_for_function("() => location.search.includes('stages=slopes')")
    slopes = boundaries(watched, "slopes")
    dashed = watched.page.locator("[data-bands=dock] .stage-line.slope")
    assert dashed.count() == len(slopes)
    choice.select_option(label="stages: off")
    watched.page.wait_for_function("() => location.search.includes('stages=off')")
    assert watched.page.locator(".stage-band, .stage-line, .stage-name").count() == 0
    watched.press("]")
    assert "Stages are not shown" in watched.page.locator("#note").inner_text()
    watched.requests.clear()
    watched.page.reload()
    watched.page.wait_for_selector(".readout")
    watched.settle()
    assert watched.page.locator(".stage-band").count() == 0
    assert [url for url in watched.requests if "/stages/" in url] == []


def test_without_an_llc_it_is_said_why_there_are_no_stages(watched: Watched) -> None:
    opened(watched, "/?run=fresh")
    assert watched.page.locator(WHOLE).inner_text().startswith("no stages: 0 points")
    watched.press("]")
    assert "There is no boundary to go to: 0 points" in watched.page.locator("#note").inner_text()
    watched.press("?")
    assert "boundary of the LLC’s stages" in watched.page.locator("#help").inner_text()


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_on_a_phone_the_stage_and_the_keys_have_room(watched: Watched) -> None:
    opened(watched, "/?run=stdlib_lm&step=200")
    assert watched.page.locator(".stage-now .short").inner_text() == "2 of 3 · B, falls"
    for selector in (".stage-key", ".stage-now .short", ".stage-row select", ".dock .status"):
        box = watched.page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
    wide = watched.page.evaluate("document.documentElement.scrollWidth")
    assert wide == 390
