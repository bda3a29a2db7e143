"""Where the browser asks for what coincides in a run."""

from __future__ import annotations

from flask import Flask, Response

from dashboard.coincidences import Coincidences
from dashboard.context import Context
from dashboard.files import JSON, for_ever
from dashboard.stages import Stagings


def register(server: Flask, context: Context, stagings: Stagings) -> None:
    """Add the routes to the server; ``stagings`` are those that other pages ask too."""
    found = Coincidences(context.library, context.payloads, stagings)
    place = f"{context.prefix}data/<run>/<digest>/coincidence/<graph>"

    @server.get(f"{place}.json")
    def coincidence(run: str, digest: str, graph: str) -> Response:
        return for_ever(found.tests(run, digest, graph), JSON)

    @server.get(f"{place}/<strength>.json")
    def coincidence_of_components(run: str, digest: str, graph: str, strength: str) -> Response:
        return for_ever(found.components(run, digest, graph, strength), JSON)
