"""Node metrics of resampled prompts: the same draws at every checkpoint, so that they pair.

Two graphs of the same prompts share what is peculiar to a prompt. Where both are resampled by the
same draws, the difference of a metric has an interval in which that cancels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.networks.centrality import katz, pagerank, reversed_edges
from compute.networks.frames import Frame, keep
from compute.networks.roles import role_scores

SEED = 20_250
# Of float64: 128 MB of weights at once.
_AT_ONCE = 1 << 24

_Metric = Callable[[ndarray, Frame], ndarray]
_Walk = Callable[[ndarray], ndarray]


def _walk(metric: _Walk) -> _Metric:
    """Return a metric that takes nodes in an order in which every edge leads forward."""
    return lambda w, frame: metric(w[:, frame.forward][:, :, frame.forward])[:, frame.back]


# Metrics that cost little enough to be taken of every resample of every checkpoint. Those of paths
# and singular vectors are not: they take ten times as long and more.
PAIRED: dict[str, _Metric] = {
    "out_strength": lambda w, _: w.sum(2),
    "in_strength": lambda w, _: w.sum(1),
    "spreader_z": lambda w, frame: role_scores(w, frame.blocks).spreader_z,
    "gatherer_z": lambda w, frame: role_scores(w, frame.blocks).gatherer_z,
    "pagerank": _walk(pagerank),
    "pagerank_reversed": _walk(lambda w: pagerank(reversed_edges(w))[:, ::-1]),
    "katz": _walk(katz),
    "katz_reversed": _walk(lambda w: katz(reversed_edges(w))[:, ::-1]),
}


def draws_of(groups: int, resamples: int) -> Int[ndarray, "resamples groups"]:
    """Return how often each resample draws each group of prompts: the same for equal arguments."""
    even = np.full(max(1, groups), 1 / max(1, groups))
    return np.random.default_rng(SEED).multinomial(groups, even, resamples)


def node_resamples(
    by_group: Float[ndarray, "groups n n"],
    frame: Frame,
    metric: str,
    *,
    threshold: float,
    resamples: int,
) -> Float[ndarray, "resamples n"]:
    """Return a metric of every component for each resample of the prompts, in the metric's unit.

    Parameters
    ----------
    by_group
        Weights of each group of prompts, 0 where there is no edge.
    metric
        One of `PAIRED`.
    threshold
        Edges of a resample that are lighter are left out, as in the metric itself.

    Raises
    ------
    KeyError
        If the metric is none of `PAIRED`.
    """
    groups, n = by_group.shape[:2]
    drawn = draws_of(groups, resamples) / groups
    found = np.empty((resamples, n))
    turn = max(1, _AT_ONCE // (n * n))
    for start in range(0, resamples, turn):
        part = slice(start, start + turn)
        weight = keep(np.tensordot(drawn[part], by_group, axes=1), threshold)
        found[part] = PAIRED[metric](weight, frame)
    return found
