"""What coincides in a run, by the digest of its data and a graph's name."""

from __future__ import annotations

from collections import OrderedDict

from compute.coincidence.within import Within
from compute.runs import Run
from dashboard.development import Development
from dashboard.figures.coincidence import (
    Coincidence,
    encode_coincidence,
    encode_components,
    sources_of,
)
from dashboard.figures.coincidence_sources import (
    Boundaries,
    Compared,
    compared,
    graph_phases,
    metric_curves,
    read_stages,
)
from dashboard.figures.coincidence_tests import (
    GRAPH,
    STRENGTHS,
    TURNS,
    Lag,
    courses,
    distances,
    lags,
    page_surrogates,
    parts_of,
)
from dashboard.figures.series import Curve
from dashboard.files import RunFiles, keep_last
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.stages import Stagings

KEPT = 32
# The graph of a run that has none, in addresses.
NO_GRAPH = "-"


class Coincidences:
    """The last few files, each computed once in a process, when it is first asked for.

    Parameters
    ----------
    stagings
        Where boundaries of curves come from: what pages have found is not found again.

    Notes
    -----
    Of a run of 107 checkpoints with five curves the first graph takes about thirteen seconds of one
    core beside the stages of the curves, of which each takes one; a further graph takes seven, and
    the components of a graph three.
    """

    def __init__(self, library: Library, payloads: Payloads, stagings: Stagings) -> None:
        self._stagings = stagings
        self._files = RunFiles(library, payloads, KEPT)
        self._lags: OrderedDict[tuple[object, ...], list[Lag]] = OrderedDict()

    def tests(self, run: str, digest: str, graph: str) -> bytes | None:
        """Return every test of a run with one of its graphs, or without if that is `NO_GRAPH`.

        None if the run has no such graph, or if its data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._files.get(run, digest, lambda d: self._tests(d, digest, graph), graph)

    def components(self, run: str, digest: str, graph: str, strength: str) -> bytes | None:
        """Return how each component's refined LLC goes with a strength of it.

        None if there are no such components; else as `tests`.
        """
        return self._files.get(
            run, digest, lambda d: components_file(d, graph, strength), graph, strength
        )

    def _tests(self, development: Development, digest: str, graph: str) -> bytes | None:
        series = development.graphs.get(graph)
        if series is None and graph != NO_GRAPH:
            return None
        run = development.run
        chosen = compared(development.curves, run.family)
        wanted = [*([chosen.llc] if chosen.llc else []), *chosen.curves]
        found = []
        for curve in wanted:
            boundaries = self._boundaries(run, digest, curve)
            if boundaries is None:
                return None
            found.append((curve, boundaries))
        own, curves = (found[0], found[1:]) if chosen.llc else (None, found)
        others = {c.id: (c.name, b) for c, b in curves}
        row: tuple[str, Boundaries] | None = None
        metrics: tuple[str, ...] = ()
        if series is not None:
            phases, metrics = graph_phases(series, run.steps)
            row = (series.node_settings, phases)
            others = {GRAPH: ("", phases), **others}
        turns = max(TURNS, page_surrogates(len(chosen.curves), len(metrics)))
        return encode_coincidence(
            Coincidence(
                llc=chosen.llc,
                sources=sources_of(own, row, curves),
                distances=tuple(distances(own[1], others, run.steps, turns=turns) if own else ()),
                lags=self._all_lags(development, digest, graph, chosen, metrics),
                courses=_courses(development, graph),
                missing=chosen.missing,
            )
        )

    def _boundaries(self, run: Run, digest: str, curve: Curve) -> Boundaries | None:
        """Return a curve's boundaries, or None if the run's data is another by now."""
        data = self._stagings.file(run.name, digest, curve.id)
        return None if data is None else read_stages(data, curve, run.steps)

    def _all_lags(
        self,
        development: Development,
        digest: str,
        graph: str,
        chosen: Compared,
        metrics: tuple[str, ...],
    ) -> tuple[Lag, ...]:
        """Return the lags of all curves; those of the run are the same beside every graph."""
        llc, steps = chosen.llc, development.run.steps
        if llc is None:
            return ()
        surrogates = page_surrogates(len(chosen.curves), len(metrics))
        key = (development.run.name, digest, surrogates)
        if key not in self._lags:
            made = lags(steps, llc, chosen.curves, surrogates=surrogates)
            keep_last(self._lags, key, made, KEPT)
        own = metric_curves(development.graph_curves.get(graph, ()), metrics)
        return (*self._lags[key], *lags(steps, llc, own, surrogates=surrogates))


def _courses(development: Development, graph: str) -> dict[str, Within]:
    series = development.graphs.get(graph)
    if series is None:
        return {}
    found = {name: parts_of(development.curves, series, name) for name in STRENGTHS}
    return {name: courses(parts) for name, parts in found.items() if parts}


def components_file(development: Development, graph: str, strength: str) -> bytes | None:
    """Return the components of one graph as the browser reads them, or None without any."""
    series = development.graphs.get(graph)
    parts = series and parts_of(development.curves, series, strength)
    return encode_components(development.run.steps, parts) if parts else None
