"""The encoded structures that browsers fetch, by the digest of a run's data and a graph's name."""

from __future__ import annotations

from dashboard.development import Development
from dashboard.figures.edges import EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.structure import encode_structure, structure
from dashboard.files import RunFiles
from dashboard.library import Library
from dashboard.payload import default_threshold
from dashboard.payloads import Payloads


class Structures:
    """The last few structures, each computed once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._files = RunFiles(library, payloads)

    def data(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return a graph's structure, or None if there is none or the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """

        def made(development: Development) -> bytes | None:
            series = development.graphs.get(graph)
            return None if series is None else structure_file(series)

        return self._files.get(run, digest, made, graph)


def structure_file(series: GraphSeries) -> bytes:
    """Return the structure of a graph as the browser reads it."""
    edges = series.edges
    threshold = default_threshold(edges.weight) if isinstance(edges, EdgeTable) else 0.0
    return encode_structure(structure(series, threshold=threshold))
