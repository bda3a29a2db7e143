from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.browser.conftest import Watched

pytestmark = pytest.mark.browser


def gif_frames(data: bytes) -> list[int]:
    """Return how long each frame of a GIF is shown, in hundredths; every byte is read."""
    assert data[:6] == b"GIF89a"
    at = 13 + 3 * 2 ** ((data[10] & 7) + 1)
    delays: list[int] = []

    def skip(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                delays.append(int.from_bytes(data[at + 4 : at + 6], "little"))
            at = skip(at + 2)
        else:
            assert data[at] == 0x2C
            at = skip(at + 11)
    assert at == len(data) - 1
    return delays


def webm_parts(data: bytes, at: int, end: int) -> list[tuple[int, int, int]]:
    """Return the elements between two places of a WebM: name, where its inside begins and ends."""
    found = []
    while at < end:
        size = next(n for n in range(1, 5) if data[at] >> (8 - n))
        name = int.from_bytes(data[at : at + size], "big")
        at += size
        length = int.from_bytes(data[at + 1 : at + 8], "big")
        found.append((name, at + 8, at + 8 + length))
        at += 8 + length
    assert at == end
    return found


PLAYED = """async (text) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const video = document.createElement('video');
  video.src = URL.createObjectURL(new Blob([bytes], { type: 'video/webm' }));
  await new Promise((done, fail) => {
    video.onloadeddata = done;
    video.onerror = () => fail(video.error.message);
  });
  return [video.videoWidth, video.videoHeight];
}"""
SOME_DONE = """() =>
  /^[1-9]\\d* of 107/.test(document.querySelector('dialog.sweep [role=status]').textContent)"""


def opened(page: Watched) -> None:
    page.page.locator(".graph-panel .figure-menu > summary").click()
    page.page.get_by_role("button", name="Save sweep").click()
    page.page.wait_for_selector("dialog.sweep")


def choose(page: Watched, label: str, value: str) -> None:
    page.page.locator("dialog.sweep").get_by_label(label).select_option(value)


def saved(page: Watched) -> tuple[str, bytes]:
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="Save", exact=True).click()
    page.page.wait_for_selector("dialog.sweep", state="detached")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_a_sweep_is_saved_as_gif_and_as_webm_with_every_frame(watched: Watched) -> None:
    watched.open("/?run=stdlib_lm&step=1000")
    at = watched.slider("aria-valuenow")
    opened(watched)
    choose(watched, "Checkpoints", "16")
    choose(watched, "Speed", "4")
    words = watched.page.locator("dialog.sweep p").first.inner_text()
    assert words.startswith("8 frames, 4 s long, at most ")
    name, data = saved(watched)
    assert name == "stdlib_lm-ablation-graph-sweep.gif"
    # 107 checkpoints, every sixteenth and the last; this one stays longer.
    assert gif_frames(data) == [25] * 7 + [150]
    assert b"records sha256" in data
    assert watched.slider("aria-valuenow") == at
    opened(watched)
    choose(watched, "Format", "webm")
    choose(watched, "Checkpoints", "16")
    name, data = saved(watched)
    assert name.endswith("-sweep.webm")
    head, segment = webm_parts(data, 0, len(data))
    assert head[0] == 0x1A45DFA3
    parts = webm_parts(data, *segment[1:])
    assert [part[0] for part in parts[:2]] == [0x1549A966, 0x1654AE6B]
    blocks = [b for c in parts[2:] for b in webm_parts(data, *c[1:]) if b[0] == 0xA3]
    assert len(blocks) == 8
    # A blob is no source of films for the pages' own policy: the file is looked at elsewhere.
    elsewhere = watched.page.context.new_page()
    width, height = elsewhere.evaluate(PLAYED, base64.b64encode(data).decode())
    assert (width % 2, height % 2) == (0, 0)
    assert width > 700


def test_a_sweep_can_be_given_up(watched: Watched) -> None:
    watched.open("/?run=stdlib_lm&step=1000")
    at = watched.slider("aria-valuenow")
    downloads: list[str] = []
    watched.page.on("download", lambda d: downloads.append(d.suggested_filename))
    opened(watched)
    watched.page.get_by_role("button", name="Save", exact=True).click()
    watched.page.wait_for_function(SOME_DONE)
    watched.page.get_by_role("button", name="Cancel").click()
    watched.page.wait_for_function(
        f"() => document.querySelector('[role=slider]').ariaValueNow === '{at}'"
    )
    watched.page.wait_for_timeout(300)
    assert downloads == []
    assert watched.slider("aria-valuenow") == at
