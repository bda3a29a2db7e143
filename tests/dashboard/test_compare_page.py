from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy import ndarray
from scipy import stats

from compute.jobs import Jobs
from compute.records import AblationGraph
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.compare_api import Prompts
from dashboard.context import Context
from dashboard.development import Development
from dashboard.factory import create_app
from dashboard.figures.edges import EdgeTable
from dashboard.figures.prompts import (
    FEW,
    FEWEST,
    RESAMPLES,
    SINGLE,
    SLOW,
    UNEVEN,
    WIDE,
    encode_edge_prompts,
    encode_metric_prompts,
    prompts_identity,
)
from dashboard.files import FOREVER, RunFiles
from dashboard.library import Library
from dashboard.pages.compare import layout
from dashboard.payloads import Payloads
from tests.dashboard import synthetic
from tests.dashboard.across_samples import seed_run

RUN = synthetic.language_run(checkpoints=6)
MISSING = 2
GRAPH = "text.zero"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    store = Store(tmp_path_factory.mktemp("compare") / "store")
    synthetic.fill(store, RUN, missing=(("graph", MISSING), ("network", MISSING)))
    yield Library(store)
    store.close()


@pytest.fixture(scope="module")
def prompts(library: Library) -> Prompts:
    return Prompts(library, Payloads(library, "/"))


def digest(library: Library) -> str:
    return Payloads(library, "/").digest(RUN.name)


def read(data: bytes | None) -> tuple[dict[str, Any], ndarray | None]:
    """The header of a file of prompts, and its one array."""
    assert data is not None
    header, rest = decode(data)
    place = header.get("apart") or header.get("resamples")
    return header, None if place is None else array(place, rest).astype(np.float64)


def records(library: Library) -> dict[int, AblationGraph]:
    spec = library.development(RUN.name).graphs[GRAPH].spec
    found = {}
    for key, point in library.points(RUN.name).items():
        if point.spec == spec:
            measured = library.store.get(key)
            assert measured is not None
            assert isinstance(measured.record, AblationGraph)
            found[point.step] = measured.record
    return found


def test_paired_errors_are_those_of_differences_prompt_by_prompt(
    library: Library, prompts: Prompts
) -> None:
    header, apart = read(prompts.edges(RUN.name, digest(library), GRAPH))
    assert apart is not None
    series = library.development(RUN.name).graphs[GRAPH]
    assert isinstance(series.edges, EdgeTable)
    ends = series.edges.ends
    each = {
        i: records(library)[RUN.steps[i]].group_weights()[:, ends[:, 0], ends[:, 1]] for i in (1, 5)
    }
    differences = each[5] - each[1]
    groups = len(differences)
    expected = differences.std(0, ddof=1) / np.sqrt(groups)
    found = np.sqrt(((apart[5] - apart[1]) ** 2).sum(0))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-5)
    assert header["groups"] == groups
    assert header["quantile"] == pytest.approx(stats.t.ppf(0.975, groups - 1))


def test_what_is_not_measured_is_a_gap(library: Library, prompts: Prompts) -> None:
    for data in (
        prompts.edges(RUN.name, digest(library), GRAPH),
        prompts.metric(RUN.name, digest(library), GRAPH, "out_strength"),
    ):
        _, found = read(data)
        assert found is not None
        assert np.isnan(found[MISSING]).all()
        assert np.isfinite(found[MISSING + 1]).any()


def test_resamples_of_a_metric_lie_about_its_value(library: Library, prompts: Prompts) -> None:
    _, found = read(prompts.metric(RUN.name, digest(library), GRAPH, "out_strength"))
    assert found is not None
    assert found.shape[1] == RESAMPLES
    record = records(library)[RUN.steps[4]]
    sums = record.group_weights().sum(2)
    # The bootstrap draws with replacement: its spread is that of the mean, without the -1.
    expected = sums.std(0) / np.sqrt(len(sums))
    np.testing.assert_allclose(found[4].std(0), expected, rtol=0.25, atol=1e-4)


@pytest.mark.parametrize("metric", ["betweenness", "hub"])
def test_slow_metrics_say_that_they_are_not_resampled(
    library: Library, prompts: Prompts, metric: str
) -> None:
    header, found = read(prompts.metric(RUN.name, digest(library), GRAPH, metric))
    assert header["absent"] == SLOW
    assert found is None


def test_a_single_prompt_says_that_nothing_is_known_of_prompts(
    library: Library, prompts: Prompts
) -> None:
    header, _ = read(prompts.edges(RUN.name, digest(library), "passage.zero"))
    assert header["absent"] == SINGLE
    header, _ = read(prompts.metric(RUN.name, digest(library), "passage.zero", "out_strength"))
    assert header["absent"] == SINGLE


def test_a_graph_that_keeps_no_prompts_says_so(library: Library) -> None:
    series = library.development(RUN.name).graphs[GRAPH]
    graphs = {
        t: dataclasses.replace(g, weight_by_group=g.weight_by_group[:0])
        for t, g in records(library).items()
    }
    header, _ = read(encode_edge_prompts(series, graphs.items(), RUN))
    assert header["absent"] == WIDE


def test_a_metric_of_few_prompts_has_no_resamples(library: Library) -> None:
    series = library.development(RUN.name).graphs[GRAPH]
    graphs = {
        t: dataclasses.replace(g, weight_by_group=g.weight_by_group[: FEWEST - 1])
        for t, g in records(library).items()
    }
    made = encode_metric_prompts(series, graphs.items(), RUN, "out_strength", 0.0)
    header, found = read(made)
    assert (header["absent"], found) == (FEW, None)
    # Edges have Student's t, which holds for few prompts.
    header, _ = read(encode_edge_prompts(series, graphs.items(), RUN))
    assert (header["absent"], header["groups"]) == ("", FEWEST - 1)


def test_what_cannot_be_told_of_any_record_is_said_before_one_is_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def graphs() -> Iterator[tuple[int, AblationGraph]]:
        pytest.fail("a record was read")
        yield

    development = library.development(RUN.name)
    series, single = (development.graphs[name] for name in (GRAPH, "passage.zero"))
    slow = encode_metric_prompts(series, graphs(), RUN, "betweenness", 0.0)
    assert read(slow)[0]["absent"] == SLOW
    assert read(encode_edge_prompts(single, graphs(), RUN))[0]["absent"] == SINGLE
    monkeypatch.setattr("dashboard.figures.prompts.MOST_NUMBERS", 100)
    assert read(encode_edge_prompts(series, graphs(), RUN))[0]["absent"] == WIDE


def test_checkpoints_of_other_numbers_of_prompts_do_not_pair(library: Library) -> None:
    series = library.development(RUN.name).graphs[GRAPH]
    graphs = records(library)
    last = graphs[RUN.steps[-1]]
    graphs[RUN.steps[-1]] = dataclasses.replace(last, weight_by_group=last.weight_by_group[1:])
    header, found = read(encode_edge_prompts(series, graphs.items(), RUN))
    assert (header["absent"], found) == (UNEVEN, None)


def test_files_are_kept_as_long_as_there_is_room_for_them(library: Library) -> None:
    files = RunFiles(library, Payloads(library, "/"), room=100)
    made: list[str] = []

    def get(name: str, size: int) -> None:
        def make(_: Development) -> bytes:
            made.append(name)
            return bytes(size)

        files.get(RUN.name, digest(library), make, name)

    for name, size in (("a", 60), ("b", 40), ("a", 60), ("c", 40), ("b", 40), ("large", 200)):
        get(name, size)
    assert made == ["a", "b", "c", "large"]
    get("large", 200)
    get("b", 40)
    assert made == ["a", "b", "c", "large", "b"]


def test_prompts_are_the_same_within_a_recipe_and_for_nothing_else(library: Library) -> None:
    spec = library.development(RUN.name).graphs[GRAPH].spec
    first, second = seed_run(1), seed_run(2)
    assert prompts_identity(spec, first) == prompts_identity(spec, second)
    other = [
        dataclasses.replace(first, recipe="another"),
        dataclasses.replace(first, data_digest="9" * 12),
        dataclasses.replace(first, recipe=""),
    ]
    assert len({prompts_identity(spec, run) for run in (first, *other)}) == 4
    # A recipe that was only said, or a text that each run may cut into tokens of its own.
    for loose in ({"source": "hub"}, {"seed": None}, {"text": "/nowhere/text"}):
        said = [dataclasses.replace(run, **loose) for run in (first, second)]
        assert prompts_identity(spec, said[0]) != prompts_identity(spec, said[1])
    task = dataclasses.replace(spec.task, seed=7)
    assert prompts_identity(dataclasses.replace(spec, task=task), first) != prompts_identity(
        spec, first
    )


def test_files_are_kept_for_ever_and_only_under_their_digest(library: Library) -> None:
    client = create_app(library.store).server.test_client()
    address = client.get(f"/api/state/{RUN.name}").json["payload"].removesuffix(".bin")
    for name in (GRAPH, f"{GRAPH}/out_strength"):
        answer = client.get(f"{address}/prompts/{name}.bin")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == FOREVER
    for name in ("nothing", f"{GRAPH}/nothing"):
        assert client.get(f"{address}/prompts/{name}.bin").status_code == 404
    gone = f"/data/{RUN.name}/{'0' * 64}/prompts/{GRAPH}.bin"
    assert client.get(gone).status_code == 404


def test_the_page_names_its_run_and_the_others(library: Library) -> None:
    store = library.store
    store.put_run(synthetic.language_run("other", 4, 500))
    context = Context(library, Payloads(library, "/"), Jobs(store), "/")
    page = layout(context, f"?run={RUN.name}")
    text = json.dumps(page, default=lambda c: c.to_plotly_json(), ensure_ascii=False)
    assert f"/data/{RUN.name}/" in text
    assert '\\"name\\": \\"other\\"' in text
    assert "Difference of ranks" in text
