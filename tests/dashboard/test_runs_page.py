from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from compute.catalogue import Addition
from compute.errors import RunError
from compute.jobs import Jobs
from compute.specs import standard_measurements
from compute.store import Store
from dashboard.factory import create_app
from tests.dashboard import synthetic
from tests.samples import a_run

RUN = synthetic.language_run("mine", 3, 100)
SHIPPED = dataclasses.replace(RUN, name="shipped", source="shipped", location="shipped")


class Adder:
    """Enters runs of made-up steps, and refuses the ones called bad."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[Addition] = []

    def __call__(self, addition: Addition) -> str:
        self.asked.append(addition)
        name = addition.name or Path(addition.location).name
        if name == "bad":
            raise RunError("bad: no checkpoints here")
        self.store.put_run(a_run(name, 7, location=addition.location))
        return f"{name}: 7 checkpoints"


@dataclasses.dataclass
class Served:
    client: FlaskClient
    store: Store
    add: Adder
    folder: Path

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(f"/api/runs/{path}", json=body or {}, headers=headers)


@pytest.fixture
def served(store: Store, tmp_path: Path) -> Served:
    folder = tmp_path / "runs"
    for name in ("new", "bad"):
        (folder / name / "step0").mkdir(parents=True)
    synthetic.fill(store, RUN, missing=(("llc", 1),))
    store.put_run(SHIPPED)
    add = Adder(store)
    app = create_app(store, runs_folders=(folder,), add=add)
    return Served(app.server.test_client(), store, add, folder)


def test_the_catalogue_says_what_there_is_and_what_could_be_added(served: Served) -> None:
    state = served.client.get("/api/runs").json
    assert [run["name"] for run in state["runs"]] == ["mine", "shipped"]
    mine = state["runs"][0]
    assert (mine["checkpoints"], mine["first"], mine["last"]) == (3, 0, 100)
    assert {Path(p["folder"]).name for p in state["places"]} == {"new", "bad"}
    assert state["runs"][1]["obstacle"]
    # Where a run of somebody lies on this machine is nobody's business.
    assert "/nowhere" not in str(state)


def test_what_is_held_of_a_run_is_told_with_an_estimate_of_the_rest(served: Served) -> None:
    facts = served.client.get("/api/runs/mine").json
    assert facts["components"] == 22
    llc = next(row for row in facts["coverage"] if row["kind"] == "llc")
    assert (llc["done"], llc["total"]) == (2, 3)
    assert facts["missing"] == 1
    assert facts["seconds"] == pytest.approx(0.1)
    assert facts["room"] > 0
    assert any("cannot be read" in text for text in facts["stale"])
    assert served.client.get("/api/runs/shipped").json["missing"] == 0
    assert served.client.get("/api/runs/gone").status_code == 404


def test_a_run_out_of_an_allowed_folder_is_added(served: Served) -> None:
    answer = served.post("add", {"location": "new", "recipe": "r", "tokens": "4,096"})
    assert (answer.status_code, answer.json["said"]) == (200, "new: 7 checkpoints")
    assert served.add.asked == [
        Addition(location=str(served.folder / "new"), recipe="r", tokens_per_step=4096)
    ]
    answer = served.post("add", {"location": "a/b", "hub": True, "name": "hubbed"})
    assert answer.status_code == 200
    assert served.add.asked[-1] == Addition(location="a/b", hub=True, name="hubbed")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"location": "../secret"}, "without .."),
        ({"location": "/etc"}, "out of which"),
        ({"location": ""}, "name a folder"),
        ({"location": "x", "hub": True}, "OWNER/NAME"),
        ({"location": "bad"}, "no checkpoints here"),
        ({"location": "new", "name": "a b"}, "run name"),
        ({"location": "new", "recipe": "../x"}, "run name"),
        ({"location": "new", "tokens": "many"}, "whole number"),
        ({"location": "new", "tokens": "²"}, "whole number"),
        ({"location": "new", "tokens": "0"}, "whole number"),
        ({"location": "new", "tokens": "9" * 4300}, "at most 15 digits"),
        ({"location": "n" * 5000}, "cannot be read"),
        ({"location": "new", "name": "shipped"}, "another name"),
        ("nonsense", "name a folder"),
    ],
)
def test_what_cannot_be_added_is_said_in_words(served: Served, body: Any, reason: str) -> None:
    answer = served.post("add", body)
    assert answer.status_code == 409
    assert reason in answer.json["reason"]
    assert len(served.store.runs()) == 2


def test_while_a_run_is_added_another_is_not_waited_for(served: Served) -> None:
    told: list[Any] = []

    def slow(addition: Addition) -> str:
        told.append(served.post("add", {"location": "new", "name": "second"}))
        return "first"

    app = create_app(served.store, runs_folders=(served.folder,), add=slow)
    served.client = app.server.test_client()
    for _ in range(2):
        assert served.post("add", {"location": "new"}).json["said"] == "first"
    assert {answer.status_code for answer in told} == {409}
    assert "another run is being added" in told[0].json["reason"]


def test_behind_a_token_places_are_told_by_their_names_in_the_allowed_folder(
    served: Served,
) -> None:
    app = create_app(served.store, token="t", runs_folders=(served.folder,), add=served.add)
    served.client = app.server.test_client()
    served.client.get("/?token=t")
    state = served.client.get("/api/runs").json
    assert state["folders"] == ["runs"]
    assert {place["folder"] for place in state["places"]} == {"new", "bad"}
    assert served.post("add", {"location": "new"}).status_code == 200
    (served.folder / "bad" / "corpus").symlink_to("/etc")
    for location in ("bad", "gone"):
        reason = served.post("add", {"location": location}).json["reason"]
        assert str(served.folder.parent) not in reason


def test_only_our_own_pages_change_the_catalogue(served: Served) -> None:
    for path in ("add", "mine/rescan", "mine/remove"):
        for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            assert served.post(path, {"location": "new"}, **headers).status_code == 403
        plain = served.client.post(f"/api/runs/{path}", data="location=new")
        assert plain.status_code == 403
        served.client.get(f"/api/runs/{path}")
    assert served.add.asked == []
    assert len(served.store.runs()) == 2


def test_looking_again_says_how_many_checkpoints_are_new(served: Served) -> None:
    served.store.put_run(a_run("grown", 5))
    assert served.post("grown/rescan").json["said"] == "grown: 2 new checkpoints"
    assert served.post("grown/rescan").json["said"] == "grown: no new checkpoint"
    (served.folder / "new" / "corpus").symlink_to("/etc")
    served.store.put_run(a_run("linked", 7, location=served.folder / "new"))
    assert "link out of" in served.post("linked/rescan").json["reason"]
    assert "records only" in served.post("shipped/rescan").json["reason"]
    assert served.post("gone/rescan").status_code == 404


def test_a_removed_run_leaves_its_records_and_one_at_work_stays(served: Served) -> None:
    kept = len(served.store.keys("mine"))
    jobs = Jobs(served.store)
    job = jobs.submit("mine", standard_measurements(RUN), None)
    assert "cancel its job" in served.post("mine/remove").json["reason"]
    jobs.cancel(job.id)
    assert "records stay" in served.post("mine/remove").json["said"]
    assert [run.name for run in served.store.runs()] == ["shipped"]
    assert len(served.store.keys("mine")) == kept


def test_a_server_that_takes_no_runs_says_so(store: Store) -> None:
    store.put_run(a_run("mine"))
    client = create_app(store).server.test_client()
    state = client.get("/api/runs").json
    assert (state["takes"], state["places"]) == (False, [])
    assert "ontogeny add" in state["refusal"]
    for path in ("mine/remove", "mine/rescan"):
        answer = client.post(f"/api/runs/{path}", json={})
        assert answer.status_code == 409
        assert "ontogeny add" in answer.json["reason"]
    assert store.run("mine")
