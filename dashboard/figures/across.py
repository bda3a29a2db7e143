"""Curves of several runs side by side, as the browser reads them.

Curves of two runs are the same quantity if they have the same id and the same settings. Two runs
that were measured otherwise can still be looked at together, and it is said; a mean over runs takes
only those that were measured alike. Nothing doubted enters a mean or a boundary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from compute.alignment import Alignment, Band, Match, Timeline, Turn, align, band
from compute.measure.stages import Stages
from compute.runs import Run
from dashboard.arrays import Arrays, framed
from dashboard.figures.belief import believed, only
from dashboard.figures.curves import IMPORTED
from dashboard.figures.series import Curve, Steps

VERSION = 1
# A curve's place among all of a run: the name of its graph, "" for the run's own, and its id.
Place: TypeAlias = tuple[str, str]
FindTurns: TypeAlias = Callable[[Steps, Curve], Stages]


class Side(NamedTuple):
    """One run of several: what it is, and its curves that belong to no single component."""

    run: Run
    curves: Mapping[Place, Curve]

    def twin(self, place: Place, curve: Curve) -> Curve | None:
        """Return the curve of the same quantity: as it was measured, or else of the same id."""
        graph, base = place[0], _base(place[1])
        alike = (
            c
            for (other, id_), c in self.curves.items()
            if (other, _base(id_)) == (graph, base) and c.settings == curve.settings
        )
        found = next((c for c in alike if _measured(c)), self.curves.get(place))
        return found if found is not None and _measured(found) else None


def shared(first: Side, others: Sequence[Side]) -> Iterator[tuple[Place, list[Curve | None]]]:
    """Return what the first run and any other both have: the curves in the order of the runs."""
    for place, curve in first.curves.items():
        if not _measured(curve) or place[1].startswith(IMPORTED):
            continue
        twins = [side.twin(place, curve) for side in others]
        if any(twin is not None for twin in twins):
            yield place, [curve, *twins]


def encode_pair(first: Side, second: Side) -> bytes:
    """Return two runs as the browser reads them: see `dashboard.arrays`.

    ``by`` holds the alignments that need no boundary: for each of the second run's checkpoints
    ``steps``, its place on the first's axis, and for each of the first's ``nearest``, the second's
    checkpoint that lies there, -1 for none.
    """
    arrays = Arrays()
    timelines = [_timeline(side.run) for side in (first, second)]
    by = {way: align(*timelines, by=way) for way in ("step", "tokens")}
    return framed(
        {
            "version": VERSION,
            "mode": "pair",
            "runs": _runs((first, second)),
            "curves": [
                _head(place, curves) | {"runs": _each(curves, arrays)}
                for place, curves in shared(first, [second])
            ],
            "by": {
                way: {
                    "reason": found.reason,
                    "scale": found.scale,
                    "steps": arrays.add(found.steps, "f4"),
                    "nearest": arrays.add(found.nearest(first.run.steps), "i4"),
                }
                for way, found in by.items()
            },
        },
        arrays,
    )


def encode_recipe(sides: Sequence[Side]) -> bytes:
    """Return the runs of a recipe as the browser reads them; the first is the one looked at.

    Of each quantity there is every run's curve and a ``band`` over those that were measured like
    the first, at ``steps``, all checkpoints of any run.
    """
    arrays = Arrays()
    made, steps = [], band({s.run.name: _points(s.run.steps, None) for s in sides}).steps
    for place, curves in shared(sides[0], sides[1:]):
        alike = [c if c is not None and _alike(c, curves[0]) else None for c in curves]
        found = band(
            {
                side.run.name: _points(side.run.steps, curve)
                for side, curve in zip(sides, alike, strict=True)
            }
        )
        made.append(
            _head(place, curves)
            | {"runs": _each(curves, arrays), "band": _band(found, arrays)}
            | {"alike": [c is not None for c in alike]}
        )
    header = {"version": VERSION, "mode": "recipe", "recipe": sides[0].run.recipe}
    header |= {"runs": _runs(sides), "steps": steps.tolist(), "curves": made}
    return framed(header, arrays)


def align_by_turns(
    first: Side, second: Side, place: Place, find: FindTurns
) -> tuple[Alignment, list[Stages]] | None:
    """Return the alignment by the critical points of one quantity, and both runs' stages.

    None for a quantity that they do not share. Changes of slope are not matched: which of them are
    found hangs on the noise.
    """
    curve = first.curves.get(place)
    twin = None if curve is None else second.twin(place, curve)
    if curve is None or twin is None or not _measured(curve):
        return None
    stages = [find(first.run.steps, curve), find(second.run.steps, twin)]
    timelines = [
        _timeline(side.run)._replace(boundaries=tuple(found.critical_points))
        for side, found in zip((first, second), stages, strict=True)
    ]
    return align(*timelines, by="boundary"), stages


def encode_turns(
    alignment: Alignment, first: Steps, names: Sequence[str], stages: Sequence[Stages]
) -> bytes:
    """Return an alignment by boundaries as JSON; an unknown number is null.

    ``matches`` are ``{first, second, factor, low, high}``, ``alone`` the boundaries of each run
    that have no partner; a boundary is ``{step, low, high, kind}``.
    """
    pairs = [(match.first.step, match.second.step) for match in alignment.matches]
    matched = [[pair[side] for pair in pairs] for side in (0, 1)]
    told = [f"{name}: {s.reason}" for name, s in zip(names, stages, strict=True) if s.reason]
    header = {
        "reason": " ".join([alignment.reason, *told]) if alignment.reason else "",
        "steps": [_known(t) for t in alignment.steps],
        "nearest": alignment.nearest(first).tolist(),
        "matches": [_match(m) for m in alignment.matches],
        "alone": [
            [_turn(b) for b in found.critical_points if b.step not in at]
            for found, at in zip(stages, matched, strict=True)
        ],
    }
    return json.dumps(header, ensure_ascii=False, allow_nan=False).encode()


def _base(curve_id: str) -> str:
    return curve_id.split("~")[0]


def _measured(curve: Curve) -> bool:
    return bool(np.isfinite(curve.values).any())


def _alike(curve: Curve, other: Curve | None) -> bool:
    return other is not None and (curve.settings, curve.unit) == (other.settings, other.unit)


def _timeline(run: Run) -> Timeline:
    return Timeline(run.name, run.steps, run.tokens_per_step)


def _points(steps: Steps, curve: Curve | None) -> tuple[Steps, np.ndarray]:
    if curve is None:
        return steps, np.full(len(steps), np.nan)
    return steps, only(curve.values, believed(curve)).astype(np.float64)


def _runs(sides: Sequence[Side]) -> list[dict[str, Any]]:
    return [
        {
            "name": run.name,
            "family": run.family,
            "recipe": run.recipe,
            "seed": run.seed,
            "tokensPerStep": run.tokens_per_step,
            "data": run.data_digest,
            "steps": list(run.steps),
        }
        for run, _ in sides
    ]


def _head(place: Place, curves: Sequence[Curve | None]) -> dict[str, Any]:
    first = curves[0]
    assert first is not None
    return {
        "graph": place[0],
        "id": place[1],
        "name": first.name,
        "unit": first.unit,
        "group": first.group,
    }


def _each(curves: Sequence[Curve | None], arrays: Arrays) -> list[dict[str, Any] | None]:
    return [None if curve is None else _curve(curve, arrays) for curve in curves]


def _curve(curve: Curve, arrays: Arrays) -> dict[str, Any]:
    return {
        "unit": curve.unit,
        "settings": curve.settings,
        "values": arrays.add(curve.values, "f4"),
        "low": arrays.add(curve.low, "f4"),
        "high": arrays.add(curve.high, "f4"),
        "verdicts": list(curve.verdicts),
        "reasons": list(curve.reasons),
    }


def _band(found: Band, arrays: Arrays) -> dict[str, Any]:
    tables = {"mean": found.mean, "low": found.low, "high": found.high}
    tables |= {"least": found.least, "most": found.most}
    return {name: arrays.add(table, "f4") for name, table in tables.items()} | {
        "runs": arrays.add(found.runs, "i4")
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "first": _turn(match.first),
        "second": _turn(match.second),
        "factor": _known(match.factor),
        "low": _known(match.low),
        "high": _known(match.high),
    }


def _turn(boundary: Turn) -> dict[str, Any]:
    ends = {name: _known(getattr(boundary, name)) for name in ("step", "low", "high")}
    return ends | {"kind": boundary.kind}


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
