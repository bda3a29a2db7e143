"""One run as the pages show it: its records, grouped by their settings, over its checkpoints."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from compute.records import (
    AblationGraph,
    AttentionPatterns,
    Curvature,
    ImportedValue,
    LanguageBehaviour,
    LLCEstimate,
    NetworkMetrics,
    Record,
    RegressionBehaviour,
)
from compute.runs import Run
from compute.specs import (
    AttentionMeasurement,
    BehaviourMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    LLCMeasurement,
    Measurement,
    NetworkMeasurement,
    spec_digest,
    standard_measurements,
)
from dashboard.figures.agreement import Agreement, agreement
from dashboard.figures.curves import (
    behaviour_curves,
    curvature_curves,
    graph_curves,
    imported_curve,
    llc_curves,
)
from dashboard.figures.graphs import (
    GraphPoint,
    GraphSeries,
    graph_point,
    graph_series,
    shared_names,
)
from dashboard.figures.series import Curve
from dashboard.labels import (
    ablation_label,
    curvature_text,
    exact_twin,
    graph_key,
    graph_text,
    imported_text,
    is_approximate,
    llc_text,
    measurement_label,
    network_text,
    setting_order,
)

Kept: TypeAlias = (
    GraphPoint
    | NetworkMetrics
    | LLCEstimate
    | LanguageBehaviour
    | RegressionBehaviour
    | AttentionPatterns
    | Curvature
    | ImportedValue
)
State: TypeAlias = Literal["measured", "failed", "missing"]

UNMEASURED = "not measured yet"
NO_GRAPH = ""
_NEVER_MISSING = (AttentionMeasurement, CurvatureMeasurement, ImportedMeasurement)


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """What is kept of one record, under which setting and at which step."""

    spec: Measurement
    step: int
    value: Kept


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


def condense(record: Record) -> Kept:
    """Return a record without what no curve needs.

    The prompts of a graph, the traces of an LLC, and attention patterns, which are read one by one.
    """
    if isinstance(record, AblationGraph):
        return graph_point(record)
    if isinstance(record, NetworkMetrics):
        return dataclasses.replace(record, components=shared_names(record.components))
    if isinstance(record, LLCEstimate):
        empty = record.loss_trace[:, :0]
        return dataclasses.replace(record, loss_trace=empty, baseline_trace=empty)
    if isinstance(record, AttentionPatterns):
        return dataclasses.replace(record, tokens=(), pattern=record.pattern[:, :0].copy())
    return record


def develop(
    run: Run, points: Iterable[Point], failures: Iterable[Failure], expected: Iterable[Measurement]
) -> Development:
    """Return the development of ``run``; ``expected`` is what its coverage counts.

    What is measured on demand, of single checkpoints, or was imported is never counted as missing.
    """
    groups = _by_setting(points)
    broken = tuple(sorted(failures, key=lambda f: (f.step, f.kind)))
    graphs, curves = _graphs(run, groups)
    return Development(
        run=run,
        graphs=graphs,
        curves=(
            *_llc(run, groups),
            *_curvature(run, groups),
            *_behaviours(run, groups),
            *_imported(run, groups),
        ),
        graph_curves=curves,
        failures=broken,
        coverage=_coverage(
            run, groups, broken, (e for e in expected if not isinstance(e, _NEVER_MISSING))
        ),
    )


_Groups: TypeAlias = dict[str, tuple[Measurement, dict[int, Kept]]]


def _by_setting(points: Iterable[Point]) -> _Groups:
    """Return points by the digest of their spec: one group is one curve."""
    found: dict[str, dict[int, Kept]] = defaultdict(dict)
    specs = {}
    for point in points:
        digest = spec_digest(point.spec)
        specs[digest] = point.spec
        found[digest][point.step] = point.value
    return {d: (specs[d], found[d]) for d in sorted(found)}


def _of_kind(groups: _Groups, kind: type[Measurement]) -> list[tuple[Measurement, dict[int, Kept]]]:
    """Return the groups of one kind, most complete first."""
    return sorted((g for g in groups.values() if isinstance(g[0], kind)), key=lambda g: -len(g[1]))


_Graphs: TypeAlias = dict[str, tuple[GraphMeasurement, dict[int, GraphPoint]]]


def _graphs(
    run: Run, groups: _Groups
) -> tuple[dict[str, GraphSeries], dict[str, tuple[Curve, ...]]]:
    found = _named_graphs(run, groups)
    series: dict[str, GraphSeries] = {}
    curves: dict[str, tuple[Curve, ...]] = {}
    for name, (spec, points) in found.items():
        metrics = _metrics_of(spec, groups)
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


def _named_graphs(run: Run, groups: _Groups) -> _Graphs:
    """Return the points of each graph setting by name, in the order of the menus.

    Of settings that differ in prompts only, the standard one has the plain name, or else the most
    complete one.
    """
    found: _Graphs = {}
    standard = standard_measurements(run)
    for spec, points in sorted(
        _of_kind(groups, GraphMeasurement), key=lambda group: group[0] not in standard
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


def _metrics_of(
    graph: GraphMeasurement, groups: _Groups
) -> list[tuple[NetworkMeasurement, dict[int, NetworkMetrics]]]:
    """Return the metrics of one graph setting: most complete first, then by threshold."""
    found = [
        (spec, {t: v for t, v in at.items() if isinstance(v, NetworkMetrics)})
        for spec, at in _of_kind(groups, NetworkMeasurement)
        if isinstance(spec, NetworkMeasurement) and spec.graph == graph
    ]
    return sorted(found, key=lambda pair: (-len(pair[1]), pair[0].threshold))


def _llc(run: Run, groups: _Groups) -> list[Curve]:
    curves: list[Curve] = []
    if not _of_kind(groups, LLCMeasurement):
        return llc_curves(run.steps, {}, settings=UNMEASURED)
    for i, (spec, found) in enumerate(_of_kind(groups, LLCMeasurement)):
        assert isinstance(spec, LLCMeasurement)
        records = {t: v for t, v in found.items() if isinstance(v, LLCEstimate)}
        curves += llc_curves(
            run.steps, records, settings=llc_text(spec), suffix=f"~{i + 1}" if i else ""
        )
    return curves


def _curvature(run: Run, groups: _Groups) -> list[Curve]:
    """Return the curves of curvature; none where nobody asked for it."""
    curves: list[Curve] = []
    for i, (spec, found) in enumerate(_of_kind(groups, CurvatureMeasurement)):
        assert isinstance(spec, CurvatureMeasurement)
        records = {t: v for t, v in found.items() if isinstance(v, Curvature)}
        curves += curvature_curves(
            run.steps, records, settings=curvature_text(spec), suffix=f"~{i + 1}" if i else ""
        )
    return curves


def _behaviours(run: Run, groups: _Groups) -> list[Curve]:
    curves: list[Curve] = []
    if not _of_kind(groups, BehaviourMeasurement):
        return behaviour_curves(run.steps, {}, family=run.family, settings=UNMEASURED)
    for i, (spec, found) in enumerate(_of_kind(groups, BehaviourMeasurement)):
        assert isinstance(spec, BehaviourMeasurement)
        records = {
            t: v for t, v in found.items() if isinstance(v, LanguageBehaviour | RegressionBehaviour)
        }
        text = f"{spec.samples:,} held-out samples"
        suffix = f"~{i + 1}" if i else ""
        curves += behaviour_curves(
            run.steps, records, family=run.family, settings=text, suffix=suffix
        )
    return curves


def _imported(run: Run, groups: _Groups) -> list[Curve]:
    """Return the curves of files, by name, source and file."""
    found: list[tuple[tuple[str, str, str], Curve]] = []
    for digest, (spec, points) in groups.items():
        if isinstance(spec, ImportedMeasurement):
            records = {t: v for t, v in points.items() if isinstance(v, ImportedValue)}
            curve = imported_curve(
                run.steps, records, name=spec.name, digest=digest, settings=imported_text(spec)
            )
            found.append(((spec.name, spec.source, spec.file), curve))
    return [curve for _, curve in sorted(found, key=lambda pair: pair[0])]


def _coverage(
    run: Run, groups: _Groups, failures: Iterable[Failure], expected: Iterable[Measurement]
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
