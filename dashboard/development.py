"""One run as the pages show it: its records, grouped by their settings, over its checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from compute.llc_specs import CalibrationMeasurement, RefinedMeasurement
from compute.records import NetworkMetrics
from compute.runs import Run
from compute.specs import (
    AttentionMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    Measurement,
    NetworkMeasurement,
    spec_digest,
    standard_measurements,
)
from dashboard.behaviours import all_behaviour_curves
from dashboard.degeneracy import UNMEASURED, degeneracy_curves
from dashboard.figures.agreement import Agreement, agreement
from dashboard.figures.curves import graph_curves
from dashboard.figures.graphs import (
    GraphPoint,
    GraphSeries,
    graph_series,
)
from dashboard.figures.series import Curve
from dashboard.labels import (
    ablation_label,
    exact_twin,
    graph_key,
    graph_text,
    is_approximate,
    measurement_label,
    network_text,
    setting_order,
)
from dashboard.points import Groups, Point, by_setting, of_kind

State: TypeAlias = Literal["measured", "failed", "missing"]

NO_GRAPH = ""
_NEVER_MISSING = (
    AttentionMeasurement,
    CalibrationMeasurement,
    CurvatureMeasurement,
    ImportedMeasurement,
    RefinedMeasurement,
)


@dataclasses.dataclass(frozen=True)
class Failure:
    """One measurement that failed, and why, in one line."""

    step: int
    kind: str
    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Coverage:
    """One measurement's state at every checkpoint."""

    label: str
    states: tuple[State, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Development:
    """Everything that the pages show of one run.

    Attributes
    ----------
    graphs
        One for each setting, by its name in addresses (`dashboard.labels.graph_key`), in the
        order of the menus.
    curves
        Of the run; those of a graph are in ``graph_curves``, by the same names.
    """

    run: Run
    graphs: Mapping[str, GraphSeries]
    curves: tuple[Curve, ...]
    graph_curves: Mapping[str, tuple[Curve, ...]]
    failures: tuple[Failure, ...]
    coverage: tuple[Coverage, ...]

    @property
    def components(self) -> tuple[str, ...]:
        """The components of the run's graphs, in order; empty while there is no graph."""
        return next((g.components for g in self.graphs.values()), ())

    def curve(self, curve_id: str, graph: str) -> Curve | None:
        """Return a curve of the run or of one of its graphs, or None."""
        every = (*self.curves, *self.graph_curves.get(graph, ()))
        return next((c for c in every if c.id == curve_id), None)


def develop(
    run: Run, points: Iterable[Point], failures: Iterable[Failure], expected: Iterable[Measurement]
) -> Development:
    """Return the development of ``run``; ``expected`` is what its coverage counts.

    What is measured on demand, of single checkpoints, or was imported is never counted as missing.
    """
    groups = by_setting(points)
    broken = tuple(sorted(failures, key=lambda f: (f.step, f.kind)))
    graphs, curves = _graphs(run, groups)
    return Development(
        run=run,
        graphs=graphs,
        curves=(
            *degeneracy_curves(run, groups),
            *all_behaviour_curves(run, groups),
        ),
        graph_curves=curves,
        failures=broken,
        coverage=_coverage(
            run, groups, broken, (e for e in expected if not isinstance(e, _NEVER_MISSING))
        ),
    )


_Graphs: TypeAlias = dict[str, tuple[GraphMeasurement, dict[int, GraphPoint]]]


def _graphs(
    run: Run, groups: Groups
) -> tuple[dict[str, GraphSeries], dict[str, tuple[Curve, ...]]]:
    found = _named_graphs(run, groups)
    series: dict[str, GraphSeries] = {}
    curves: dict[str, tuple[Curve, ...]] = {}
    for name, (spec, points) in found.items():
        metrics = metrics_of(spec, groups)
        first = metrics[0] if metrics else (NetworkMeasurement(graph=spec), {})
        series[name] = graph_series(
            run.steps, points, first[1],
            spec=spec, setting=_setting(name, spec), settings=graph_text(spec),
            node_settings=network_text(first[0]),
            agreement=_agreement(run, spec, points, found),
        )  # fmt: skip
        made: list[Curve] = []
        for i, (network, at) in enumerate(metrics or [first]):
            suffix = f"~{network.threshold:g}" if i else ""
            text = network_text(network)
            made += graph_curves(run.steps, points, at, settings=text, suffix=suffix)
        curves[name] = tuple(made)
    if not series:
        curves[NO_GRAPH] = tuple(graph_curves(run.steps, {}, {}, settings=UNMEASURED))
    return series, curves


def _named_graphs(run: Run, groups: Groups) -> _Graphs:
    """Return the points of each graph setting by name, in the order of the menus.

    Of settings that differ in prompts only, the standard one has the plain name, or else the most
    complete one.
    """
    found: _Graphs = {}
    standard = standard_measurements(run)
    for spec, points in sorted(
        of_kind(groups, GraphMeasurement), key=lambda group: group[0] not in standard
    ):
        assert isinstance(spec, GraphMeasurement)
        name = graph_key(spec)
        if name in found:
            name += f"~{spec_digest(spec)[:4]}"
        found[name] = (spec, {t: v for t, v in points.items() if isinstance(v, GraphPoint)})
    return dict(sorted(found.items(), key=lambda item: setting_order(item[1][0])))


def _setting(name: str, spec: GraphMeasurement) -> str:
    """Return what an ablation is called beside its task; other prompts of the same are told."""
    label = ablation_label(spec)
    return f"{label}, {graph_text(spec)}" if "~" in name else label


def _agreement(
    run: Run, spec: GraphMeasurement, points: Mapping[int, GraphPoint], every: _Graphs
) -> Agreement | None:
    """Return how an approximation agrees with the exact graph, of the same prompts if there is."""
    if not is_approximate(spec):
        return None
    twin = exact_twin(spec)
    same = (found for other, found in every.values() if other == twin)
    exact = next(same, every.get(graph_key(twin), (twin, {}))[1])
    alike = {
        t: g.edges for t, g in exact.items()
        if t in points and g.components == points[t].components
    }  # fmt: skip
    return agreement(run.steps, {t: g.edges for t, g in points.items()}, alike)


def metrics_of(
    graph: GraphMeasurement, groups: Groups
) -> list[tuple[NetworkMeasurement, dict[int, NetworkMetrics]]]:
    """Return the metrics of one graph setting: most complete first, then by threshold."""
    found = [
        (spec, {t: v for t, v in at.items() if isinstance(v, NetworkMetrics)})
        for spec, at in of_kind(groups, NetworkMeasurement)
        if isinstance(spec, NetworkMeasurement) and spec.graph == graph
    ]
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0].threshold))


def _coverage(
    run: Run, groups: Groups, failures: Iterable[Failure], expected: Iterable[Measurement]
) -> tuple[Coverage, ...]:
    failed = {(f.step, f.kind) for f in failures}
    rows = []
    for spec in expected:
        found = groups.get(spec_digest(spec), (spec, {}))[1]
        rows.append(
            Coverage(
                measurement_label(spec),
                tuple(
                    "measured" if t in found
                    else "failed" if (t, spec.kind) in failed
                    else "missing"
                    for t in run.steps
                ),
            )
        )  # fmt: skip
    return tuple(rows)
