from __future__ import annotations

import hashlib

import pytest
from flask.testing import FlaskClient

from compute.jobs import Jobs
from compute.runs import Run
from compute.specs import standard_measurements
from compute.store import Store
from dashboard.factory import create_app
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=8)


@pytest.fixture
def client(store: Store) -> FlaskClient:
    synthetic.fill(store, RUN)
    return create_app(store).server.test_client()


def test_data_is_addressed_by_its_digest_and_kept_for_ever(client: FlaskClient) -> None:
    address = client.get(f"/api/state/{RUN.name}").json["payload"]
    answer = client.get(address)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert address == f"/data/{RUN.name}/{hashlib.sha256(answer.data).hexdigest()}.bin"


def test_another_process_makes_the_same_address(client: FlaskClient, store: Store) -> None:
    other = create_app(store).server.test_client()
    address = client.get(f"/api/state/{RUN.name}").json["payload"]
    assert other.get(address).status_code == 200


def test_new_records_have_a_new_address_and_the_old_one_still_answers(
    client: FlaskClient, store: Store
) -> None:
    before = client.get(f"/api/state/{RUN.name}").json["payload"]
    synthetic.fail(store, RUN, 2, "llc", "diverged")
    after = client.get(f"/api/state/{RUN.name}").json["payload"]
    assert after != before
    assert client.get(before).status_code == client.get(after).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/state/none", "/data/none/0.bin", f"/data/{RUN.name}/{'0' * 64}.bin"]
)
def test_what_is_not_there_is_not_found(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_newest_job_of_the_run_is_told(client: FlaskClient, store: Store) -> None:
    assert client.get(f"/api/state/{RUN.name}").json["job"] is None
    job = Jobs(store).submit(RUN.name, standard_measurements(RUN))
    Jobs(store).progress(job.id, done=3, total=80, failed=1, eta_seconds=61.0)
    told = client.get(f"/api/state/{RUN.name}").json["job"]
    assert (told["state"], told["done"], told["total"], told["eta"]) == ("queued", 3, 80, 61.0)


def test_a_job_can_be_submitted_from_the_page(client: FlaskClient, store: Store) -> None:
    answer = client.post("/api/jobs", json={"run": RUN.name})
    assert answer.status_code == 202
    (job,) = Jobs(store).list()
    assert job.measurements() == list(standard_measurements(RUN))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_cannot_submit_a_job(
    client: FlaskClient, store: Store, headers: dict[str, str]
) -> None:
    assert client.post("/api/jobs", json={"run": RUN.name}, headers=headers).status_code == 403
    assert Jobs(store).list() == []


def test_a_form_cannot_submit_a_job(client: FlaskClient, store: Store) -> None:
    assert client.post("/api/jobs", data={"run": RUN.name}).status_code == 403
    assert Jobs(store).list() == []


@pytest.mark.parametrize("body", [{}, [], {"run": "none"}, {"run": 7}])
def test_a_job_for_no_run_is_refused_with_a_reason(client: FlaskClient, body: object) -> None:
    answer = client.post("/api/jobs", json=body)
    assert answer.status_code == 404
    assert "no run named" in answer.json["reason"]


def test_a_shipped_run_says_that_its_weights_are_not_here(store: Store) -> None:
    shipped = Run(**{**vars(RUN), "source": "shipped"})
    store.put_run(shipped)
    client = create_app(store).server.test_client()
    assert "weights are not here" in client.get(f"/api/state/{RUN.name}").json["obstacle"]
    answer = client.post("/api/jobs", json={"run": RUN.name})
    assert answer.status_code == 409
    assert "records only" in answer.json["reason"]


def test_the_queue_is_told_newest_first(client: FlaskClient, store: Store) -> None:
    assert client.get("/api/jobs").json == {"jobs": [], "service": False}
    specs = standard_measurements(RUN)
    first = Jobs(store).submit(RUN.name, specs[:1], steps=RUN.steps[:3])
    second = Jobs(store).submit(RUN.name, specs)
    told = client.get("/api/jobs").json["jobs"]
    assert [job["id"] for job in told] == [second.id, first.id]
    assert (told[1]["measurements"], told[1]["checkpoints"]) == (1, 3)


def test_a_job_is_cancelled_and_tried_again(client: FlaskClient, store: Store) -> None:
    job = Jobs(store).submit(RUN.name, standard_measurements(RUN))
    assert client.post(f"/api/jobs/{job.id}/cancel", json={}).json["job"]["state"] == "cancelled"
    refused = client.post(f"/api/jobs/{job.id}/cancel", json={})
    assert refused.status_code == 409
    assert "cancelled already" in refused.json["reason"]
    assert client.post(f"/api/jobs/{job.id}/retry", json={}).json["job"]["state"] == "queued"
    assert client.post(f"/api/jobs/{job.id}/burn", json={}).status_code == 405
    assert client.post("/api/jobs/none/retry", json={}).status_code == 409


def test_another_site_cannot_cancel(client: FlaskClient, store: Store) -> None:
    job = Jobs(store).submit(RUN.name, standard_measurements(RUN))
    evil = {"Origin": "https://evil.example"}
    assert client.post(f"/api/jobs/{job.id}/cancel", json={}, headers=evil).status_code == 403
    assert Jobs(store).get(job.id).state == "queued"
