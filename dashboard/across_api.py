"""Where the browser finds runs side by side: two of them, or all of one recipe."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from flask import Flask, Response, jsonify

from compute.errors import RunNotFound
from dashboard.context import Context
from dashboard.figures.across import (
    Side,
    align_by_turns,
    encode_pair,
    encode_recipe,
    encode_turns,
)
from dashboard.files import JSON, for_ever, keep_last
from dashboard.library import Library
from dashboard.stages import FoundStages

KEPT = 16
RUN_GRAPH = "-"


class Comparisons:
    """The last few files of runs side by side, each addressed by the digest of what is in it.

    Parameters
    ----------
    stages
        Finds the stages of a curve: what other pages have found is not found again.
    """

    def __init__(self, library: Library, stages: FoundStages) -> None:
        self._library = library
        self._stages = stages
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def pair(self, run: str, other: str) -> tuple[str, bytes]:
        """Return two runs as they are now: the digest of their file, and the file.

        Raises
        ------
        RunNotFound
            If the store has no run of one of these names.
        """
        return _digested(encode_pair(self._side(run), self._side(other)))

    def recipe(self, run: str) -> tuple[str, bytes]:
        """Return the runs of a run's recipe as they are now: the digest of their file, and it.

        Raises
        ------
        RunNotFound
            If the store has no run of that name, or no other run of its recipe.
        """
        names = recipe_runs(self._library, run)
        if len(names) < 2:
            raise RunNotFound(f"run {run}: the store has no other run of its recipe")
        return _digested(encode_recipe([self._side(name) for name in names]))

    def kept(self, digest: str, make: Callable[[], tuple[str, bytes]]) -> bytes | None:
        """Return the file of that digest, or None if what ``make`` makes is another by now."""
        with self._lock:
            if (digest,) not in self._kept:
                found, data = make()
                if found != digest:
                    return None
                keep_last(self._kept, (digest,), data, KEPT)
            return self._kept[digest,]

    def turns(self, run: str, other: str, digest: str, graph: str, curve: str) -> bytes | None:
        """Return how two runs align by the boundaries of one of their curves, as JSON.

        None if they do not share that curve, or if their data are others than ``digest`` says.

        Raises
        ------
        RunNotFound
            If the store has no run of one of these names.
        """
        key = (digest, graph, curve)
        # One at a time: whoever asks for what is being computed waits for it.
        with self._lock:
            if key not in self._kept:
                sides = self._side(run), self._side(other)
                if _digested(encode_pair(*sides))[0] != digest:
                    return None
                found = align_by_turns(*sides, (graph, curve), self._stages)
                if found is None:
                    return None
                data = encode_turns(found[0], sides[0].run.steps, (run, other), found[1])
                keep_last(self._kept, key, data, KEPT)
            return self._kept[key]

    def _side(self, name: str) -> Side:
        development = self._library.development(name)
        own = {("", c.id): c for c in development.curves if c.component is None}
        graphs = {
            (graph, c.id): c
            for graph, curves in development.graph_curves.items()
            for c in curves
            if c.component is None and graph
        }
        return Side(development.run, own | graphs)


def recipe_runs(library: Library, name: str) -> list[str]:
    """Return the names of the runs of a run's recipe, that run first and the others by seed.

    A run by itself is alone.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    run = library.store.run(name)
    others = [r for r in library.store.runs() if run.recipe and r.recipe == run.recipe]
    order = sorted((r.seed is None, r.seed or 0, r.name) for r in others if r.name != name)
    return [name, *(other for _, _, other in order)]


def register(server: Flask, context: Context, stages: FoundStages) -> None:
    """Add the routes to the server; ``stages`` are those that other pages ask too."""
    prefix = context.prefix
    found = Comparisons(context.library, stages)

    @server.get(f"{prefix}api/across/<run>/run/<other>")
    def pair_now(run: str, other: str) -> Response:
        digest, _ = found.pair(run, other)
        return _address(f"{prefix}data/{run}/across/run/{other}/{digest}.bin")

    @server.get(f"{prefix}api/across/<run>/recipe")
    def recipe_now(run: str) -> Response:
        digest, _ = found.recipe(run)
        return _address(f"{prefix}data/{run}/across/recipe/{digest}.bin")

    @server.get(f"{prefix}data/<run>/across/run/<other>/<digest>.bin")
    def pair(run: str, other: str, digest: str) -> Response:
        return for_ever(found.kept(digest, lambda: found.pair(run, other)))

    @server.get(f"{prefix}data/<run>/across/recipe/<digest>.bin")
    def recipe(run: str, digest: str) -> Response:
        return for_ever(found.kept(digest, lambda: found.recipe(run)))

    @server.get(f"{prefix}data/<run>/across/run/<other>/<digest>/<graph>/<curve>.json")
    def turns(run: str, other: str, digest: str, graph: str, curve: str) -> Response:
        of = "" if graph == RUN_GRAPH else graph
        data = found.turns(run, other, digest, of, curve)
        return for_ever(data, JSON)


def _digested(data: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(data).hexdigest(), data


def _address(where: str) -> Response:
    response: Response = jsonify({"address": where})
    response.headers["Cache-Control"] = "no-store"
    return response
