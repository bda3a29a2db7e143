"""Which entries of a model's parameters belong to a head, an MLP, a layer or an embedding.

Nothing is assumed of how a library lays out queries, keys and values, fused or not: which outputs
of attention's input projections a head reads is read off one short pass, as the outputs on which
the head's ``z`` depends. A model where heads cannot be told apart is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from compute.errors import UnknownArchitecture
from compute.llc_specs import Parts
from compute.models.anatomy import Anatomy, BlockAnatomy, architecture
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel

Entries: TypeAlias = dict[str, Int[Tensor, " entries"]]
_Linear: TypeAlias = nn.Linear | Conv1D

_RELATIVE = 1e-4


def weights_of(model: LoadedModel, parts: Parts) -> dict[str, Entries]:
    """Return the weights of each part of one kind, for refined LLCs (arXiv:2410.02984).

    Parameters
    ----------
    parts
        ``heads``: ``L0H0``, .., each the W_Q, W_K, W_V and W_O of one head. Heads that share
        their keys and values (grouped queries) each have the shared W_K and W_V whole, so their
        weights overlap. ``mlps``: ``L0MLP``, .., every matrix of an MLP; attention-only blocks
        have none. ``layers``: ``L0``, .., every matrix of a block. ``embeddings``: ``EMB``, the
        token embedding without positions, and ``UNEMBED``, which is left out where it is tied to
        ``EMB``.

    Returns
    -------
    weights
        For each part, the flat indices of its entries by parameter: int64, ascending, into
        ``parameter.reshape(-1)``. Parameters are called what ``named_parameters`` of the module
        calls them, tied ones by their first name. Biases and norms belong to no part.

    Raises
    ------
    UnknownArchitecture
        If the weights of single heads cannot be told apart, or a block has a matrix that belongs
        to no part.
    """
    names = {id(parameter): name for name, parameter in model.module.named_parameters()}
    if parts == "embeddings":
        return _embeddings(model.anatomy, names)
    if parts == "heads":
        return _heads(model, names)
    found: dict[str, Entries] = {}
    for layer, block in enumerate(model.anatomy.blocks):
        of_mlp = _mlp_linears(model.module, layer, block)
        if parts == "layers":
            found[f"L{layer}"] = _whole([*_linears(block.attention), *of_mlp], names)
        elif of_mlp:
            found[f"L{layer}MLP"] = _whole(of_mlp, names)
    return found


def _embeddings(anatomy: Anatomy, names: dict[int, str]) -> dict[str, Entries]:
    embedding, unembedding = anatomy.embedding, anatomy.unembed.linear
    found = {"EMB": _whole([embedding], names)}
    if unembedding.weight is not embedding.weight:
        found["UNEMBED"] = _whole([unembedding], names)
    return found


def _heads(model: LoadedModel, names: dict[int, str]) -> dict[str, Entries]:
    found: dict[str, Entries] = {}
    for layer, (block, reads) in enumerate(
        zip(model.anatomy.blocks, _traced_reads(model), strict=True)
    ):
        heads: list[Entries] = [{} for _ in range(block.heads)]
        for linear, read in reads.items():
            places = _places(linear)
            for entries, mine in zip(heads, read, strict=True):
                entries[names[id(linear.weight)]] = _ascending(places[:, mine])
        merged = _places(block.merge).unflatten(0, (block.heads, -1))
        for entries, place in zip(heads, merged, strict=True):
            entries[names[id(block.merge.weight)]] = _ascending(place)
        found |= {f"L{layer}H{head}": entries for head, entries in enumerate(heads)}
    return found


def _whole(modules: list[Any], names: dict[int, str]) -> Entries:
    return {names[id(m.weight)]: torch.arange(m.weight.numel()) for m in modules}


def _ascending(places: Tensor) -> Int[Tensor, " entries"]:
    return places.flatten().sort().values


def _places(linear: Any) -> Int[Tensor, "inputs outputs"]:
    """Return the flat index of each entry of a linear map's weight; Conv1D stores it transposed."""
    places = torch.arange(linear.weight.numel()).view(linear.weight.shape)
    return places.T if isinstance(linear, nn.Linear) else places


def _linears(module: nn.Module) -> list[_Linear]:
    return [part for part in module.modules() if isinstance(part, _Linear)]


def _mlp_linears(module: nn.Module, layer: int, block: BlockAnatomy) -> list[_Linear]:
    """Return the linear maps of a block's MLP.

    Raises
    ------
    UnknownArchitecture
        If the block has a matrix that is of no linear map of its attention or its MLP.
    """
    attention = set(block.attention.modules())
    found = [linear for linear in _linears(block.block) if linear not in attention]
    # OPT's MLP is no module of its own: the block holds both of its maps.
    if block.mlp is None or not isinstance(block.mlp, _Linear):
        inside = set() if block.mlp is None else set(block.mlp.modules())
        found = [linear for linear in found if linear in inside]
    known = {id(linear.weight) for linear in [*_linears(block.attention), *found]}
    known |= {id(p) for norm in _norms(block.block) for p in norm.parameters()}
    if any(p.ndim > 1 and id(p) not in known for p in block.block.parameters()):
        raise _unclear(module, layer, "has a matrix that is of neither its attention nor its MLP")
    return found


def _norms(module: nn.Module) -> list[nn.Module]:
    return [part for name, part in module.named_modules() if "norm" in name.rpartition(".")[2]]


@dataclasses.dataclass(kw_only=True, eq=False)
class Cut:
    """What was seen of one attention during a pass.

    Attributes
    ----------
    z
        The input of the output projection, ``[.., heads * head_width]``.
    leaves
        What stood in for the output of each input projection, ``[.., outputs]``.
    """

    z: Tensor | None = None
    leaves: dict[_Linear, Tensor] = dataclasses.field(default_factory=dict)


def _traced_reads(model: LoadedModel) -> list[dict[_Linear, Bool[Tensor, "heads outputs"]]]:
    """Return, for each block, which outputs of each input projection of attention a head reads.

    The outputs are replaced by random numbers, so that nothing depends on the weights: attention
    that is saturated, or a projection that is zero, would hide what a head reads. Norms of
    queries and keys are passed over: they keep each number in its place, but where they are taken
    over all heads they make each head depend, a little, on all.
    """
    blocks = model.anatomy.blocks
    generator = torch.Generator().manual_seed(0)
    with torch.enable_grad(), ExitStack() as stack:
        seen = [
            cut_off(block, generator, stack, partial(_require_linear, model.module, layer))
            for layer, block in enumerate(blocks)
        ]
        model.module(example_tokens(model.module))
        return [
            _reads(model.module, layer, block, one)
            for layer, (block, one) in enumerate(zip(blocks, seen, strict=True))
        ]


def cut_off(
    block: BlockAnatomy,
    generator: torch.Generator,
    stack: ExitStack,
    see: Callable[[Any, Tensor, Tensor], None],
) -> Cut:
    """Cut a block's attention off from its input projections, until ``stack`` is closed.

    ``see`` is shown every linear map of the attention, what it is given, and what it puts out.
    Norms inside of attention are passed over: `_traced_reads` says why.
    """
    cut = Cut()

    def replace(linear: Any, args: Any, output: Tensor) -> Tensor:
        see(linear, args[0], output)
        leaf = torch.randn(output.shape, generator=generator).requires_grad_()
        cut.leaves[linear] = leaf
        # Attention may clip what it was given in place, but not a leaf.
        return leaf.clone()

    def keep(merge: nn.Module, args: Any, output: Tensor) -> None:
        see(merge, args[0], output)
        cut.z = args[0]

    for linear in _linears(block.attention):
        hook = keep if linear is block.merge else replace
        stack.callback(linear.register_forward_hook(hook).remove)
    for norm in _norms(block.attention):
        stack.callback(norm.register_forward_hook(lambda norm, args, output: args[0]).remove)
    return cut


def _require_linear(module: nn.Module, layer: int, linear: Any, x: Tensor, output: Tensor) -> None:
    """Check that a linear map uses its weight as `_places` has it."""
    with torch.no_grad():
        expected = x @ linear.weight.reshape(-1)[_places(linear)]
        if linear.bias is not None:
            expected = expected + linear.bias
        allowed = _RELATIVE * output.abs().max() + 1e-6
        if not bool((output - expected).abs().max() <= allowed):
            raise _unclear(module, layer, "does more with a weight of attention than to multiply")


def _reads(
    module: nn.Module, layer: int, block: BlockAnatomy, seen: Cut
) -> dict[_Linear, Bool[Tensor, "heads outputs"]]:
    """Return what each head of a block reads, after checking that this makes them heads."""
    linears = [linear for linear in _linears(block.attention) if linear is not block.merge]
    if seen.z is None or set(seen.leaves) != set(linears):
        raise _unclear(module, layer, "does not call every linear map of its attention")
    leaves = [seen.leaves[linear] for linear in linears]
    slopes = [
        torch.autograd.grad(z.sum(), leaves, retain_graph=True, materialize_grads=True)
        for z in seen.z.unflatten(-1, (block.heads, -1)).unbind(-2)
    ]
    reads = [
        torch.stack([(slope != 0).flatten(0, -2).any(0) for slope in of_linear])
        for of_linear in zip(*slopes, strict=True)
    ]
    _require_heads(module, layer, torch.cat(reads, -1), seen.z.shape[-1] // block.heads)
    return dict(zip(linears, reads, strict=True))


def _require_heads(
    module: nn.Module, layer: int, reads: Bool[Tensor, "heads outputs"], width: int
) -> None:
    """Check that heads have a query, a key and a value each, and share nothing or the last two."""
    common = reads.long() @ reads.long().T
    alone = torch.eye(len(reads), dtype=torch.bool)
    shared = common[~alone]
    if not bool(reads.any(0).all()):
        raise _unclear(module, layer, "projects to numbers that none of its heads reads")
    if not bool((common[alone] == 3 * width).all()):
        raise _unclear(module, layer, "has a head that does not read one query, key and value")
    if not bool(((shared == 0) | (shared == 2 * width)).all()):
        raise _unclear(module, layer, "has heads that share more or less than keys and values")


def _unclear(module: nn.Module, layer: int, what: str) -> UnknownArchitecture:
    return UnknownArchitecture(
        f"the weights of components of architecture {architecture(module)!r} cannot be told "
        f"apart: block {layer} {what}; measure the LLC of the whole model instead"
    )
