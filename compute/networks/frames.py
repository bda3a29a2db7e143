"""What all metrics of a graph start from: its weights, and how its nodes and layers lie.

NumPy only, so that pages may ask too.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from compute.components import layers_of
from compute.networks.roles import Blocks, layer_blocks
from compute.records import AblationGraph


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """What a graph's weights are laid out on: the same for all its resamples.

    Attributes
    ----------
    forward
        Nodes in an order in which every edge leads from an earlier to a later one.
    back
        Undoes ``forward``.
    layer
        Of each node, as `compute.components.layers_of` counts them.
    blocks
        Of the null of roles.
    """

    forward: Int[ndarray, " n"]
    back: Int[ndarray, " n"]
    layer: Int[ndarray, " n"]
    blocks: Blocks


def frame_of(graph: AblationGraph) -> Frame:
    """Return the frame of a graph."""
    forward = np.argsort(graph.order, kind="stable")
    layer = layers_of(graph.components)
    return Frame(
        forward=forward,
        back=np.argsort(forward),
        layer=layer,
        blocks=layer_blocks(np.isfinite(graph.weight), layer),
    )


def kept_weights(graph: AblationGraph, threshold: float = 0.0) -> Float[ndarray, "n n"]:
    """Return the weights of the edges at or above ``threshold``; 0 where there is no edge."""
    return keep(np.nan_to_num(graph.weight.astype(np.float64), nan=0.0), threshold)


def keep(weight: Float[ndarray, "*graphs n n"], threshold: float) -> Float[ndarray, "*graphs n n"]:
    """Return weights, 0 for those below ``threshold`` and those that rounding left below 0."""
    return np.where((weight >= threshold) & (weight > 0), weight, 0.0)
