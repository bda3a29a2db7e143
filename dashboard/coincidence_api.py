"""Where the browser asks for what coincides in a run."""

from __future__ import annotations

from flask import Flask, Response

from dashboard.coincidences import Coincidences
from dashboard.context import Context
from dashboard.files import JSON, for_ever


def register(server: Flask, context: Context, found: Coincidences) -> None:
    """Add the routes to the server; ``found`` is what the exported tables ask too."""
    place = f"{context.prefix}data/<run>/<digest>/coincidence/<graph>"

    @server.get(f"{place}.json")
    def coincidence(run: str, digest: str, graph: str) -> Response:
        return for_ever(found.tests(run, digest, graph), JSON)

    @server.get(f"{place}/<strength>.json")
    def coincidence_of_components(run: str, digest: str, graph: str, strength: str) -> Response:
        return for_ever(found.components(run, digest, graph, strength), JSON)
