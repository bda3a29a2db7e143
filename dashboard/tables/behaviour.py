"""Tables of what a run does at each checkpoint in more than one number, and of its records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from compute.behaviour_records import Structure
from compute.errors import NotMeasured
from compute.records import AttentionPatterns
from compute.specs import AttentionMeasurement, key_parts
from dashboard.behaviour_api import found_behaviours
from dashboard.figures.behaviour_file import Found, head_pairs
from dashboard.figures.series import NORMAL_95
from dashboard.points import by_setting
from dashboard.tables.about import about_run
from dashboard.tables.asked import Asked, bounded
from dashboard.tables.table import STEP, Column, Table, table_of

POSITIONS = (
    STEP,
    Column("position", "Of the token in its window, or of the pair in its sequence; from 1.", "",
           "count"),
    Column("loss", "Mean loss there.", "nats, or squared error"),
    Column("low", "Lower end of its 95 % interval; empty where there is none.",
           "nats, or squared error"),
    Column("high", "Upper end of its 95 % interval; empty where there is none.",
           "nats, or squared error"),
)  # fmt: skip
COMPOSITION = (
    STEP,
    Column("source", "The head that writes.", kind="text"),
    Column("target", "The head, of a later layer, that reads.", kind="text"),
    Column("by", "q, k or v: whether its queries, keys or values read.", kind="text"),
    Column("value", "Share of the product of Frobenius norms.", "0 to 1"),
    Column("chance", "Root mean square if the source wrote in random directions.", "0 to 1"),
)
SPECTRA = (
    STEP,
    Column("matrix", "EMB, POS or UNEMBED.", kind="text"),
    Column("place", "1 for the largest singular value.", "", "count"),
    Column("value", "The singular value.", "unit of the weights"),
)
NORMS = (
    STEP,
    Column("norm", "The layer norm.", kind="text"),
    Column("mean", "Mean of the factors that it multiplies with.", "factor"),
    Column("spread", "Their standard deviation.", "factor"),
    Column("size", "Their Euclidean norm.", "factor"),
    Column("small", "Those smaller in size than a tenth.", "share"),
)
ATTENTION = (
    Column("head", "The head.", kind="text"),
    Column("prompt", "The prompt, from 1.", "", "count"),
    Column("query", "Position of the query, from 0.", "", "count"),
    Column("query_token", "The token there.", kind="text"),
    Column("key", "Position of the key, from 0; none after the query.", "", "count"),
    Column("key_token", "The token there.", kind="text"),
    Column("attention", "The share of the query's attention that the key gets.", "0 to 1"),
)
COVERAGE = (
    Column("measurement", "What is measured.", kind="text"),
    STEP,
    Column("state", "measured, failed or missing.", kind="text"),
)
FAILURES = (
    STEP,
    Column("kind", "The kind of measurement.", kind="text"),
    Column("reason", "Why it failed.", kind="text"),
)


def positions(asked: Asked) -> Table:
    """Return the loss by position in the context, or by pair of a regression."""
    found = _found(asked)
    if found.context:
        loss = {t: r.loss_by_position for t, r in found.context.items()}
        half = {t: NORMAL_95 * r.loss_by_position_error for t, r in found.context.items()}
    else:
        loss = {t: r.loss_by_pair for t, r in found.regression.items()}
        half = {t: np.full(len(values), np.nan) for t, values in loss.items()}
    steps = _steps(asked, loss, "context")
    values = {
        "step": [t for t in steps for _ in loss[t]],
        "position": [k + 1 for t in steps for k in range(len(loss[t]))],
        "loss": _joined(loss[t] for t in steps),
        "low": _joined(loss[t] - half[t] for t in steps),
        "high": _joined(loss[t] + half[t] for t in steps),
    }
    settings = found.settings.get("context" if found.context else "regression", "")
    return table_of(POSITIONS, values, about_run(asked, settings=settings))


def composition(asked: Asked) -> Table:
    """Return how every pair of heads that can compose does."""
    found, records, steps = _structures(asked)
    rows = []
    pairs = {t: head_pairs(records[t]) for t in steps}
    bounded(3 * sum(len(p) for p in pairs.values()))
    for t in steps:
        record, ends = records[t], pairs[t]
        tables = (record.q_composition, record.k_composition, record.v_composition)
        for i, by in enumerate("qkv"):
            chance = record.composition_chance[i]
            rows += [
                (t, record.heads[a], record.heads[b], by, tables[i][a, b], chance) for a, b in ends
            ]
    values: dict[str, Any] = {c.name: [row[k] for row in rows] for k, c in enumerate(COMPOSITION)}
    values |= {name: _single(values[name]) for name in ("value", "chance")}
    return table_of(COMPOSITION, values, about_run(asked, settings=found.settings["structure"]))


def spectra(asked: Asked) -> Table:
    """Return the singular values of the embeddings."""
    found, records, steps = _structures(asked)
    rows = [
        (t, name, k + 1, value)
        for t in steps
        for name, values in zip(records[t].embeddings, records[t].singular_values, strict=True)
        for k, value in enumerate(values[np.isfinite(values)])
    ]
    bounded(len(rows))
    values: dict[str, Any] = {c.name: [row[k] for row in rows] for k, c in enumerate(SPECTRA)}
    values["value"] = _single(values["value"])
    return table_of(SPECTRA, values, about_run(asked, settings=found.settings["structure"]))


def norms(asked: Asked) -> Table:
    """Return what the layer norms multiply with."""
    found, records, steps = _structures(asked)
    fields = {"mean": "norm_mean", "spread": "norm_spread", "size": "norm_size",
              "small": "norm_small"}  # fmt: skip
    values = {
        "step": [t for t in steps for _ in records[t].norms],
        "norm": [name for t in steps for name in records[t].norms],
        **{
            name: _joined(getattr(records[t], field) for t in steps)
            for name, field in fields.items()
        },
    }
    return table_of(NORMS, values, about_run(asked, settings=found.settings["structure"]))


def attention(asked: Asked) -> Table:
    """Return one head's attention on every prompt of one checkpoint."""
    record = _patterns(asked)
    head = asked.known("attention of", asked.get("component") or record.heads[0], record.heads)
    pattern = record.pattern[record.heads.index(head)]
    prompt, query, key = np.nonzero(np.tril(np.ones(pattern.shape, dtype=bool)))
    bounded(len(prompt))
    values = {
        "head": [head] * len(prompt),
        "prompt": prompt + 1,
        "query": query,
        "query_token": [record.tokens[p][q] for p, q in zip(prompt, query, strict=True)],
        "key": key,
        "key_token": [record.tokens[p][k] for p, k in zip(prompt, key, strict=True)],
        "attention": pattern[prompt, query, key],
    }
    return table_of(ATTENTION, values, about_run(asked, step=asked.step(), component=head))


def coverage(asked: Asked) -> Table:
    """Return what is measured, failed and missing at each checkpoint."""
    found, at, steps = asked.development.coverage, asked.indices(), asked.run.steps
    values = {
        "measurement": [c.label for c in found for _ in at],
        "step": [steps[i] for _ in found for i in at],
        "state": [c.states[i] for c in found for i in at],
    }
    return table_of(COVERAGE, values, about_run(asked))


def failures(asked: Asked) -> Table:
    """Return the measurements that failed; there may be none."""
    wanted = set(asked.steps())
    found = [f for f in asked.development.failures if f.step in wanted]
    values = {name: [getattr(f, name) for f in found] for name in ("step", "kind", "reason")}
    return table_of(FAILURES, values, about_run(asked))


def _found(asked: Asked) -> Found:
    points = asked.sources.library.points(asked.name)
    return found_behaviours(by_setting(points.values()))


def _structures(asked: Asked) -> tuple[Found, Mapping[int, Structure], list[int]]:
    found = _found(asked)
    return found, found.structure, _steps(asked, found.structure, "structure")


def _steps(asked: Asked, records: Mapping[int, object], kind: str) -> list[int]:
    """Return the steps that were asked for and have a record."""
    steps = [step for step in asked.steps() if step in records]
    if not steps:
        where = " at these steps" if records else ""
        raise NotMeasured(
            f"this is not measured of {asked.name}{where}; measure it: "
            f"ontogeny compute {asked.name} --kinds {kind}"
        )
    return steps


def _patterns(asked: Asked) -> AttentionPatterns:
    keys = asked.sources.store.keys(asked.name, AttentionMeasurement.kind)
    measured = {key_parts(key).step: key for key in keys}
    step = asked.step()
    found = asked.sources.record(measured[step]) if step in measured else None
    if found is None or not isinstance(found.record, AttentionPatterns):
        at = ", ".join(f"{t:,}" for t in sorted(measured)) or "no step"
        raise NotMeasured(
            f"attention of {asked.name} is measured at {at}, not at {step:,}; press Measure on the "
            f"Component page, or: ontogeny compute {asked.name} --kinds attention --steps {step}"
        )
    return found.record


def _joined(parts: Iterable[ndarray]) -> ndarray:
    found = [np.asarray(part, dtype=np.float32) for part in parts]
    return np.concatenate([np.zeros(0, np.float32), *found])


def _single(values: list[float]) -> ndarray:
    return np.array(values, dtype=np.float32)
