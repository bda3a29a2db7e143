from __future__ import annotations

import pytest

from tests.browser.conftest import Watched

pytestmark = pytest.mark.browser

FIRST = {"first_visit": True}
PHONE = {**FIRST, "viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce"}
TARGETS = ["#dock", ".lanes-panel", ".graph-panel", ".rank-panel", "#run-picker", "nav.pages"]


@pytest.mark.parametrize("watched", [FIRST, PHONE], indirect=True)
def test_a_first_visit_is_shown_around_once_and_the_page_works_under_it(watched: Watched) -> None:
    page = watched.open("/?step=1000").page
    card = page.locator(".tour")
    assert "1 of 6" in card.inner_text()
    assert page.evaluate("document.activeElement === document.body")
    watched.press("Home")
    assert watched.slider("aria-valuetext").startswith("step 0,")
    assert card.is_visible()
    for i, target in enumerate(TARGETS):
        assert card.get_attribute("aria-label") == f"Tour, {i + 1} of 6"
        ring = page.locator(".tour-ring").bounding_box()
        place = page.locator(target).bounding_box()
        assert ring is not None
        assert place is not None
        assert ring["x"] == pytest.approx(place["x"] - 3, abs=2)
        assert ring["y"] == pytest.approx(place["y"] - 3, abs=2)
        box = card.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= page.evaluate("innerWidth")
        card.locator(".action").click()
        watched.frame()
    assert card.count() == 0
    watched.open("/?step=1000")
    assert card.count() == 0


@pytest.mark.parametrize("watched", [FIRST], indirect=True)
def test_the_tour_is_left_by_the_keyboard_and_starts_again_on_request(watched: Watched) -> None:
    page = watched.open("/?step=1000").page
    card = page.locator(".tour")
    card.get_by_role("button", name="skip the tour").focus()
    watched.press("ArrowRight")
    assert "2 of 6" in card.inner_text()
    watched.press("Escape")
    assert card.count() == 0
    watched.press("?")
    page.get_by_role("button", name="take the tour").click()
    watched.frame()
    assert page.evaluate("document.activeElement.className") == "tour"
    page.get_by_role("button", name="skip the tour").click()
    watched.open("/guide", ".formula math")
    assert page.evaluate(
        "() => [...document.querySelectorAll('.formula')].every(f =>"
        " f.firstChild.namespaceURI.endsWith('MathML') && f.offsetHeight > 20)"
    )
    page.get_by_role("link", name="Take the tour").click()
    page.wait_for_selector(".tour")
    page.get_by_role("link", name="Jobs", exact=True).click()
    page.wait_for_selector(".jobs h2")
    assert card.count() == 0
