from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from numpy import ndarray

from compute.records import AblationGraph, from_bytes, to_bytes
from dashboard.figures.edges import (
    KEPT_EDGES,
    EdgeLists,
    EdgeTable,
    condense_edges,
    edge_series,
    heaviest,
)
from dashboard.figures.graphs import GraphPoint, graph_point
from tests.dashboard import more_graphs, synthetic
from tests.samples import a_graph

RUN = synthetic.language_run(checkpoints=12)
WIDE = more_graphs.wide_run(checkpoints=3)


@pytest.fixture(scope="module")
def wide() -> AblationGraph:
    """The last wide graph, as a reader of the store gets it."""
    graph = more_graphs.wide_graph(WIDE.steps[-1])
    wrapped = synthetic.wrap(WIDE, WIDE.steps[-1], more_graphs.EXACT, graph)
    record = from_bytes(to_bytes(wrapped)).record
    assert isinstance(record, AblationGraph)
    return record


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("count", [1, 7, 400, 5_000])
def test_the_heaviest_are_those_of_a_full_sort(kind: type, count: int) -> None:
    rng = np.random.default_rng(count)
    weight = (rng.random(3_000) ** 4).astype(kind)
    weight[rng.random(3_000) < 0.3] = np.nan
    weight[rng.random(3_000) < 0.2] = 0
    weight[:3] = [-0.0, -1.0, np.inf]
    order = np.lexsort((np.arange(3_000), -np.nan_to_num(weight, nan=-1, posinf=-1)))
    expected = [i for i in order if weight[i] > 0 and np.isfinite(weight[i])][:count]
    assert heaviest(weight, count).tolist() == expected


def test_ties_are_kept_in_order() -> None:
    weight = np.array([0.5, 1, 0.5, 0.5, np.nan, 0.5], dtype=np.float16)
    assert heaviest(weight, 3).tolist() == [1, 0, 2]


@pytest.mark.parametrize("weight", [np.zeros(4), np.full(4, np.nan), np.zeros(0)])
def test_without_weight_there_is_no_heaviest(weight: ndarray) -> None:
    assert len(heaviest(weight.astype(np.float16), 2)) == 0


def test_a_small_graph_keeps_every_edge_and_every_number() -> None:
    graph = synthetic.graph(RUN, 100, more_graphs.EXACT, np.random.default_rng(0))
    graph = dataclasses.replace(graph, norm_change=graph.weight * 3, norm_change_error=graph.weight)
    edges = condense_edges(graph)
    there = np.isfinite(graph.weight)
    assert edges.whole
    assert edges.place.tolist() == np.flatnonzero(there.ravel()).tolist()
    assert np.array_equal(edges.weight, graph.weight[there])
    assert np.allclose(edges.weight_error, 1.96 * graph.weight_error[there])
    assert np.array_equal(edges.norm, 3 * graph.weight[there])
    assert np.allclose(edges.norm_error, 1.96 * graph.weight[there])
    assert (edges.possible, edges.positive) == (there.sum(), (graph.weight[there] > 0).sum())
    assert edges.out_strength == pytest.approx(np.nansum(graph.weight, axis=1))
    assert edges.in_strength == pytest.approx(np.nansum(graph.weight, axis=0))


def test_an_edge_is_there_where_a_weight_is_whatever_the_depths_say() -> None:
    weight = np.full((1, 3, 3), np.nan)
    weight[0, 0, 1], weight[0, 1, 0] = 0.2, 0.4
    edges = condense_edges(a_graph(weight, order=np.array([0, 0, 1])))
    assert edges.place.tolist() == [1, 3]
    assert edges.possible == 2


def test_totals_of_a_wide_graph_are_exact(wide: AblationGraph) -> None:
    edges = condense_edges(wide)
    weight = wide.weight.astype(np.float64)
    finite = np.isfinite(weight)
    assert wide.weight.dtype == np.float16
    assert len(wide.components) == more_graphs.WIDE_COMPONENTS == 1_478
    assert edges.possible == finite.sum() == more_graphs.WIDE_EDGES == 1_063_423
    assert edges.positive == (weight[finite] > 0).sum()
    assert edges.total == pytest.approx(weight[finite].sum(), rel=1e-6)
    assert edges.out_strength == pytest.approx(np.nansum(weight, axis=1), rel=1e-5)
    assert edges.in_strength == pytest.approx(np.nansum(weight, axis=0), rel=1e-5)


def test_a_wide_graph_keeps_its_heaviest_edges_with_all_their_numbers(wide: AblationGraph) -> None:
    edges = condense_edges(wide)
    flat = np.nan_to_num(wide.weight.ravel().astype(np.float64))
    assert not edges.whole
    assert len(edges.place) == KEPT_EDGES == len(set(edges.place.tolist()))
    assert (np.diff(edges.weight) <= 0).all()
    assert np.array_equal(edges.weight, np.sort(flat)[::-1][:KEPT_EDGES])
    assert np.array_equal(edges.weight, wide.weight.ravel()[edges.place])
    assert np.array_equal(edges.norm, wide.norm_change.ravel()[edges.place])
    errors = 1.96 * wide.weight_error.ravel()[edges.place].astype(np.float64)
    assert edges.weight_error == pytest.approx(errors, rel=1e-3)
    lighter = flat[~np.isin(np.arange(len(flat)), edges.place)]
    assert lighter.max() <= edges.weight[-1]


def test_what_is_kept_of_a_wide_graph_is_small(wide: AblationGraph) -> None:
    kept = more_graphs.kept_bytes(graph_point(wide))
    assert kept < 100_000
    assert kept < more_graphs.kept_bytes(wide) / 150


def test_condensing_needs_no_more_than_a_few_copies_of_one_matrix(wide: AblationGraph) -> None:
    tracemalloc.start()
    graph_point(wide)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 * wide.weight.nbytes


def test_a_graph_of_few_components_but_many_edges_is_condensed_too() -> None:
    weight = np.random.default_rng(0).random((1, 300, 300)).astype(np.float32)
    weight[0, np.tril_indices(300)[0], np.tril_indices(300)[1]] = np.nan
    edges = condense_edges(a_graph(weight))
    assert not edges.whole
    assert edges.possible == 300 * 299 // 2
    heaviest_two_thousand = np.sort(weight[np.isfinite(weight)])[::-1][:KEPT_EDGES]
    assert edges.weight == pytest.approx(heaviest_two_thousand, rel=1e-3)


def test_a_table_has_a_column_for_each_edge_of_the_run_and_gaps_where_none_is() -> None:
    one = np.array([[[np.nan, 0.1, np.nan], [np.nan, np.nan, 0.2], [np.nan] * 3]])
    two = np.array([[[np.nan, 0.3, 0.4], [np.nan] * 3, [np.nan] * 3]])
    edges = {0: condense_edges(a_graph(one)), 8: condense_edges(a_graph(two))}
    table = edge_series((0, 4, 8), edges, 3)
    assert isinstance(table, EdgeTable)
    assert table.ends.tolist() == [[0, 1], [0, 2], [1, 2]]
    expected = np.float32([[0.1, np.nan, 0.2], [np.nan] * 3, [0.3, 0.4, np.nan]])
    assert np.array_equal(table.weight, expected, equal_nan=True)


def point_edges(step: int) -> GraphPoint:
    return graph_point(more_graphs.wide_graph(step))


def test_lists_of_wide_graphs_skip_what_is_missing() -> None:
    found = {step: point_edges(step).edges for step in WIDE.steps[:2]}
    first, gap, second = WIDE.steps[0], 1, WIDE.steps[1] + 1
    lists = edge_series(
        (first, gap, second),
        {first: found[WIDE.steps[0]], second: found[WIDE.steps[1]]},
        more_graphs.WIDE_COMPONENTS,
    )
    assert isinstance(lists, EdgeLists)
    assert lists.offsets.tolist() == [0, KEPT_EDGES, KEPT_EDGES, 2 * KEPT_EDGES]
    assert lists.possible.tolist() == [more_graphs.WIDE_EDGES, 0, more_graphs.WIDE_EDGES]
    assert lists.total[1] == 0
    other = found[WIDE.steps[1]]
    place = lists.source.astype(int) * more_graphs.WIDE_COMPONENTS + lists.target
    assert np.array_equal(place[KEPT_EDGES:], other.place)
    assert np.array_equal(lists.weight[KEPT_EDGES:], other.weight)
    assert (lists.source.dtype, lists.target.dtype) == (np.uint16, np.uint16)


def test_a_whole_graph_beside_a_wide_one_is_listed_heaviest_first() -> None:
    small = condense_edges(
        a_graph(np.array([[[np.nan, 0.1, 0.3], [np.nan, np.nan, 0.2], [np.nan] * 3]]))
    )
    cut = dataclasses.replace(small, whole=False, place=small.place[:1], weight=small.weight[:1],
                              weight_error=small.weight_error[:1], norm=small.norm[:1],
                              norm_error=small.norm_error[:1])  # fmt: skip
    lists = edge_series((0, 1), {0: small, 1: cut}, 3)
    assert isinstance(lists, EdgeLists)
    assert lists.weight[:3] == pytest.approx([0.3, 0.2, 0.1])
