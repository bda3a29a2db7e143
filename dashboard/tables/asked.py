"""What somebody asked for, by the names that addresses of pages have; and refusals that help."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
from collections.abc import Iterable, Mapping

from compute.errors import NotMeasured, SettingsError, TooMuch, UnknownName
from compute.runs import Run
from dashboard.development import Development
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.refined import by_refinement
from dashboard.figures.series import Curve
from dashboard.tables.sources import Sources

# The query keys that are read, in the order in which code and file names have them.
KEYS = (
    "curve", "curves", "graph", "step", "steps", "metric", "metrics", "component", "components",
    "llc", "refined", "threshold", "top",
)  # fmt: skip
ALL = "all"
MOST_ROWS = 500_000
LISTED = 12


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """A run and the settings of a table of it.

    Attributes
    ----------
    query
        Settings as text, by the keys of `KEYS`; what is not there, or is empty, is chosen.
    """

    sources: Sources
    name: str
    query: Mapping[str, str]

    @functools.cached_property
    def development(self) -> Development:
        """The run with everything measured on it.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self.sources.development(self.name)

    @property
    def run(self) -> Run:
        """The run."""
        return self.development.run

    def get(self, key: str) -> str:
        """Return what was asked for under a key, "" if nothing was."""
        return str(self.query.get(key) or "")

    # -- graphs ----------------------------------------------------------------------------

    @functools.cached_property
    def graph(self) -> str:
        """The name of the graph: the first of the menu unless one was asked for.

        Raises
        ------
        UnknownName
            If the run has no such graph.
        NotMeasured
            If it has none at all.
        """
        known = list(self.development.graphs)
        if not known:
            raise NotMeasured(
                f"no graph of {self.name} is measured; measure some: "
                f"ontogeny compute {self.name} --kinds graph,network"
            )
        return self._one_of("graph", known)

    @property
    def series(self) -> GraphSeries:
        """The graph over the run; raises as `graph`."""
        return self.development.graphs[self.graph]

    @property
    def any_graph(self) -> str:
        """The name of the graph, or the name of none in a run without graphs."""
        return self.graph if self.development.graphs or self.get("graph") else ""

    def metric(self) -> str:
        """Return the metric of components: the first unless one was asked for."""
        return self._one_of("metric", list(self.series.metrics.node_names))

    def metrics(self) -> list[str]:
        """Return the metrics that were asked for, or all."""
        return self.some_of("metrics", list(self.series.metrics.node_names))

    def components(self) -> list[int]:
        """Return the places of the components that were asked for, or all places."""
        names = self.series.components
        return [names.index(name) for name in self.some_of("components", list(names))]

    def threshold(self) -> float:
        """Return from which weight on edges count: 0, so all, unless asked for."""
        text = self.get("threshold")
        if not text:
            return -math.inf
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise SettingsError(f"threshold {text!r} is not a number; a weight is from 0 to 2")
        return found

    def top(self) -> int | None:
        """Return how many edges are wanted at most, or None for all."""
        text = self.get("top")
        if text in ("", ALL):
            return None
        if not text.isdecimal() or int(text) == 0:
            raise SettingsError(f"top {text!r} is no number of edges; use 1, 2, .. or {ALL}")
        return int(text)

    # -- checkpoints -----------------------------------------------------------------------

    def index(self) -> int:
        """Return which checkpoint was asked for, counted from 0: the last one unless one was.

        Raises
        ------
        SettingsError
            If it is no number.
        UnknownName
            If no checkpoint has that step.
        """
        if not self.run.steps:
            raise NotMeasured(f"{self.name} has no checkpoint")
        return self._place(self.get("step") or str(self.run.steps[-1]))

    def _place(self, text: str) -> int:
        steps = self.run.steps
        if not text.isdecimal():
            raise SettingsError(f"step {text!r} is not a whole number from 0 on")
        step = int(text)
        if step not in steps:
            near = sorted(sorted(steps, key=lambda t: abs(t - step))[:2])
            raise UnknownName(
                f"{self.name} has no checkpoint at step {step:,}; the nearest "
                f"{'are' if len(near) > 1 else 'is'} {' and '.join(f'{t:,}' for t in near)}"
            )
        return steps.index(step)

    def step(self) -> int:
        """Return the step of `index`."""
        return self.run.steps[self.index()]

    def indices(self) -> list[int]:
        """Return the checkpoints that were asked for, in the order of time, or all."""
        if not self.get("steps"):
            return list(range(len(self.run.steps)))
        return sorted({self._place(text) for text in _listed(self.get("steps"))})

    def steps(self) -> list[int]:
        """Return the steps of `indices`."""
        return [self.run.steps[i] for i in self.indices()]

    # -- curves ----------------------------------------------------------------------------

    def every_curve(self) -> list[Curve]:
        """Return the curves of the run and of the graph."""
        development = self.development
        return [*development.curves, *development.graph_curves.get(self.any_graph, ())]

    def curves(self) -> list[Curve]:
        """Return the curves that were asked for, in their order, or all."""
        known = {curve.id: curve for curve in self.every_curve()}
        return [known[name] for name in self.some_of("curves", list(known))]

    def curve(self, fallback: str = "llc") -> Curve:
        """Return the one curve that was asked for, one of the run's own."""
        known = {curve.id: curve for curve in self.development.curves}
        return known[self.known("curve", self.get("curve") or fallback, known)]

    def refinement(self) -> tuple[str, list[Curve]]:
        """Return the setting of refined LLCs, and its curves.

        Raises
        ------
        NotMeasured
            If the run has none.
        """
        known = by_refinement(self.development.curves)
        if not known:
            raise NotMeasured(
                f"no refined LLC of {self.name} is measured; measure some: "
                f"ontogeny compute {self.name} --kinds refined"
            )
        name = self._one_of("refined", list(known))
        return name, known[name]

    # --------------------------------------------------------------------------------------

    def _one_of(self, key: str, known: list[str]) -> str:
        return self.known(key, self.get(key) or known[0], known)

    def some_of(self, key: str, known: list[str]) -> list[str]:
        """Return the names that were asked for, in their order, or all that are known.

        Raises
        ------
        UnknownName
            If one is not known.
        """
        asked = _listed(self.get(key))
        what = key.removesuffix("s")
        return [self.known(what, name, known) for name in asked] if asked else known

    def known(self, what: str, name: str, known: Iterable[str]) -> str:
        """Return a name that is known; raises `UnknownName` if it is not."""
        return known_name(f"{self.name} has no {what}", name, known)


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(name for name in text.split(",") if name))


def known_name(refusal: str, name: str, known: Iterable[str]) -> str:
    """Return a name that is known.

    Raises
    ------
    UnknownName
        If it is not; says which known ones are nearest.
    """
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near += [n for n in names if name and name.lower() in n.lower() and n not in near][:3]
    advice = f"did you mean {' or '.join(near)}? " if near else ""
    listed = ", ".join(names[:LISTED]) + (", .." if len(names) > LISTED else "")
    raise UnknownName(f"{refusal} {name[:80]!r}; {advice}known: {listed or 'none'}")


def bounded(rows: int) -> int:
    """Return a number of rows that a table may have.

    Raises
    ------
    TooMuch
        If it is more.
    """
    if rows > MOST_ROWS:
        raise TooMuch(
            f"that would be {rows:,} rows, more than {MOST_ROWS:,}; name some steps, metrics or "
            "components only: steps=, metrics=, components="
        )
    return rows
