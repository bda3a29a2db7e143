"""The words of this project, for the guide: what each means here, and where it is met."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).parent / "glossary.toml"


class Term(NamedTuple):
    """One word.

    Attributes
    ----------
    name
        As pages write it.
    meaning
        One sentence or two.
    pages
        Titles of the pages on which it is met most.
    kinds
        Kinds of records that it explains.
    """

    name: str
    meaning: str
    pages: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


def _read() -> tuple[Term, ...]:
    written = tomllib.loads(_FILE.read_text(encoding="utf-8"))["term"]
    return tuple(
        Term(t["name"], t["meaning"], tuple(t["pages"]), tuple(t.get("kinds", ()))) for t in written
    )


GLOSSARY = _read()


def glossary_table() -> str:
    """Return the glossary as a Markdown table, in the order of the alphabet."""
    lines = ["| word | meaning | met on |", "|---|---|---|"]
    for term in sorted(GLOSSARY, key=lambda term: term.name.casefold().lstrip("εγ ")):
        lines.append(f"| **{term.name}** | {term.meaning} | {', '.join(term.pages) or '–'} |")
    return "\n".join(lines)
