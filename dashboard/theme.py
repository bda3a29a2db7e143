"""The colours of the product: one table, light and dark, for the style sheet and the figures.

``assets/style.css`` declares the same tokens; a test compares the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias

Scheme: TypeAlias = Literal["light", "dark"]

TOKENS: Mapping[str, tuple[str, str]] = {
    "paper": ("#f6f6f3", "#0e1215"),
    "panel": ("#ffffff", "#151a1f"),
    "raised": ("#ffffff", "#1c2228"),
    "ink": ("#1a1f24", "#e7e9ec"),
    "ink2": ("#56606b", "#a2abb5"),
    "ink3": ("#68717c", "#858f9a"),
    "line": ("#deded8", "#2a3138"),
    "hair": ("#efefea", "#1f252b"),
    "edge": ("#5a6470", "#a2abb5"),
    "head": ("#4659c8", "#8f9df5"),
    "mlp": ("#b8730a", "#eab04c"),
    "io": ("#717a85", "#8c96a1"),
    "llc": ("#0b7a75", "#42c6bd"),
    "loss": ("#3d4650", "#c5ccd3"),
    "graph": ("#8a3fa0", "#cf8ee4"),
    "behaviour": ("#b4432f", "#f08a76"),
    "accent": ("#0b7a75", "#42c6bd"),
    "sel": ("#cf2c66", "#ff6fa0"),
    "queued": ("#c98a1b", "#d9a13f"),
    "failed": ("#b4432f", "#f08a76"),
}

FONT = (
    'ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, '
    '"Noto Sans", "Liberation Sans", sans-serif'
)


@dataclasses.dataclass(frozen=True)
class Theme:
    """One colour scheme, as figures use it."""

    scheme: Scheme

    def __getitem__(self, token: str) -> str:
        """Return the colour of ``token``, as ``#rrggbb``."""
        return TOKENS[token][self.scheme == "dark"]

    def faded(self, token: str, opacity: float) -> str:
        """Return the colour of ``token`` with an opacity from 0 to 1."""
        red, green, blue = (int(self[token][i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity:g})"


def theme(scheme: str) -> Theme:
    """Return the theme of that name; anything but ``dark`` is light."""
    return Theme("dark" if scheme == "dark" else "light")
