from __future__ import annotations

import dataclasses
import json

import pytest

from compute.behaviour_specs import (
    ContextMeasurement,
    OutputsMeasurement,
    ShiftMeasurement,
    StructureMeasurement,
)
from compute.errors import SettingsError
from compute.specs import (
    MEASUREMENTS,
    AblationSpec,
    AttentionMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    LLCMeasurement,
    LLCSpec,
    NetworkMeasurement,
    TaskSpec,
    demanded_measurements,
    key_parts,
    measurement_key,
    spec_digest,
    spec_from_json,
    spec_to_json,
    standard_measurements,
)
from tests.samples import IMPORTED, a_run

WHERE = {"run": "r", "step": 3, "weights_digest": "w", "data_digest": "d"}


@pytest.mark.parametrize("kind", sorted(MEASUREMENTS))
def test_a_spec_survives_json(kind):
    spec = IMPORTED if kind == "imported" else MEASUREMENTS[kind]()
    assert spec_from_json(json.loads(json.dumps(spec_to_json(spec)))) == spec


def test_nested_settings_survive_json():
    graph = GraphMeasurement(task=TaskSpec(name="uniform", prompts=3, seed=7))
    spec = NetworkMeasurement(graph=graph, threshold=0.25)
    assert spec_from_json(spec_to_json(spec)) == spec


def test_key_names_kind_version_run_and_step():
    key = measurement_key(GraphMeasurement(), **WHERE)
    assert key.startswith(f"graph/{GraphMeasurement.version}/r/3/")


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        (GraphMeasurement(task=TaskSpec(seed=1)), {}),
        (GraphMeasurement(ablation=AblationSpec(loss_change=False)), {}),
        (GraphMeasurement(), {"step": 4}),
        (GraphMeasurement(), {"run": "other"}),
        (GraphMeasurement(), {"weights_digest": "other"}),
        (GraphMeasurement(), {"data_digest": "other"}),
    ],
)
def test_whatever_changes_a_number_changes_the_key(spec, where):
    key = measurement_key(GraphMeasurement(), **WHERE)
    assert measurement_key(spec, **{**WHERE, **where}) != key


def test_points_of_one_curve_share_their_spec_digest():
    assert spec_digest(LLCMeasurement()) == spec_digest(LLCMeasurement(llc=LLCSpec()))
    assert spec_digest(LLCMeasurement()) != spec_digest(LLCMeasurement(seed=1))


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (TaskSpec, {"name": "nonsense"}),
        (TaskSpec, {"prompts": 0}),
        (TaskSpec, {"length": 1}),
        (AblationSpec, {"ablation": "noise"}),
        (AblationSpec, {"probes": 0}),
        (AblationSpec, {"granularity": "hooks", "ablation": "mean"}),
        (LLCSpec, {"step_size": 0.0}),
        (LLCSpec, {"nbeta": -1.0}),
        (LLCSpec, {"gamma": -1.0}),
        (LLCSpec, {"chains": 0}),
        (LLCSpec, {"draws": 0}),
        (LLCSpec, {"burn_in": -1}),
        (LLCSpec, {"batch_size": 0}),
        (CurvatureMeasurement, {"probes": 0}),
        (CurvatureMeasurement, {"samples": 16}),
        (CurvatureMeasurement, {"samples": 33}),
        (CurvatureMeasurement, {"batch_size": 33}),
        (CurvatureMeasurement, {"length": 1}),
        (CurvatureMeasurement, {"eigenvalues": 0}),
        (CurvatureMeasurement, {"iterations": 5}),
        (CurvatureMeasurement, {"tolerance": -1.0}),
        (ContextMeasurement, {"samples": 1}),
        (ContextMeasurement, {"around": -1}),
        (ContextMeasurement, {"early": 2, "around": 2}),
        (ContextMeasurement, {"late": 6}),
        (ContextMeasurement, {"late": 126}),
        (ContextMeasurement, {"ngrams": 1}),
        (ShiftMeasurement, {"samples": 1}),
        (StructureMeasurement, {"samples": 1}),
        (StructureMeasurement, {"length": 1}),
        (OutputsMeasurement, {"samples": 0}),
        (OutputsMeasurement, {"positions": 128}),
        (OutputsMeasurement, {"dimensions": 15}),
        (ImportedMeasurement, {"name": " ", "source": "a paper", "file": ""}),
        (ImportedMeasurement, {"name": "llc", "source": "two\nlines", "file": ""}),
    ],
)
def test_settings_that_cannot_be_run_are_refused(cls, values):
    with pytest.raises(SettingsError):
        cls(**values)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"kind": "soup"},
        {"kind": "graph", "depth": 3},
        {"kind": "llc", "llc": {"chains": 0}},
        {"kind": "graph", "task": {"colour": "red"}},
    ],
)
def test_json_that_is_no_spec_is_refused(value):
    with pytest.raises(SettingsError):
        spec_from_json(value)


@pytest.mark.parametrize("family", ["language", "regression"])
def test_what_is_measured_covers_every_kind_and_every_network_has_its_graph(family):
    specs = standard_measurements(dataclasses.replace(a_run(), family=family))
    demanded = demanded_measurements(dataclasses.replace(a_run(), family=family))
    found = {spec.kind for spec in (*specs, *demanded)}
    other = "context" if family == "regression" else "shift"
    assert found == set(MEASUREMENTS) - {"imported", "calibration", other}
    assert {spec.kind for spec in specs}.isdisjoint(spec.kind for spec in demanded)
    (attention,) = (spec for spec in demanded if isinstance(spec, AttentionMeasurement))
    assert (attention.task.name == "regression") == (family == "regression")
    assert len(set(specs)) == len(specs)
    assert all(spec.graph in specs for spec in specs if isinstance(spec, NetworkMeasurement))


def test_what_a_key_says_can_be_read_back():
    key = measurement_key(GraphMeasurement(), **WHERE)
    version = GraphMeasurement.version
    assert key_parts(key) == ("graph", version, WHERE["run"], WHERE["step"])
    assert key_parts(key).current


def test_a_key_of_an_earlier_version_is_known_as_such():
    key = measurement_key(GraphMeasurement(), **WHERE)
    old = key.replace(f"/{GraphMeasurement.version}/", f"/{GraphMeasurement.version - 1}/", 1)
    assert not key_parts(old).current
