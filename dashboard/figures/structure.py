"""What one setting's graphs say over all checkpoints: likeness, flow, communities, phases."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.components import layer_names, layers_of
from compute.networks.communities import match_communities
from compute.networks.graph_space import (
    Trajectory,
    correlation_distance,
    frobenius_distance,
    layer_flow,
    to_previous,
    trajectory,
)
from compute.networks.phase_names import Phase, name_phases
from compute.networks.phases import Boundary, Phases, find_phases
from compute.networks.registry import METRICS, label_of
from compute.networks.stability import (
    churn,
    link_persistence,
    rank_biased_overlap,
    tau_b,
    top_share,
)
from dashboard.arrays import Arrays, framed
from dashboard.figures.edges import EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.metrics import MetricSeries

VERSION = 1
SEED = 0
ROLE_RULE = "1 − Jaccard index of those above the 95th percentile"
ROLES = {"spreaders": "out_strength", "gatherers": "in_strength"}
WIDE = "This graph has too many edges to keep them all at every checkpoint, which this needs."
UNMEASURED = "No graph metrics are measured yet."
# The order of components whose change tells phases apart: against the layer null.
NAMED_BY = "spreader_z"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """How alike the order of components is at every two checkpoints, by one metric.

    Attributes
    ----------
    tau
        Kendall's tau-b, -1 to 1; NaN where one of the two is not measured.
    overlap
        Rank-biased overlap, 0 to 1: the first ranks count most.
    """

    metric: str
    tau: Float[ndarray, "checkpoints checkpoints"]
    overlap: Float[ndarray, "checkpoints checkpoints"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EdgeStructure:
    """What needs every edge at every checkpoint; NaN where none was measured.

    Attributes
    ----------
    frobenius, correlation
        Distances between any two checkpoints' weights: relative Frobenius, and 1 - Pearson's r.
    previous
        The relative Frobenius distance to the measured checkpoint before.
    persistence
        The share of checkpoints at which each edge is at or above ``threshold``.
    flow
        Sum of the weights from layer to layer.
    space
        Principal components of the weights.
    """

    frobenius: Float[ndarray, "checkpoints checkpoints"]
    correlation: Float[ndarray, "checkpoints checkpoints"]
    previous: Float[ndarray, " checkpoints"]
    persistence: Float[ndarray, " edges"]
    threshold: float
    flow: Float[ndarray, "checkpoints layers layers"]
    space: Trajectory


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhaseView:
    """The phases of a run, and what they were read from.

    Attributes
    ----------
    metrics
        Of graphs: those with an interval over the prompts that change and have no gap.
    limited
        Whether more boundaries would still stand out, but no more were looked for.
    reason
        Why nothing could be looked for, for people; empty otherwise.
    """

    metrics: tuple[str, ...]
    boundaries: tuple[Boundary, ...]
    phases: tuple[Phase, ...]
    limited: bool
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """One setting's graphs over all checkpoints.

    Attributes
    ----------
    layer, layers
        The layer of each component, and what the layers are called.
    churn
        By role, of those that hold it at a checkpoint or at the one before, the share that does
        not hold it at both.
    community
        Matched from checkpoint to checkpoint; -1 where there is none.
    absent
        Why ``rankings``, ``edges``, ``communities`` or ``phases`` are missing, for people.
    """

    layer: Int[ndarray, " components"]
    layers: tuple[str, ...]
    rankings: tuple[Ranking, ...]
    churn: Mapping[str, Float[ndarray, " checkpoints"]]
    edges: EdgeStructure | None
    community: Int[ndarray, "checkpoints components"]
    phases: PhaseView
    absent: Mapping[str, str]


def structure(series: GraphSeries, *, threshold: float) -> Structure:
    """Return what a setting's graphs say over all checkpoints.

    Parameters
    ----------
    threshold
        At which an edge stands, for the share of checkpoints at which it does.
    """
    found = series.metrics
    rankings = _rankings(found)
    edges = _edges(series, threshold)
    measured = bool(np.isfinite(found.node_values).any())
    community = match_communities(found.community)
    phases = _phases(found, rankings)
    missing = {
        "rankings": "" if measured else UNMEASURED,
        "edges": "" if edges else WIDE,
        "communities": "" if (community >= 0).any() else UNMEASURED,
        "phases": phases.reason,
    }
    return Structure(
        layer=layers_of(series.components),
        layers=layer_names(series.components),
        rankings=rankings,
        churn=_churn(found),
        edges=edges,
        community=community,
        phases=phases,
        absent={name: why for name, why in missing.items() if why},
    )


def _rankings(found: MetricSeries) -> tuple[Ranking, ...]:
    """Return every metric by which components can be ranked; a p is none."""
    return tuple(
        Ranking(metric=name, tau=tau_b(values), overlap=rank_biased_overlap(values))
        for name, values in zip(found.node_names, found.node_values, strict=True)
        if name in METRICS and METRICS[name].ranking
    )


def _churn(found: MetricSeries) -> dict[str, Float[ndarray, " checkpoints"]]:
    """Return how many change among those that hold a role: see `Structure`."""
    table = dict(zip(found.node_names, found.node_values, strict=True))
    return {
        role: churn(top_share(table[name]), np.isfinite(table[name]).any(1))
        for role, name in ROLES.items()
        if name in table
    }


def _edges(series: GraphSeries, threshold: float) -> EdgeStructure | None:
    edges = series.edges
    if not isinstance(edges, EdgeTable):
        return None
    weight = edges.weight.astype(np.float64)
    layer = layers_of(series.components)
    source, target = layer[edges.ends[:, 0]], layer[edges.ends[:, 1]]
    distance = frobenius_distance(weight)
    return EdgeStructure(
        frobenius=distance,
        correlation=correlation_distance(weight),
        previous=to_previous(distance),
        persistence=link_persistence(weight, threshold),
        threshold=threshold,
        flow=layer_flow(weight, source, target, len(layer_names(series.components))),
        space=trajectory(weight),
    )


def phase_metrics(names: tuple[str, ...]) -> list[int]:
    """Return which graph metrics phases are read from: those with an interval over the prompts.

    The others are counts that jump (communities) and fits that can fail (the tail).
    """
    return [
        i for i, name in enumerate(names) if name in METRICS and METRICS[name].interval == "prompts"
    ]


def _phases(found: MetricSeries, rankings: tuple[Ranking, ...]) -> PhaseView:
    """Return the phases of a run; ``reason`` says why where none could be looked for."""
    used = phase_metrics(found.graph_names)
    values = found.graph_values[:, used].astype(np.float64)
    if not np.isfinite(values).any():
        return PhaseView(metrics=(), boundaries=(), phases=(), limited=False, reason=UNMEASURED)
    by_group = found.graph_by_group[:, :, used].astype(np.float64)
    phases = find_phases(
        values,
        replicates=by_group if len(by_group) else None,
        generator=np.random.default_rng(SEED),
    )
    return PhaseView(
        metrics=tuple(found.graph_names[used[m]] for m in phases.metrics),
        boundaries=phases.boundaries,
        phases=_named(phases, found, rankings),
        limited=phases.limited,
        reason=phases.reason,
    )


def _named(phases: Phases, found: MetricSeries, rankings: tuple[Ranking, ...]) -> tuple[Phase, ...]:
    """Return what each phase is called."""
    strength = dict(zip(found.graph_names, found.graph_values.T, strict=True))
    tau = {ranking.metric: ranking.tau for ranking in rankings}
    return name_phases(
        phases, tau=tau[NAMED_BY], strength=strength["total_strength"].astype(np.float64)
    )


def encode_structure(found: Structure) -> bytes:
    """Return a structure as the browser reads it: see `dashboard.arrays`."""
    arrays = Arrays()
    header = {
        "version": VERSION,
        "layers": {"of": arrays.add(found.layer, "i2"), "names": list(found.layers)},
        "rankings": [
            {
                "id": ranking.metric,
                "name": METRICS[ranking.metric].label,
                "tau": arrays.add(ranking.tau, "f2"),
                "overlap": arrays.add(ranking.overlap, "f2"),
            }
            for ranking in found.rankings
        ],
        "churn": {role: arrays.add(values, "f4") for role, values in found.churn.items()},
        "churnRule": ROLE_RULE,
        "edges": _encoded_edges(found.edges, arrays),
        "communities": arrays.add(found.community, "i2"),
        "phases": _encoded_phases(found.phases),
        "absent": dict(found.absent),
    }
    return framed(header, arrays)


def _encoded_edges(edges: EdgeStructure | None, arrays: Arrays) -> dict[str, Any] | None:
    if edges is None:
        return None
    return {
        "frobenius": arrays.add(edges.frobenius, "f2"),
        "correlation": arrays.add(edges.correlation, "f2"),
        "previous": arrays.add(edges.previous, "f4"),
        "persistence": arrays.add(edges.persistence, "f4"),
        "threshold": edges.threshold,
        "flow": arrays.add(edges.flow, "f4"),
        "space": {
            "scores": arrays.add(edges.space.scores, "f4"),
            "explained": [float(x) if np.isfinite(x) else 0.0 for x in edges.space.explained],
        },
    }


def _encoded_phases(found: PhaseView) -> dict[str, Any] | None:
    if found.reason:
        return None
    return {
        "metrics": [label_of(name) for name in found.metrics],
        "limited": found.limited,
        "boundaries": [
            {"index": b.index, "low": b.low, "high": b.high, "agreement": _known(b.agreement)}
            for b in found.boundaries
        ],
        "list": [
            {"name": p.name, "first": p.first, "last": p.last, "why": p.why} for p in found.phases
        ],
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
