from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from numpy import ndarray

from compute.errors import RunNotFound
from compute.jobs import Jobs
from compute.measure.stages import Boundary, Stage, Stages, find_stages
from compute.store import Store
from dashboard import stages_api
from dashboard.context import Context
from dashboard.development import Development
from dashboard.factory import create_app
from dashboard.figures.series import Curve
from dashboard.figures.stages import curve_stages, encode_stages, stage_points
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.stages import Stagings
from tests.dashboard import stage_samples, synthetic

RUN = synthetic.language_run(checkpoints=36)
UNMEASURED = 25
FOUND = Stages(
    critical_points=(Boundary(819.4, 640.0, float("nan"), "maximum", 0.97),),
    slope_changes=(Boundary(90.0, 61.5, 120.0, "slope", 1.0),),
    stages=(Stage(0.0, 819.4, "A", 0.99), Stage(819.4, 6000.0, "unclear", 0.6)),
    flat=((1.0, 8.0),),
)


class Counting:
    """Finds stages as `find_stages` would, slowly, and keeps what it was given."""

    def __init__(self, pause: float = 0.0) -> None:
        self.asked: list[tuple[Sequence[int], ndarray, ndarray | None]] = []
        self._pause = pause

    def __call__(self, steps: Sequence[int], values: ndarray, errors: ndarray | None) -> Stages:
        self.asked.append((steps, values, errors))
        time.sleep(self._pause)
        return FOUND


@dataclasses.dataclass
class Served:
    """A store behind the route alone, and what was asked of the one who finds stages."""

    library: Library
    payloads: Payloads
    find: Counting
    client: FlaskClient

    def path(self, curve: str) -> str:
        """The address of a curve's stages in the run's data as it is now."""
        address = self.payloads.address(RUN.name)
        return address.replace(".bin", f"/stages/{curve}.json")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = Store(tmp_path_factory.mktemp("stages") / "store")
    stage_samples.fill(opened, RUN, without=(UNMEASURED,))
    yield opened
    opened.close()


@pytest.fixture
def served(filled: Store) -> Served:
    return serve(filled)


def serve(store: Store) -> Served:
    library = Library(store)
    payloads = Payloads(library, "/")
    find = Counting()
    server = Flask("stages")
    server.testing = True
    stagings = Stagings(library, payloads, find)
    stages_api.register(server, Context(library, payloads, Jobs(store), "/"), stagings)
    return Served(library, payloads, find, server.test_client())


def curve_of(development: Development, curve_id: str) -> Curve:
    return next(c for c in development.curves if c.id == curve_id)


def judged(values: Sequence[float], verdicts: Sequence[str]) -> Curve:
    level = np.asarray(values, dtype=np.float32)
    return Curve(
        id="llc", name="LLC", unit="", group="llc", settings="", values=level,
        low=level - 3.92, high=level + 3.92, verdicts=tuple(verdicts),
        reasons=("",) * len(level),
    )  # fmt: skip


def test_only_healthy_points_count_with_their_standard_errors() -> None:
    values, errors = stage_points(judged([1, 2, np.nan, 4], ["healthy", "drifting", "", "healthy"]))
    np.testing.assert_array_equal(values, np.float32([1, np.nan, np.nan, 4]))
    assert errors is not None
    np.testing.assert_allclose(errors, [2, np.nan, np.nan, 2], rtol=1e-6)


def test_a_curve_without_intervals_has_no_errors() -> None:
    bare = np.full(3, np.nan, dtype=np.float32)
    curve = dataclasses.replace(judged([1, 2, 3], ["healthy"] * 3), low=bare, high=bare)
    assert stage_points(curve)[1] is None


def test_an_interval_without_end_is_no_error() -> None:
    curve = judged([1, 2, 3], ["healthy"] * 3)
    curve.high[1] = np.inf
    errors = stage_points(curve)[1]
    assert errors is not None
    np.testing.assert_array_equal(np.isfinite(errors), [True, False, True])


def test_the_file_holds_what_was_found_and_null_for_what_is_unknown() -> None:
    told = json.loads(encode_stages(judged([1.0], ["healthy"]), FOUND))
    assert (told["curve"], told["reason"], told["flat"]) == ("llc", "", [[1, 8]])
    assert told["critical"] == [
        {"step": 819.4, "low": 640.0, "high": None, "kind": "maximum", "support": 0.97}
    ]
    assert told["slopes"][0]["kind"] == "slope"
    assert told["stages"] == [
        {"start": 0, "end": 819.4, "type": "A", "support": 0.99},
        {"start": 819.4, "end": 6000, "type": "unclear", "support": 0.6},
    ]


def test_stages_are_told_for_ever_under_the_digest_of_the_data(served: Served) -> None:
    answer = served.client.get(served.path("llc"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, FOREVER)
    assert answer.mimetype == "application/json"
    assert answer.get_json()["critical"][0]["step"] == 819.4
    (asked,) = served.find.asked
    assert asked[0] == RUN.steps
    curve = curve_of(served.library.development(RUN.name), "llc")
    healthy = np.array([verdict == "healthy" for verdict in curve.verdicts])
    assert not healthy[UNMEASURED]
    np.testing.assert_array_equal(np.isfinite(asked[1]), healthy)
    np.testing.assert_array_equal(asked[1][healthy], curve.values[healthy])
    assert asked[2] is not None
    errors = np.where(healthy, (curve.high - curve.low) / 3.92, np.nan)
    np.testing.assert_allclose(asked[2], errors, rtol=1e-5)


def test_any_curve_of_the_run_has_stages(served: Served) -> None:
    assert served.client.get(served.path("induction")).get_json()["curve"] == "induction"
    assert served.client.get(served.path("loss")).status_code == 200
    assert len(served.find.asked) == 2


@pytest.mark.parametrize("curve", ["none", "llc~2", "graph.density", "llc.json"])
def test_an_unknown_curve_is_not_found(served: Served, curve: str) -> None:
    assert served.client.get(served.path(curve)).status_code == 404
    assert served.find.asked == []


def test_an_unknown_run_or_other_data_is_not_found(served: Served) -> None:
    path = served.path("llc")
    digest = served.payloads.digest(RUN.name)
    assert served.client.get(path.replace(digest, "0" * 64)).status_code == 404
    with pytest.raises(RunNotFound):
        served.client.get(path.replace(RUN.name, "none"))
    assert served.find.asked == []


def test_the_dashboard_has_the_route(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    payload = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    path = payload.replace(".bin", "/stages/llc.json")
    told = client.get(path).get_json()
    assert [b["kind"] for b in told["critical"]] == ["maximum", "minimum"]
    for boundary, step in zip(
        told["critical"], (stage_samples.MAXIMUM, stage_samples.MINIMUM), strict=True
    ):
        assert 0.8 < (1 + boundary["step"]) / (1 + step) < 1.25
    assert [stage["type"] for stage in told["stages"]] == ["A", "B", "A"]
    assert client.get(path.replace(RUN.name, "none")).status_code == 404


def test_stages_that_several_ask_for_are_found_once(served: Served) -> None:
    find = Counting(pause=0.1)
    stagings = Stagings(served.library, served.payloads, find)
    digest = served.payloads.digest(RUN.name)
    together = threading.Barrier(4)

    def ask(_: int) -> bytes | None:
        together.wait()
        return stagings.file(RUN.name, digest, "llc")

    with ThreadPoolExecutor(4) as pool:
        files = set(pool.map(ask, range(4)))
    assert len(files) == 1
    assert len(find.asked) == 1


def test_new_records_of_other_kinds_do_not_find_the_stages_again(store: Store) -> None:
    stage_samples.fill(store, RUN, without=(UNMEASURED,))
    served = serve(store)
    before = served.path("llc")
    assert served.client.get(before).status_code == 200
    synthetic.fail(store, RUN, 3, "graph", "out of memory")
    after = served.path("llc")
    assert after != before
    assert served.client.get(after).status_code == 200
    assert len(served.find.asked) == 1
    stage_samples.fill(store, RUN)
    assert served.client.get(served.path("llc")).status_code == 200
    assert len(served.find.asked) == 2


def test_a_curve_that_rises_and_falls_has_its_maximum_in_the_file() -> None:
    steps = RUN.steps
    x = np.log1p(np.asarray(steps))
    level = 100 - 4 * (x - 5) ** 2 + np.random.default_rng(3).normal(0, 1, len(x))
    curve = judged(level.tolist(), ["healthy"] * len(x))
    curve = dataclasses.replace(curve, low=curve.values - 1.96, high=curve.values + 1.96)
    told = json.loads(encode_stages(curve, curve_stages(steps, curve, find_stages)))
    (top,) = told["critical"]
    assert top["kind"] == "maximum"
    assert top["low"] < np.expm1(5) < top["high"]
    assert [stage["type"] for stage in told["stages"]] == ["A", "B"]
    assert told["stages"][0]["end"] == pytest.approx(top["step"])


def test_a_run_without_an_llc_says_why_it_has_no_stages(store: Store) -> None:
    store.put_run(RUN)
    library = Library(store)
    payloads = Payloads(library, "/")
    data = Stagings(library, payloads).file(RUN.name, payloads.digest(RUN.name), "llc")
    assert data is not None
    told = json.loads(data)
    assert told["stages"] == []
    assert told["reason"]
