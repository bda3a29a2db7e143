"""One run as the pages show it: its records, grouped by their settings, over its checkpoints."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from compute.records import (
    AblationGraph,
    LanguageBehaviour,
    LLCEstimate,
    NetworkMetrics,
    Record,
    RegressionBehaviour,
)
from compute.runs import Run
from compute.specs import (
    BehaviourMeasurement,
    GraphMeasurement,
    LLCMeasurement,
    Measurement,
    NetworkMeasurement,
    spec_digest,
)
from dashboard.figures.curves import behaviour_curves, graph_curves, llc_curves
from dashboard.figures.series import Curve, GraphPoint, GraphSeries, graph_point, graph_series

Kept: TypeAlias = (
    GraphPoint | NetworkMetrics | LLCEstimate | LanguageBehaviour | RegressionBehaviour
)
State: TypeAlias = Literal["measured", "failed", "missing"]

TASK_LABELS = {
    "text": "real text, repeated",
    "unigram": "unigram tokens, repeated",
    "uniform": "uniform tokens, repeated",
    "passage": "passage",
    "regression": "linear regression",
}


UNMEASURED = "not measured yet"
NO_TASK = ""


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
        By task, most complete first.
    curves
        Of the run; those of a task are in ``task_curves``.
    """

    run: Run
    graphs: Mapping[str, GraphSeries]
    curves: tuple[Curve, ...]
    task_curves: Mapping[str, tuple[Curve, ...]]
    failures: tuple[Failure, ...]
    coverage: tuple[Coverage, ...]

    @property
    def components(self) -> tuple[str, ...]:
        """The components of the run's graphs, in order; empty while there is no graph."""
        return next((g.components for g in self.graphs.values()), ())

    def curve(self, curve_id: str, task: str) -> Curve | None:
        """Return a curve of the run or of ``task``, or None."""
        every = (*self.curves, *self.task_curves.get(task, ()))
        return next((c for c in every if c.id == curve_id), None)


def condense(record: Record) -> Kept:
    """Return a record without what no curve needs: the prompts of a graph, the traces of an LLC."""
    if isinstance(record, AblationGraph):
        return graph_point(record)
    if isinstance(record, LLCEstimate):
        empty = record.loss_trace[:, :0]
        return dataclasses.replace(record, loss_trace=empty, baseline_trace=empty)
    return record


def develop(
    run: Run, points: Iterable[Point], failures: Iterable[Failure], expected: Iterable[Measurement]
) -> Development:
    """Return the development of ``run``; ``expected`` is what its coverage counts."""
    groups = _by_setting(points)
    broken = tuple(sorted(failures, key=lambda f: (f.step, f.kind)))
    graphs, task_curves = _graphs(run, groups)
    return Development(
        run=run,
        graphs=graphs,
        curves=(*_llc(run, groups), *_behaviours(run, groups)),
        task_curves=task_curves,
        failures=broken,
        coverage=_coverage(run, groups, broken, expected),
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


def _graphs(
    run: Run, groups: _Groups
) -> tuple[dict[str, GraphSeries], dict[str, tuple[Curve, ...]]]:
    series: dict[str, GraphSeries] = {}
    curves: dict[str, tuple[Curve, ...]] = {}
    for spec, found in _of_kind(groups, GraphMeasurement):
        assert isinstance(spec, GraphMeasurement)
        task = spec.task.name
        if task in series:
            continue
        points = {t: v for t, v in found.items() if isinstance(v, GraphPoint)}
        metrics = _metrics_of(spec, groups)
        first = metrics[0] if metrics else (NetworkMeasurement(graph=spec), {})
        series[task] = graph_series(
            run.steps, points, first[1],
            task=task, settings=_graph_text(spec), node_settings=_network_text(first[0]),
        )  # fmt: skip
        made: list[Curve] = []
        for i, (network, at) in enumerate(metrics or [first]):
            suffix = f"~{network.threshold:g}" if i else ""
            text = _network_text(network)
            made += graph_curves(run.steps, points, at, settings=text, suffix=suffix)
        curves[task] = tuple(made)
    if not series:
        curves[NO_TASK] = tuple(graph_curves(run.steps, {}, {}, settings=UNMEASURED))
    order = [t for t in TASK_LABELS if t in series]
    return {t: series[t] for t in order}, curves


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
            run.steps, records, settings=_llc_text(spec), suffix=f"~{i + 1}" if i else ""
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


def measurement_label(spec: Measurement) -> str:
    """Return what a measurement is called in the coverage list."""
    if isinstance(spec, GraphMeasurement):
        return f"ablation graph, {TASK_LABELS[spec.task.name]}"
    if isinstance(spec, NetworkMeasurement):
        task = TASK_LABELS[spec.graph.task.name]
        return f"graph metrics, {task}, {_network_text(spec)}"
    return "LLC" if isinstance(spec, LLCMeasurement) else "loss and behaviours"


def _graph_text(spec: GraphMeasurement) -> str:
    count = spec.task.prompts
    return f"{count} prompt{'s' if count > 1 else ''}, {spec.ablation.ablation} ablation"


def _network_text(spec: NetworkMeasurement) -> str:
    return f"edges ≥ {spec.threshold:g}" if spec.threshold else "all edges"


def _llc_text(spec: LLCMeasurement) -> str:
    llc = spec.llc
    size = f"{llc.chains} × {llc.draws}"
    return f"{size} · ε {llc.step_size:g} · nβ {llc.nbeta:g} · γ {llc.gamma:g}"
