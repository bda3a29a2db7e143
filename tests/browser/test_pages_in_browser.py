from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from compute.jobs import Jobs, process_identity
from compute.specs import standard_measurements
from compute.store import Store
from tests.browser.conftest import DESKTOP, Site, Watched, served
from tests.dashboard import synthetic

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.mark.parametrize("watched", [{}, PHONE, {"color_scheme": "dark"}], indirect=True)
def test_every_page_opens_without_a_complaint_and_fits_the_window(watched: Watched) -> None:
    for path, wait in [
        ("/", ".readout"),
        ("/?run=icl_regression", ".readout"),
        ("/?run=fresh", ".readout"),
        ("/?run=nonsense", ".message"),
        ("/nowhere", ".message"),
        ("/jobs", ".jobs h2"),
        ("/guide", ".guide"),
    ]:
        watched.open(path, wait)
        wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
        assert all(url.startswith(watched.url) for url in watched.requests)


def test_curves_come_with_the_basic_bundle_of_plotly_alone(watched: Watched) -> None:
    watched.open().page.wait_for_selector(".js-plotly-plot .main-svg")
    bundles = [url.split("?")[0] for url in watched.requests if "plotly" in url and ".js" in url]
    assert bundles == [f"{watched.url}/assets/vendor/plotly-basic.min.js"]


def test_links_change_the_page_without_a_new_document(watched: Watched) -> None:
    watched.open("/?step=0")
    watched.page.evaluate("window.same = true")
    watched.page.get_by_role("link", name="Guide").click()
    watched.page.wait_for_selector(".guide")
    watched.page.go_back()
    watched.page.wait_for_selector(".readout")
    watched.page.locator(".run-button").click()
    watched.page.locator(".run-link", has_text="icl_regression").click()
    watched.page.wait_for_selector(".node[data-component=L1MLP]")
    watched.page.wait_for_function("() => document.title.startsWith('icl_regression')")
    watched.settle()
    assert watched.page.locator(".node").count() == 12
    assert len(set(watched.steps())) == 1
    assert watched.page.evaluate("window.same")


def test_the_theme_is_switched_and_remembered(watched: Watched) -> None:
    watched.open()
    colour = "() => getComputedStyle(document.querySelector('.panel')).backgroundColor"
    light = watched.page.evaluate(colour)
    watched.page.get_by_role("button", name="Dark theme").click()
    watched.settle()
    dark = watched.page.evaluate(colour)
    assert dark != light
    watched.page.wait_for_function(
        "() => document.querySelector('.js-plotly-plot').data[1].line.color === '#42c6bd'"
    )
    watched.open()
    assert watched.page.evaluate(colour) == dark


@pytest.mark.parametrize("watched", [{"reduced_motion": "reduce"}], indirect=True)
def test_reduced_motion_turns_motion_off(watched: Watched) -> None:
    watched.open()
    style = "() => getComputedStyle(document.querySelector('.page')).animationName"
    assert watched.page.evaluate(style) == "none"


def test_a_link_can_be_copied(watched: Watched) -> None:
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    watched.open("/?step=1000")
    watched.press("Home")
    watched.page.get_by_role("button", name="Copy link").click()
    watched.page.wait_for_selector("text=Copied")
    copied = watched.page.evaluate("navigator.clipboard.readText()")
    assert "step=0" in copied
    assert "run=stdlib_lm" in copied


def test_an_unmeasured_run_is_computed_from_the_page_and_fills_in(
    watched: Watched, site: Site
) -> None:
    run = synthetic.language_run("fresh", 24, 3000)
    watched.open("/?run=fresh&step=0")
    assert "Not computed at step 0" in watched.page.locator("#graph-canvas").inner_text()
    watched.page.locator("#graph-canvas .action").click()
    watched.page.wait_for_selector(".status:has-text('waiting')")
    (job,) = [job for job in Jobs(site.store).list() if job.run == "fresh"]
    synthetic.fill(site.store, run)
    Jobs(site.store).claim_service(process_identity())
    Jobs(site.store).progress(job.id, done=100, total=240, failed=0, eta_seconds=300.0)
    watched.page.wait_for_selector(".status:has-text('computing 100 of 240 · 5 min left')")
    watched.page.wait_for_selector(".node[data-component=L2H3]")
    assert set(watched.steps()) == {0}
    Jobs(site.store).release_service(process_identity())
    Jobs(site.store).finish(job.id, "done")
    watched.page.wait_for_selector(".status:has-text('all 240 measured')")
    quiet = len(watched.requests)
    watched.page.wait_for_timeout(4000)
    assert len(watched.requests) == quiet


def test_new_data_never_moves_the_slider(browser: Browser, store: Store) -> None:
    run = synthetic.language_run(checkpoints=30)
    synthetic.fill(store, run, missing=tuple(("llc", i) for i in range(30)))
    job = Jobs(store).submit(run.name, standard_measurements(run))
    Jobs(store).progress(job.id, done=270, total=300, failed=0, eta_seconds=None)
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        page = Watched(context.new_page(), url).open(f"/?step={run.steps[11]}")
        assert "not computed" in page.page.locator("[data-lane=llc]").inner_text()
        synthetic.fill(store, run)
        page.page.wait_for_function(
            "() => /±/.test(document.querySelector('[data-lane=llc]').innerText)", timeout=20_000
        )
        assert set(page.steps()) == {run.steps[11]}
        context.close()
    assert page.complaints == []


def test_a_token_lets_in(browser: Browser, store: Store) -> None:
    synthetic.fill(store, synthetic.language_run(checkpoints=8))
    with served(store, token="let me in") as url:
        context = browser.new_context(viewport=DESKTOP)
        page = Watched(context.new_page(), url)
        page.page.goto(url)
        assert "asks for its token" in page.page.inner_text("body")
        page.open("/?token=let+me+in")
        assert "token" not in page.page.url
        context.close()
    assert [line for line in page.complaints if "401 (UNAUTHORIZED)" not in line] == []


def test_an_empty_store_says_what_to_do(browser: Browser, store: Store) -> None:
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        page = Watched(context.new_page(), url).open("/", ".message")
        assert "ontogeny add FOLDER" in page.page.inner_text("main")
        context.close()
    assert page.complaints == []


def test_a_job_is_watched_cancelled_and_tried_again(browser: Browser, store: Store) -> None:
    run = synthetic.language_run(checkpoints=8)
    store.put_run(run)
    Jobs(store).submit(run.name, standard_measurements(run))
    with served(store) as url:
        context = browser.new_context(viewport=DESKTOP)
        page = Watched(context.new_page(), url).open("/jobs", ".jobs-table")
        assert "ontogeny service" in page.page.locator(".hint").inner_text()
        page.page.get_by_role("button", name=f"cancel {run.name}").click()
        page.page.get_by_role("button", name=f"retry {run.name}").click()
        page.page.wait_for_selector("text=queued")
        page.page.locator(".jobs-table a").click()
        page.page.wait_for_selector(".readout")
        context.close()
    assert page.complaints == []
