from __future__ import annotations

import numpy as np
import pytest

from compute.networks.frames import frame_of, keep
from compute.networks.metrics import metric_tables
from compute.networks.registry import NODE_NAMES
from compute.networks.resampling import PAIRED, draws_of, node_resamples
from tests.samples import a_graph

RNG = np.random.default_rng(3)
NAMES = ("EMB", "L0H0", "L0H1", "L0MLP", "L1H0", "L1H1", "L1MLP", "LOGITS")
ORDER = np.array([-1, 0, 0, 1, 2, 2, 3, 4])


def graph_of(noise: np.ndarray):
    weight = RNG.random((len(NAMES), len(NAMES)))[None] + noise
    weight[:, ~(ORDER[:, None] < ORDER[None, :])] = np.nan
    return a_graph(weight, components=NAMES, order=ORDER)


GRAPH = graph_of(RNG.normal(0, 0.05, (6, 8, 8)))


@pytest.mark.parametrize("metric", sorted(PAIRED))
@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_a_resample_has_the_metric_of_its_graph(metric: str, threshold: float) -> None:
    found = node_resamples(
        GRAPH.group_weights(), frame_of(GRAPH), metric, threshold=threshold, resamples=20
    )
    mean = np.tensordot(draws_of(6, 20) / 6, GRAPH.group_weights(), axes=1)
    label = np.zeros(len(NAMES), dtype=int)
    tables, _ = metric_tables(keep(mean, threshold), frame_of(GRAPH), label)
    np.testing.assert_allclose(found, tables[:, NODE_NAMES.index(metric)], rtol=1e-9)


def test_draws_are_the_same_at_every_checkpoint_and_take_as_many_prompts() -> None:
    first, again = draws_of(6, 50), draws_of(6, 50)
    assert (first == again).all()
    assert (first.sum(1) == 6).all()
    assert len(np.unique(first, axis=0)) > 40


def test_what_a_prompt_adds_to_two_graphs_cancels_in_their_difference() -> None:
    shared = 2 + RNG.normal(0, 0.3, (6, 1, 1))
    sides = [graph_of(shared + RNG.normal(0, 1e-4, (6, 8, 8))) for _ in range(2)]
    drawn = [
        node_resamples(g.group_weights(), frame_of(g), "out_strength", threshold=0, resamples=200)
        for g in sides
    ]
    sends = slice(0, -1)
    alone = drawn[0][:, sends].std(0)
    assert ((drawn[1] - drawn[0])[:, sends].std(0) < 0.01 * alone).all()
