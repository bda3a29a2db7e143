"""The metrics of one checkpoint's graph: the whole record, with its intervals and its null."""

from __future__ import annotations

import statistics
import time

import networkx as nx
import numpy as np
import pytest

from compute.measure.network import measure_network
from compute.networks.metrics import to_networkx
from compute.specs import NetworkMeasurement
from tests.networks.graphs import layered

pytestmark = pytest.mark.bench
# Pythia-14M: 6 layers of 4 heads; Pythia-410M: 24 layers of 16; each with an MLP, and the ends.
SHAPES = {"Pythia-14M": (6, 5, 9), "Pythia-410M": (24, 17, 3)}
LIMITS = {"Pythia-14M": 0.1, "Pythia-410M": 10.0}
PROMPTS = 16


def seconds(act, times):
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        spent.append(time.perf_counter() - started)
    return spent


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_suite_of_a_checkpoint(shape, capsys):
    layers, heads, times = SHAPES[shape]
    graph = layered(layers=layers, heads=heads, prompts=PROMPTS)
    spec = NetworkMeasurement()
    whole = seconds(lambda: measure_network(graph, spec, np.random.default_rng(0)), times)
    alone = NetworkMeasurement(resamples=0)
    single = seconds(lambda: measure_network(graph, alone, np.random.default_rng(0)), times)
    with capsys.disabled():
        print(
            f"\n{shape}: {len(graph.components)} components, {PROMPTS} prompts, {spec.resamples} "
            f"resamples, {spec.permutations} permutations: {statistics.median(whole):.3f} s "
            f"({min(whole):.3f}-{max(whole):.3f}), asked {LIMITS[shape]:g} s; "
            f"without resamples {statistics.median(single):.3f} s"
        )


def test_betweenness_and_closeness_against_networkx(capsys):
    """The two that take most of the time, of one graph, in one run."""
    graph = layered(layers=24, heads=17, prompts=1)
    digraph = to_networkx(graph)
    spec = NetworkMeasurement(resamples=0, permutations=99)

    def reference():
        nx.betweenness_centrality(digraph, weight="distance")
        nx.closeness_centrality(digraph, distance="distance")

    ours = seconds(lambda: measure_network(graph, spec, np.random.default_rng(0)), 3)
    theirs = seconds(reference, 1)
    ratio = theirs[0] / statistics.median(ours)
    with capsys.disabled():
        print(
            f"\nnetworkx's betweenness and closeness, {len(graph.components)} components: "
            f"{theirs[0]:.2f} s; all our metrics, one graph: {statistics.median(ours):.2f} s; "
            f"ratio {ratio:.1f}"
        )
