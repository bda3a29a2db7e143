from __future__ import annotations

import numpy as np
import pytest

from compute.components import head_of, kind_of
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.figures.edges import EdgeLists, EdgeTable
from dashboard.library import Library
from dashboard.payload import VERSION, default_threshold, default_top, encode
from tests.dashboard import more_graphs, synthetic

RUN = synthetic.language_run(checkpoints=12)


def test_the_browser_reads_the_records_weights(store: Store) -> None:
    synthetic.fill(store, RUN, missing=(("graph", 4),))
    development = Library(store).development(RUN.name)
    header, data = decode(encode(development))
    graph, series = header["graphs"]["text.zero"], development.graphs["text.zero"]
    edges = series.edges
    assert isinstance(edges, EdgeTable)
    weight = array(graph["table"]["weight"], data)
    assert weight.shape == edges.weight.shape
    assert np.isnan(weight[4]).all()
    assert np.allclose(weight, edges.weight, rtol=1e-3, atol=1e-6, equal_nan=True)
    assert np.array_equal(array(graph["table"]["ends"], data), edges.ends)
    assert [c["name"] for c in graph["components"]] == list(series.components)


def test_every_number_of_an_edge_and_a_component_travels(store: Store) -> None:
    synthetic.fill(store, RUN)
    more_graphs.fill_settings(store, RUN)
    development = Library(store).development(RUN.name)
    header, data = decode(encode(development))
    for name, series in development.graphs.items():
        graph, edges = header["graphs"][name], series.edges
        assert isinstance(edges, EdgeTable)
        sent = {"error": edges.weight_error, "norm": edges.norm, "normError": edges.norm_error}
        for key, values in sent.items():
            found = array(graph["table"][key], data)
            assert np.allclose(found, values, rtol=1e-3, atol=1e-6, equal_nan=True), (name, key)
        sent = {"lossChange": series.loss_change, "logitChange": series.logit_change}
        for key, values in sent.items():
            assert np.array_equal(array(graph[key], data), values, equal_nan=True), (name, key)
        assert graph["prompts"] == series.prompts


def test_an_approximation_travels_with_its_agreement(store: Store) -> None:
    synthetic.fill(store, RUN, missing=(("graph", 4), ("network", 4)))
    more_graphs.fill_settings(store, RUN)
    development = Library(store).development(RUN.name)
    header, data = decode(encode(development))
    graphs = header["graphs"]
    near = graphs["text.zero.attribution"]
    assert [name for name in graphs if graphs[name]["approximate"]] == ["text.zero.attribution"]
    assert [name for name in graphs if graphs[name]["agreement"]] == ["text.zero.attribution"]
    rho = array(near["agreement"]["rho"], data)
    agreement = development.graphs["text.zero.attribution"].agreement
    assert agreement is not None
    assert np.array_equal(rho, agreement.rho, equal_nan=True)
    assert np.flatnonzero(np.isnan(rho)).tolist() == [4]
    assert array(near["agreement"]["edges"], data)[5] == 191


def test_what_is_standard_has_a_button_and_what_is_not_a_command(store: Store) -> None:
    synthetic.fill(store, RUN)
    more_graphs.fill_settings(store, RUN, [more_graphs.MEAN])
    header, _ = decode(encode(Library(store).development(RUN.name)))
    assert header["graphs"]["text.zero"]["remedy"] == "compute"
    assert "--ablation mean --task text" in header["graphs"]["text.mean"]["remedy"]


def test_the_lists_of_a_wide_graph_are_those_of_its_records(store: Store) -> None:
    run = more_graphs.wide_run(checkpoints=3)
    more_graphs.fill_wide(store, run)
    development = Library(store).development(run.name)
    payload = encode(development)
    header, data = decode(payload)
    graph, edges = header["graphs"]["text.zero"], development.graphs["text.zero"].edges
    assert isinstance(edges, EdgeLists)
    assert header["version"] == VERSION
    assert (graph["top"], graph["threshold"]) == (1_000, 0)
    sent = {name: array(graph["lists"][name], data) for name in ("offsets", "source", "target")}
    assert sent["offsets"].tolist() == edges.offsets.tolist()
    flat = more_graphs.wide_graph(run.steps[1]).weight
    second = slice(*sent["offsets"][1:3])
    weight = array(graph["lists"]["weight"], data)[second]
    assert np.array_equal(weight, flat[sent["source"][second], sent["target"][second]])
    assert weight[-1] == np.sort(flat[np.isfinite(flat)])[-2_000]
    total = np.nansum(flat.astype(np.float64))
    assert array(graph["lists"]["total"], data)[1] == pytest.approx(total, rel=1e-6)
    of_heads = 1_500_000  # names and curves of 1,440 heads, however many checkpoints there are
    assert len(payload) - of_heads < 3 * 100_000


def test_an_array_without_a_number_is_not_sent(store: Store) -> None:
    synthetic.fill(store, RUN)
    header, data = decode(encode(Library(store).development(RUN.name)))
    error = header["graphs"]["passage.zero"]["table"]["error"]
    assert error["type"] == "nan"
    assert array(error, data).shape == (12, 191)
    assert np.isnan(array(error, data)).all()


def test_curves_and_metrics_keep_every_bit_of_a_float32(store: Store) -> None:
    synthetic.fill(store, RUN)
    development = Library(store).development(RUN.name)
    header, data = decode(encode(development))
    for entry, curve in zip(header["curves"], development.curves, strict=True):
        assert entry["id"] == curve.id
        assert np.array_equal(array(entry["values"], data), curve.values, equal_nan=True)
    metric = header["graphs"]["text.zero"]["metrics"][0]
    series = development.graphs["text.zero"]
    found = series.metrics
    assert np.array_equal(array(metric["values"], data), found.node_values[0], equal_nan=True)
    low = array(metric["values"], data) - array(metric["below"], data)
    np.testing.assert_allclose(low, found.node_low[0], atol=1e-3 * (found.node_high[0] - low).max())
    np.testing.assert_array_equal(array(metric["rankLow"], data) / 2, found.rank_low[0])


def test_the_same_development_gives_the_same_bytes(store: Store) -> None:
    synthetic.fill(store, RUN)
    one = encode(Library(store).development(RUN.name))
    assert encode(Library(store).development(RUN.name)) == one


def test_arrays_start_at_multiples_of_eight_in_the_file(store: Store) -> None:
    synthetic.fill(store, RUN)
    data = encode(Library(store).development(RUN.name))
    assert (4 + int.from_bytes(data[:4], "little")) % 8 == 0
    header, _ = decode(data)
    assert all(curve["values"]["at"] % 8 == 0 for curve in header["curves"])


def test_failures_and_coverage_travel_too(store: Store) -> None:
    synthetic.fill(store, RUN, missing=(("llc", 2),))
    synthetic.fail(store, RUN, 2, "llc", "diverged")
    header, _ = decode(encode(Library(store).development(RUN.name)))
    assert header["failures"] == [{"step": RUN.steps[2], "kind": "llc", "reason": "diverged"}]
    states = next(c["states"] for c in header["coverage"] if c["label"] == "LLC")
    assert states[1:4] == "mfm"


def test_an_unmeasured_run_can_be_encoded(store: Store) -> None:
    store.put_run(RUN)
    header, _ = decode(encode(Library(store).development(RUN.name)))
    assert header["graphs"] == {}
    assert header["steps"] == list(RUN.steps)


def test_a_run_of_a_hundred_checkpoints_stays_small(store: Store) -> None:
    run = synthetic.language_run(checkpoints=107)
    synthetic.fill(store, run)
    assert len(encode(Library(store).development(run.name))) < 2_000_000


def test_default_threshold_keeps_nine_tenths_of_the_weight() -> None:
    weight = np.array([[1.0, 0.5, 0.05, np.nan]])
    threshold = default_threshold(weight)
    kept = weight[weight >= threshold].sum() / np.nansum(weight)
    assert kept >= 0.9
    assert threshold > 0.05


@pytest.mark.parametrize("weight", [np.zeros((2, 3)), np.full((2, 3), np.nan), np.zeros((0, 3))])
def test_default_threshold_of_no_weight_is_zero(weight: np.ndarray) -> None:
    assert default_threshold(weight) == 0.0


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("io", ["EMB", "LOGITS"]),
        ("head", ["L0H3", "L11H31", "L0H3Q", "L0H3K", "L0H3V", "L0H3Z", "L0H3RQ", "L0H3RK"]),
        ("layer", ["L0Q", "L0K", "L0V", "L0Z", "L0RQ", "L10RK"]),
        ("mlp", ["L0MLP", "L12POST"]),
    ],
)
def test_kinds(kind: str, names: list[str]) -> None:
    assert {kind_of(name) for name in names} == {kind}


def test_a_part_belongs_to_its_head() -> None:
    assert [head_of(c) for c in ("L0H3RQ", "L0H3", "L0RQ", "L0MLP")] == [
        "L0H3", "L0H3", "L0RQ", "L0MLP",
    ]  # fmt: skip


def test_few_edges_are_all_drawn_and_many_are_not() -> None:
    assert (default_top(191), default_top(7_000)) == (None, 300)
