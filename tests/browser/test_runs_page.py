from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.jobs import Jobs
from compute.specs import standard_measurements
from compute.store import Store
from tests.browser.conftest import Site, Watched, served
from tests.dashboard import synthetic
from tests.dashboard.test_runs_page import SHIPPED, Adder

pytestmark = pytest.mark.browser

RUN = synthetic.language_run("mine", 3, 100)
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A measured run with a gap, one of records only, and two folders that could be added."""
    folder = tmp_path / "runs"
    for name in ("new", "bad"):
        (folder / name / "step0").mkdir(parents=True)
    store = Store(tmp_path / "store")
    synthetic.fill(store, RUN, missing=(("llc", 1),))
    store.put_run(SHIPPED)
    with served(store, runs_folders=(folder,), add=Adder(store)) as url:  # type: ignore[arg-type]
        yield Site(url, store)
    store.close()


@pytest.mark.parametrize("watched", [PHONE, {"color_scheme": "dark"}], indirect=True)
def test_a_run_is_added_measured_and_removed(watched: Watched, site: Site) -> None:
    watched.open("/runs", "[data-run=mine] .run-bar")
    page = watched.page
    mine = page.locator("[data-run=mine]")
    assert "2 of 3" in mine.locator(".run-bar", has_text="LLC").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0

    page.fill("[name=folder]", "../secret")
    page.fill("[name=recipe]", "kept")
    page.keyboard.press("Enter")
    page.wait_for_selector(".runs-form .failed-text:has-text('without ..')")
    assert page.input_value("[name=recipe]") == "kept"
    assert page.evaluate("document.activeElement.name") == "folder"
    watched.complaints.clear()  # the browser tells of the refusal as an error of its own
    page.locator(".runs-offers button", has_text="/new").click()
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector("[data-run=new] .run-bar")
    assert page.input_value("[name=folder]") == ""
    assert "7 checkpoints" in page.inner_text("#note")

    mine.get_by_role("button", name="measure the rest").click()
    words = mine.locator(".run-ask").inner_text()
    assert "1 measurement is missing" in words
    assert "less than a minute of one worker" in words
    mine.get_by_role("button", name="Start measuring").click()
    mine.locator(".run-job", has_text="job").wait_for()
    (job,) = Jobs(site.store).list()
    assert (job.run, job.state) == ("mine", "queued")

    page.locator("[data-run=shipped]").get_by_role("button", name="remove").click()
    assert "records stay in the store" in page.inner_text("[data-run=shipped] .run-ask")
    page.get_by_role("button", name="Remove shipped", exact=True).click()
    page.wait_for_selector("[data-run=shipped]", state="detached")
    assert {run.name for run in site.store.runs()} == {"mine", "new"}


def test_the_catalogue_and_the_jobs_are_saved_as_tables(watched: Watched, site: Site) -> None:
    watched.open("/runs", "[data-run=shipped] .run-bar")
    rows = watched.saved_csv(".runs-panel")
    assert {row["run"] for row in rows} == {"mine", "shipped"}
    mine = {row["kind"]: row for row in rows if row["run"] == "mine"}
    assert (mine["llc"]["measured"], mine["llc"]["wanted"]) == ("2", "3")
    assert {row["checkpoints"] for row in mine.values()} == {"3"}
    assert {row["last_step"] for row in mine.values()} == {str(RUN.steps[-1])}
    Jobs(site.store).submit("mine", standard_measurements(RUN))
    watched.open("/jobs", ".jobs-table")
    (job,) = watched.saved_csv(".jobs")
    assert (job["run"], job["state"], job["checkpoints"], job["failed"]) == (
        "mine", "queued", "all", "0",
    )  # fmt: skip
    assert dt.datetime.fromisoformat(job["asked"]).date() == dt.datetime.now(dt.UTC).date()


@pytest.mark.parametrize("watched", [PHONE], indirect=True)
def test_a_narrow_header_shows_the_name_of_the_open_page(watched: Watched) -> None:
    watched.open("/runs", "[data-run=mine] .run-bar")
    places = watched.page.evaluate(
        "['.pages', '.pages > .here'].map(n => document.querySelector(n).getBoundingClientRect())"
        ".flatMap(box => [box.left, box.right])"
    )
    assert places[0] <= places[2]
    assert places[3] <= places[1]
