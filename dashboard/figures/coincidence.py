"""What coincides in a run, in numbers and in words, as the browser reads it: JSON, NaN as null."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from compute.coincidence.boundaries import BoundaryCoincidence
from compute.coincidence.components import ComponentsTogether, components_together
from compute.coincidence.over_time import OverTime
from compute.coincidence.within import Within
from compute.coincidence.words import (
    LEVEL,
    NO_CAUSE,
    across_text,
    boundaries_text,
    holm,
    lag_text,
    over_time_text,
    reachable,
    unreachable_text,
    within_text,
)
from dashboard.figures.coincidence_sources import Boundaries, Mark
from dashboard.figures.coincidence_tests import (
    SEED,
    STRENGTHS,
    Distance,
    Lag,
    Parts,
)
from dashboard.figures.series import Curve, Steps

VERSION = 1
NO_LLC = (
    "This run has no LLC: measure it (ontogeny compute RUN --kinds llc) or import a curve of it "
    "(ontogeny import RUN FILE.csv)."
)

Test = TypeVar("Test", BoundaryCoincidence, Within)

# What a test says; the browser sorts by it and has a sign for each.
Verdict: TypeAlias = Literal["together", "caution", "chance", "untold"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """One row of the chart: the boundaries of one curve, or of the graph."""

    id: str
    name: str
    group: str
    settings: str
    boundaries: Boundaries


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coincidence:
    """Every test of the page, and what it was made of.

    Attributes
    ----------
    llc
        None where there is nothing to compare with: then there is no test of time.
    sources
        The LLC, the graph, then the curves.
    courses
        For each strength whether components' own courses go together.
    missing
        Curves of the fixed list that are not measured, for people.
    """

    llc: Curve | None
    sources: tuple[Source, ...]
    distances: tuple[Distance, ...]
    lags: tuple[Lag, ...]
    courses: Mapping[str, Within]
    missing: tuple[str, ...]


def encode_coincidence(found: Coincidence) -> bytes:
    """Return all tests with Holm's correction over them.

    ``family`` counts the tests with a p that can pass beside the others (`reachable`): only these
    are corrected for, and the others are untold.
    """
    groups = [
        [math.nan if d.found is None else d.found.p for d in found.distances],
        [lag.found.p for lag in found.lags],
        [w.p for w in found.courses.values()],
    ]
    ps = [p for group in groups for p in group]
    # Lags have as many chance pairs as the page has need of.
    least = [
        *(math.nan if d.found is None else d.found.smallest_p for d in found.distances),
        *(0.0 for _ in found.lags),
        *(w.smallest_p for w in found.courses.values()),
    ]
    which, limit = reachable(ps, least)
    adjusted = iter(holm(np.where(which, ps, np.nan)))
    ends = np.cumsum([len(group) for group in groups])[:-1]
    sizes = [int(part.sum()) for part in np.split(which, ends)]
    header = {
        "version": VERSION,
        "level": LEVEL,
        "llc": found.llc and {"id": found.llc.id, "name": found.llc.name},
        "settings": found.llc.settings if found.llc else "",
        "reason": "" if found.llc else NO_LLC,
        "noCause": NO_CAUSE,
        "missing": list(found.missing),
        "sources": [_source(s) for s in found.sources],
        "distances": [_distance(d, float(next(adjusted)), limit) for d in found.distances],
        "lags": [_lag(lag, float(next(adjusted))) for lag in found.lags],
        "courses": [
            _within(name, w, float(next(adjusted)), limit) for name, w in found.courses.items()
        ],
        "family": dict(zip(("distances", "lags", "courses"), sizes, strict=True))
        | {"size": sum(sizes)},
    }
    return _encoded(header)


def _judged(found: Test, adjusted: float, limit: float) -> Test:
    """Return a test with the reason that it is left out of the family, if it is."""
    if found.reason or not math.isnan(adjusted):
        return found
    return dataclasses.replace(found, reason=unreachable_text(limit, found.smallest_p))


def _source(source: Source) -> dict[str, Any]:
    found = source.boundaries
    return {
        "id": source.id, "name": source.name, "group": source.group, "settings": source.settings,
        "reason": found.reason, "marks": [_mark(mark) for mark in found.marks],
    }  # fmt: skip


def _mark(mark: Mark) -> dict[str, Any]:
    return mark._asdict()


def _distance(distance: Distance, adjusted: float, limit: float) -> dict[str, Any]:
    names = {"source": distance.source, "first": distance.first, "second": distance.second}
    found = distance.found
    if found is None:
        words = f"Whether {distance.first} and {distance.second} coincide cannot be told."
        return names | {
            "found": None,
            "reason": distance.reason,
            "verdict": "untold",
            "words": f"{words} {distance.reason}",
        }
    found = _judged(found, adjusted, limit)
    verdict = verdict_of(found.reason, found.p, adjusted)
    if verdict == "together" and found.p_scattered > LEVEL:
        verdict = "caution"
    known = None if math.isnan(adjusted) else adjusted
    return names | {
        "found": dataclasses.asdict(found),
        "factor": [math.exp(d) for d in (found.distance, found.low, found.high, found.chance)],
        "adjusted": adjusted,
        "verdict": verdict,
        "start": distance.start,
        "end": distance.end,
        "words": f"{boundaries_text(found, distance.first, distance.second, adjusted=known)} "
        f"Compared over steps {distance.start:,} to {distance.end:,}, where both are known.",
    }


def _lag(lag: Lag, adjusted: float) -> dict[str, Any]:
    found = lag.found
    known = None if math.isnan(adjusted) else adjusted
    name = "the loss" if lag.curve.id == "loss" else lag.curve.name
    numbers = ("lag", "lag_low", "lag_high", "extremum", "extremum_low", "extremum_high")
    return {
        "id": lag.curve.id, "name": lag.curve.name, "group": lag.curve.group,
        **{field: getattr(found, field).tolist() for field in ("lags", "r", "low", "high", "left")},
        **{field: getattr(found, field) for field in numbers},
        "least": found.least, "p": found.p, "adjusted": adjusted, "limit": lag.limit,
        "stretches": found.stretches, "start": found.start, "end": found.end,
        "reason": found.reason,
        "verdict": verdict_of(found.reason, found.p, adjusted),
        "words": lag_text(found, "the LLC", name, adjusted=known),
    }  # fmt: skip


def _within(strength: str, found: Within, adjusted: float, limit: float) -> dict[str, Any]:
    found = _judged(found, adjusted, limit)
    known = None if math.isnan(adjusted) else adjusted
    return {
        "strength": strength,
        "name": STRENGTHS[strength],
        **dataclasses.asdict(found),
        "adjusted": adjusted,
        "verdict": verdict_of(found.reason, found.p, adjusted),
        "words": within_text(found, adjusted=known).replace(
            "refined LLC and strength", f"refined LLC and {STRENGTHS[strength]}"
        ),
    }


def verdict_of(reason: str, p: float, adjusted: float) -> Verdict:
    """Return what a test says once it is corrected for how many there are."""
    if reason or math.isnan(p):
        return "untold"
    return "together" if adjusted <= LEVEL else "chance"


def encode_components(steps: Steps, parts: Parts) -> bytes:
    """Return how each component's refined LLC goes with its strength, over time and at each step.

    Two families: ``over_time`` is corrected over the components, ``across`` over the steps.
    """
    found = components_together(
        steps, parts.refined, parts.errors, parts.strength, parts.low, parts.high, parts.names,
        layers=parts.layers, seed=SEED,
    )  # fmt: skip
    adjusted = holm([one.p for one in found.over_time])
    every = zip(found.names, found.over_time, adjusted, strict=True)
    across = found.across
    header = {
        "version": VERSION,
        "setting": parts.setting,
        "overTime": [_over_time(name, one, float(p)) for name, one, p in every],
        "overTimeTests": int(np.isfinite(adjusted).sum()),
        "overTimeWords": over_time_text(found),
        "across": {
            "rho": across.rho.tolist(), "low": across.low.tolist(), "high": across.high.tolist(),
            "p": across.p.tolist(), "adjusted": holm(across.p).tolist(),
            "components": across.components.tolist(), "words": _across_words(found),
            "tests": int(np.isfinite(across.p).sum()),
        },
    }  # fmt: skip
    return _encoded(header)


def _across_words(found: ComponentsTogether) -> list[str]:
    return [across_text(found, i) for i in range(len(found.steps))]


def _over_time(name: str, one: OverTime, adjusted: float) -> dict[str, Any]:
    verdict = verdict_of(one.reason, one.p, adjusted)
    return {"name": name, **dataclasses.asdict(one), "adjusted": adjusted, "verdict": verdict}


def sources_of(
    llc: tuple[Curve, Boundaries] | None,
    graph: tuple[str, Boundaries] | None,
    curves: Sequence[tuple[Curve, Boundaries]],
) -> tuple[Source, ...]:
    """Return the rows of the chart; the graph's settings are given for it."""
    rows = [] if llc is None else [_row(*llc)]
    if graph is not None:
        rows.append(
            Source(id="graph", name="graph phases", group="graph", settings=graph[0],
                   boundaries=graph[1])
        )  # fmt: skip
    return (*rows, *(_row(*one) for one in curves))


def _row(curve: Curve, boundaries: Boundaries) -> Source:
    return Source(
        id=curve.id, name=curve.name, group=curve.group, settings=curve.settings,
        boundaries=boundaries,
    )  # fmt: skip


def _encoded(header: Mapping[str, Any]) -> bytes:
    return json.dumps(_plain(header), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    """Return the same without NaN, which JSON does not have."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
