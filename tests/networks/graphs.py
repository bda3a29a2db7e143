"""Random layered graphs, and what is read off a record by name."""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from compute.networks.metrics import tables_of
from compute.networks.registry import GRAPH_NAMES, NODE_NAMES
from compute.records import AblationGraph
from tests.samples import a_graph


def layered(
    layers: int = 4, heads: int = 3, prompts: int = 5, seed: int = 0, ends: bool = True
) -> AblationGraph:
    """A graph of a parallel model with weights that no two edges share."""
    rng = np.random.default_rng(seed)
    names, order = (["EMB"], [0]) if ends else ([], [])
    for layer in range(layers):
        names += [f"L{layer}H{h}" for h in range(heads - 1)] + [f"L{layer}MLP"]
        order += [layer + 1] * heads
    if ends:
        names, order = [*names, "LOGITS"], [*order, layers + 1]
    depth = np.array(order)
    possible = depth[:, None] < depth[None, :]
    weights = rng.gamma(0.7, 0.2, (prompts, *possible.shape))
    return a_graph(np.where(possible, weights, np.nan), components=tuple(names), order=depth)


def graph_of(weight, by_prompt=None, order=None) -> AblationGraph:
    return a_graph(np.asarray(weight)[None] if by_prompt is None else by_prompt, order=order)


def tables(graph: AblationGraph, threshold: float = 0.0) -> tuple[dict[str, ndarray], dict]:
    """All metrics of a graph by name: those of nodes, and those of the whole."""
    found = tables_of(graph, threshold=threshold, permutations=99)
    return (
        dict(zip(NODE_NAMES, found.node, strict=True)),
        dict(zip(GRAPH_NAMES, found.whole.tolist(), strict=True)) | {"label": found.label},
    )
