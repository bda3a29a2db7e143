"""The package for notebooks: the numbers of the pages, and refusals that help."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import numpy as np
import ontogeny
import pandas as pd
import pytest

from compute.bundle import export_run
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.library import Library
from dashboard.payload import encode
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=8)
GRAPH = "unigram.zero"
LAST = RUN.steps[-1]
MISSING = ("llc", 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("notebook") / "store"
    store = Store(place)
    synthetic.fill(store, RUN, missing=(MISSING, ("graph", 2), ("network", 2)))
    synthetic.fail(store, RUN, 3, "llc", "the chains diverged")
    store.close()
    return place


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[ontogeny.OpenStore]:
    with ontogeny.open_store(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(store: ontogeny.OpenStore) -> ontogeny.Run:
    return store.run(RUN.name)


@pytest.fixture(scope="module")
def page(folder: Path) -> tuple[dict, bytes]:
    """What a browser is sent of the same run."""
    store = Store(folder)
    found = decode(encode(Library(store).development(RUN.name)))
    store.close()
    return found


def single(values: pd.Series) -> np.ndarray:
    return values.to_numpy().astype(np.float32)


def test_every_curve_has_the_numbers_of_the_page(run, page):
    header, data = page
    for told in [*header["curves"], *header["graphCurves"][GRAPH]]:
        found = run.curve(told["id"], graph=GRAPH)
        assert found.index.tolist() == header["steps"]
        for part, name in (("values", "value"), ("low", "low"), ("high", "high")):
            assert np.array_equal(single(found[name]), array(told[part], data), equal_nan=True)
        assert found["verdict"].tolist() == (told["verdicts"] or [""] * len(found))
        assert (found.attrs["name"], found.attrs["unit"]) == (told["name"], told["unit"])
        assert found.attrs["setting"] == told["settings"]


def test_a_checkpoint_without_a_value_is_a_gap_that_says_why(run):
    found = run.curve("llc").iloc[3]
    assert np.isnan(found["value"])
    assert found["state"] == "failed"
    assert run.curve("graph.density", graph="text.zero").iloc[2]["state"] == "missing"
    assert run.table("failures")["reason"].tolist() == ["the chains diverged"]


def test_ranks_and_metrics_have_the_numbers_of_the_page(run, page):
    header, data = page
    graph = header["graphs"][GRAPH]
    names = [c["name"] for c in graph["components"]]
    for told in graph["metrics"]:
        shown = dict(zip(names, array(told["values"], data)[-1], strict=True))
        ranked = run.ranks(LAST, by=told["id"], graph=GRAPH)
        assert dict(
            zip(ranked["component"], single(ranked["value"]), strict=True)
        ) == pytest.approx(shown, nan_ok=True, rel=1e-6)
        known = ranked.dropna(subset="value")
        assert known["value"].is_monotonic_decreasing
        assert known["rank"].iloc[0] == 1
        every = run.metrics(LAST, metric=told["id"], graph=GRAPH)
        assert dict(zip(every["component"], single(every["value"]), strict=True)) == pytest.approx(
            shown, nan_ok=True, rel=0
        )


def test_edges_matrix_and_graph_say_the_same_and_what_the_page_draws(run, page):
    header, data = page
    told = header["graphs"][GRAPH]
    names = [c["name"] for c in told["components"]]
    ends = [(names[a], names[b]) for a, b in array(told["table"]["ends"], data)]
    half = array(told["table"]["weight"], data)[-1]
    edges = run.edges(LAST, graph=GRAPH).set_index(["source", "target"])
    shown = edges.loc[ends, "weight"].to_numpy()
    assert np.array_equal(shown.astype(np.float32).astype(np.float16), half)
    assert edges["weight"].is_monotonic_decreasing
    error = array(told["table"]["error"], data)[-1].astype(float)
    assert edges.loc[ends, "standard_error"].to_numpy() * 1.96 == pytest.approx(error, rel=2e-3)
    matrix, graph = run.matrix(LAST, graph=GRAPH), run.graph(LAST, graph=GRAPH)
    assert graph.number_of_edges() == len(ends)
    for source, target, weight in graph.edges(data="weight"):
        assert weight == edges.loc[(source, target), "weight"] == matrix.loc[source, target]
    assert int(np.isfinite(matrix.to_numpy()).sum()) == len(ends)
    assert nx.is_directed_acyclic_graph(graph)
    assert (graph.graph["run"], graph.graph["step"]) == (RUN.name, LAST)
    assert graph.nodes["L1H2"]["kind"] == "head"
    assert graph.nodes["L1H2"]["layer_name"] == "layer 1"


def test_threshold_and_top_leave_out_the_light_edges(run):
    every = run.edges(LAST)
    assert run.edges(LAST, top=5).equals(every.head(5))
    heavy = run.edges(LAST, threshold=0.2)
    assert 0 < len(heavy) < len(every)
    assert heavy["weight"].min() >= 0.2
    assert run.graph(LAST, threshold=0.2).number_of_edges() == len(heavy)
    assert heavy.attrs["edges_possible"] == len(every)


def test_every_table_can_be_had_or_says_what_measures_it(run):
    reasons = run.tables()["reason"]
    for name, reason in reasons.items():
        # Phases need more checkpoints, coincidences more time, than these have.
        if reason or name in ("coincidence", "phases"):
            continue
        found = run.table(name)
        assert found.attrs["run"] == RUN.name
        assert set(found.columns) == set(found.attrs["columns"])
    with pytest.raises(ontogeny.NotMeasured, match="ontogeny compute stdlib_lm --kinds refined"):
        run.refined()


def test_chains_are_read_with_their_draws(run):
    draws, verdict = run.draws(LAST), run.verdicts(LAST).iloc[0]
    assert draws.groupby("chain")["llc"].mean().mean() == pytest.approx(verdict["llc"], rel=1e-5)
    (measured,) = run.records("llc", LAST)
    assert measured.record.llc == verdict["llc"]
    assert len(draws) == measured.record.loss_trace.size


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda r: r.curve("lcc"), "no curve 'lcc'; did you mean llc"),
        (lambda r: r.ranks(by="out_strengt"), "did you mean out_strength"),
        (lambda r: r.edges(LAST + 1), f"no checkpoint at step {LAST + 1:,}; the nearest are"),
        (lambda r: r.edges(graph="text.mean"), "no graph 'text.mean'; did you mean text.zero"),
        (lambda r: r.table("edge"), "no table 'edge'; did you mean edges"),
        (lambda r: r.table("edges", stepp=1), "has no setting 'stepp'; did you mean step"),
        (lambda r: r.draw.graph(component="L9H9"), "no component 'L9H9'"),
        (lambda r: r.records("lcc"), "no kind of record 'lcc'; did you mean llc"),
    ],
)
def test_a_name_that_is_not_known_is_refused_with_the_nearest(run, ask, words):
    with pytest.raises(ontogeny.UnknownName, match=words):
        ask(run)


def test_a_run_that_is_not_there_is_refused_with_those_that_are(store):
    with pytest.raises(ontogeny.UnknownName, match="did you mean stdlib_lm"):
        store.run("stdlib")


def test_opening_makes_no_store(tmp_path):
    with pytest.raises(ontogeny.StoreError, match="no store in"):
        ontogeny.open_store(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_what_export_wrote_is_opened_without_a_store(folder, tmp_path, run):
    store = Store(folder)
    export_run(store, store.run(RUN.name), tmp_path / RUN.name)
    store.close()
    before = sorted(tmp_path.rglob("*"))
    for place in (tmp_path, tmp_path / RUN.name):
        with ontogeny.open_store(place) as opened:
            assert opened.runs() == [RUN.name]
            found = opened.run(RUN.name).curve("loss")
        assert found.equals(run.curve("loss"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_outlives_the_name_of_its_store(folder, tmp_path):
    store = Store(folder)
    export_run(store, store.run(RUN.name), tmp_path)
    store.close()
    opened = ontogeny.open_store(tmp_path)
    found, close = opened.run(RUN.name), opened.close
    del opened
    gc.collect()
    assert found.draws(LAST)["llc"].notna().any()
    close()


def test_reading_changes_nothing_in_the_store(folder, run):
    store = Store(folder)
    before = store.revision(RUN.name), store.keys(RUN.name), store.documents("")
    with ontogeny.open_store(folder) as opened:
        again = opened.run(RUN.name)
        again.curve("llc"), again.edges(), again.records("llc")
    assert (store.revision(RUN.name), store.keys(RUN.name), store.documents("")) == before
    store.close()
