from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from compute.store import Store
from dashboard.library import Library
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import across_samples, synthetic
from tests.dashboard.across_samples import DRIFTS

pytestmark = pytest.mark.browser

RUNS = [across_samples.seed_run(seed, checkpoints=26) for seed in (1, 2, 3)]
STEPS = RUNS[0].steps
PHONE = {"viewport": {"width": 390, "height": 844}}
VIEWS = [PHONE, {**PHONE, "color_scheme": "dark"}, {"viewport": {"width": 1440, "height": 900}}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three seeds of a recipe, and a short run of which nobody said how many tokens it sees."""
    store = Store(tmp_path_factory.mktemp("across") / "store")
    for run in RUNS:
        across_samples.fill(store, run, across_samples.LATER[run.seed or 0])
    across_samples.fill(store, synthetic.language_run("plain", 5, 500))
    with served(store) as url:
        yield Site(url, store)
    store.close()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A store with one run."""
    store = Store(tmp_path_factory.mktemp("lonely") / "store")
    across_samples.fill(store, synthetic.language_run("only", 4, 500))
    with served(store) as url:
        yield url
    store.close()


def opened(page: Watched, index: int, query: str = "") -> Watched:
    """The page of the first seed at a checkpoint."""
    return page.open(f"/across?run=tiny_seed1&step={STEPS[index]}{query}", ".across-lane")


def pair(page: Watched, index: int, query: str = "") -> Watched:
    """The first seed beside the second, once their boundaries are found."""
    opened(page, index, f"&with=tiny_seed2{query}")
    page.page.wait_for_selector(".across-matches", timeout=60_000)
    page.settle()
    return page


def number(text: str) -> float:
    return float(re.sub(r"[^\d.\-]", "", text.replace("−", "-").split("±")[0]))


def values(site: Site, curve: str, index: int) -> list[float]:
    found = (Library(site.store).development(run.name).curve(curve, "") for run in RUNS)
    return [float(c.values[index]) for c in found if c is not None]


def row(page: Watched, curve: str) -> list[str]:
    """What the table says of a curve."""
    cells = page.page.locator(f".across-table tr[data-curve='{curve}'] td")
    return cells.all_inner_texts()


def lane(page: Watched, curve: str) -> str:
    return page.page.inner_text(f"[data-lane='/{curve}'] .across-readout")


def test_the_runs_of_a_recipe_are_a_mean_with_students_interval(
    watched: Watched, site: Site
) -> None:
    opened(watched, 9)
    assert watched.page.input_value("[aria-label='Beside this run']") == "~recipe"
    sample = values(site, "loss", 9)
    low, high = stats.t.interval(0.95, 2, np.mean(sample), stats.sem(sample))
    mean, interval, spread, runs, *each = row(watched, "loss")
    assert number(mean) == pytest.approx(np.mean(sample), abs=0.001)
    assert [number(end) for end in interval.split(" to ")] == pytest.approx([low, high], abs=0.001)
    assert [number(end) for end in spread.split(" to ")] == pytest.approx(
        [min(sample), max(sample)], abs=0.001
    )
    assert runs == "3 of 3 runs"
    assert [number(text) for text in each] == pytest.approx(sample, abs=0.001)
    assert mean in lane(watched, "loss")
    assert watched.page.locator("[data-lane='/loss'] .across-line").count() == 4


def test_what_is_doubted_enters_no_mean(watched: Watched) -> None:
    opened(watched, DRIFTS)
    found = row(watched, "llc")
    assert found[0] == "no healthy value"
    assert found[3] == "0 of 3 runs"
    assert found[4].endswith("(drifting)")
    assert watched.page.locator("[data-lane='/llc'] .lane-dot.llc").is_hidden()


def test_two_runs_by_step_and_by_boundary(watched: Watched, site: Site) -> None:
    pair(watched, 8)
    a, b = values(site, "loss", 8)[:2]
    assert [number(text) for text in row(watched, "loss")] == pytest.approx(
        [a, b, b - a], abs=0.001
    )
    step = f"step {STEPS[8]:,}"
    assert watched.page.inner_text("[data-beside]") == step
    told = watched.page.inner_text(".across-matches")
    assert re.search(r"maximum at step [\d,]+ \([\d,]+ to [\d,]+\) of A and step", told)
    factors = [float(f) for f in re.findall(r"passes it at ([\d.]+) \(", told)]
    assert factors == pytest.approx([1.6] * len(factors), rel=0.25)
    assert factors
    watched.page.click("[data-by=boundary]")
    watched.frame()
    beside = watched.page.inner_text("[data-beside]")
    own = number(beside.split(",  here")[0].split(", here")[0])
    assert own > STEPS[8]
    at = STEPS.index(int(own))
    assert number(row(watched, "loss")[1]) == pytest.approx(values(site, "loss", at)[1], abs=0.001)
    watched.page.wait_for_function("() => location.search.includes('by=boundary')")
    assert "with=tiny_seed2" in watched.page.url
    watched.page.reload()
    watched.page.wait_for_selector(".across-matches", timeout=60_000)
    watched.settle()
    assert watched.page.get_attribute("[data-by=boundary]", "aria-pressed") == "true"
    assert watched.page.inner_text("[data-beside]") == beside


def test_lines_differ_in_more_than_colour(watched: Watched) -> None:
    pair(watched, 8)
    dashes = watched.page.evaluate(
        """() => [...document.querySelectorAll("[data-lane='/loss'] .across-line")]
          .map(line => getComputedStyle(line).strokeDasharray)"""
    )
    assert dashes[0] == "none"
    assert dashes[1] != "none"


def test_a_doubted_value_has_its_mark_and_no_difference(watched: Watched) -> None:
    pair(watched, DRIFTS)
    assert row(watched, "llc")[2] == "–"
    assert "drifting" in lane(watched, "llc")
    assert watched.page.locator("[data-lane='/llc'] .run-a .verdict-mark").count() >= 1
    assert "±" in row(watched, "loss")[2]


def test_scrubbing_asks_nothing_of_the_server_and_moves_no_panel(watched: Watched) -> None:
    pair(watched, 0)
    boxes = "[...document.querySelectorAll('.panel')].map(p => p.getBoundingClientRect().height)"
    before = watched.page.evaluate(boxes)
    watched.requests.clear()
    for index in range(1, len(STEPS)):
        watched.press("ArrowRight")
        texts = watched.page.locator("[data-step]").all_inner_texts()
        assert set(texts) == {f"step {STEPS[index]:,}"}
        assert watched.page.evaluate(boxes) == before
    assert watched.requests == []
    for drawn in (".across-lane .time-plane", ".across-ruler"):
        box = watched.page.locator(drawn).first.bounding_box()
        slider = watched.page.locator(".dock-lane").bounding_box()
        assert box is not None
        assert slider is not None
        assert box["x"] == pytest.approx(slider["x"], abs=1)
        assert box["width"] == pytest.approx(slider["width"], abs=1)


def test_a_way_that_is_closed_says_why(watched: Watched) -> None:
    opened(watched, 8, "&with=plain&by=tokens")
    watched.page.wait_for_function(
        "() => document.querySelector('[data-by=boundary]').title.length > 60"
    )
    for by in ("tokens", "boundary"):
        assert watched.page.is_disabled(f"[data-by={by}]")
    assert watched.page.get_attribute("[data-by=step]", "aria-pressed") == "true"
    words = watched.page.inner_text("#across-words")
    assert "one step of plain sees" in words
    assert "--tokens-per-step N" in words
    assert "By boundary: " in words
    watched.press("End")
    assert watched.page.inner_text("[data-beside]") == "no checkpoint here"
    assert row(watched, "loss")[1:] == ["no checkpoint here", "–"]


def test_curves_are_chosen_from_those_that_both_runs_have(watched: Watched) -> None:
    opened(watched, 8)
    assert watched.page.locator(".across-lane").count() == 4
    watched.page.click(".across-choice-panel .metric-menu summary")
    watched.page.check(".metric-menu input[value=induction]")
    watched.frame()
    assert watched.page.locator("[data-lane='/induction']").is_visible()
    assert row(watched, "induction")[3] == "3 of 3 runs"
    watched.page.wait_for_function("() => location.search.includes('induction')")


def test_one_run_alone_says_what_to_type(watched: Watched, lonely: str) -> None:
    watched.url = lonely
    watched.open("/across", ".across-empty p")
    text = watched.page.inner_text(".across-empty")
    assert "Only one run is here." in text
    assert "ontogeny add FOLDER --recipe NAME" in text
    assert "ontogeny train icl_regression_seed2" in text
    assert watched.slider("aria-valuetext").startswith("step 500")


@pytest.mark.parametrize("watched", VIEWS, indirect=True, ids=["phone", "dark phone", "laptop"])
def test_nothing_is_cut_off(watched: Watched) -> None:
    opened(watched, 9)
    width = watched.page.evaluate("document.documentElement.scrollWidth")
    assert width == watched.page.viewport_size["width"]  # type: ignore[index]
    for part in ("strong", ".across-readout"):
        inside = watched.page.evaluate(
            """part => [...document.querySelectorAll('.across-gutter > ' + part)]
              .every(n => n.scrollHeight <= n.clientHeight + 1 && n.scrollWidth <= n.clientWidth + 1
                && n.getBoundingClientRect().bottom
                   <= n.closest('.across-lane').getBoundingClientRect().bottom + 1)""",
            part,
        )
        assert inside, part
