"""The matrices of every head, as they meet the residual stream.

`weights_of` says which entries of the parameters belong to a head; here they become W_Q, W_K, W_V
and W_O, whatever the layout. Which outputs of attention's input projections are values, keys and
queries, and in which order, is read off one short pass with random numbers in their place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from compute.errors import UnknownArchitecture
from compute.models.anatomy import BlockAnatomy, architecture, merge_weight
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel
from compute.models.norms import Norm, norms_of
from compute.models.weights import Cut, cut_off, weights_of

_RELATIVE = 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class HeadWeights:
    """The matrices of the heads of one block, in coordinates of the residual stream.

    The norm that attention reads is folded into ``query``, ``key`` and ``value``, and one that
    attention's output passes before it is added into ``output``: gains, and centring where the
    norm subtracts the mean. The division by each token's size is left out, as are biases, scales
    of scores, rotations, and norms of queries and keys inside of attention.

    Attributes
    ----------
    query, key, value
        W_Q, W_K and W_V; heads that share keys and values each have them whole.
    output
        W_O.
    """

    query: Float[Tensor, "heads head_width width"]
    key: Float[Tensor, "heads head_width width"]
    value: Float[Tensor, "heads head_width width"]
    output: Float[Tensor, "heads width head_width"]


def head_weights(model: LoadedModel) -> tuple[HeadWeights, ...]:
    """Return the matrices of all heads, block by block, float32.

    Raises
    ------
    UnknownArchitecture
        If the weights of single heads cannot be told apart, or what norm attention reads.
    """
    weights_of(model, "heads")
    norms = {norm.name: norm for norm in norms_of(model)}
    generator = torch.Generator().manual_seed(0)
    with torch.enable_grad(), ExitStack() as stack:
        cuts = [_cut(block, generator, stack) for block in model.anatomy.blocks]
        model.module(example_tokens(model.module))
        return tuple(
            _of_block(model.module, layer, block, *cut, norms)
            for layer, (block, cut) in enumerate(zip(model.anatomy.blocks, cuts, strict=True))
        )


@dataclasses.dataclass(kw_only=True, eq=False)
class _Read:
    """What a block's attention reads.

    Attributes
    ----------
    stream
        What the block was given, ``[.., width]``.
    direct
        Whether the projections read just that.
    """

    stream: Tensor | None = None
    direct: bool = True


def _cut(block: BlockAnatomy, generator: torch.Generator, stack: ExitStack) -> tuple[Cut, _Read]:
    """Cut a block's attention off as `cut_off` does, and watch what its projections read."""
    read = _Read()

    def begin(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        read.stream = args[0] if args else kwargs["hidden_states"]

    def see(linear: nn.Module, x: Tensor, output: Tensor) -> None:
        if linear is not block.merge:
            read.direct &= read.stream is not None and torch.equal(x, read.stream)

    stack.callback(block.block.register_forward_pre_hook(begin, with_kwargs=True).remove)
    return cut_off(block, generator, stack, see), read


def _of_block(
    module: nn.Module,
    layer: int,
    block: BlockAnatomy,
    cut: Cut,
    read: _Read,
    norms: dict[str, Norm],
) -> HeadWeights:
    query, key, value = _places(module, layer, block, cut)
    norm = norms.get(f"L{layer}.attention")
    if norm is None and not read.direct:
        raise _unclear(module, f"what attention reads in block {layer} comes from no known norm")
    rows = _folded(module, torch.cat([_matrix(linear) for linear in cut.leaves]), norm)
    merged = _folded(module, merge_weight(block), norms.get(f"L{layer}.attention_output"), last=0)
    return HeadWeights(
        query=rows[query],
        key=rows[key],
        value=rows[value],
        output=merged.unflatten(0, (block.heads, -1)).transpose(1, 2),
    )


def _matrix(linear: Any) -> Float[Tensor, "outputs inputs"]:
    weight: Tensor = linear.weight.detach()
    return weight if isinstance(linear, nn.Linear) else weight.T


def _folded(
    module: nn.Module, rows: Float[Tensor, "rows width"], norm: Norm | None, last: int = 1
) -> Float[Tensor, "rows width"]:
    """Return maps that read what a norm puts out as maps of what it is given.

    With ``last=0``, maps that write what a norm is given as maps that write what it puts out.
    """
    if norm is None:
        return rows
    if norm.centred is None:
        raise _unclear(module, f"{norm.name} is a norm that does more than to centre and scale")
    if last == 0:
        return norm.gain * (rows - norm.centred * rows.mean(1, keepdim=True))
    gained = norm.gain * rows
    return gained - norm.centred * gained.mean(1, keepdim=True)


_Places: TypeAlias = Int[Tensor, "heads head_width"]


def _places(
    module: nn.Module, layer: int, block: BlockAnatomy, cut: Cut
) -> tuple[_Places, _Places, _Places]:
    """Return which outputs of a block's projections, one behind the other, each head reads.

    Queries, keys and values; entries at one place of a query and a key are multiplied, and those
    of a value have the order of the head's ``z``.
    """
    assert cut.z is not None
    z = cut.z.reshape(-1, block.heads, cut.z.shape[-1] // block.heads)
    leaves = list(cut.leaves.values())
    numbers = torch.cat([leaf.detach().flatten(0, -2) for leaf in leaves], -1)

    def slopes(of: Tensor) -> Float[Tensor, "positions outputs"]:
        found = torch.autograd.grad(of, leaves, retain_graph=True, materialize_grads=True)
        return torch.cat([slope.flatten(0, -2) for slope in found], -1)

    heads = [_places_of_head(z[:, head], slopes, numbers) for head in range(block.heads)]
    known = [head for head in heads if head is not None]
    if len(known) < len(heads):
        raise _unclear(module, f"block {layer} lays out queries, keys or values in its own way")
    query, key, value = (torch.stack(places) for places in zip(*known, strict=True))
    return query, key, value


def _places_of_head(
    z: Float[Tensor, "positions head_width"],
    slopes: Callable[[Tensor], Tensor],
    numbers: Float[Tensor, "positions outputs"],
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the outputs that are a head's query, key and value; None if that is not clear.

    The first position attends to itself alone, so there ``z`` is the value. What the second
    position puts out depends on the first one's key, but not on its query; and it depends on its
    own key in proportion to its own query, also if both are rotated.
    """
    width = z.shape[-1]
    counted = slopes((z[0] * torch.arange(1.0, width + 1)).sum())[0].round().long()
    value = counted.argsort()[-width:]
    second = slopes(z[1].sum())
    earlier, own = second[0] != 0, second[1] != 0
    earlier[value] = own[value] = False
    key, query = earlier.nonzero()[:, 0], (own & ~earlier).nonzero()[:, 0]
    if counted[value].tolist() != list(range(1, width + 1)) or not len(key) == len(query) == width:
        return None
    alike = torch.cosine_similarity(second[1, key], numbers[1, query], dim=0).abs()
    return (query, key, value) if alike > 1 - _RELATIVE else None


def _unclear(module: nn.Module, what: str) -> UnknownArchitecture:
    return UnknownArchitecture(
        f"the matrices of the heads of architecture {architecture(module)!r} cannot be told apart: "
        f"{what}; use measurements that need no weights of single heads"
    )
