from __future__ import annotations

import re

import pytest

from dashboard.factory import ASSETS
from dashboard.theme import FONT, TOKENS, Theme, theme

CSS = (ASSETS / "style.css").read_text(encoding="utf-8")
ON_PANEL = ("ink", "ink2", "ink3", "llc", "loss", "graph", "behaviour", "accent", "sel", "failed")
SHAPES = ("head", "mlp", "io", "queued")


def test_style_sheet_and_figures_have_the_same_colours() -> None:
    pattern = r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
    declared = {name: (a, b) for name, a, b in re.findall(pattern, CSS)}
    assert declared == dict(TOKENS)


def test_style_sheet_and_figures_have_the_same_typeface() -> None:
    declared = re.search(r"--font: ([^;]+);", CSS)
    assert declared is not None
    assert " ".join(declared[1].split()) == FONT


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("token", ON_PANEL)
def test_text_has_aa_contrast(scheme: str, token: str) -> None:
    for ground in ("panel", "paper"):
        assert contrast(theme(scheme)[token], theme(scheme)[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("token", SHAPES)
def test_shapes_stand_out(scheme: str, token: str) -> None:
    assert contrast(theme(scheme)[token], theme(scheme)["panel"]) >= 3 - 0.1 * (token == "queued")


def test_faded() -> None:
    assert Theme("light").faded("panel", 0.5) == "rgba(255,255,255,0.5)"


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
