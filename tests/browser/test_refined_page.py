from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import pytest

from compute.jobs import Jobs
from compute.llc_records import RefinedLLC
from compute.store import Store
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import refined_samples, synthetic

pytestmark = pytest.mark.browser

RUN = synthetic.language_run("demo", checkpoints=40)
GAP = refined_samples.GAP[1]
JUDGED_AT = len(RUN.steps) - 2
HEADS = tuple(c for c in synthetic.components_of(RUN)[0] if "H" in c)
PHONE = {"viewport": {"width": 390, "height": 844}}
TALL = {"viewport": {"width": 1440, "height": 1600}}
SCHEMES = [TALL, {**TALL, "color_scheme": "dark"}]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with refined LLCs of heads on two kinds of data and of MLPs, and runs without."""
    store = Store(tmp_path_factory.mktemp("refined") / "store")
    synthetic.fill(store, RUN)
    refined_samples.refine(store, RUN)
    refined_samples.refine(store, RUN, data="uniform")
    refined_samples.refine(store, RUN, "mlps")
    bare = synthetic.language_run("bare", checkpoints=6)
    synthetic.fill(store, bare)
    store.put_run(dataclasses.replace(synthetic.language_run("came", 6), source="shipped"))
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(page: Watched, index: int, query: str = "") -> Watched:
    """The page at a checkpoint, with what is computed over all of them."""
    page.open(f"/refined?run=demo&step={RUN.steps[index]}{query}", ".shapes-content p")
    page.page.wait_for_selector(".rho-row .time-plane")
    page.settle()
    return page


def number(text: str) -> float:
    return float(text.split("±")[0].replace("−", "-").replace(",", "").strip())


def value(page: Watched, part: str) -> str:
    return str(page.page.inner_text(f"[data-part={part}] .refined-value .value"))


def record(index: int) -> RefinedLLC:
    found = refined_samples.record(RUN, RUN.steps[index])
    return refined_samples.judged(found) if index == JUDGED_AT else found


def at(page: Watched, part: str) -> tuple[float, float]:
    """Where a part's point stands in the scatter."""
    text = page.page.get_attribute(f".cloud-point[data-part={part}]", "transform") or ""
    x, y = (float(v) for v in re.findall(r"-?[\d.]+", text))
    return x, y


# -- the parts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("watched", SCHEMES, indirect=True)
def test_every_value_is_that_of_the_step_and_nothing_is_asked_for(watched: Watched) -> None:
    opened(watched, 3)
    watched.requests.clear()
    for index in (3, 4, 14, 20):
        while index > int(watched.slider("aria-valuenow")):
            watched.press("ArrowRight")
        found = record(index)
        for part, llc in zip(found.parts, found.llc, strict=True):
            assert number(value(watched, part)) == pytest.approx(llc, abs=0.006)
    assert watched.requests == []


def test_a_missing_step_is_a_gap_in_every_curve(watched: Watched) -> None:
    opened(watched, GAP)
    assert {value(watched, part) for part in HEADS} == {"not measured"}
    assert watched.page.locator(".refined-plane .lane-dot:visible").count() == 0
    line = watched.page.get_attribute("[data-part=L0H2] .refined-line", "d") or ""
    assert line.count("M") == 2
    assert len(re.findall("[ML]", line)) == len(refined_samples.measured_steps(RUN))
    assert watched.page.locator("#parts-head button").is_visible()
    watched.press("Home")
    assert not watched.page.locator("#parts-head button").is_visible()


def test_what_is_not_believed_stands_beside_the_line_with_its_reason(watched: Watched) -> None:
    opened(watched, JUDGED_AT)
    shapes = set()
    for part, verdict in refined_samples.JUDGED.items():
        mark = watched.page.locator(f"[data-part={part}] .refined-plane .verdict-mark")
        assert mark.count() == 1
        shapes.add(mark.get_attribute("d"))
        title = watched.page.get_attribute(f"[data-part={part}] .verdict-shape", "title")
        assert title == f"{verdict}: the reason why {verdict}"
    assert len(shapes) == 4
    assert value(watched, refined_samples.DIVERGED) == "diverged"
    assert watched.page.locator("[data-part=L0H2] .verdict-mark").count() == 0
    legend = watched.page.inner_text(".refined-legend")
    assert legend.split("\n") == [
        f"{v} 1" for v in ("short", "drifting", "not at a minimum", "diverged", "frozen")
    ]


def test_parts_stand_as_in_the_model_or_kind_by_kind(watched: Watched) -> None:
    opened(watched, 10)
    groups = watched.page.locator(".refined-group h3")
    assert groups.all_inner_texts() == [f"layer {k}" for k in (3, 2, 1, 0)]
    watched.page.locator("[data-arrange=shapes]").click()
    watched.frame()
    assert groups.all_inner_texts() == ["kind A", "kind B", "kind C"]
    last = watched.page.locator(".refined-group").last.locator(".refined-name")
    assert last.all_inner_texts() == ["L1H2", "L2H3"]
    assert [row.split("\n")[0] for row in watched.page.locator(".kind-row").all_inner_texts()] == [
        "A",
        "B",
        "C",
    ]
    assert watched.page.inner_text("#shapes-head strong") == "3 kinds"


def test_one_scale_lets_heights_be_compared_and_own_scales_fill_each(watched: Watched) -> None:
    opened(watched, 10)

    def top(part: str) -> float:
        line = watched.page.get_attribute(f"[data-part={part}] .refined-line", "d") or ""
        return min(float(y) for y in re.findall(r" ([\d.]+)", line))

    assert top("L0H1") > top("L3H3") + 10
    watched.page.locator("[data-scale=own]").click()
    watched.frame()
    assert abs(top("L0H1") - top("L3H3")) < 3
    assert watched.page.locator("[data-part=L0H1] .refined-ends").is_visible()


def test_a_part_that_is_selected_is_selected_everywhere(watched: Watched) -> None:
    opened(watched, 10)
    watched.page.get_by_role("button", name="L2H3", exact=True).first.click()
    watched.page.wait_for_function("() => location.search.includes('component=L2H3')")
    assert watched.page.locator(".refined-cell.selected").get_attribute("data-part") == "L2H3"
    assert watched.page.inner_text(".kind-part.selected") == "L2H3"
    assert watched.page.locator(".cloud-point.selected").get_attribute("data-part") == "L2H3"
    llc = value(watched, "L2H3")
    watched.page.wait_for_function(
        f"() => document.querySelector('.spoken').textContent.includes('L2H3, kind C: {llc}')"
    )
    watched.press("Escape")
    assert watched.page.locator(".refined-cell.selected").count() == 0


def test_other_settings_are_in_the_menu_and_in_the_address(watched: Watched) -> None:
    opened(watched, 0)
    menu = watched.page.get_by_label("Parts and data")
    assert menu.locator("option").all_inner_texts() == [
        "heads on training data", "heads on uniform tokens", "mlps on training data",
    ]  # fmt: skip
    menu.select_option(label="mlps on training data")
    watched.frame()
    parts = watched.page.locator(".refined-name").all_inner_texts()
    assert parts == [f"L{k}MLP" for k in range(4)]
    assert watched.page.locator("[data-part=L0MLP] .lone-dot").count() > 5
    watched.page.wait_for_function("() => location.search.includes('refined=refined~3')")
    watched.page.reload()
    watched.page.wait_for_selector("[data-part=L0MLP]")
    watched.settle()


def test_a_click_on_a_curve_goes_to_that_checkpoint(watched: Watched) -> None:
    opened(watched, 3, "&axis=index")
    plane = watched.page.locator("[data-part=L1H1] .refined-plane")
    box = plane.bounding_box()
    assert box is not None
    plane.click(position={"x": 20 / 39 * box["width"], "y": 30})
    watched.frame()
    assert watched.slider("aria-valuenow") == "20"
    assert watched.page.inner_text(".tooltip").startswith("L1H1")


# -- refined LLC and ablation --------------------------------------------------------------------


@pytest.mark.parametrize("watched", SCHEMES, indirect=True)
def test_points_stand_in_the_order_of_both_quantities(watched: Watched, site: Site) -> None:
    opened(watched, 20)
    found = record(20)
    x = [at(watched, part)[0] for part in found.parts]
    assert np.argsort(x).tolist() == np.argsort(found.llc).tolist()
    rho = number(watched.page.inner_text(".effects-side .readout-value .value"))
    interval = watched.page.inner_text(".effects-side .readout-value .error")
    low, high = (number(text) for text in interval.split(" to "))
    assert -1 <= low <= rho <= high <= 1
    words = watched.page.inner_text(".effects-side .panel-words")
    assert words.startswith("Cannot tell" if low <= 0 <= high else "Parts with a higher")
    assert "16 parts" in words


def test_the_effect_and_the_graph_can_be_chosen(watched: Watched) -> None:
    opened(watched, 20)
    before = at(watched, "L1H2")
    watched.page.get_by_label("Effect of ablation", exact=True).select_option("out_strength")
    watched.frame()
    after = at(watched, "L1H2")
    assert (after[0], after[1] != before[1]) == (before[0], True)
    with watched.page.expect_response(re.compile(r"/refined/effects/unigram\.zero\.bin$")):
        watched.page.get_by_label("Prompts").select_option("unigram")
    watched.settle()
    watched.press("ArrowRight")
    assert watched.page.inner_text(".effects-side .readout-value .value") != "–"


def test_without_values_at_a_step_there_are_no_points(watched: Watched) -> None:
    opened(watched, GAP)
    assert watched.page.locator(".cloud-point:visible").count() == 0
    assert "not measured at this step" in watched.page.inner_text(".effects-side .panel-words")


# -- without refined LLCs ------------------------------------------------------------------------


def test_a_run_without_any_says_what_they_are_and_how_to_measure_them(
    watched: Watched, site: Site
) -> None:
    watched.open("/refined?run=bare", ".refined-empty")
    assert watched.page.locator(".panel:visible").count() == 1
    text = watched.page.inner_text(".refined-empty")
    assert "only that part’s weights move" in text
    assert "ontogeny compute bare --kinds refined" in text
    watched.page.get_by_role("button", name="Measure this checkpoint").click()
    watched.page.wait_for_function(
        "() => document.querySelector('.refined-empty').textContent.includes('A job for this run')"
    )
    job = Jobs(site.store).list()[-1]
    assert ([s["kind"] for s in job.specs], job.steps) == (["refined"], (6000,))
    Jobs(site.store).cancel(job.id)


def test_a_run_that_came_as_records_only_says_so(watched: Watched) -> None:
    watched.open("/refined?run=came", ".refined-empty")
    assert "its weights are not here" in watched.page.inner_text(".refined-empty")
    assert watched.page.locator(".refined-empty button").count() == 0


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_it_fits_a_phone(watched: Watched) -> None:
    opened(watched, 20)
    beyond = "main *", "els => els.filter(e => e.getBoundingClientRect().right > innerWidth).length"
    assert watched.page.eval_on_selector_all(*beyond) == 0


# -- colour in the graph, curves of a component --------------------------------------------------

FILLS = """() => Object.fromEntries([...document.querySelectorAll('.node')].map(n =>
  [n.dataset.component, getComputedStyle(n.querySelector('.shape')).fill]))"""


def lightness(fill: str) -> float:
    return sum(float(v) for v in re.findall(r"\d+", fill)[:3])


@pytest.mark.parametrize("watched", [{}, {"color_scheme": "dark"}], indirect=True)
def test_colour_can_say_how_large_a_refined_llc_is(watched: Watched) -> None:
    watched.open(f"/?run=demo&step={RUN.steps[20]}")
    plain = watched.page.evaluate(FILLS)
    size = watched.page.locator(".graph-canvas").bounding_box()
    watched.page.get_by_label("Colour by").select_option("refined")
    watched.frame()
    assert watched.page.locator(".graph-canvas").bounding_box() == size
    fills = watched.page.evaluate(FILLS)
    assert len({plain[part] for part in HEADS}) == 1
    found = record(20)
    order = [lightness(fills[part]) for part in np.array(found.parts)[np.argsort(found.llc)]]
    dark = watched.page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert order == sorted(order, reverse=not dark)
    assert fills["L0MLP"] == fills["EMB"]
    assert fills["L0MLP"] not in {fills[part] for part in HEADS}
    watched.page.wait_for_function("() => location.search.includes('colour=refined')")
    watched.page.get_by_label("Colour by").select_option("role")
    watched.frame()
    assert watched.page.evaluate(FILLS) == plain
    watched.page.wait_for_function("() => !location.search.includes('colour')")


def test_the_scale_of_colours_is_the_runs_and_scrubbing_asks_for_nothing(watched: Watched) -> None:
    watched.open("/?run=demo&step=0&colour=refined")
    legend = watched.page.inner_text(".graph-scale")
    assert "refined λ̂" in legend
    watched.requests.clear()
    first = watched.page.evaluate(FILLS)
    for _ in range(20):
        watched.press("ArrowRight")
    assert watched.page.evaluate(FILLS)["L3H3"] != first["L3H3"]
    assert watched.page.inner_text(".graph-scale") == legend
    assert watched.requests == []
    watched.page.wait_for_function(
        "() => [...document.querySelectorAll('.spoken')].some(n => "
        "n.textContent.includes('Coloured by refined LLC, highest: L3H3'))"
    )


def test_what_has_no_value_here_is_hatched_and_what_is_doubted_is_dashed(watched: Watched) -> None:
    watched.open(f"/?run=demo&step={RUN.steps[GAP]}&colour=refined")
    fills = watched.page.evaluate(FILLS)
    assert all("no-value" in fills[part] for part in HEADS)
    assert "no-value" not in fills["L0MLP"]
    watched.press("End", "ArrowLeft")
    fills = watched.page.evaluate(FILLS)
    hatched = {part for part in HEADS if "no-value" in fills[part]}
    assert hatched == {"L1H0", "L1H1", refined_samples.DIVERGED}
    doubted = watched.page.locator(".node.doubted").evaluate_all(
        "els => els.map(e => e.dataset.component)"
    )
    assert set(doubted) == set(refined_samples.JUDGED)
    watched.page.locator(".node[data-component=L0H0] .shape").hover()
    llc = record(JUDGED_AT).llc[0]
    assert re.search(
        rf"refined LLC\s+{llc:.2f} ± \d\.\d+, drifting", watched.page.inner_text(".tooltip")
    )


def test_a_run_without_refined_llcs_does_not_offer_them_as_colour(watched: Watched) -> None:
    watched.open("/?run=bare&colour=refined")
    menu = watched.page.get_by_label("Colour by")
    assert menu.input_value() == "role"
    assert menu.locator("option[value=refined]").count() == 0
    assert watched.page.locator(".graph-scale *").count() == 0


def test_a_component_has_its_refined_llc_among_its_curves(watched: Watched) -> None:
    watched.open(f"/component?run=demo&component=L0H0&step={RUN.steps[JUDGED_AT]}", ".multiple")
    for curve in ("refined", "refined~2"):
        cell = watched.page.locator(f"[data-curve='{curve}@L0H0']")
        assert cell.locator(".lane-name").inner_text() == "refined LLC"
        assert cell.locator(".verdict-mark").count() == 1
        llc = record(JUDGED_AT).llc[0]
        assert number(cell.locator(".multiple-value").inner_text()) == pytest.approx(llc, abs=0.006)
    watched.page.goto(watched.url + "/component?run=demo&component=LOGITS")
    watched.page.wait_for_selector(".multiple")
    assert watched.page.locator("[data-curve^=refined]").count() == 0
    watched.settle()
