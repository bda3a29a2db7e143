"""Tables of what is found in curves and graphs: stages, phases, communities, coincidences, ways."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compute.components import kind_of
from compute.errors import NotMeasured
from compute.measure.stages import Stages
from compute.networks.registry import label_of
from dashboard.arrays import array, decode
from dashboard.coincidences import NO_GRAPH
from dashboard.tables.about import about_run
from dashboard.tables.asked import Asked, bounded
from dashboard.tables.table import STEP, Column, Table, table_of

_AT = "training steps; none need be a checkpoint"
STAGES = (
    Column("start", "Where the stage starts.", _AT),
    Column("end", "Where it ends.", _AT),
    Column("type", "A while the curve rises, B while it falls, unclear, or flat.", kind="text"),
    Column("support", "Probability that the curve goes that way; empty for flat.", "probability"),
)
BOUNDARIES = (
    Column("step", "Where the boundary is.", _AT),
    Column("low", "Lower end of its 95 % interval.", _AT),
    Column("high", "Upper end of its 95 % interval.", _AT),
    Column("kind", "maximum or minimum (critical points), or slope.", kind="text"),
    Column("support", "Of a critical point, the probability that the curve turns; of a change of "
           "slope, the share of redrawn curves that have it.", "0 to 1"),
)  # fmt: skip
PHASES = (
    Column("phase", "What the phase is called.", kind="text"),
    Column("first", "Its first checkpoint.", "training steps", "count"),
    Column("last", "Its last checkpoint.", "training steps", "count"),
    Column("first_low", "Lower end of the 95 % interval of where it starts.", "training steps",
           "count"),
    Column("first_high", "Upper end of that interval.", "training steps", "count"),
    Column("agreement", "Share of prompts that have that boundary too.", "share"),
    Column("why", "What the name rests on.", kind="text"),
)  # fmt: skip
COMMUNITIES = (
    STEP,
    Column("component", "The component's name.", kind="text"),
    Column("kind", "head, layer, mlp or io.", kind="text"),
    Column("community", "Its community, matched from checkpoint to checkpoint; empty for none.",
           "", "count"),
)  # fmt: skip
COINCIDENCE = (
    Column("test", "boundaries, lag or course.", kind="text"),
    Column("what", "What is compared with the LLC, or with what.", kind="text"),
    Column("estimate", "The distance, the lag, or the correlation."),
    Column("low", "Lower end of its 95 % interval."),
    Column("high", "Upper end of its 95 % interval."),
    Column("unit", "What one unit of the estimate is.", kind="text"),
    Column("r", "Of a lag: the correlation of the slopes there, −1 to 1."),
    Column("r_low", "Lower end of its 95 % interval, at that lag by itself."),
    Column("r_high", "Upper end of that interval."),
    Column(
        "left",
        "Of a lag: what is left of the correlation, at the best of the lags, without "
        "the stretch of training on which it rests most. p is of this.",
    ),
    Column("stretches", "Of a lag: how many independent stretches the two curves have."),
    Column("p", "Of the test alone; empty where there is none.", "probability"),
    Column(
        "adjusted", "The same, corrected for all tests (Holm); empty where left out.", "probability"
    ),
    Column("verdict", "together, caution, chance or untold.", kind="text"),
    Column("words", "What the test says, in a sentence.", kind="text"),
)
DYNAMICS = (
    STEP,
    Column("quantity", "pc1, pc2, ..: the place on an axis; left: the distance from the space of "
           "all of these axes; speed; or the distance to a predictor.", kind="text"),
    Column("value", "Its value; empty where nothing is measured."),
    Column("unit", "What one unit of the value is.", kind="text"),
    Column("explained", "Of an axis: its share of the variance.", "share"),
    Column("walk", "What share a random walk would have on it.", "share"),
)  # fmt: skip


def stages(asked: Asked) -> Table:
    """Return the stages of one curve, then the stretches where it is flat."""
    curve = asked.curve()
    found = asked.sources.stages(asked.run.steps, curve)
    flat = [(start, end, "flat", math.nan) for start, end in found.flat]
    rows = [*((s.start, s.end, s.type, s.support) for s in found.stages), *flat]
    values = dict(zip(("start", "end", "type", "support"), _columns(rows, 4), strict=True))
    return table_of(STAGES, values, _about_curve(asked, found))


def boundaries(asked: Asked) -> Table:
    """Return the critical points of one curve, then its changes of slope."""
    curve = asked.curve()
    found = asked.sources.stages(asked.run.steps, curve)
    rows = [*found.critical_points, *found.slope_changes]
    names = ("step", "low", "high", "kind", "support")
    values = dict(zip(names, _columns([tuple(b) for b in rows], 5), strict=True))
    return table_of(BOUNDARIES, values, _about_curve(asked, found))


def _about_curve(asked: Asked, found: Stages) -> dict[str, Any]:
    curve = asked.curve()
    return about_run(
        asked, curve=curve.id, name=curve.name, settings=curve.settings, reason=found.reason
    )


def phases(asked: Asked) -> Table:
    """Return the phases of a graph over training."""
    found = asked.sources.structure(asked.series).phases
    if found.reason:
        raise NotMeasured(f"{asked.name} ({asked.graph}): {found.reason}")
    steps = asked.run.steps
    starts = {b.index: b for b in found.boundaries}
    rows = []
    for phase in found.phases:
        start = starts.get(phase.first)
        low, high = (steps[start.low], steps[start.high]) if start else (None, None)
        agreement = start.agreement if start else math.nan
        rows.append(
            (phase.name, steps[phase.first], steps[phase.last], low, high, agreement, phase.why)
        )
    values = dict(zip([c.name for c in PHASES], _columns(rows, len(PHASES)), strict=True))
    read = [label_of(name) for name in found.metrics]
    return table_of(PHASES, values, about_run(asked, graph=asked.graph, metrics=read))


def communities(asked: Asked) -> Table:
    """Return the community of each component, at one checkpoint or at all."""
    found = asked.sources.structure(asked.series)
    if "communities" in found.absent:
        raise NotMeasured(f"{asked.name} ({asked.graph}): {found.absent['communities']}")
    names, at = asked.series.components, asked.indices()
    bounded(len(at) * len(names))
    values = {
        "step": [asked.run.steps[i] for i in at for _ in names],
        "component": list(names) * len(at),
        "kind": [kind_of(n) for n in names] * len(at),
        "community": [int(c) if c >= 0 else None for i in at for c in found.community[i]],
    }
    return table_of(COMMUNITIES, values, about_run(asked, graph=asked.graph))


_OF_LAG = ("extremum", "extremum_low", "extremum_high", "least", "stretches")
_NO_LAG = (None,) * len(_OF_LAG)


def coincidence(asked: Asked) -> Table:
    """Return every test of the Coincidence page."""
    graph = asked.any_graph or NO_GRAPH
    data = asked.sources.coincidence(asked.name, graph)
    if data is None:
        raise NotMeasured(f"records of {asked.name} have just come; ask again")
    told = json.loads(data)
    if told["reason"]:
        raise NotMeasured(f"{asked.name}: {told['reason']}")
    rows = list(_tests(told))
    names = [c.name for c in COINCIDENCE]
    values = dict(zip(names, _columns(rows, len(names)), strict=True))
    about = about_run(asked, graph=graph, settings=told["settings"], note=told["noCause"])
    return table_of(COINCIDENCE, values, about)


def _tests(told: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    for d in told["distances"]:
        found = d["found"] or {}
        numbers = [found.get(name) for name in ("distance", "low", "high")]
        what = f"{d['first']} and {d['second']}"
        yield ("boundaries", what, *numbers, "ln(1 + step), mean distance", *_NO_LAG,
               found.get("p"), d.get("adjusted"), d["verdict"], d["words"])  # fmt: skip
    for lag in told["lags"]:
        numbers = [lag[name] for name in ("lag", "lag_low", "lag_high")]
        slopes = [lag[name] for name in _OF_LAG]
        yield ("lag", f"LLC and {lag['name']}", *numbers, "ln(1 + step), positive: after the LLC",
               *slopes, lag["p"], lag["adjusted"], lag["verdict"], lag["words"])  # fmt: skip
    for c in told["courses"]:
        numbers = [c[name] for name in ("r", "low", "high")]
        yield ("course", f"refined LLC and {c['name']} of components", *numbers,
               "correlation, −1 to 1", *_NO_LAG,
               c["p"], c["adjusted"], c["verdict"], c["words"])  # fmt: skip


def dynamics(asked: Asked) -> Table:
    """Return the way of a run through the space of its outputs, by itself."""
    state, data = asked.sources.dynamics(asked.name)
    if data is None:
        raise NotMeasured(f"{asked.name}: {state['reason']}")
    header, arrays = decode(data)
    way = header["runs"][0]
    wanted = asked.steps()
    at = [way["steps"].index(step) for step in wanted]
    unit = header["unit"]
    scores, distances = (array(way[name], arrays) for name in ("scores", "distances"))
    quantities = [
        *((f"pc{k + 1}", scores[:, k], unit, header["explained"][k], header["walk"][k])
          for k in range(scores.shape[1])),
        ("left", array(way["left"], arrays), unit, math.nan, math.nan),
        ("speed", array(way["speed"], arrays), f"{unit} per unit of ln(1 + step)", math.nan,
         math.nan),
        *((f"distance to {name}", distances[:, k], unit, math.nan, math.nan)
          for k, name in enumerate(header["references"])),
    ]  # fmt: skip
    values = {
        "step": wanted * len(quantities),
        "quantity": [name for name, *_ in quantities for _ in at],
        "value": np.concatenate([found[at] for _, found, *_ in quantities]),
        "unit": [unit for _, _, unit, *_ in quantities for _ in at],
        "explained": [share for *_, share, _ in quantities for _ in at],
        "walk": [share for *_, share in quantities for _ in at],
    }
    about = about_run(asked, settings=state["setting"], words=header["words"])
    return table_of(DYNAMICS, values, about)


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Return rows as columns, also where there is no row."""
    return [[row[k] for row in rows] for k in range(width)]
