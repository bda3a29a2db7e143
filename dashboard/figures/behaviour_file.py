"""What the Behaviour page shows of one checkpoint at a time, of all checkpoints in one file.

Losses by position and by pair, how heads compose, singular values of embeddings, and layer norms:
more than one number a checkpoint each, so that they are no curves. A checkpoint that lacks one is
a row of NaN.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.behaviour_records import ContextUse, Structure
from compute.behaviour_specs import ContextMeasurement
from compute.records import RegressionBehaviour
from dashboard.arrays import Arrays, framed
from dashboard.figures.series import NORMAL_95, Steps, rows

VERSION = 1
# Above so many pairs of heads, the file would be larger than everything else of the page.
MOST_PAIRS = 20_000
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The records of a run that the file holds, of one setting of each kind, by step.

    Attributes
    ----------
    windows
        How the use of context was measured; None where it was not.
    settings
        In words, by the name of the other fields.
    """

    windows: ContextMeasurement | None
    context: Mapping[int, ContextUse]
    regression: Mapping[int, RegressionBehaviour]
    structure: Mapping[int, Structure]
    settings: Mapping[str, str]


def encode_behaviours(steps: Steps, found: Found) -> bytes:
    """Return what was found as the browser reads it; null for each part that nobody measured."""
    arrays = Arrays()
    structure = found.structure
    header = {
        "version": VERSION,
        "positions": _positions(steps, found, arrays),
        "pairs": _pairs(steps, found, arrays),
        "composition": _composition(steps, structure, arrays) if structure else None,
        "spectra": _spectra(steps, structure, arrays) if structure else None,
        "norms": _norms(steps, structure, arrays) if structure else None,
        "settings": dict(found.settings),
    }
    return framed(header, arrays)


def head_pairs(record: Structure) -> Int[ndarray, "pairs 2"]:
    """Return the places of the pairs of heads that can compose: the writer's, the reader's."""
    return np.argwhere(np.isfinite(record.q_composition))


def _positions(steps: Steps, found: Found, arrays: Arrays) -> dict[str, Any] | None:
    spec = found.windows
    if spec is None or not found.context:
        return None
    loss = _table(steps, found.context, lambda r: r.loss_by_position)
    half = NORMAL_95 * _table(steps, found.context, lambda r: r.loss_by_position_error)
    return {
        "loss": arrays.add(loss, "f4"),
        "half": arrays.add(half, "f4"),
        "early": [spec.early - spec.around, spec.early + spec.around],
        "late": [spec.late - spec.around, spec.late + spec.around],
    }


def _pairs(steps: Steps, found: Found, arrays: Arrays) -> dict[str, Any] | None:
    if not found.regression:
        return None
    loss = _table(steps, found.regression, lambda r: r.loss_by_pair)
    return {"loss": arrays.add(loss, "f4")}


def _composition(
    steps: Steps, records: Mapping[int, Structure], arrays: Arrays
) -> dict[str, Any] | None:
    last = records[max(records)]
    same = {t: r for t, r in records.items() if r.heads == last.heads}
    ends = head_pairs(last)
    if len(ends) > MOST_PAIRS:
        return {"heads": list(last.heads), "pairs": len(ends), "kept": False}
    places = ends[:, 0], ends[:, 1]
    tables = {
        "q": _table(steps, same, lambda r: r.q_composition[places]),
        "k": _table(steps, same, lambda r: r.k_composition[places]),
        "v": _table(steps, same, lambda r: r.v_composition[places]),
    }
    return {
        "heads": list(last.heads),
        "pairs": len(ends),
        "kept": True,
        "ends": arrays.add(ends, "i2"),
        "chance": arrays.add(_table(steps, same, lambda r: r.composition_chance), "f4"),
        **{name: arrays.add(table, "f2") for name, table in tables.items()},
    }


def _spectra(
    steps: Steps, records: Mapping[int, Structure], arrays: Arrays
) -> list[dict[str, Any]]:
    """Return the singular values of each matrix over the run, without the columns beyond its rank.

    In single precision: of a matrix that collapses they span many powers of ten.
    """
    found = []
    for name in records[max(records)].embeddings:
        at = {
            t: r.singular_values[r.embeddings.index(name)]
            for t, r in records.items() if name in r.embeddings
        }  # fmt: skip
        table = _table(steps, at, np.asarray)
        known = np.flatnonzero(np.isfinite(table).any(axis=0))
        width = int(known[-1]) + 1 if len(known) else 0
        found.append({"name": name, "values": arrays.add(table[:, :width], "f4")})
    return found


def _norms(steps: Steps, records: Mapping[int, Structure], arrays: Arrays) -> dict[str, Any]:
    last = records[max(records)]
    same = {t: r for t, r in records.items() if r.norms == last.norms}
    fields: dict[str, Callable[[Structure], ndarray]] = {
        "mean": lambda r: r.norm_mean,
        "spread": lambda r: r.norm_spread,
        "size": lambda r: r.norm_size,
        "small": lambda r: r.norm_small,
    }
    return {
        "names": list(last.norms),
        **{name: arrays.add(_table(steps, same, get), "f4") for name, get in fields.items()},
    }


def _table(
    steps: Steps, records: Mapping[int, _T], get: Callable[[_T], ndarray]
) -> Float[ndarray, "checkpoints values"]:
    """Return one row for each checkpoint; rows of another length than the last one's are gaps."""
    values = {t: np.asarray(get(r), dtype=np.float32) for t, r in records.items()}
    shape = values[max(values)].shape
    return rows(steps, {t: v for t, v in values.items() if v.shape == shape}, shape)
