"""What is computed from refined LLCs over all checkpoints, by the digest of a run's data."""

from __future__ import annotations

from dashboard.development import Development
from dashboard.figures.refined import (
    by_refinement,
    cluster_parts,
    effects,
    encode_clusters,
    encode_effects,
)
from dashboard.files import RunFiles
from dashboard.library import Library
from dashboard.payloads import Payloads


class Refinements:
    """The last few files, each computed once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._files = RunFiles(library, payloads)

    def clusters(self, run: str, digest: str) -> bytes | None:
        """Return which parts develop alike, or None if the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._files.get(run, digest, clusters_file)

    def effects(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return how refined LLCs go with a graph's effects, or None; raises as `clusters`."""
        return self._files.get(run, digest, lambda found: effects_file(found, graph), graph)


def clusters_file(development: Development) -> bytes:
    """Return the clusters of every setting of a run as the browser reads them."""
    steps = development.run.steps
    settings = by_refinement(development.curves)
    found = {s: (c, cluster_parts(steps, c)) for s, c in settings.items()}
    return encode_clusters(steps, found)


def effects_file(development: Development, graph: str) -> bytes | None:
    """Return how every setting goes with the effects of one graph, or None without that graph."""
    series = development.graphs.get(graph)
    if series is None:
        return None
    return encode_effects(
        {s: effects(c, series) for s, c in by_refinement(development.curves).items()}
    )
