from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from dashboard.figures.agreement import agreement, spearman
from dashboard.figures.edges import condense_edges
from tests.dashboard import more_graphs
from tests.samples import a_graph


@pytest.mark.parametrize("seed", range(4))
def test_it_is_spearmans_correlation_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.integers(6, size=50).astype(np.float32)
    other = one + rng.integers(5, size=50)
    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_the_same_order_is_one_and_the_opposite_minus_one() -> None:
    one = np.array([0.1, 0.2, 0.5, 1.9])
    assert spearman(one, np.exp(one)) == pytest.approx(1)
    assert spearman(one, -one) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0], [1.0, 2.0]), ([], [])],
)
def test_without_an_order_there_is_no_correlation(one: list[float], other: list[float]) -> None:
    assert np.isnan(spearman(np.array(one), np.array(other)))


def graph_of(weights: list[float]) -> np.ndarray:
    """Weights of the three edges of a chain of three."""
    a, b, c = weights
    nan = np.nan
    return np.array([[[nan, a, b], [nan, nan, c], [nan, nan, nan]]])


def test_each_checkpoint_has_its_own_and_none_where_a_graph_is_missing() -> None:
    exact = {t: condense_edges(a_graph(graph_of([0.1, 0.2, 0.3]))) for t in (0, 2)}
    near = {
        0: condense_edges(a_graph(graph_of([0.2, 0.3, 0.9]))),
        1: condense_edges(a_graph(graph_of([0.2, 0.3, 0.9]))),
        2: condense_edges(a_graph(graph_of([0.9, 0.3, 0.2]))),
    }
    found = agreement((0, 1, 2), near, exact)
    assert np.array_equal(found.rho, np.float32([1, np.nan, -1]), equal_nan=True)
    assert found.edges.tolist() == [3, 0, 3]
    assert not found.sampled


def test_only_edges_that_both_graphs_have_count() -> None:
    one = condense_edges(a_graph(graph_of([0.1, 0.2, 0.3])))
    other = condense_edges(a_graph(graph_of([0.1, float("nan"), 0.3])))
    found = agreement((0,), {0: one}, {0: other})
    assert found.edges.tolist() == [2]
    assert np.isnan(found.rho).all()


def test_wide_graphs_are_compared_on_edges_drawn_at_random() -> None:
    graph = more_graphs.wide_graph(1_000)
    weight = graph.weight.astype(np.float64)
    edges, other = condense_edges(graph), condense_edges(more_graphs.wide_graph(1_001))
    found = agreement((0, 1), {0: edges, 1: edges}, {0: edges, 1: other})
    assert found.sampled
    assert 3_500 < found.edges[0] < 4_500
    assert found.rho[0] == pytest.approx(1)
    both = np.isfinite(weight)
    everything = spearmanr(weight[both], more_graphs.wide_graph(1_001).weight[both]).statistic
    assert found.rho[1] == pytest.approx(everything, abs=0.03)
