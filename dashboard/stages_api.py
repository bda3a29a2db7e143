"""Where the browser asks for the stages of a run's curves."""

from __future__ import annotations

from flask import Flask, Response

from dashboard.context import Context
from dashboard.files import JSON, for_ever
from dashboard.stages import Stagings


def register(server: Flask, context: Context, stagings: Stagings | None = None) -> None:
    """Add the route to the server; ``stagings`` are the context's unless given."""
    found = stagings or Stagings(context.library, context.payloads)

    @server.get(f"{context.prefix}data/<run>/<digest>/stages/<curve>.json")
    def stages(run: str, digest: str, curve: str) -> Response:
        return for_ever(found.file(run, digest, curve), JSON)
