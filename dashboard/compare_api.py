"""Where the browser finds what single prompts say of a run's graphs, for the Compare page."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response

from compute.errors import BadRecord
from compute.records import AblationGraph
from compute.specs import GraphMeasurement
from dashboard.context import Context
from dashboard.development import Development, metrics_of
from dashboard.figures.prompts import encode_edge_prompts, encode_metric_prompts
from dashboard.files import RunFiles, for_ever
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.points import by_setting


class Prompts:
    """The last few files of prompts, each made once in a process, when it is first asked for."""

    def __init__(self, library: Library, payloads: Payloads) -> None:
        self._library = library
        self._files = RunFiles(library, payloads, most=24)

    def edges(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return how prompts move a graph's edges; None without it, or for other data by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """

        def made(development: Development) -> bytes | None:
            series = development.graphs.get(graph)
            if series is None:
                return None
            graphs = self._graphs(run, series.spec)
            return encode_edge_prompts(series, graphs, development.run)

        return self._files.get(run, digest, made, "edges", graph)

    def metric(self, run: str, digest: str, graph: str, metric: str) -> bytes | None:
        """Return a metric of a graph for resampled prompts, or None; raises as `edges`."""

        def made(development: Development) -> bytes | None:
            series = development.graphs.get(graph)
            if series is None or metric not in series.metrics.node_names:
                return None
            graphs = self._graphs(run, series.spec)
            threshold = self._threshold(run, series.spec)
            return encode_metric_prompts(series, graphs, development.run, metric, threshold)

        return self._files.get(run, digest, made, "metric", graph, metric)

    def _graphs(self, run: str, spec: GraphMeasurement) -> Iterator[tuple[int, AblationGraph]]:
        """Yield the whole records of a graph, each read when it is asked for, with their steps.

        Of what pages keep, prompts are left out.
        """
        points = self._library.points(run).items()
        for step, key in {p.step: key for key, p in points if p.spec == spec}.items():
            try:
                measured = self._library.store.get(key)
            except BadRecord:
                continue
            if measured is not None and isinstance(measured.record, AblationGraph):
                yield step, measured.record

    def _threshold(self, run: str, spec: GraphMeasurement) -> float:
        """Return from which weight on edges count in the metrics that are shown."""
        measured = metrics_of(spec, by_setting(self._library.points(run).values()))
        return measured[0][0].threshold if measured else 0.0


def register(server: Flask, context: Context) -> None:
    """Add the routes to the server."""
    prefix = context.prefix
    found = Prompts(context.library, context.payloads)

    @server.get(f"{prefix}data/<run>/<digest>/prompts/<graph>.bin")
    def edge_prompts(run: str, digest: str, graph: str) -> Response:
        return for_ever(found.edges(run, digest, graph))

    @server.get(f"{prefix}data/<run>/<digest>/prompts/<graph>/<metric>.bin")
    def metric_prompts(run: str, digest: str, graph: str, metric: str) -> Response:
        return for_ever(found.metric(run, digest, graph, metric))
