from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from compute.calibrating import estimate_of, sweeps
from compute.calibration import RULE, calibration_measurements, default_grid, setting_of
from compute.jobs import Jobs
from compute.llc_specs import LLCSpec
from compute.specs import llc_measurement
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.context import Context
from dashboard.factory import create_app
from dashboard.figures.calibration import MEASURES, kept_text
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages import calibration
from dashboard.payloads import Payloads
from tests.dashboard import synthetic
from tests.dashboard.calibration_samples import (
    BEST,
    GAMMAS,
    NBETAS,
    REASON,
    STEP_SIZES,
    WILD,
    level,
    put_sweep,
)

RUN = synthetic.language_run(checkpoints=8)
STEPS = (RUN.steps[3], RUN.steps[-1])
CELLS = len(STEP_SIZES) * len(NBETAS) * len(GAMMAS) * len(STEPS)
STATE = f"/api/calibration/{RUN.name}"


@pytest.fixture
def client(store: Store) -> FlaskClient:
    store.put_run(RUN)
    put_sweep(store, RUN, STEPS)
    return create_app(store).server.test_client()


def sweep_file(client: FlaskClient) -> tuple[dict[str, Any], bytes]:
    answer = client.get(client.get(STATE).json["sweeps"])
    assert answer.headers["Cache-Control"] == FOREVER
    return decode(answer.data)


def sweep_of(client: FlaskClient) -> dict[str, Any]:
    (sweep,) = sweep_file(client)[0]["sweeps"]
    return dict(sweep)


# -- what the page is given ----------------------------------------------------------------------


def test_the_page_names_its_run(store: Store) -> None:
    store.put_run(RUN)
    library = Library(store)
    context = Context(library, Payloads(library, "/"), Jobs(store), "/")
    page = calibration.layout(context, f"?run={RUN.name}")
    facts = page.to_plotly_json()["props"]
    assert (facts["data-page"], facts["data-run"]) == ("calibration", RUN.name)
    assert "No run named" in str(calibration.layout(context, "?run=none"))


def test_every_cell_comes_with_its_number_verdict_and_problem(client: FlaskClient) -> None:
    header, data = sweep_file(client)
    (sweep,) = header["sweeps"]
    assert header["rule"] == RULE
    assert (sweep["stepSizes"], sweep["nbetas"], sweep["gammas"]) == (
        list(STEP_SIZES), list(NBETAS), list(GAMMAS),
    )  # fmt: skip
    assert sweep["steps"] == list(STEPS)
    assert len(sweep["cells"]) == CELLS
    values = {name: array(sweep["values"][name], data) for name in MEASURES}
    for i, cell in enumerate(sweep["cells"]):
        setting = setting_of(LLCSpec(**{k: cell[k] for k in ("step_size", "nbeta", "gamma")}))
        if setting == WILD:
            assert (cell["failed"], cell["traces"]) == (True, "")
            assert REASON in cell["problem"]
            assert all(np.isnan(values[name][i]) for name in MEASURES)
        else:
            assert values["llc"][i] == pytest.approx(level(setting, cell["step"]))
            assert values["rise"][i] == pytest.approx(values["llc"][i] / setting.nbeta)
            assert values["relativeError"][i] == pytest.approx(0.2 / values["llc"][i])


def test_the_choice_is_that_of_the_rule_over_every_step_and_at_each(client: FlaskClient) -> None:
    choices = sweep_of(client)["choices"]
    assert set(choices) == {"every", *map(str, STEPS)}
    assert {tuple(choice["setting"].values()) for choice in choices.values()} == {tuple(BEST)}
    assert "every step" in choices["every"]["why"]
    assert "this step" in choices[str(STEPS[0])]["why"]


def test_the_traces_of_a_cell_average_to_its_estimate(client: FlaskClient, store: Store) -> None:
    state = client.get(STATE).json
    cell = next(c for c in sweep_of(client)["cells"] if not c["failed"])
    answer = client.get(f"{state['traces']}/{cell['traces']}.bin")
    assert answer.headers["Cache-Control"] == FOREVER
    header, data = decode(answer.data)
    estimate = estimate_of(store, RUN.name, cell["traces"])
    assert estimate is not None
    difference = array(header["difference"], data)
    paired = cell["nbeta"] * (estimate.loss_trace - estimate.baseline_trace)
    np.testing.assert_allclose(difference, paired, rtol=1e-6)
    assert array(header["distance"], data).shape == difference.shape
    assert header["llc"] == estimate.llc


@pytest.mark.parametrize("path", ["0" * 64, f"traces/{'0' * 64}", "traces/x"])
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(f"/data/{RUN.name}/calibration/{path}.bin").status_code == 404
    assert client.get("/api/calibration/none").status_code == 404


def test_a_run_without_calibrations_has_an_empty_file(store: Store) -> None:
    store.put_run(RUN)
    client = create_app(store).server.test_client()
    assert sweep_file(client)[0]["sweeps"] == []


def test_new_cells_have_a_new_address_and_curves_do_not_change(
    client: FlaskClient, store: Store
) -> None:
    before, curves = client.get(STATE).json["sweeps"], Library(store).development(RUN.name).curves
    put_sweep(store, RUN, (RUN.steps[1],))
    assert client.get(STATE).json["sweeps"] != before
    after = Library(store).development(RUN.name).curves
    assert [c.id for c in after] == [c.id for c in curves]


def test_what_cells_have_in_common_is_named() -> None:
    spec = LLCSpec(rel_error=0.1, max_draws=800, preconditioner="rmsprop")
    assert kept_text(spec) == "4 chains × up to 800 draws after 100, batch 32, RMSProp"


# -- using a setting -----------------------------------------------------------------------------


def use(client: FlaskClient, headers: dict[str, str] | None = None, **changes: object) -> Any:
    body = {"sweep": sweep_of(client)["id"], "setting": BEST._asdict(), **changes}
    return client.post(f"{STATE}/use", json=body, headers=headers)


def test_what_is_used_measures_the_curve_from_then_on(client: FlaskClient, store: Store) -> None:
    assert client.get(STATE).json["chosen"] is False
    assert use(client).status_code == 200
    chosen = llc_measurement(store.run(RUN.name))
    (sweep,) = sweeps(store, RUN)
    assert setting_of(chosen.llc) == BEST
    assert (chosen.llc.burn_in, chosen.samples) == (sweep.base.llc.burn_in, sweep.base.samples)
    header, _ = sweep_file(client)
    assert header["current"] == BEST._asdict()
    assert header["sweeps"][0]["ofRun"] is True
    assert client.get(STATE).json["chosen"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"sweep": "none"}, {"sweep": None}, {"setting": None}, {"setting": [1, 2, 3]},
        {"setting": {"step_size": 1e-4}}, {"setting": WILD._asdict()},
        {"setting": {**BEST._asdict(), "nbeta": 7.0}},
    ],
)  # fmt: skip
def test_what_was_not_measured_cannot_be_used(
    client: FlaskClient, store: Store, changes: dict[str, object]
) -> None:
    answer = use(client, **changes)
    assert answer.status_code == 409
    assert "no cell of this run’s" in answer.json["reason"].replace("'", "’")
    assert store.run(RUN.name) == RUN


def test_another_site_can_change_nothing(client: FlaskClient, store: Store) -> None:
    evil = {"Origin": "https://evil.example"}
    assert use(client, evil).status_code == 403
    start = client.post(f"{STATE}/start", json={"steps": [STEPS[0]]}, headers=evil)
    assert start.status_code == 403
    assert client.post(f"{STATE}/use", data={"sweep": "x"}).status_code == 403
    assert (store.run(RUN.name), Jobs(store).list()) == (RUN, [])


def test_the_settings_of_a_shipped_run_stay(store: Store) -> None:
    shipped = dataclasses.replace(RUN, source="shipped")
    store.put_run(shipped)
    put_sweep(store, RUN, STEPS)
    client = create_app(store).server.test_client()
    assert "weights are not here" in client.get(STATE).json["readOnly"]
    answer = use(client)
    assert answer.status_code == 409
    assert "weights are not here" in answer.json["reason"]
    assert store.run(RUN.name) == shipped


# -- asking for a calibration --------------------------------------------------------------------


def start(client: FlaskClient, body: object) -> Any:
    return client.post(f"{STATE}/start", json=body)


def test_a_calibration_is_asked_for_once(client: FlaskClient, store: Store) -> None:
    answers = [start(client, {"steps": [STEPS[0]]}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {202}
    (job,) = Jobs(store).list()
    base = llc_measurement(RUN)
    assert job.measurements() == calibration_measurements(base, default_grid(base.llc))
    assert job.steps == (STEPS[0],)
    state = client.get(STATE).json
    assert state["job"]["state"] == "queued"
    assert state["cells"] == len(job.specs)


def test_jobs_of_other_kinds_are_no_calibration(client: FlaskClient) -> None:
    client.post("/api/jobs", json={"run": RUN.name, "kinds": ["llc"]})
    assert client.get(STATE).json["job"] is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "steps must be a list"),
        ([], "steps must be a list"),
        ({"steps": "6000"}, "steps must be a list"),
        ({"steps": [1.5]}, "steps must be a list"),
        ({"steps": [7777777]}, "no checkpoint at step 7777777"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_with_a_reason(
    client: FlaskClient, store: Store, body: object, reason: str
) -> None:
    answer = start(client, body)
    assert answer.status_code == 409
    assert reason in json.loads(answer.data)["reason"]
    assert Jobs(store).list() == []
