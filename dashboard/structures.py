"""The encoded structures that browsers fetch, by the digest of a run's data and a graph's name."""

from __future__ import annotations

import threading
from collections import OrderedDict

from dashboard.figures.edges import EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.structure import encode_structure, structure
from dashboard.library import Library
from dashboard.payload import default_threshold
from dashboard.payloads import Payloads

KEPT = 16


class Structures:
    """The last few structures, each computed once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._library = library
        self._payloads = payloads
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def data(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return a graph's structure, or None if there is none or the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        key = (digest, graph)
        known = self._kept.get(key)
        if known is not None:
            return known
        # One at a time: whoever asks for what is being computed waits for it.
        with self._lock:
            if key not in self._kept:
                series = self._series(run, digest, graph)
                if series is None:
                    return None
                self._kept[key] = structure_file(series)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]

    def _series(self, run: str, digest: str, graph: str) -> GraphSeries | None:
        development = self._library.development(run)
        if self._payloads.digest(run) != digest:
            return None
        # Records may have come between the two: then the digest is of other data.
        same = self._library.development(run) is development
        return development.graphs.get(graph) if same else None


def structure_file(series: GraphSeries) -> bytes:
    """Return the structure of a graph as the browser reads it."""
    edges = series.edges
    threshold = default_threshold(edges.weight) if isinstance(edges, EdgeTable) else 0.0
    return encode_structure(structure(series, threshold=threshold))
