"""The example notebook shows what it gives now, with the developments that ship."""

from __future__ import annotations

import base64
import json

import pytest

from tests.notebook.cells import execute
from tests.notebook.make_example import EXAMPLE

REMEDY = "run python -m tests.notebook.make_example and look at what has changed"
LARGEST = 500_000


@pytest.fixture(scope="module")
def committed():
    return json.loads(EXAMPLE.read_text(encoding="utf-8"))


def shown(cell: dict) -> list[dict]:
    """What a cell shows but for pictures; of a table as HTML, which no terminal's width changes."""
    told = []
    for output in cell["outputs"]:
        data = dict(output.get("data", {"text": output.get("text")}))
        data.pop("image/png", None)
        if "text/html" in data:
            data.pop("text/plain")
        told.append({kind: "".join(text) for kind, text in data.items()})
    return told


def test_the_example_shows_what_it_gives(committed):
    again = execute(committed)
    for old, new in zip(committed["cells"], again["cells"], strict=True):
        if old["cell_type"] == "code":
            assert shown(old) == shown(new), f"{''.join(old['source'])}\n{REMEDY}"


def test_every_figure_of_the_example_is_a_picture(committed):
    drawn = 0
    for cell in committed["cells"]:
        if "run.draw." in "".join(cell["source"]) and cell["cell_type"] == "code":
            (output,) = cell["outputs"]
            picture = base64.b64decode(output["data"]["image/png"])
            assert picture.startswith(b"\x89PNG")
            drawn += 1
    assert drawn >= 5


def test_the_example_is_small_and_names_no_place(committed):
    text = EXAMPLE.read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert committed["nbformat"] == 4
