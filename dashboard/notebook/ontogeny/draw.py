"""The figures of a run, with the axes, colours and counts of the pages."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from compute.errors import require_one_of
from dashboard.figures.axis import AXIS_KINDS, AxisKind
from dashboard.tables.asked import ALL, Asked
from dashboard.theme import Scheme, Theme
from ontogeny.curve_figure import curve_figure
from ontogeny.graph_figure import graph_figure, matrix_figure, page_threshold
from ontogeny.rank_figure import SHOWN, bump_figure, rank_figure

SCHEMES = ("light", "dark")


class Draw:
    """Draws a run; every figure is a `plotly.graph_objects.Figure`.

    ``theme`` is ``light`` or ``dark``; names, steps and graphs are as for the tables. Axes, widths
    and colours belong to the whole run: figures of two steps can be compared. Every figure says at
    its foot what its numbers rest on.

    Parameters
    ----------
    asked
        Returns the run with some settings.
    """

    def __init__(self, asked: Callable[..., Asked]) -> None:
        self._asked = asked

    def curves(
        self,
        *curves: str,
        graph: str | None = None,
        axis: AxisKind = "log",
        theme: Scheme = "light",
    ) -> go.Figure:
        """Return curves over training, one above the other, with 95 % bands; ``llc`` if none.

        Raises
        ------
        UnknownName
            If the run has no such curve or graph.
        """
        require_one_of("axis", axis, AXIS_KINDS)
        asked = self._asked(curves=curves or ("llc",), graph=graph)
        return curve_figure(
            asked.name, asked.run.steps, asked.curves(), axis=axis, theme=_theme(theme)
        )

    def graph(
        self,
        step: int | None = None,
        *,
        graph: str | None = None,
        metric: str | None = None,
        threshold: float | None = None,
        top: int | None = None,
        component: str | None = None,
        height: int | None = None,
        theme: Scheme = "light",
    ) -> go.Figure:
        """Return the ablation graph of a checkpoint as its architecture.

        Parameters
        ----------
        metric
            What the size of a component says; the first without one.
        threshold, top
            Which edges are drawn; without either, those that the page draws at first.
        component
            One to be shown in the colour of the selection.
        height
            Of the drawing, in pixels.

        Raises
        ------
        UnknownName, NotMeasured
            As `Run.edges`.
        """
        asked = self._asked(step=step, graph=graph, metric=metric, threshold=threshold, top=top)
        if threshold is None and top is None:
            asked = self._asked(
                step=step, graph=graph, metric=metric, threshold=page_threshold(asked), top=ALL
            )
        return graph_figure(
            asked, metric=asked.metric(), component=_component(asked, component), height=height,
            theme=_theme(theme),
        )  # fmt: skip

    def matrix(
        self, step: int | None = None, *, graph: str | None = None, theme: Scheme = "light"
    ) -> go.Figure:
        """Return the adjacency matrix of a checkpoint; raises as `graph`."""
        return matrix_figure(self._asked(step=step, graph=graph), theme=_theme(theme))

    def ranks(
        self,
        step: int | None = None,
        *,
        by: str | None = None,
        graph: str | None = None,
        component: str | None = None,
        top: int | None = None,
        theme: Scheme = "light",
    ) -> go.Figure:
        """Return the components of a checkpoint by a metric, with their intervals."""
        asked = self._asked(step=step, graph=graph, metric=by)
        chosen = _component(asked, component)
        return rank_figure(asked, component=chosen, top=top, theme=_theme(theme))

    def ranks_over_training(
        self,
        *,
        by: str | None = None,
        graph: str | None = None,
        component: str | None = None,
        top: int = SHOWN,
        axis: AxisKind = "log",
        theme: Scheme = "light",
    ) -> go.Figure:
        """Return the ranks by a metric over training, of components ever among the first."""
        require_one_of("axis", axis, AXIS_KINDS)
        asked = self._asked(graph=graph, metric=by)
        chosen, count = _component(asked, component), len(asked.series.components)
        return bump_figure(
            asked, component=chosen, top=max(1, min(top, count)), axis=axis, theme=_theme(theme)
        )


def _theme(scheme: str) -> Theme:
    require_one_of("theme", scheme, SCHEMES)
    return Theme("dark" if scheme == "dark" else "light")


def _component(asked: Asked, name: str | None) -> str | None:
    """Return a component of the graph, or None; raises `UnknownName` for one it lacks."""
    return None if name is None else asked.known("component", name, asked.series.components)
