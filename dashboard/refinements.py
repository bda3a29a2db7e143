"""What is computed from refined LLCs over all checkpoints, by the digest of a run's data."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from dashboard.development import Development
from dashboard.figures.refined import (
    by_refinement,
    cluster_parts,
    effects,
    encode_clusters,
    encode_effects,
)
from dashboard.library import Library
from dashboard.payloads import Payloads

KEPT = 16


class Refinements:
    """The last few files, each computed once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._library = library
        self._payloads = payloads
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str | None], bytes] = OrderedDict()

    def clusters(self, run: str, digest: str) -> bytes | None:
        """Return which parts develop alike, or None if the run's data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._file(run, digest, None, clusters_file)

    def effects(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return how refined LLCs go with a graph's effects, or None; raises as `clusters`."""
        return self._file(run, digest, graph, lambda found: effects_file(found, graph))

    def _file(
        self,
        run: str,
        digest: str,
        graph: str | None,
        make: Callable[[Development], bytes | None],
    ) -> bytes | None:
        key = (digest, graph)
        # One at a time: whoever asks for what is being computed waits for it.
        with self._lock:
            if key not in self._kept:
                development = self._library.development(run)
                if self._payloads.digest(run) != digest:
                    return None
                # Records may have come between the two: then the digest is of other data.
                if self._library.development(run) is not development:
                    return None
                data = make(development)
                if data is None:
                    return None
                self._kept[key] = data
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]


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
