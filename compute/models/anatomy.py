"""Where the components of a model are: blocks, head outputs and MLP outputs.

A head's output is its slice of ``z``, the value mix that enters the attention's output projection
(`BlockAnatomy.merge`); an MLP's is what it adds to the residual stream. Parts are found by the
names that libraries give them; `compute.models.tracing` then checks on a short pass that they do
what their names say, so a model that is built otherwise is refused, not measured wrongly.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from compute.errors import UnknownArchitecture

ComponentKind: TypeAlias = Literal["embedding", "head", "mlp", "logits"]

_ATTENTION = ("attention", "attn", "self_attn", "self_attention")
_MERGE = ("o_proj", "out_proj", "dense", "c_proj", "output", "o")
_MLP = ("mlp", "feed_forward", "ffn")
_MLP_WITHOUT_MODULE = "fc2"
_TAIL = ("final_layer_norm", "ln_f", "norm", "final_layernorm", "norm_f", "final_norm", "ln_out")
_PROJECT_OUT = "project_out"
_HEADS = ("num_attention_heads", "n_heads", "heads")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """One node of the ablation graph.

    Attributes
    ----------
    layer
        The block, from 0; -1 for ``EMB``, the number of blocks for ``LOGITS``.
    index
        The head within its layer; 0 for the others.
    order
        Depth: information flows from a lower to a higher order only. In a parallel block heads
        and MLP have the same order; in a sequential one the heads come first.
    """

    name: str
    kind: ComponentKind
    layer: int
    index: int
    order: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BlockAnatomy:
    """The parts of one transformer block.

    Attributes
    ----------
    attention
        The module that the block calls to attend; its output is that of ``merge``, alone or with
        the residual stream added.
    merge
        The output projection of attention; its input is ``z``, ``[.., heads * head_width]``.
    mlp
        The module that the block calls as its MLP; None in attention-only blocks.
    mlp_output
        The module whose output the MLP adds to the residual stream; mostly ``mlp`` itself.
    mlp_down
        The MLP's last linear map; it reads the neurons.
    parallel
        The MLP does not read what the heads of its own block put out.
    additive
        The block's output is its input, plus the output of ``merge``, plus that of
        ``mlp_output``, with nothing between.
    overwrites
        The block changes what its parts return in place, so it has to be copied to be kept.
    """

    block: nn.Module
    attention: nn.Module
    merge: nn.Module
    mlp: nn.Module | None
    mlp_output: nn.Module | None
    mlp_down: nn.Module | None
    heads: int
    parallel: bool = False
    additive: bool = False
    overwrites: bool = False

    @property
    def parts(self) -> int:
        """The number of components: heads, and the MLP if there is one."""
        return self.heads + (self.mlp is not None)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Unembedding:
    """From the final residual stream to logits: a linear map, then a scale, then a soft cap.

    Attributes
    ----------
    scale
        What the linear map's output is multiplied with.
    cap
        Logits are ``cap * tanh(x / cap)``; None for no cap.
    """

    linear: nn.Linear
    scale: float = 1.0
    cap: float | None = None

    @property
    def vocabulary(self) -> int:
        """The number of tokens."""
        return self.linear.out_features

    def finish(self, projected: Tensor) -> Tensor:
        """Turn outputs of the linear map, of any subset of tokens, into logits."""
        if self.scale != 1.0:
            projected = projected * self.scale
        return projected if self.cap is None else (projected / self.cap).tanh() * self.cap


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Anatomy:
    """The parts of one model.

    Attributes
    ----------
    embedding
        The module whose output is the token embedding.
    tail
        What turns the last block's output into the unembedding's input, in order.
    """

    embedding: nn.Module
    blocks: tuple[BlockAnatomy, ...]
    tail: tuple[nn.Module, ...]
    unembed: Unembedding

    def components(self) -> tuple[Component, ...]:
        """Return all components, ``EMB`` first and ``LOGITS`` last, layer by layer."""
        nodes = [Component(name="EMB", kind="embedding", layer=-1, index=0, order=-1)]
        order = 0
        for layer, block in enumerate(self.blocks):
            nodes += [
                Component(name=f"L{layer}H{h}", kind="head", layer=layer, index=h, order=order)
                for h in range(block.heads)
            ]
            if block.mlp is not None:
                order += not block.parallel
                nodes.append(
                    Component(name=f"L{layer}MLP", kind="mlp", layer=layer, index=0, order=order)
                )
            order += 1
        last = len(self.blocks)
        nodes.append(Component(name="LOGITS", kind="logits", layer=last, index=0, order=order))
        return tuple(nodes)

    def finish(self, stream: Tensor) -> Tensor:
        """Turn the last block's output into the unembedding's input, ``[batch, T, d]``."""
        for module in self.tail:
            stream = module(stream)
        return stream


def find_anatomy(module: nn.Module) -> Anatomy:
    """Return where the parts of ``module`` are, by their names; `tracing` checks them.

    Raises
    ------
    UnknownArchitecture
        If a part cannot be found.
    """
    trunk, blocks = _find_blocks(module)
    heads = _head_count(module)
    tail = [getattr(trunk, name, None) for name in (*_TAIL, _PROJECT_OUT)]
    return Anatomy(
        embedding=_find_embedding(module),
        blocks=tuple(_block(block, heads) for block in blocks),
        tail=tuple(part for part in tail if isinstance(part, nn.Module)),
        unembed=_find_unembedding(module),
    )


def config_of(module: Any) -> Any:
    """Return a model's config, by either of the names that libraries give it."""
    return getattr(module, "config", None) or getattr(module, "cfg", None)


def architecture(module: nn.Module) -> str:
    """Return what an error calls the architecture of ``module``."""
    model_type = getattr(config_of(module), "model_type", None)
    return str(model_type or type(module).__name__)


def _find_blocks(module: nn.Module) -> tuple[nn.Module, list[nn.Module]]:
    """Return the module that owns the list of blocks, and the blocks."""
    for owner in module.modules():
        for child in owner.children():
            if isinstance(child, nn.ModuleList) and _first(child, _ATTENTION, of=0) is not None:
                return owner, list(child)
    raise _unknown(module, "no list of blocks with attention in them")


def _block(block: nn.Module, heads: int) -> BlockAnatomy:
    attention = _first(block, _ATTENTION)
    if attention is None:
        raise _unknown(block, "a block without attention")
    merge = _find_merge(attention)
    width = merge.weight.numel() // _outputs(merge)
    if width % heads:
        raise _unknown(block, f"{heads} heads do not divide the attention's width of {width}")
    mlp = _first(block, (*_MLP, _MLP_WITHOUT_MODULE))
    linear = [] if mlp is None else [part for part in mlp.modules() if _is_linear(part)]
    return BlockAnatomy(
        block=block,
        attention=attention,
        merge=merge,
        mlp=mlp,
        mlp_output=mlp if mlp is None or not _adds_residual(mlp) else linear[-1],
        mlp_down=linear[-1] if linear else None,
        heads=heads,
    )


def _find_merge(attention: nn.Module) -> Any:
    for name, part in reversed(list(attention.named_modules())):
        if _is_linear(part) and name.rpartition(".")[2] in _MERGE:
            return part
    raise _unknown(attention, "no output projection of attention")


def _adds_residual(mlp: nn.Module) -> bool:
    """Say whether an MLP adds what it puts out to the residual stream itself, as BLOOM's does."""
    return "residual" in inspect.signature(mlp.forward).parameters


def _is_linear(part: nn.Module) -> bool:
    return isinstance(part, nn.Linear) or type(part).__name__ == "Conv1D"


def _find_embedding(module: Any) -> nn.Module:
    for name in ("tok_embed", "embed"):
        if isinstance(found := getattr(module, name, None), nn.Module):
            return found
    found = module.get_input_embeddings() if hasattr(module, "get_input_embeddings") else None
    if found is None:
        raise _unknown(module, "no token embedding")
    return found


def _find_unembedding(module: Any) -> Unembedding:
    linear = _first(module, ("readout", "head"))
    if linear is None and hasattr(module, "get_output_embeddings"):
        linear = module.get_output_embeddings()
    if not isinstance(linear, nn.Linear):
        raise _unknown(module, "no linear unembedding")
    config = config_of(module)
    cap = getattr(config, "final_logit_softcapping", None)
    native_cap = getattr(config, "output_logits_soft_cap", None)
    scale = getattr(config, "logit_scale", None)
    divisor = getattr(config, "logits_scaling", None)
    return Unembedding(
        linear=linear,
        scale=float(scale or 1.0) / float(divisor or 1.0),
        cap=next((float(c) for c in (cap, native_cap) if c is not None and c > 0), None),
    )


def _head_count(module: nn.Module) -> int:
    for name in _HEADS:
        if isinstance(count := getattr(config_of(module), name, None), int):
            return count
    raise _unknown(module, "its config does not say how many heads it has")


def _first(module: nn.Module, names: Iterable[str], of: int | None = None) -> nn.Module | None:
    """Return the first child, of the ``of``-th child if given, that has one of the names."""
    if of is not None:
        children = list(module.children())
        return _first(children[of], names) if len(children) > of else None
    found = (getattr(module, name, None) for name in names)
    return next((part for part in found if isinstance(part, nn.Module)), None)


def _outputs(linear: Any) -> int:
    """Return how many numbers a linear module puts out; Conv1D stores its weight transposed."""
    return int(linear.out_features if isinstance(linear, nn.Linear) else linear.weight.shape[1])


def _unknown(module: nn.Module, what: str) -> UnknownArchitecture:
    return UnknownArchitecture(
        f"the components of architecture {architecture(module)!r} cannot be found: {what}; "
        "the guide lists what is supported"
    )


def as_rows(output: Any, like: Tensor) -> Tensor:
    """Return a module's output as ``[batch, T, d]``: the first of a tuple, unflattened."""
    tensor: Tensor = output[0] if isinstance(output, tuple) else output
    return tensor if tensor.ndim == like.ndim else tensor.view(*like.shape[:2], -1)


def merge_weight(part: BlockAnatomy) -> Tensor:
    """Return the output projection as ``z @ weight``, ``[heads_width, d]``, however stored."""
    weight: Tensor = part.merge.weight  # type: ignore[assignment]
    return weight.T if isinstance(part.merge, nn.Linear) else weight
