from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from compute.behaviour_specs import (
    ContextMeasurement,
    OutputsMeasurement,
    ShiftMeasurement,
    StructureMeasurement,
)
from compute.errors import BadRecord
from compute.records import FORMAT, RECORDS, from_bytes, to_bytes
from tests.samples import (
    ATTENTION,
    BEHAVIOUR,
    CURVATURE,
    GRAPH,
    IMPORTED,
    LLC,
    NETWORK,
    a_measured,
    a_run,
    a_task,
)

NATURE = [ContextMeasurement(), ShiftMeasurement(), StructureMeasurement(), OutputsMeasurement()]
SPECS = [GRAPH, NETWORK, LLC, BEHAVIOUR, ATTENTION, CURVATURE, IMPORTED, *NATURE]


def encoded(spec=GRAPH):
    return to_bytes(a_measured(a_task(a_run(), spec=spec)))


@pytest.mark.parametrize("spec", SPECS)
def test_a_record_survives_bytes(spec):
    before = a_measured(a_task(a_run(), 3, spec))
    after = from_bytes(to_bytes(before))
    assert (after.spec, after.run, after.step, after.key) == (spec, "small", 3, before.key)
    for field in dataclasses.fields(before.record):
        old, new = getattr(before.record, field.name), getattr(after.record, field.name)
        if isinstance(old, np.ndarray):
            np.testing.assert_array_equal(old, new)
            assert old.dtype == new.dtype
        else:
            np.testing.assert_equal(new, old)
            assert type(new) is type(old)


@pytest.mark.parametrize("spec", SPECS)
def test_the_same_record_gives_the_same_bytes(spec):
    assert encoded(spec) == encoded(spec)


@pytest.mark.parametrize("spec", SPECS)
def test_a_record_cut_off_anywhere_is_refused(spec):
    data = encoded(spec)
    for length in range(0, len(data), max(1, len(data) // 60)):
        with pytest.raises(BadRecord):
            from_bytes(data[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a record",
        b"\xff" * 64,
        pickle.dumps({"a": 1}),
        (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"null",
        save({"a": np.ones(2)}),
        save({"a": np.ones(2)}, {"ontogeny-record/99": "{}"}),
        save({"a": np.ones(2)}, {FORMAT: "{}"}),
        save({"a": np.ones(2)}, {FORMAT: "[1]"}),
        save({"a": np.ones(2)}, {FORMAT: "{"}),
    ],
)
def test_foreign_bytes_are_refused(data):
    with pytest.raises(BadRecord):
        from_bytes(data)


@pytest.mark.parametrize("change", [{"record": "Soup"}, {"scalars": []}, {"spec": {"kind": "x"}}])
def test_a_header_that_lies_is_refused(change):
    data = encoded()
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    header = json.dumps({**json.loads(metadata[FORMAT]), **change})
    with pytest.raises(BadRecord):
        from_bytes(save({"weight": np.ones(2)}, {FORMAT: header}))


def test_every_record_class_can_be_named_in_a_header():
    assert all(name == cls.__name__ for name, cls in RECORDS.items())
