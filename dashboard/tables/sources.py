"""What tables are read from: the developments of a store, and what is found in them once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from compute.records import Measured
from compute.store import Store
from dashboard.coincidences import Coincidences
from dashboard.development import Development
from dashboard.dynamics_api import Dynamics
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.structure import Structure, structure
from dashboard.files import keep_last
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.stages import FoundStages, Stagings

KEPT = 8


class Sources:
    """Developments, and what takes long to find: each is found once in a process.

    Parameters
    ----------
    stagings, coincidences
        Those of the pages, so that neither finds again what the other has found.
    """

    def __init__(
        self,
        library: Library,
        payloads: Payloads,
        stagings: Stagings,
        coincidences: Coincidences,
        dynamics: Dynamics,
    ) -> None:
        self.library = library
        self._payloads = payloads
        self._stagings = stagings
        self._coincidences = coincidences
        self._dynamics = dynamics
        self._lock = threading.Lock()
        self._structures: OrderedDict[int, tuple[GraphSeries, Structure]] = OrderedDict()

    @classmethod
    def of_store(cls, store: Store) -> Sources:
        """Return the sources of a store that no pages show."""
        library = Library(store)
        payloads = Payloads(library, "/")
        stagings = Stagings(library, payloads)
        coincidences = Coincidences(library, payloads, stagings)
        return cls(library, payloads, stagings, coincidences, Dynamics(store))

    @property
    def store(self) -> Store:
        """Where the records are."""
        return self.library.store

    @property
    def stages(self) -> FoundStages:
        """Finds the stages of a curve."""
        return self._stagings.stages

    def development(self, run: str) -> Development:
        """Return a run with everything measured on it; raises as `Library.development`."""
        return self.library.development(run)

    def coincidence(self, run: str, graph: str) -> bytes | None:
        """Return the Coincidence page's tests as JSON, or None if records came meanwhile."""
        return self._coincidences.tests(run, self._payloads.digest(run), graph)

    def dynamics(self, run: str) -> tuple[Mapping[str, Any], bytes | None]:
        """Return what the Dynamics page says of a run by itself, and its file if there is one."""
        state = self._dynamics.state(run)
        digest = state["digest"]
        return state, self._dynamics.data(run, (), digest) if digest else None

    def structure(self, series: GraphSeries) -> Structure:
        """Return what a graph says over all checkpoints, found once for each of the last few."""
        with self._lock:
            known = self._structures.get(id(series))
            if known is None or known[0] is not series:
                known = series, structure(series, threshold=0.0)
                keep_last(self._structures, id(series), known, KEPT)
            return known[1]

    def record(self, key: str) -> Measured | None:
        """Return a record with all its parts, or None if there is none."""
        return self.store.get(key)
