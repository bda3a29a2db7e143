"""Runs side by side: which curves are the same quantity, what enters a mean, what the page says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from dash import html
from flask.testing import FlaskClient

from compute.alignment import band
from compute.jobs import Jobs
from compute.measure.stages import Boundary, Stages
from compute.runs import Run
from compute.store import Store
from dashboard.across_api import Comparisons, recipe_runs
from dashboard.arrays import array, decode
from dashboard.context import Context
from dashboard.factory import create_app
from dashboard.figures.across import Side, align_by_turns, encode_pair, encode_recipe, shared
from dashboard.figures.series import Curve
from dashboard.library import Library
from dashboard.pages import across
from dashboard.payloads import Payloads
from dashboard.stages import FoundStages
from tests.dashboard import across_samples, synthetic

NAN = float("nan")
STEPS = (0, 10, 100)


def a_curve(
    id_: str = "llc", values: tuple[float, ...] = (1.0, 2.0, 3.0), *, settings: str = "usual",
    verdicts: tuple[str, ...] = (), component: str | None = None,
) -> Curve:  # fmt: skip
    table = np.array(values, dtype=np.float32)
    return Curve(
        id=id_, name=id_.upper(), unit="nats", group="llc", settings=settings, values=table,
        low=table - 1, high=table + 1, component=component, verdicts=verdicts,
        reasons=("",) * len(verdicts),
    )  # fmt: skip


def a_side(name: str, *curves: Curve, steps: tuple[int, ...] = STEPS, **facts: Any) -> Side:
    run = Run(
        name=name, source="folder", location="/nowhere", family="language", steps=steps,
        data_digest="d", **facts,
    )  # fmt: skip
    return Side(run, {("", curve.id): curve for curve in curves})


# -- which curves are the same quantity ----------------------------------------------------------


def test_curves_of_the_same_setting_are_twins_whatever_number_they_have() -> None:
    mine = a_curve(settings="ε 0.1")
    theirs = [a_curve(settings="ε 0.2"), a_curve("llc~2", (7.0, 8.0, 9.0), settings="ε 0.1")]
    ((place, curves),) = shared(a_side("a", mine), [a_side("b", *theirs)])
    assert place == ("", "llc")
    assert curves == [mine, theirs[1]]


def test_a_curve_that_was_measured_otherwise_stands_in_where_none_is_alike() -> None:
    other = a_curve(settings="ε 0.2")
    ((_, curves),) = shared(a_side("a", a_curve()), [a_side("b", other)])
    assert curves[1] is other


@pytest.mark.parametrize(
    "theirs", [a_curve("loss"), a_curve(values=(NAN, NAN, NAN)), a_curve("imported~0f")]
)
def test_what_only_one_run_has_is_not_shared(theirs: Curve) -> None:
    first = a_side("a", a_curve(), a_curve("imported~0f"))
    assert list(shared(first, [a_side("b", theirs)])) == []


# -- the files ------------------------------------------------------------------------------------


def test_a_mean_takes_healthy_values_that_were_measured_alike() -> None:
    sides = [
        a_side("a", a_curve(values=(1.0, 2.0, 3.0)), recipe="r", seed=1),
        a_side(
            "b", a_curve(values=(5.0, 50.0, NAN), verdicts=("healthy", "drifting", "")),
            recipe="r", seed=2,
        ),
        a_side("c", a_curve(values=(9.0, 9.0, 9.0), settings="other"), recipe="r", seed=3),
        a_side("d", a_curve(values=(3.0, 6.0), settings="usual"), steps=(0, 50), recipe="r"),
    ]  # fmt: skip
    header, data = decode(encode_recipe(sides))
    assert header["steps"] == [0, 10, 50, 100]
    (curve,) = header["curves"]
    assert curve["alike"] == [True, True, False, True]
    assert array(curve["band"]["runs"], data).tolist() == [3, 1, 1, 1]
    np.testing.assert_allclose(array(curve["band"]["mean"], data), [3, 2, 6, 3])
    same = band({"a": ((0,), np.array([1.0])), "b": ((0,), np.array([5.0])),
                 "d": ((0,), np.array([3.0]))})  # fmt: skip
    np.testing.assert_allclose(array(curve["band"]["low"], data)[0], same.low[0], rtol=1e-6)
    assert np.isnan(array(curve["band"]["low"], data)[1:]).all()


def test_a_pair_is_aligned_by_step_and_by_tokens() -> None:
    first = a_side("a", a_curve(), tokens_per_step=100)
    second = a_side("b", a_curve(values=(4.0, 5.0)), steps=(0, 5), tokens_per_step=200)
    header, data = decode(encode_pair(first, second))
    assert [run["name"] for run in header["runs"]] == ["a", "b"]
    assert array(header["by"]["step"]["steps"], data).tolist() == [0, 5]
    assert array(header["by"]["tokens"]["steps"], data).tolist() == [0, 10]
    assert array(header["by"]["tokens"]["nearest"], data).tolist() == [0, 1, -1]
    assert header["by"]["tokens"]["scale"] == 2
    values = array(header["curves"][0]["runs"][1]["values"], data)
    assert values.tolist() == [4, 5]
    untold, _ = decode(encode_pair(first, a_side("b", a_curve())))
    assert "--tokens-per-step" in untold["by"]["tokens"]["reason"]


def test_turns_are_read_from_the_twin_curves() -> None:
    seen = []

    def find(steps: tuple[int, ...], curve: Curve) -> Stages:
        seen.append(curve.settings)
        at = 10.0 * (2 if curve.settings == "other" else 1)
        return Stages(critical_points=(Boundary(at, at / 2, at * 2, "maximum", 1.0),))

    first, second = a_side("a", a_curve()), a_side("b", a_curve(settings="other"))
    found = align_by_turns(first, second, ("", "llc"), find)
    assert found is not None
    assert seen == ["usual", "other"]
    (match,) = found[0].matches
    assert match.factor == pytest.approx(21 / 11)
    assert align_by_turns(first, second, ("", "loss"), find) is None


# -- the server -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """The server of a store with a run by itself and two of a recipe; tests only read it."""
    store = Store(tmp_path_factory.mktemp("across") / "store")
    for seed, later in ((1, 1.0), (2, 1.6)):
        across_samples.fill(store, across_samples.seed_run(seed, checkpoints=6), later)
    store.put_run(synthetic.language_run("plain", 6))
    yield create_app(store).server.test_client()
    store.close()


@pytest.mark.parametrize("what", ["run/tiny_seed2", "recipe"])
def test_files_are_addressed_by_what_is_in_them_and_kept_for_ever(
    client: FlaskClient, what: str
) -> None:
    told = client.get(f"/api/across/tiny_seed1/{what}")
    assert told.headers["Cache-Control"] == "no-store"
    address = told.get_json()["address"]
    assert client.get(f"/api/across/tiny_seed1/{what}").get_json()["address"] == address
    answer = client.get(address)
    assert "immutable" in answer.headers["Cache-Control"]
    header, _ = decode(answer.data)
    assert header["mode"] == ("recipe" if what == "recipe" else "pair")
    assert {curve["id"] for curve in header["curves"]} > {"llc", "loss", "induction"}


def test_a_new_record_has_a_new_address_and_the_old_one_is_gone(store: Store) -> None:
    across_samples.fill(store, across_samples.seed_run(1, checkpoints=4))
    across_samples.fill(store, across_samples.seed_run(2, checkpoints=4), gaps=(2,))
    comparisons = Comparisons(Library(store), FoundStages())
    old, _ = comparisons.pair("tiny_seed1", "tiny_seed2")
    across_samples.fill(store, across_samples.seed_run(2, checkpoints=4))
    new, data = comparisons.pair("tiny_seed1", "tiny_seed2")
    assert new != old
    assert comparisons.kept(old, lambda: (new, data)) is None
    assert comparisons.kept(new, lambda: (new, data)) == data


def test_boundaries_of_a_pair_are_found_once(store: Store) -> None:
    for seed in (1, 2):
        across_samples.fill(store, across_samples.seed_run(seed, checkpoints=4))
    calls = []

    def find(steps: Any, values: Any, errors: Any = None) -> Stages:
        calls.append(values)
        at = 50.0 * len(calls)
        return Stages(critical_points=(Boundary(at, at - 9, at + 9, "minimum", 1.0),))

    comparisons = Comparisons(Library(store), FoundStages(find))
    digest, _ = comparisons.pair("tiny_seed1", "tiny_seed2")
    for _ in range(2):
        data = comparisons.turns("tiny_seed1", "tiny_seed2", digest, "", "llc")
        assert data is not None
        told = json.loads(data)
    assert len(calls) == 2
    assert told["reason"] == ""
    assert told["matches"][0]["factor"] == pytest.approx(101 / 51)
    assert told["alone"] == [[], []]
    assert len(told["nearest"]) == 4
    assert comparisons.turns("tiny_seed1", "tiny_seed2", "0" * 64, "", "llc") is None
    assert comparisons.turns("tiny_seed1", "tiny_seed2", digest, "", "nothing") is None


def test_curves_without_boundaries_say_why(store: Store) -> None:
    for seed in (1, 2):
        across_samples.fill(store, across_samples.seed_run(seed, checkpoints=6))
    comparisons = Comparisons(Library(store), FoundStages())
    digest, _ = comparisons.pair("tiny_seed1", "tiny_seed2")
    data = comparisons.turns("tiny_seed1", "tiny_seed2", digest, "", "llc")
    told = json.loads(data or b"")
    assert told["reason"].startswith("The curve of tiny_seed1 and that of tiny_seed2 has no bound")
    assert "tiny_seed2: " in told["reason"]
    assert told["steps"] == [None] * 6


@pytest.mark.parametrize(
    "address",
    [
        "/api/across/tiny_seed1/run/none",
        "/api/across/none/recipe",
        "/api/across/plain/recipe",
        "/data/tiny_seed1/across/run/tiny_seed2/0.bin",
        "/data/tiny_seed1/across/recipe/0.bin",
        "/data/tiny_seed1/across/run/tiny_seed2/0/-/llc.json",
    ],
)
def test_what_is_not_there_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


# -- the page -------------------------------------------------------------------------------------


def facts(store: Store, run: str) -> dict[str, Any]:
    library = Library(store)
    context = Context(library, Payloads(library, "/"), Jobs(store), "/")
    page: html.Div = across.layout(context, f"?run={run}")
    main = page.children[0]
    choice = next(part for part in main.children if hasattr(part, "data-facts"))
    found: dict[str, Any] = json.loads(getattr(choice, "data-facts"))
    found["lanes"] = getattr(main, "data-lanes")
    return found


def test_the_page_knows_the_runs_that_can_stand_beside_a_run(store: Store) -> None:
    runs = [across_samples.seed_run(seed, checkpoints=4) for seed in (3, 1, 2)]
    away = [synthetic.regression_run("b"), synthetic.language_run("c", 4)]
    for run in [*runs, *away]:
        store.put_run(run)
    found = facts(store, "tiny_seed3")
    assert found["group"] == ["tiny_seed3", "tiny_seed1", "tiny_seed2"]
    assert [o["name"] for o in found["others"]] == ["tiny_seed1", "tiny_seed2", "c", "b"]
    assert facts(store, "c")["group"] == ["c"]
    assert recipe_runs(Library(store), "b") == ["b"]


def test_a_first_visit_shows_what_is_measured(store: Store) -> None:
    run = across_samples.seed_run(1, checkpoints=4)
    store.put_run(dataclasses.replace(run, name="bare"))
    across_samples.fill(store, run)
    assert facts(store, "bare")["lanes"] == "llc loss"
    assert facts(store, "tiny_seed1")["lanes"] == "llc loss first_half second_half"
