"""The ways of outputs: what the file holds, which runs are drawn together, what the page says."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from numpy import ndarray

from compute.behaviour_records import ModelOutputs
from compute.errors import RunNotFound
from compute.jobs import Jobs
from compute.llc_specs import LLCMeasurement
from compute.random_walks import random_walk_shares
from compute.records import to_bytes
from compute.specs import standard_measurements
from compute.store import Store
from compute.trajectories import trajectory
from dashboard.arrays import array, decode
from dashboard.context import Context
from dashboard.dynamics_api import Dynamics
from dashboard.factory import create_app
from dashboard.figures.dynamics import AXES, encode_trajectories, walk_words
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages.dynamics import PANELS, layout
from dashboard.payloads import Payloads
from tests.dashboard import dynamics_samples as samples
from tests.dashboard import synthetic

RUN = synthetic.language_run("demo", 24)
SECOND = synthetic.language_run("second", 15)
WAY = samples.way(RUN, gaps=samples.GAP)
OTHER = samples.way(SECOND, 1.6, seed=1)
Rows = dict[int, ModelOutputs | None]


def rows(run: Any, found: dict[int, ModelOutputs]) -> Rows:
    return {step: found.get(step) for step in run.steps}


def measured(store: Store) -> FlaskClient:
    """A server of a store with the run and the second one."""
    samples.put(store, RUN, WAY)
    samples.put(store, SECOND, OTHER)
    return create_app(store).server.test_client()  # type: ignore[no-any-return]


def table(place: dict[str, Any], data: bytes) -> ndarray:
    return array(place, data)


def fetch(client: FlaskClient, beside: str = "") -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """What the server says of the run beside others, and the file."""
    state = client.get(f"/api/dynamics/demo?with={beside}").get_json()
    response = client.get(state["address"])
    assert response.headers["Cache-Control"] == FOREVER
    return (state, *decode(response.data))


# -- the file ------------------------------------------------------------------------------------


def test_the_file_holds_the_trajectory_of_the_run(store: Store) -> None:
    state, header, data = fetch(measured(store))
    found = trajectory({"demo": rows(RUN, WAY)}, axes=AXES)
    (way,) = header["runs"]
    run = found.runs["demo"]
    assert (state["measured"], state["checkpoints"], state["reason"]) == (22, 24, "")
    assert way["steps"] == list(RUN.steps)
    np.testing.assert_allclose(table(way["scores"], data), run.scores, atol=1e-6)
    np.testing.assert_allclose(table(way["distances"], data), run.to_references, atol=1e-6)
    np.testing.assert_allclose(table(way["speed"], data), run.speed, rtol=1e-5)
    assert np.flatnonzero(np.isnan(table(way["left"], data))).tolist() == list(samples.GAP)
    assert header["explained"] == pytest.approx(found.explained.tolist())
    steps = np.array(list(WAY))
    assert header["walk"] == pytest.approx(random_walk_shares([steps], axes=AXES).tolist())
    assert header["references"] == ["uniform", "unigram", "bigram"]
    assert header["unit"] == "nats"


def test_what_is_left_and_the_places_give_distances_from_the_mean(store: Store) -> None:
    """Checked against a mean and distances of the records themselves."""
    _, header, data = fetch(measured(store))
    outputs = np.array([record.outputs for record in WAY.values()], dtype=float)
    times = np.log1p(list(WAY))
    ends = np.concatenate([times[:1], (times[1:] + times[:-1]) / 2, times[-1:]])
    weight = np.diff(ends) / (times[-1] - times[0])
    mean = weight @ outputs
    (way,) = header["runs"]
    known = [RUN.steps.index(step) for step in WAY]
    scores, left = table(way["scores"], data)[known], table(way["left"], data)[known]
    whole = np.sqrt((scores**2).sum(1) + left**2)
    np.testing.assert_allclose(whole, np.linalg.norm(outputs - mean, axis=1), atol=1e-4)
    references = samples.references()
    places, off = (
        table(header[name], data) for name in ("referenceScores", "referenceLeft")
    )  # fmt: skip
    whole = np.sqrt((places**2).sum(1) + off**2)
    np.testing.assert_allclose(whole, np.linalg.norm(references - mean, axis=1), atol=1e-4)
    apart = np.linalg.norm(outputs[:, None] - references, axis=2)
    np.testing.assert_allclose(table(way["distances"], data)[known], apart, atol=1e-4)


def test_runs_together_have_one_set_of_axes_and_the_page_s_own_comes_first(store: Store) -> None:
    client = measured(store)
    state, header, data = fetch(client, "second")
    found = trajectory({"demo": rows(RUN, WAY), "second": rows(SECOND, OTHER)}, axes=AXES)
    assert state["beside"] == ["second"]
    assert [way["name"] for way in header["runs"]] == ["demo", "second"]
    for way in header["runs"]:
        scores = found.runs[way["name"]].scores
        np.testing.assert_allclose(table(way["scores"], data), scores, atol=1e-6)
    theirs = client.get("/api/dynamics/second?with=demo").get_json()
    turned, _ = decode(client.get(theirs["address"]).data)
    assert [way["name"] for way in turned["runs"]] == ["second", "demo"]
    assert turned["explained"] == header["explained"]
    assert theirs["address"] != state["address"]


def test_the_same_outputs_have_the_same_address_whatever_else_is_measured(store: Store) -> None:
    client = measured(store)
    before = fetch(client)[0]["address"]
    spec = next(s for s in standard_measurements(RUN) if isinstance(s, LLCMeasurement))
    llc = synthetic.llc(RUN.steps[1], spec, np.random.default_rng(0))
    another = synthetic.wrap(RUN, RUN.steps[1], spec, llc)
    store.put_many({another.key: to_bytes(another)}, RUN.name)
    assert fetch(client)[0]["address"] == before
    step = RUN.steps[samples.GAP[0]]
    new = synthetic.wrap(RUN, step, samples.SPEC, samples.way(RUN)[step])
    store.put_many({new.key: to_bytes(new)}, RUN.name)
    assert fetch(client)[0]["address"] != before
    kept = client.get(before)
    assert kept.status_code == 200, "what was computed stays as long as it is kept"
    assert create_app(store).server.test_client().get(before).status_code == 404


@pytest.mark.parametrize(
    "address", ["/data/demo/dynamics/0.bin", "/data/demo/dynamics/second/0.bin"]
)
def test_an_address_of_other_data_is_not_found(store: Store, address: str) -> None:
    assert measured(store).get(address).status_code == 404


def test_a_damaged_record_is_a_gap(store: Store) -> None:
    samples.put(store, RUN, WAY)
    key = store.keys("demo", "outputs")[0]
    store.drop(key)
    store.put_many({key: b"not a record"}, "demo")
    assert Dynamics(store).state("demo")["measured"] == len(WAY) - 1


# -- which runs can be compared ------------------------------------------------------------------


def test_a_run_that_cannot_be_compared_is_refused_with_the_reason(store: Store) -> None:
    measured(store)
    kinds = {
        "bare": ({}, samples.SPEC),
        "short": (dict(list(OTHER.items())[:3]), samples.SPEC),
        "scaled": (samples.way(SECOND, scale=1.1), samples.SPEC),
        "otherwise": (OTHER, dataclasses.replace(samples.SPEC, samples=32)),
    }
    for name, (found, spec) in kinds.items():
        samples.put(store, dataclasses.replace(SECOND, name=name), found, spec)
    store.put_run(synthetic.regression_run("icl"))
    state = Dynamics(store).state("demo", ["second", "bare", "nobody", "demo", "icl"])
    reasons = {other["name"]: other["reason"] for other in state["others"]}
    assert reasons.pop("otherwise").startswith("measured otherwise: 16 positions of 32 held-out")
    assert reasons == {
        "second": "", "bare": "its outputs are not measured", "icl": "a regression run",
        "short": "fewer than 4 checkpoints are measured", "scaled": "measured on other data",
    }  # fmt: skip
    assert state["beside"] == ["second"]
    unknown = "there is no other run of that name"
    assert {left["name"]: left["reason"] for left in state["left"]} == {
        "bare": reasons["bare"], "icl": reasons["icl"], "nobody": unknown, "demo": unknown,
    }  # fmt: skip


def test_more_runs_than_can_be_told_apart_are_left_out(store: Store) -> None:
    samples.put(store, RUN, WAY)
    names = [f"seed{i}" for i in range(6)]
    for name in names:
        samples.put(store, dataclasses.replace(SECOND, name=name), OTHER)
    state = Dynamics(store).state("demo", names[::-1])
    assert state["beside"] == names[2:]
    assert [left["name"] for left in state["left"]] == ["seed1", "seed0"]


def test_a_run_that_nobody_has_is_an_error(store: Store) -> None:
    with pytest.raises(RunNotFound):
        Dynamics(store).state("nobody")


def test_too_few_checkpoints_are_no_way(store: Store) -> None:
    samples.put(store, RUN, dict(list(WAY.items())[:3]))
    state = Dynamics(store).state("demo")
    assert state["digest"] == ""
    assert state["reason"] == "Outputs are measured at 3 of 24 checkpoints; a way needs 4."
    assert Dynamics(store).data("demo", (), "0") is None


def test_records_of_one_run_on_several_inputs_are_refused_in_words(store: Store) -> None:
    mixed = {**WAY, RUN.steps[3]: samples.way(RUN, scale=1.2)[RUN.steps[3]]}
    samples.put(store, RUN, mixed)
    state = Dynamics(store).state("demo")
    assert state["digest"] == ""
    assert "not of the same inputs" in state["reason"]


# -- what is said of the shape -------------------------------------------------------------------


def test_the_way_of_a_random_walk_says_no_more_than_one() -> None:
    run = synthetic.language_run("walk", 60)
    found = trajectory({"walk": rows(run, samples.walk(run))}, axes=AXES)
    words = walk_words(found, "walk")
    assert words.startswith("A random walk of 60 checkpoints would have 61, 15, 7 and 4 %")
    assert words.endswith("their arc says no more than a random walk’s would.")


def test_a_way_with_a_turn_of_its_own_says_more() -> None:
    found = trajectory({"demo": rows(RUN, WAY)}, axes=AXES)
    words = walk_words(found, "demo")
    cosines = found.runs["demo"].cosine_shares
    assert cosines[1] < 0.9
    assert f"along PC2 {cosines[1]:.0%}".replace("%", " %") in words
    assert words.endswith("says more than a random walk’s would.")


def test_few_checkpoints_make_the_comparison_rough() -> None:
    few = dict(list(WAY.items())[::3])
    words = walk_words(trajectory({"demo": dict(few)}, axes=AXES), "demo")
    assert words.endswith("With so few checkpoints this comparison is rough.")


def test_outputs_that_never_change_have_no_shape() -> None:
    still = dict.fromkeys(RUN.steps, WAY[0])
    found = trajectory({"demo": dict(still)}, axes=AXES)
    assert "spans too few axes" in walk_words(found, "demo")
    header, _ = decode(encode_trajectories(found, "demo", "language"))
    assert header["explained"] == [0.0] * AXES


def test_of_several_runs_shares_alone_are_compared() -> None:
    found = trajectory({"demo": rows(RUN, WAY), "second": rows(SECOND, OTHER)}, axes=AXES)
    words = walk_words(found, "demo")
    assert words.startswith("Random walks of as many runs and checkpoints would have ")
    assert "can be read where the run is alone" in words


# -- the page ------------------------------------------------------------------------------------


def context_of(store: Store) -> Context:
    library = Library(store)
    return Context(library, Payloads(library, "/"), Jobs(store), "/")


def said(page: Any) -> str:
    return json.dumps(page, default=lambda c: c.to_plotly_json(), ensure_ascii=False)


def test_the_page_has_a_named_place_for_every_panel(store: Store) -> None:
    samples.put(store, RUN, WAY)
    text = said(layout(context_of(store), "?run=demo"))
    for name, label in PANELS.items():
        assert f'"{name}-body"' in text
        assert label in text


def test_the_page_of_an_empty_store_says_how_to_add_a_run(store: Store) -> None:
    assert "ontogeny add FOLDER" in said(layout(context_of(store), ""))
