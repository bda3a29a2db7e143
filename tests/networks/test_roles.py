"""The null of roles: calibrated where it holds, sharp where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from compute.components import layer_names, layers_of
from compute.networks.frames import frame_of, kept_weights
from compute.networks.roles import layer_blocks, role_p, role_scores
from tests.networks.graphs import graph_of, layered

PERMUTATIONS = 999


def of(graph, weight=None, permutations=PERMUTATIONS, seed=0):
    weight = kept_weights(graph) if weight is None else weight
    blocks = frame_of(graph).blocks
    roles = role_scores(weight[None], blocks)
    p = role_p(weight, blocks, permutations=permutations, generator=np.random.default_rng(seed))
    return roles.spreader_z[0], roles.gatherer_z[0], *p


def test_where_the_null_holds_one_component_in_twenty_is_significant():
    spreads, gathers = [], []
    for seed in range(60):
        graph = layered(layers=5, heads=5, seed=seed, prompts=1)
        # Layers differ in scale, as real ones do: position is not chance.
        scale = np.exp(np.random.default_rng(seed).normal(0, 1, (7, 7)))
        layer = layers_of(graph.components)
        _, _, p_out, p_in = of(graph, kept_weights(graph) * scale[layer][:, layer], seed=seed)
        spreads.append(p_out[np.isfinite(p_out)])
        gathers.append(p_in[np.isfinite(p_in)])
    for p in (np.concatenate(spreads), np.concatenate(gathers)):
        assert len(p) > 1000
        assert 0.03 <= (p <= 0.05).mean() <= 0.07


@pytest.mark.parametrize("seed", range(20))
def test_one_planted_spreader_is_found_at_z_above_4(seed):
    graph = layered(layers=5, heads=6, seed=seed, prompts=1)
    weight, planted = kept_weights(graph), graph.components.index("L1H2")
    weight[planted, weight[planted] > 0] += 0.5
    spread, _, p, _ = of(graph, weight)
    assert spread[planted] > 4
    assert p[planted] == 1 / (PERMUTATIONS + 1)
    assert np.nanargmax(spread) == planted


@pytest.mark.parametrize("seed", range(20))
def test_one_planted_gatherer_is_found_at_z_above_4(seed):
    graph = layered(layers=5, heads=6, seed=seed, prompts=1)
    weight, planted = kept_weights(graph), graph.components.index("L3H4")
    weight[weight[:, planted] > 0, planted] += 0.5
    _, gather, _, p = of(graph, weight)
    assert gather[planted] > 4
    assert p[planted] == 1 / (PERMUTATIONS + 1)
    assert np.nanargmax(gather) == planted


def test_z_is_that_of_many_shuffles():
    graph = layered(layers=3, heads=4, prompts=1)
    weight, blocks = kept_weights(graph), frame_of(graph).blocks
    rng, sums = np.random.default_rng(0), []
    for _ in range(20_000):
        shuffled = np.zeros_like(weight)
        for start, size in zip(blocks.start, blocks.size, strict=True):
            ends = blocks.source[start : start + size], blocks.target[start : start + size]
            shuffled[ends] = rng.permutation(weight[ends])
        sums.append(shuffled.sum(1))
    mean, deviation = np.mean(sums, 0), np.std(sums, 0)
    spread, _, _, _ = of(graph)
    known = np.isfinite(spread)
    assert known.sum() == 12 - 0
    expected = (weight.sum(1) - mean)[known] / deviation[known]
    np.testing.assert_allclose(spread[known], expected, rtol=0.05, atol=0.03)


def test_a_component_without_a_peer_has_no_score():
    graph = layered()
    spread, gather, p_out, p_in = of(graph)
    names = graph.components
    assert np.isnan([spread[0], p_out[0], gather[0]]).all()
    assert names[-1] == "LOGITS"
    assert np.isnan([spread[-1], gather[-1], p_in[-1]]).all()


def test_equal_weights_are_no_role():
    weight = np.where(np.isfinite(layered().weight), 0.3, np.nan)
    graph = layered()
    spread, gather, p_out, p_in = of(graph, np.nan_to_num(weight))
    for values in (spread, gather, p_out, p_in):
        assert np.isnan(values).all()


def test_an_mlp_after_its_heads_is_their_peer():
    """In a sequential block heads come before the MLP, and all belong to one layer."""
    names = ("L0H0", "L0H1", "L0MLP", "L1H0", "L1H1", "L1MLP")
    order = np.array([0, 0, 1, 2, 2, 3])
    possible = order[:, None] < order[None, :]
    blocks = layer_blocks(possible, layers_of(names))
    assert blocks.size.tolist() == [2, 9, 2]


def test_scaling_all_weights_changes_no_score():
    graph = layered(prompts=1)
    weight = kept_weights(graph)
    for one, other in zip(of(graph, weight), of(graph, 7 * weight), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_graph_without_possible_edges_has_no_roles():
    graph = graph_of(np.full((3, 3), np.nan))
    for values in of(graph):
        assert np.isnan(values).all()


@pytest.mark.parametrize(
    ("names", "layers"),
    [(("EMB", "L0H0", "L2MLP", "LOGITS"), [0, 1, 3, 4]), (("L0H0Q", "L1RQ"), [1, 2])],
)
def test_layers_are_read_off_names(names, layers):
    assert layers_of(names).tolist() == layers


def test_layers_have_names():
    assert layer_names(("EMB", "L0H0", "L1MLP", "LOGITS")) == (
        "EMB",
        "layer 0",
        "layer 1",
        "LOGITS",
    )
