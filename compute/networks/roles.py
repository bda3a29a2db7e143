"""Spreaders and gatherers against chance: is a component stronger than its place makes it.

Early components can only send and late ones only receive, so raw strengths measure position too.
The null keeps what position gives: it shuffles the weights among the edges between the same two
layers. A component's strength is then a sum of weights drawn without replacement from each such
block, so its mean and variance are known exactly; the tail probability is counted on shuffles.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """The possible edges of a graph, those between the same two layers side by side.

    Attributes
    ----------
    source, target
        Ends of each edge, sorted by block.
    start
        Where each block begins.
    size
        How many edges each block has.
    sent, received
        How many edges of a block leave, reach a component.
    """

    source: Int[ndarray, " edges"]
    target: Int[ndarray, " edges"]
    start: Int[ndarray, " blocks"]
    size: Int[ndarray, " blocks"]
    sent: Float[ndarray, "n blocks"]
    received: Float[ndarray, "n blocks"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Roles:
    """How out- and in-strengths stand to the null; NaN for a component without a peer in its layer.

    Attributes
    ----------
    spreader_z, gatherer_z
        Standard deviations above the null's mean.
    """

    spreader_z: Float[ndarray, "graphs n"]
    gatherer_z: Float[ndarray, "graphs n"]


def layer_blocks(possible: Bool[ndarray, "n n"], layer: Int[ndarray, " n"]) -> Blocks:
    """Return the blocks of the null: edges that can be, by the layers of their ends."""
    source, target = np.nonzero(possible)
    pair = layer[source] * (layer.max(initial=0) + 1) + layer[target]
    by_block = np.argsort(pair, kind="stable")
    source, target, pair = source[by_block], target[by_block], pair[by_block]
    _, start, number, size = np.unique(
        pair, return_index=True, return_inverse=True, return_counts=True
    )
    sent, received = np.zeros((2, len(layer), len(start)))
    np.add.at(sent, (source, number), 1)
    np.add.at(received, (target, number), 1)
    return Blocks(
        source=source, target=target, start=start, size=size, sent=sent, received=received
    )


def role_scores(weight: Float[ndarray, "graphs n n"], blocks: Blocks) -> Roles:
    """Return the z of every component of every graph, from the null's exact mean and variance."""
    drawn = weight[:, blocks.source, blocks.target]
    if not drawn.shape[1]:
        undefined = np.full(weight.shape[:2], np.nan)
        return Roles(spreader_z=undefined, gatherer_z=undefined)
    mean = np.add.reduceat(drawn, blocks.start, axis=1) / blocks.size
    away = (drawn - np.repeat(mean, blocks.size, axis=1)) ** 2
    variance = np.add.reduceat(away, blocks.start, axis=1) / blocks.size
    return Roles(
        spreader_z=_z(weight.sum(2), mean, variance, blocks.sent, blocks.size),
        gatherer_z=_z(weight.sum(1), mean, variance, blocks.received, blocks.size),
    )


def _z(
    strength: ndarray, mean: ndarray, variance: ndarray, drawn: ndarray, size: ndarray
) -> ndarray:
    """Return z of sums of ``drawn`` values, without replacement, out of each block's ``size``."""
    spread = drawn * (size - drawn) / np.maximum(1, size - 1)
    deviation = np.sqrt(variance @ spread.T)
    known = deviation > 1e-9 * np.maximum(strength, 1e-12)
    return np.divide(
        strength - mean @ drawn.T, deviation, out=np.full(strength.shape, np.nan), where=known
    )


def role_p(
    weight: Float[ndarray, "n n"],
    blocks: Blocks,
    *,
    permutations: int,
    generator: np.random.Generator,
) -> tuple[Float[ndarray, " n"], Float[ndarray, " n"]]:
    """Return the one-sided p of out- and of in-strengths: the share of shuffles at least as strong.

    The graph itself counts as one more shuffle, so that p is never 0 and the test is exact:
    at most 5 % of components have p at most 0.05 where the null holds. NaN where z is.
    """
    n = len(weight)
    sent, received = np.zeros((2, permutations, n))
    for start, size in zip(blocks.start, blocks.size, strict=True):
        block = slice(start, start + size)
        source, target = blocks.source[block], blocks.target[block]
        tiled = np.tile(weight[source, target], (permutations, 1))
        shuffled = generator.permuted(tiled, axis=1)
        for sums, ends in ((sent, source), (received, target)):
            members = np.unique(ends)
            sums[:, members] += shuffled @ (ends[:, None] == members).astype(np.float64)
    roles = role_scores(weight[None], blocks)
    return (
        _share_above(sent, weight.sum(1), roles.spreader_z[0]),
        _share_above(received, weight.sum(0), roles.gatherer_z[0]),
    )


def _share_above(null: ndarray, strength: ndarray, z: ndarray) -> ndarray:
    # Sums in another order differ in their last digits: what is equal must count as equal.
    at_least = (null >= strength - 1e-9 * np.maximum(strength, 1e-12)).sum(0)
    return np.where(np.isfinite(z), (1 + at_least) / (1 + len(null)), np.nan)
