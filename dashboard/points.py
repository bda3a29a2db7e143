"""Records as the pages keep them, grouped by their settings: one group is one curve."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from compute.behaviour_records import ContextUse, ModelOutputs, ShiftedRegression, Structure
from compute.llc_records import LLCEstimate, RefinedLLC
from compute.records import (
    AblationGraph,
    AttentionPatterns,
    Curvature,
    ImportedValue,
    LanguageBehaviour,
    NetworkMetrics,
    Record,
    RegressionBehaviour,
)
from compute.specs import Measurement, spec_digest
from dashboard.figures.graphs import GraphPoint, graph_point, shared_names
from dashboard.figures.series import Curve, Steps

Kept: TypeAlias = (
    GraphPoint
    | NetworkMetrics
    | LLCEstimate
    | RefinedLLC
    | LanguageBehaviour
    | RegressionBehaviour
    | ContextUse
    | ShiftedRegression
    | Structure
    | ModelOutputs
    | AttentionPatterns
    | Curvature
    | ImportedValue
)
Groups: TypeAlias = dict[str, tuple[Measurement, dict[int, Kept]]]


@dataclasses.dataclass(frozen=True, eq=False)
class Point:
    """What is kept of one record, under which setting and at which step."""

    spec: Measurement
    step: int
    value: Kept


def condense(record: Record) -> Kept:
    """Return a record without what no curve needs.

    The prompts of a graph, the traces of LLCs, and attention patterns, which are read one by one.
    """
    if isinstance(record, AblationGraph):
        return graph_point(record)
    if isinstance(record, NetworkMetrics):
        return dataclasses.replace(record, components=shared_names(record.components))
    if isinstance(record, LLCEstimate):
        empty = record.loss_trace[:, :0]
        return dataclasses.replace(
            record, loss_trace=empty, baseline_trace=empty, distance_trace=empty
        )
    if isinstance(record, RefinedLLC):
        return dataclasses.replace(record, difference_trace=record.difference_trace[..., :0])
    if isinstance(record, AttentionPatterns):
        return dataclasses.replace(record, tokens=(), pattern=record.pattern[:, :0].copy())
    return record


def by_setting(points: Iterable[Point]) -> Groups:
    """Return points by the digest of their spec: one group is one curve."""
    found: dict[str, dict[int, Kept]] = defaultdict(dict)
    specs = {}
    for point in points:
        digest = spec_digest(point.spec)
        specs[digest] = point.spec
        found[digest][point.step] = point.value
    return {d: (specs[d], found[d]) for d in sorted(found)}


def curves_by_setting(
    steps: Steps,
    found: Iterable[tuple[Measurement, Mapping[int, Kept]]],
    records: type[Kept] | tuple[type[Kept], ...],
    curves: Callable[..., list[Curve]],
    text: Callable[[Any], str],
) -> list[Curve]:
    """Return the curves of every setting; the ids of all but the first end in a number."""
    made: list[Curve] = []
    for i, (spec, at) in enumerate(found):
        of_setting = {t: v for t, v in at.items() if isinstance(v, records)}
        suffix = f"~{i + 1}" if i else ""
        made += curves(steps, of_setting, settings=text(spec), suffix=suffix)
    return made


def of_kind(groups: Groups, kind: type[Measurement]) -> list[tuple[Measurement, dict[int, Kept]]]:
    """Return the groups of one kind, most complete first."""
    return sorted((g for g in groups.values() if isinstance(g[0], kind)), key=lambda g: -len(g[1]))
