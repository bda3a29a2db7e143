"""Where the components of a model are: blocks, head outputs and MLP outputs, by architecture.

A head's output is its slice of ``z``, the value mix that enters the attention's output projection
(`BlockAnatomy.merge`); an MLP's is its module's output.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, TypeAlias

from torch import nn

from compute.errors import UnknownArchitecture
from compute.models.developments.regression_transformer import RegressionTransformer

ComponentKind: TypeAlias = Literal["embedding", "head", "mlp", "logits"]


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
    merge
        The output projection of attention; its input is ``z``, ``[.., heads * head_width]``.
    mlp_norm
        The norm between the residual stream and the MLP.
    """

    block: nn.Module
    merge: nn.Module
    mlp: nn.Module
    mlp_norm: nn.Module
    heads: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Anatomy:
    """The parts of one model.

    Attributes
    ----------
    embedding
        The module whose output is the token embedding.
    parallel
        Attention and MLP of a block read the same residual stream.
    """

    embedding: nn.Module
    blocks: tuple[BlockAnatomy, ...]
    final_norm: nn.Module
    unembed: nn.Linear
    parallel: bool

    def components(self) -> tuple[Component, ...]:
        """Return all components, ``EMB`` first and ``LOGITS`` last, layer by layer."""
        per_layer = 1 if self.parallel else 2
        nodes = [Component(name="EMB", kind="embedding", layer=-1, index=0, order=-1)]
        for layer, block in enumerate(self.blocks):
            order = layer * per_layer
            nodes += [
                Component(name=f"L{layer}H{h}", kind="head", layer=layer, index=h, order=order)
                for h in range(block.heads)
            ]
            mlp_order = order + per_layer - 1
            nodes.append(
                Component(name=f"L{layer}MLP", kind="mlp", layer=layer, index=0, order=mlp_order)
            )
        last = len(self.blocks)
        nodes.append(
            Component(name="LOGITS", kind="logits", layer=last, index=0, order=last * per_layer)
        )
        return tuple(nodes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Layout:
    """Module paths of one architecture; block parts are relative to the block."""

    embedding: str
    blocks: str
    merge: str
    mlp: str
    mlp_norm: str
    final_norm: str
    unembed: str


_NEOX = _Layout(
    embedding="gpt_neox.embed_in",
    blocks="gpt_neox.layers",
    merge="attention.dense",
    mlp="mlp",
    mlp_norm="post_attention_layernorm",
    final_norm="gpt_neox.final_layer_norm",
    unembed="lm_head",
)
_GPT2 = _Layout(
    embedding="transformer.wte",
    blocks="transformer.h",
    merge="attn.c_proj",
    mlp="mlp",
    mlp_norm="ln_2",
    final_norm="transformer.ln_f",
    unembed="lm_head",
)
_LLAMA = _Layout(
    embedding="model.embed_tokens",
    blocks="model.layers",
    merge="self_attn.o_proj",
    mlp="mlp",
    mlp_norm="post_attention_layernorm",
    final_norm="model.norm",
    unembed="lm_head",
)
_REGRESSION = _Layout(
    embedding="embed",
    blocks="blocks",
    merge="attention.output",
    mlp="mlp",
    mlp_norm="mlp_norm",
    final_norm="final_norm",
    unembed="readout",
)
_LAYOUTS = {
    "gpt_neox": _NEOX,
    "gpt2": _GPT2,
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "icl_regression": _REGRESSION,
}
SUPPORTED = tuple(sorted(_LAYOUTS))


def find_anatomy(module: nn.Module) -> Anatomy:
    """Return where the components of ``module`` are.

    Raises
    ------
    UnknownArchitecture
        If no layout is known for its model type.
    """
    model_type = _model_type(module)
    if model_type not in _LAYOUTS:
        raise UnknownArchitecture(
            f"no anatomy is known for architecture {model_type!r}; "
            f"supported are {', '.join(SUPPORTED)}"
        )
    layout = _LAYOUTS[model_type]
    config: Any = module.config
    heads = config.heads if model_type == "icl_regression" else config.num_attention_heads
    unembed = module.get_submodule(layout.unembed)
    assert isinstance(unembed, nn.Linear)
    return Anatomy(
        embedding=module.get_submodule(layout.embedding),
        blocks=tuple(
            BlockAnatomy(
                block=block,
                merge=block.get_submodule(layout.merge),
                mlp=block.get_submodule(layout.mlp),
                mlp_norm=block.get_submodule(layout.mlp_norm),
                heads=heads,
            )
            for block in module.get_submodule(layout.blocks).children()
        ),
        final_norm=module.get_submodule(layout.final_norm),
        unembed=unembed,
        parallel=bool(getattr(config, "use_parallel_residual", False)),
    )


def _model_type(module: nn.Module) -> str:
    if isinstance(module, RegressionTransformer):
        return "icl_regression"
    return str(getattr(getattr(module, "config", None), "model_type", type(module).__name__))
