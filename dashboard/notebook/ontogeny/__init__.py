"""Ontogeny in a notebook: the numbers and figures of the pages, as pandas, networkx and plotly.

>>> import ontogeny
>>> run = ontogeny.open_store().run("stdlib_lm")  # doctest: +SKIP
>>> run.curve("llc")  # doctest: +SKIP
>>> run.ranks(606, by="spreader_z")  # doctest: +SKIP
>>> run.draw.graph(606, threshold=0.3)  # doctest: +SKIP

Names, ids and settings are those of the pages and of their addresses, and so are the functions that
make the numbers. Nothing here measures or writes.
"""

from __future__ import annotations

from compute.errors import (
    NotMeasured,
    OntogenyError,
    RunNotFound,
    SettingsError,
    StoreError,
    TooMuch,
    UnknownName,
)
from dashboard.tables.code import code_for
from ontogeny.run import Run
from ontogeny.stores import OpenStore, open_store

__all__ = [
    "NotMeasured",
    "OntogenyError",
    "OpenStore",
    "Run",
    "RunNotFound",
    "SettingsError",
    "StoreError",
    "TooMuch",
    "UnknownName",
    "code_for",
    "open_store",
]
