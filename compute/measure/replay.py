"""Run a model once and keep what is needed to run only its later blocks again.

Shapes: ``prompts`` B, ``positions`` T, ``copies`` C (one ablated component each), ``width`` d. A
batch of copies lies copy by copy: row ``c * B + b``.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compute.errors import UnknownArchitecture
from compute.models.anatomy import BlockAnatomy
from compute.models.loading import LoadedModel


@dataclasses.dataclass(kw_only=True, eq=False)
class Activations:
    """What the components put out in one pass.

    Attributes
    ----------
    z
        Per layer, the heads' outputs, ``[batch, T, heads * head_width]``.
    mlp
        Per layer, the MLP's output, ``[batch, T, d]``.
    final
        The final norm's output, ``[batch, T, d]``.
    """

    z: dict[int, Tensor] = dataclasses.field(default_factory=dict)
    mlp: dict[int, Tensor] = dataclasses.field(default_factory=dict)
    final: Tensor = dataclasses.field(default_factory=lambda: torch.empty(0))


@dataclasses.dataclass(kw_only=True, eq=False)
class CleanPass(Activations):
    """A clean pass, with what suffix replay needs beside the components' outputs.

    Attributes
    ----------
    calls
        Per layer, the positional and keyword arguments after the block's input.
    residual
        The residual stream before each block and after the last, ``[B, T, d]``.
    before_mlp
        Per layer, the residual stream that the MLP's norm reads, ``[B, T, d]``.
    """

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = dataclasses.field(default_factory=list)
    residual: list[Tensor] = dataclasses.field(default_factory=list)
    before_mlp: list[Tensor] = dataclasses.field(default_factory=list)


def run_clean(model: LoadedModel, tokens: Tensor) -> CleanPass:
    """Run ``model`` on ``tokens`` up to its final norm and keep the pass.

    Raises
    ------
    UnknownArchitecture
        If a block does not add the MLP's output to the residual stream as its anatomy says.
    """
    clean = CleanPass()
    with contextlib.ExitStack() as stack:
        stack.enter_context(recording(model, clean))
        for handle in _residual_hooks(model, clean):
            stack.callback(handle.remove)
        clean.final = run_trunk(model, tokens)
    for layer in range(len(model.anatomy.blocks)):
        _require_additive(model, clean, layer)
    return clean


def run_trunk(model: LoadedModel, tokens: Tensor) -> Float[Tensor, "batch positions width"]:
    """Run ``model`` without its unembedding and return the final norm's output."""
    module: Any = model.module
    if model.family == "regression":
        return module.trunk(tokens)
    return module.base_model(tokens, use_cache=False).last_hidden_state


@contextlib.contextmanager
def recording(model: LoadedModel, into: Activations) -> Iterator[None]:
    """Keep the components' outputs of whatever runs inside, the newest for each layer."""
    handles: list[RemovableHandle] = []
    for layer, part in enumerate(model.anatomy.blocks):
        handles.append(part.merge.register_forward_pre_hook(_keep_input(into.z, layer)))
        handles.append(part.mlp.register_forward_hook(_keep_output(into.mlp, layer)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def embedding_ablated(model: LoadedModel) -> Iterator[None]:
    """Set the token embedding's output to zero in whatever runs inside."""
    handle = model.anatomy.embedding.register_forward_hook(
        lambda module, args, output: torch.zeros_like(output)
    )
    try:
        yield
    finally:
        handle.remove()


def ablated_outputs(
    model: LoadedModel, clean: CleanPass, layer: int
) -> tuple[Float[Tensor, "copies prompts positions width"], Tensor | None]:
    """Return block ``layer``'s output with each of its components set to zero, in turn.

    Copy ``h`` has head ``h`` ablated; the last copy has the MLP ablated. The second value is what
    the block's own MLP puts out under each head's ablation, ``[heads, B, T, d]``, or None where
    the MLP does not read the heads (parallel blocks).
    """
    part = model.anatomy.blocks[layer]
    without_head = head_contributions(part, clean.z[layer]).neg_()
    if model.anatomy.parallel:
        heads = without_head.add_(clean.residual[layer + 1])
        without_mlp = clean.residual[layer + 1] - clean.mlp[layer]
        return torch.cat([heads, without_mlp[None]]), None
    before_mlp = without_head.add_(clean.before_mlp[layer])
    mlp = part.mlp(part.mlp_norm(before_mlp.flatten(0, 1))).view_as(before_mlp)
    return torch.cat([before_mlp + mlp, clean.before_mlp[layer][None]]), mlp


def replay(
    model: LoadedModel,
    clean: CleanPass,
    layer: int,
    hidden: Float[Tensor, "copies prompts positions width"],
) -> Activations:
    """Run the blocks after ``layer`` on ``hidden`` and return what they put out."""
    copies, prompts = hidden.shape[:2]
    stream = hidden.flatten(0, 1)
    found = Activations()
    with recording(model, found):
        for later in range(layer + 1, len(model.anatomy.blocks)):
            args, kwargs = _copied(clean.calls[later], prompts, copies)
            output = model.anatomy.blocks[later].block(stream, *args, **kwargs)
            stream = output[0] if isinstance(output, tuple) else output
    found.final = model.anatomy.final_norm(stream)
    return found


def head_contributions(
    part: BlockAnatomy, z: Float[Tensor, "prompts positions heads_width"]
) -> Float[Tensor, "heads prompts positions width"]:
    """Return what each head adds to the residual stream, without the projection's bias."""
    weight = merge_weight(part).unflatten(0, (part.heads, -1))
    by_head = z.flatten(0, 1).unflatten(-1, (part.heads, -1)).transpose(0, 1)
    return torch.bmm(by_head, weight).unflatten(1, z.shape[:2])


def merge_weight(part: BlockAnatomy) -> Float[Tensor, "heads_width width"]:
    """Return the output projection as ``z @ weight``, whichever way its module stores it."""
    weight: Tensor = part.merge.weight  # type: ignore[assignment]
    return weight.T if isinstance(part.merge, nn.Linear) else weight


def _residual_hooks(model: LoadedModel, clean: CleanPass) -> list[RemovableHandle]:
    """Keep the blocks' inputs and other arguments, the MLPs' inputs, and the two ends."""

    def keep_call(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        clean.residual.append(args[0])
        clean.calls.append((args[1:], kwargs))

    def keep_before_mlp(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        clean.before_mlp.append(args[0])

    def keep_end(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        clean.residual.append(args[0])

    handles = [model.anatomy.final_norm.register_forward_pre_hook(keep_end)]
    for part in model.anatomy.blocks:
        handles.append(part.block.register_forward_pre_hook(keep_call, with_kwargs=True))
        handles.append(part.mlp_norm.register_forward_pre_hook(keep_before_mlp))
    return handles


def _require_additive(model: LoadedModel, clean: CleanPass, layer: int) -> None:
    """Check, on the clean pass, the one assumption that `ablated_outputs` makes."""
    before, after = clean.before_mlp[layer], clean.residual[layer + 1]
    if model.anatomy.parallel:
        weight = merge_weight(model.anatomy.blocks[layer])
        bias = getattr(model.anatomy.blocks[layer].merge, "bias", None)
        before = before + clean.z[layer] @ weight + (0 if bias is None else bias)
    scale = after.abs().max()
    if not bool((before + clean.mlp[layer] - after).abs().max() <= 1e-3 * scale + 1e-6):
        raise UnknownArchitecture(
            f"block {layer} does not add its attention and MLP to the residual stream as its "
            "anatomy says; its ablation graph would be wrong, so none is made"
        )


def _copied(
    call: tuple[tuple[Any, ...], dict[str, Any]], prompts: int, copies: int
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Repeat, for every copy, the arguments that have a row for each prompt."""

    def copied(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(copied(item) for item in value)
        if isinstance(value, Tensor) and prompts > 1 and value.shape[:1] == (prompts,):
            return value.repeat(copies, *[1] * (value.ndim - 1))
        return value

    args, kwargs = call
    return tuple(copied(a) for a in args), {name: copied(v) for name, v in kwargs.items()}


def _keep_input(into: dict[int, Tensor], layer: int) -> Any:
    def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        into[layer] = args[0]

    return hook


def _keep_output(into: dict[int, Tensor], layer: int) -> Any:
    def hook(module: nn.Module, args: Any, output: Tensor) -> None:
        into[layer] = output

    return hook
