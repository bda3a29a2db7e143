from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import numpy as np
import pytest

from compute.behaviour_records import ContextUse, Structure
from compute.behaviour_specs import ContextMeasurement
from compute.jobs import Jobs
from compute.records import LanguageBehaviour
from compute.store import Store
from dashboard.behaviours import context_text
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import behaviour_samples as samples
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

RUN = synthetic.language_run("demo", checkpoints=20)
WHOLE = synthetic.regression_run("icl")
REGRESSION = dataclasses.replace(WHOLE, steps=WHOLE.steps[::4])
GAP = samples.GAP[0]
AT = 15
HEADS = samples.heads_of(RUN)
PHONE = {"viewport": {"width": 390, "height": 844}}
DARK = {"viewport": {"width": 1440, "height": 1600}, "color_scheme": "dark"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Runs of both families with every behaviour, and runs that have the older records only."""
    store = Store(tmp_path_factory.mktemp("behaviour") / "store")
    samples.behave(store, RUN)
    samples.behave(store, REGRESSION)
    samples.behave(store, synthetic.language_run("bare", 6), ("behaviour",))
    came = dataclasses.replace(synthetic.language_run("came", 6), source="shipped")
    samples.behave(store, came, ("behaviour",))
    with served(store) as url:
        yield Site(url, store)
    store.close()


def opened(page: Watched, index: int, query: str = "", run: str = "demo") -> Watched:
    """The page at a checkpoint, with what comes after it."""
    steps = REGRESSION.steps if run == "icl" else RUN.steps
    page.open(f"/behaviour?run={run}&step={steps[index]}{query}", ".norm-row[data-norm]")
    page.page.wait_for_selector(".matrix-left [data-component]")
    page.settle()
    return page


def number(text: str) -> float:
    return float(text.split("±")[0].replace("−", "-").replace(",", "").strip())


def value(page: Watched, curve: str) -> str:
    return str(page.page.inner_text(f"[data-curve='{curve}'] .multiple-value .value"))


def context(index: int) -> ContextUse:
    return samples.context_use(RUN.steps[index])


def structure(index: int) -> Structure:
    return samples.structure(RUN, RUN.steps[index])


def line(page: Watched, selector: str) -> str:
    return page.page.get_attribute(selector, "d") or ""


# -- small multiples -------------------------------------------------------------------------------


@pytest.mark.parametrize("watched", [{}, DARK], indirect=True)
def test_every_value_is_that_of_the_step_and_nothing_is_asked_for(watched: Watched) -> None:
    opened(watched, 12)
    titles = watched.page.locator(".behaviour-section h3").all_inner_texts()
    assert titles == ["Loss and context", "N-grams", "Heads", "Structure"]
    watched.requests.clear()
    for index in (12, 13, AT):
        while index > int(watched.slider("aria-valuenow")):
            watched.press("ArrowRight")
        record, made = context(index), structure(index)
        assert number(value(watched, "icl")) == pytest.approx(record.icl, abs=6e-4)
        assert number(value(watched, "ngram3")) == pytest.approx(record.ngram[1], abs=6e-4)
        entropy = made.attention_entropy.mean()
        assert number(value(watched, "entropy")) == pytest.approx(entropy, abs=6e-4)
        chance = made.composition_chance[1]
        most = np.nanmax(made.k_composition) / chance
        assert number(value(watched, "composition.k")) == pytest.approx(most, abs=6e-3)
        low, high = (number(text) for text in value(watched, "norm.size.*").split(" to "))
        assert (low, high) == pytest.approx((made.norm_size.min(), made.norm_size.max()), abs=6e-4)
    assert watched.requests == []
    marks = watched.page.locator("[data-step]").all_inner_texts()
    assert set(marks) == {f"step {RUN.steps[AT]:,}"}
    assert len(marks) == 7


def test_a_missing_step_is_a_gap_and_says_so(watched: Watched) -> None:
    opened(watched, GAP)
    for curve in ("icl", "bigram", "entropy", "spectrum.rank.EMB", "norm.size.*"):
        assert value(watched, curve) == "not measured"
    assert value(watched, "loss") != "not measured"
    assert line(watched, "[data-curve=icl] .multiple-line").count("M") == 2
    assert watched.page.inner_text("#tokens-head .panel-fact") == "not measured at this step"
    assert line(watched, ".plot-now") == ""
    assert "not measured" in watched.page.inner_text("#composition-head .panel-fact")
    dots = watched.page.locator("[data-curve=icl] .lane-dot.behaviour:visible")
    assert dots.count() == 0


def test_a_curve_stands_beside_what_it_is_compared_with(watched: Watched) -> None:
    opened(watched, AT)
    for curve, words in {
        "bigram": f"floor {samples.ENTROPY:.3f}", "ngram2": "no advantage 1",
        "composition.q": "chance 1",
    }.items():  # fmt: skip
        cell = watched.page.locator(f"[data-curve='{curve}']")
        assert cell.locator(".behaviour-beside").inner_text() == words
        assert cell.locator(".behaviour-compare").count() == 1
    assert watched.page.locator("[data-curve=loss] .behaviour-compare").count() == 0
    cell = watched.page.locator("[data-curve=bigram] .multiple-plane")
    cell.hover()
    told = watched.page.inner_text(".tooltip")
    assert told.startswith("bigram score")
    assert context_text(ContextMeasurement()) in told
    assert f"floor\n{samples.ENTROPY:.3f}" in told.replace("\t", "\n")


def test_a_click_on_a_curve_goes_to_that_checkpoint(watched: Watched) -> None:
    opened(watched, 3, "&axis=index")
    for curve in ("loss", "ngram4"):
        plane = watched.page.locator(f"[data-curve={curve}] .multiple-plane")
        plane.scroll_into_view_if_needed()
        box = plane.bounding_box()
        assert box is not None
        wanted = 14 if curve == "loss" else 6
        plane.click(position={"x": wanted / 19 * box["width"], "y": 30})
        watched.frame()
        assert watched.slider("aria-valuenow") == str(wanted)


# -- heads -----------------------------------------------------------------------------------------


def test_a_head_that_is_selected_is_selected_everywhere(watched: Watched) -> None:
    opened(watched, AT)
    watched.page.locator(".matrix-left [data-component=L1H2]").click()
    watched.page.wait_for_function("() => location.search.includes('component=L1H2')")
    assert watched.page.inner_text(".row-label.selected") == "L1H2"
    assert watched.page.locator(".matrix-left .selected").inner_text() == "L1H2"
    record = samples.records_at(RUN, AT)["behaviour"]
    assert isinstance(record, LanguageBehaviour)
    own = record.previous_token[HEADS.index("L1H2")]
    beside = watched.page.inner_text("[data-curve=previous] .behaviour-beside")
    assert beside == f"L1H2 {own:.3f}"
    entropy = structure(AT).attention_entropy[HEADS.index("L1H2")]
    text = watched.page.inner_text("[data-curve=entropy] .behaviour-beside")
    assert number(text.removeprefix("L1H2")) == pytest.approx(entropy, abs=6e-4)
    assert "L1H2: previous token" in watched.page.inner_text(".behaviour-summary")
    watched.page.wait_for_function(
        f"() => document.querySelector('.spoken').textContent.includes('previous token {own:.3f}')"
    )
    watched.press("Escape")
    assert watched.page.locator(".row-label.selected").count() == 0


def test_the_menu_colours_heads_by_another_score(watched: Watched) -> None:
    opened(watched, AT, "&axis=index")
    menu = watched.page.get_by_label("Colour heads by")
    assert menu.locator("option").all_inner_texts() == [
        "previous token", "prefix matching", "attention entropy", "attention variability",
    ]  # fmt: skip
    size = watched.page.locator(".scores-panel").bounding_box()
    menu.select_option(label="attention entropy")
    watched.frame()
    assert watched.page.locator(".scores-panel").bounding_box() == size
    assert "nats" in watched.page.inner_text("#scores-body .scale")
    box = watched.page.locator("#scores-body .time-plane").bounding_box()
    assert box is not None
    row = (HEADS.index("L2H1") + 0.5) / len(HEADS)
    place = {"x": AT / 19 * box["width"], "y": row * box["height"]}
    watched.page.locator("#scores-body .time-plane").hover(position=place)
    told = watched.page.inner_text(".tooltip")
    expected = structure(AT).attention_entropy[HEADS.index("L2H1")]
    assert told.startswith("L2H1")
    assert f"{expected:.3f}" in told


def test_composition_is_told_for_the_pair_under_the_pointer(watched: Watched) -> None:
    opened(watched, AT)
    record = structure(AT)
    i, j = HEADS.index("L1H2"), HEADS.index("L2H3")
    chance = record.composition_chance[1]
    most = f"most: L1H2 → L2H3, {record.k_composition[i, j] / chance:.1f} × chance"
    assert watched.page.inner_text("#composition-head .panel-fact span") == most
    plane = watched.page.locator(".composition-body .matrix-plane")
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box is not None
    # Rows are the heads of layers 0 to 2, columns those of layers 1 to 3.
    place = {"x": (7 + 0.5) / 12 * box["width"], "y": (6 + 0.5) / 12 * box["height"]}
    plane.hover(position=place)
    told = watched.page.inner_text(".tooltip")
    assert told.startswith("L1H2 → L2H3")
    for letter, table in zip("QKV", (record.q_composition, record.k_composition,
                                     record.v_composition), strict=True):  # fmt: skip
        found = re.search(rf"{letter}, \w+\s+([\d.]+) ", told)
        assert found is not None
        assert float(found[1]) == pytest.approx(table[i, j], abs=2e-3)
    watched.page.locator("[data-kind=q]").click()
    watched.frame()
    assert watched.page.get_attribute("[data-kind=q]", "aria-pressed") == "true"
    assert watched.page.inner_text("#composition-head .panel-fact span") != most


# -- one step --------------------------------------------------------------------------------------


def test_losses_by_position_move_with_the_step_on_axes_of_the_run(watched: Watched) -> None:
    opened(watched, AT)
    ends = watched.page.inner_text("#tokens-body .plot-ends")
    by_position = context(AT).loss_by_position
    score = by_position[59:64].mean() - by_position[3:8].mean()
    fact = watched.page.inner_text("#tokens-head .panel-fact")
    assert number(fact.removeprefix("late − early")) == pytest.approx(score, abs=6e-4)
    before, last = line(watched, ".plot-now"), line(watched, ".plot-last")
    watched.press("End")
    assert line(watched, ".plot-now") == last == line(watched, ".plot-last")
    assert line(watched, ".plot-now") != before
    assert watched.page.inner_text("#tokens-body .plot-ends") == ends
    assert watched.page.locator(".plot-windows text").all_text_contents() == ["early", "late"]


def test_spectra_and_norms_are_those_of_the_step(watched: Watched) -> None:
    opened(watched, AT)
    record = structure(AT)
    rows = watched.page.locator(".norm-row[data-norm]")
    assert rows.count() == len(record.norms)
    for i, name in enumerate(record.norms):
        numbers = watched.page.locator(f"[data-norm={name}] .norm-number").all_inner_texts()
        assert number(numbers[0]) == pytest.approx(record.norm_size[i], abs=6e-4)
        assert numbers[1] == f"{100 * record.norm_small[i]:.0f} %"
        words = watched.page.get_attribute(f"[data-norm={name}] .norm-plane", "aria-label") or ""
        assert number(words) == pytest.approx(record.norm_mean[i], abs=6e-4)
    assert watched.page.locator("#spectra-body .curve:not(.key *)").count() == 2
    keys = watched.page.locator("#spectra-body .key").all_inner_texts()
    assert [key.split(",")[0] for key in keys] == ["EMB", "UNEMBED"]


def test_a_regression_shows_pairs_shifts_and_the_error_of_ridge(watched: Watched) -> None:
    opened(watched, 12, run="icl")
    titles = watched.page.locator(".behaviour-section h3").all_inner_texts()
    assert titles == ["Loss by pair", "Task prior and ridge", "Out of distribution", "Structure"]
    shifted = samples.shifted(REGRESSION.steps[12])
    found = number(value(watched, "shift.task.3"))
    assert found == pytest.approx(shifted.task_error[1], rel=1e-3)
    thousands = value(watched, "shift.input.100")
    assert thousands == f"{shifted.input_error[4] / 1000:.0f} k"
    assert watched.page.inner_text("[data-curve=loss] .behaviour-beside").startswith("ridge ")
    assert watched.page.locator(".plot-marks circle").count() == 8
    ends = [watched.page.inner_text(f"[data-curve=pair{k}] .multiple-ends") for k in range(1, 9)]
    assert len(set(ends)) == 1
    assert watched.page.get_by_label("Colour heads by").locator("option").count() == 3


# -- without the newer records ---------------------------------------------------------------------


def test_what_nobody_measured_says_so_and_can_be_asked_for(watched: Watched, site: Site) -> None:
    watched.open("/behaviour?run=bare", ".composition-body.bare")
    assert watched.page.locator(".panel-state:visible").count() == 4
    text = watched.page.inner_text("[data-section='N-grams']")
    assert "Use of context: not measured yet." in text
    assert "ontogeny compute bare --kinds context" in text
    assert value(watched, "loss") != "not measured"
    watched.page.locator(".spectra-body .action").click()
    watched.page.wait_for_function(
        "() => document.querySelector('.spectra-body').textContent.includes('a job for this run')"
    )
    job = Jobs(site.store).list()[-1]
    assert ([s["kind"] for s in job.specs], job.run) == (["structure"], "bare")
    Jobs(site.store).cancel(job.id)


def test_a_run_that_came_as_records_only_says_so(watched: Watched) -> None:
    watched.open("/behaviour?run=came", ".composition-body.bare")
    for panel in ("tokens", "composition", "spectra", "norms"):
        text = watched.page.inner_text(f"#{panel}-body")
        assert text == "Not measured. This run came as records only; its weights are not here."
    assert watched.page.locator("main .action").count() == 0


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_it_fits_a_phone(watched: Watched) -> None:
    opened(watched, AT, "&component=L1H2")
    beyond = "main *", "els => els.filter(e => e.getBoundingClientRect().right > innerWidth).length"
    assert watched.page.eval_on_selector_all(*beyond) == 0
