from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import pytest

from compute.networks.registry import GRAPH_NAMES, METRICS, NODE_NAMES
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.figures.edges import EdgeLists, EdgeTable
from dashboard.figures.graphs import GraphSeries
from dashboard.figures.metrics import strengths_only
from dashboard.figures.structure import (
    UNMEASURED,
    WIDE,
    Structure,
    encode_structure,
    phase_metrics,
    structure,
)
from dashboard.library import Library
from dashboard.payloads import Payloads
from dashboard.structures import Structures, structure_file
from tests.dashboard import synthetic
from tests.dashboard.small_series import COMPONENTS, STEPS, WEIGHT, small_series
from tests.dashboard.small_series import UNMEASURED as GAP

RUN = synthetic.language_run(checkpoints=10)
MEASURED = [i for i in range(len(STEPS)) if i != GAP]


@pytest.fixture(scope="module")
def found() -> Structure:
    return structure(small_series(), threshold=0.5)


def test_layers_go_from_the_input_to_the_output(found: Structure) -> None:
    assert found.layer.tolist() == [0, 1, 1, 2]
    assert found.layers == ("EMB", "layer 0", "LOGITS")


def test_a_ranking_that_never_changes_is_perfectly_stable(found: Structure) -> None:
    first = found.rankings[0]
    assert first.metric == "out_strength"
    known = np.ix_(MEASURED, MEASURED)
    assert first.tau[known] == pytest.approx(1)
    assert first.overlap[known] == pytest.approx(1)
    assert np.isnan(first.tau[GAP]).all()
    assert np.isnan(first.overlap[:, GAP]).all()


def test_every_metric_with_a_ranking_has_one_and_a_p_has_none(found: Structure) -> None:
    ranked = [n for n in NODE_NAMES if METRICS[n].ranking]
    assert [r.metric for r in found.rankings] == ranked
    assert "spreader_p" not in ranked


def test_distances_are_those_of_a_graph_that_grows_by_the_half(found: Structure) -> None:
    # Two graphs a and 1.5 a: |a - b| over the mean of |a| and |b| is 0.5 / 1.25.
    assert found.edges is not None
    assert found.edges.frobenius[0, 1] == pytest.approx(0.4)
    assert found.edges.correlation[0, 1] == pytest.approx(0, abs=1e-6)
    assert found.edges.previous[1] == pytest.approx(0.4)
    assert found.edges.previous[GAP + 1] == pytest.approx(0.4)
    assert np.isnan(found.edges.previous[[0, GAP]]).all()


def test_an_edge_stands_at_the_checkpoints_at_which_it_reaches_the_threshold(
    found: Structure,
) -> None:
    assert found.edges is not None
    first = WEIGHT[np.isfinite(WEIGHT)]
    stands = [(first * 1.5**k >= 0.5 - 1e-9).astype(float) for k in range(3)]
    assert found.edges.persistence == pytest.approx(np.mean(stands, axis=0))


def test_the_flow_sums_weights_from_layer_to_layer(found: Structure) -> None:
    assert found.edges is not None
    flow = found.edges.flow
    assert flow[0] == pytest.approx(np.array([[0, 0.7, 0.2], [0, 0.1, 0.8], [0, 0, 0]]))
    assert flow[1] == pytest.approx(1.5 * flow[0])
    assert np.isnan(flow[GAP]).all()


def test_a_graph_that_only_grows_moves_along_one_line(found: Structure) -> None:
    assert found.edges is not None
    assert found.edges.space.explained[0] == pytest.approx(1)
    assert np.isnan(found.edges.space.scores[GAP]).all()


def test_a_role_that_nobody_gives_up_has_no_churn(found: Structure) -> None:
    assert set(found.churn) == {"spreaders", "gatherers"}
    assert found.churn["spreaders"][1] == 0
    assert np.isnan(found.churn["spreaders"][[0, GAP]]).all()


def test_a_community_keeps_its_number(found: Structure) -> None:
    # At the last checkpoint Louvain's method numbers the same two the other way round.
    assert found.community[[0, 1, 3]].tolist() == [[0, 0, 1, 1]] * 3
    assert (found.community[GAP] == -1).all()


def test_phases_are_read_from_metrics_with_an_interval_over_prompts() -> None:
    chosen = [GRAPH_NAMES[i] for i in phase_metrics(GRAPH_NAMES)]
    assert {"mean_strength", "gini", "modularity"} <= set(chosen)
    assert not {"communities", "tail_exponent", "tail_misfit"} & set(chosen)


def test_a_wide_graph_lacks_what_needs_its_edges_and_says_why() -> None:
    series = small_series()
    none = np.zeros(0, dtype=np.float32)
    counts = np.zeros(len(STEPS), dtype=np.int32)
    lists = EdgeLists(
        offsets=np.zeros(len(STEPS) + 1, dtype=np.int32), source=none.astype(np.uint16),
        target=none.astype(np.uint16), weight=none, weight_error=none, norm=none, norm_error=none,
        possible=counts, positive=counts, total=counts.astype(np.float32),
    )  # fmt: skip
    wide = structure(dataclasses.replace(series, edges=lists), threshold=0.0)
    assert wide.edges is None
    assert wide.absent["edges"] == WIDE
    assert wide.rankings


def test_without_metrics_there_are_no_communities_and_no_phases() -> None:
    series = small_series()
    strengths = {STEPS[0]: np.ones((2, len(COMPONENTS)), dtype=np.float32)}
    bare = strengths_only(STEPS, strengths, len(COMPONENTS))
    poor = structure(dataclasses.replace(series, metrics=bare), threshold=0.0)
    assert poor.phases.phases == ()
    assert poor.absent["phases"] == poor.absent["communities"] == UNMEASURED
    assert [r.metric for r in poor.rankings] == ["out_strength", "in_strength"]


def test_the_file_holds_what_was_found(found: Structure) -> None:
    header, data = decode(encode_structure(found))
    assert header["layers"]["names"] == list(found.layers)
    assert array(header["communities"], data).tolist() == found.community.tolist()
    assert header["rankings"][0]["name"] == "out-strength"
    tau = array(header["rankings"][0]["tau"], data)
    assert np.allclose(tau, found.rankings[0].tau, atol=1e-3, equal_nan=True)
    assert found.edges is not None
    flow = array(header["edges"]["flow"], data)
    assert np.allclose(flow, found.edges.flow, equal_nan=True)
    assert header["edges"]["threshold"] == 0.5


def test_the_same_series_gives_the_same_bytes() -> None:
    assert structure_file(small_series()) == structure_file(small_series())


@pytest.fixture
def filled(store: Store) -> Store:
    synthetic.fill(store, RUN)
    return store


def structures_of(store: Store) -> tuple[Structures, Payloads]:
    library = Library(store)
    payloads = Payloads(library, "/")
    return Structures(library, payloads), payloads


def test_a_structure_is_addressed_by_the_digest_of_its_data(filled: Store) -> None:
    structures, payloads = structures_of(filled)
    digest = payloads.digest(RUN.name)
    data = structures.data(RUN.name, digest, "text.zero")
    assert data is not None
    assert decode(data)[0]["layers"]["names"][0] == "EMB"
    assert structures.data(RUN.name, "0" * 64, "text.zero") is None
    assert structures.data(RUN.name, digest, "text.other") is None


def test_a_structure_that_several_ask_for_is_computed_once(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    structures, payloads = structures_of(filled)
    digest = payloads.digest(RUN.name)
    computed = []

    def slow(series: object) -> bytes:
        computed.append(series)
        time.sleep(0.05)
        return b"data"

    monkeypatch.setattr("dashboard.structures.structure_file", slow)
    got: list[bytes | None] = []
    readers = [
        threading.Thread(target=lambda: got.append(structures.data(RUN.name, digest, "text.zero")))
        for _ in range(4)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert got == [b"data"] * 4
    assert len(computed) == 1


def test_a_run_that_changes_once_has_two_phases_in_the_file() -> None:
    series = changing_once()
    found = structure(series, threshold=0.0)
    (boundary,) = found.phases.boundaries
    assert abs(boundary.index - CHANGE) <= 2
    assert boundary.agreement == 1
    header, _ = decode(encode_structure(found))
    assert [p["first"] for p in header["phases"]["list"]] == [0, boundary.index]
    assert [p["last"] for p in header["phases"]["list"]] == [boundary.index - 1, LENGTH - 1]
    assert all(p["name"] and p["why"] for p in header["phases"]["list"])
    assert header["phases"]["boundaries"][0]["low"] <= boundary.index
    assert "mean strength" in header["phases"]["metrics"]


LENGTH, CHANGE = 40, 20


def changing_once() -> GraphSeries:
    """A series of 40 checkpoints whose graph metrics jump at the twentieth, amid small noise."""
    series = small_series()
    rng = np.random.default_rng(1)
    level = 1.0 + (np.arange(LENGTH) >= CHANGE)
    whole = level[:, None] + rng.normal(0, 0.05, (LENGTH, len(GRAPH_NAMES)))
    nodes = rng.random((len(NODE_NAMES), LENGTH, len(COMPONENTS)))
    found = series.metrics
    changed = dataclasses.replace(
        found, node_values=nodes, node_low=nodes, node_high=nodes, rank_low=nodes,
        rank_high=nodes, community=np.zeros((LENGTH, len(COMPONENTS)), dtype=np.int16),
        graph_values=whole, graph_by_group=np.stack([whole, whole]),
    )  # fmt: skip
    assert isinstance(series.edges, EdgeTable)
    rows = np.arange(LENGTH) % 2
    table = {
        n: getattr(series.edges, n)[rows] for n in ("weight", "weight_error", "norm", "norm_error")
    }
    return dataclasses.replace(
        series, metrics=changed, edges=dataclasses.replace(series.edges, **table)
    )
