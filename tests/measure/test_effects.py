from __future__ import annotations

import numpy as np
import pytest
import torch

from compute.measure.effects import (
    FEWEST_GROUPS,
    GROUP_BYTES,
    MOST_GROUPS,
    PromptEffects,
    Tally,
    compare,
    group_count,
)
from compute.records import WIDE_GRAPH


def reference(clean, ablated):
    clean, ablated = clean.double(), ablated.double()
    cosine = torch.cosine_similarity(ablated, clean.expand_as(ablated), dim=-1)
    change = (ablated - clean).norm(dim=-1) / clean.norm(dim=-1)
    return (1 - cosine).mean(2).T, change.mean(2).T


@pytest.mark.parametrize("size", [1e-4, 1e-2, 1.0, 10.0, 1e3])
def test_weights_keep_their_relative_precision_however_small_the_change(size):
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(2, 5, 16, generator=generator)
    ablated = clean + size * torch.randn(3, 2, 5, 16, generator=generator)
    weight, change = compare(clean, ablated)
    expected = reference(clean, ablated)
    # The change itself is only as precise as the float32 numbers that it is the difference of.
    tolerance = max(1e-5, 1e-6 / size)
    np.testing.assert_allclose(weight, expected[0], rtol=tolerance)
    np.testing.assert_allclose(change, expected[1], rtol=tolerance)


def test_norm_change_sees_what_the_cosine_hides():
    clean = torch.ones(1, 4, 1, 3)
    weight, change = compare(clean, 3 * clean[None])
    assert weight.item() == pytest.approx(0, abs=1e-6)
    assert change.item() == pytest.approx(2)


@pytest.mark.parametrize(("factor", "weight"), [(-1.0, 2.0), (-1e-3, 2.0), (1e-3, 0.0), (0.0, 1.0)])
def test_opposite_outputs_have_weight_two_and_vanished_ones_one(factor, weight):
    clean = torch.randn(1, 4, 1, 3, generator=torch.Generator().manual_seed(0))
    found, change = compare(clean, factor * clean[None])
    assert found.item() == pytest.approx(weight, abs=1e-5)
    assert change.item() == pytest.approx(1 - factor, abs=1e-5)


def test_what_was_zero_before():
    zero, one = torch.zeros(1, 4, 1, 3), torch.ones(1, 4, 1, 3)
    assert [x.item() for x in compare(zero, zero[None])] == [0, 0]
    assert [x.item() for x in compare(zero, one[None])] == [1, 1]


def test_padding_is_not_averaged_over():
    clean = torch.ones(1, 4, 2)
    ablated = clean.clone()
    ablated[:, 2:] = -1
    ablated[:, 3] = torch.nan
    mask = torch.tensor([[True, True, True, False]])
    assert compare(clean, ablated[None], mask)[0].item() == pytest.approx(2 / 3)


def effects_of(weight):
    prompts, n = weight.shape[:2]
    found = PromptEffects.empty(prompts, n)
    found.weight[:] = weight
    return found


def test_a_tally_is_the_same_however_prompts_arrive():
    weight = torch.rand(10, 3, 3, generator=torch.Generator().manual_seed(0))
    possible = torch.ones(3, 3, dtype=torch.bool).triu(1)
    weight[:, ~possible] = torch.nan
    graphs = []
    for sizes in ([10], [1] * 10, [3, 3, 4]):
        tally = Tally(possible, 10)
        for part in weight.split(sizes):
            tally.add(effects_of(part))
        graphs.append(tally.record(("A", "B", "C"), np.arange(3), "exact"))
    for graph in graphs:
        np.testing.assert_allclose(graph.weight, weight.mean(0), rtol=1e-6)
        np.testing.assert_allclose(graph.weight_error, weight.std(0) / 10**0.5, rtol=1e-5)
        np.testing.assert_allclose(graph.weight_by_group, weight[:, possible], atol=1e-3)


def test_many_prompts_are_kept_in_groups_of_even_size():
    possible = torch.ones(2, 2, dtype=torch.bool).triu(1)
    tally = Tally(possible, 96)
    tally.add(effects_of(torch.arange(96.0)[:, None, None].expand(96, 2, 2)))
    graph = tally.record(("A", "B"), np.arange(2), "exact")
    assert graph.prompts == 96
    np.testing.assert_allclose(graph.weight_by_group[:, 0], 3 * np.arange(MOST_GROUPS) + 1)


def test_groups_take_bounded_room_or_none():
    assert group_count(5, 100) == 5
    assert group_count(1, 100) == 1
    assert group_count(10_000, 100) == MOST_GROUPS
    edges = GROUP_BYTES // (2 * FEWEST_GROUPS)
    assert group_count(10_000, edges) == FEWEST_GROUPS
    assert group_count(10_000, edges + 1_000) == 0
    assert group_count(2, edges + 1_000) == 2


def test_a_wide_graph_is_stored_in_half_precision():
    n = WIDE_GRAPH + 1
    tally = Tally(torch.ones(n, n, dtype=torch.bool).triu(1), 1)
    tally.add(PromptEffects.empty(1, n))
    graph = tally.record(tuple(map(str, range(n))), np.arange(n), "exact")
    assert graph.weight.dtype == graph.weight_error.dtype == np.float16
