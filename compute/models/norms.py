"""The layer norms of a model: what each is there for, and what it multiplies with.

Nothing is assumed of their names: what a norm reads and what reads it is seen on one short pass.
"""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from compute.models.anatomy import BlockAnatomy
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel

_LINEAR = (nn.Linear, Conv1D)
_RELATIVE = 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Norm:
    """One layer norm or RMS norm.

    Attributes
    ----------
    name
        ``L0.attention``, ``L0.mlp``: what reads it in its block, the first of the two where both
        do. ``L0.attention_output``, ``L0.mlp_output``: whose output it takes before that is added
        to the residual stream. ``final``: before the unembedding. Others have the path of their
        module, within their block if they are in one.
    gain
        What normalised numbers are multiplied with, dimensionless: the weights, or one more where
        a model keeps them so; ones without weights.
    learnt
        Whether it has weights.
    centred
        Whether it subtracts the mean; None where it does something else.
    """

    name: str
    gain: Float[Tensor, "..."]
    learnt: bool
    centred: bool | None


def norms_of(model: LoadedModel) -> tuple[Norm, ...]:
    """Return the norms that a model calls, in the order of the calls."""
    calls = _calls(model)
    names = _names(model, calls)
    return tuple(_norm(names[part], part, call) for part, call in calls.items() if part in names)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Call:
    """What a module was given and what it returned, and copies, lest they be overwritten."""

    given: Tensor
    returned: Tensor
    given_copy: Tensor
    returned_copy: Tensor


def _calls(model: LoadedModel) -> dict[nn.Module, _Call]:
    """Return the last call of each norm, linear map and MLP on a short pass, in order."""
    calls: dict[nn.Module, _Call] = {}

    def keep(module: nn.Module, args: Any, output: Any) -> None:
        returned = output[0] if isinstance(output, tuple) else output
        calls[module] = _Call(
            given=args[0],
            returned=returned,
            given_copy=args[0].clone(),
            returned_copy=returned.clone(),
        )

    with torch.no_grad(), ExitStack() as stack:
        outputs = {block.mlp_output for block in model.anatomy.blocks}
        for part in model.module.modules():
            if isinstance(part, _LINEAR) or _is_norm(part) or part in outputs:
                stack.callback(part.register_forward_hook(keep).remove)
        model.module(example_tokens(model.module))
    return calls


def _is_norm(part: nn.Module) -> bool:
    return "norm" in type(part).__name__.lower() and not any(True for _ in part.children())


def _names(model: LoadedModel, calls: dict[nn.Module, _Call]) -> dict[nn.Module, str]:
    paths = {part: path for path, part in model.module.named_modules()}
    names = {part: paths[part] for part in calls if _is_norm(part)}
    for layer, block in enumerate(model.anatomy.blocks):
        inside = f"{paths[block.block]}."
        for part in names:
            if paths[part].startswith(inside):
                name = f"L{layer}.{_role(block, part, calls)}"
                taken = name.endswith(".") or name in names.values()
                names[part] = f"L{layer}.{paths[part].removeprefix(inside)}" if taken else name
    final = [part for tail in model.anatomy.tail for part in tail.modules() if part in names]
    return names | dict.fromkeys(final[:1], "final")


def _role(block: BlockAnatomy, norm: nn.Module, calls: dict[nn.Module, _Call]) -> str:
    """Return what a norm is there for in its block; nothing if that is not one of four things."""
    call = calls[norm]
    readers = {
        part
        for part in block.block.modules()
        if isinstance(part, _LINEAR) and part in calls and part is not block.merge
        if calls[part].given.data_ptr() == call.returned.data_ptr()
    }
    if readers & set(block.attention.modules()):
        return "attention"
    if readers and (block.mlp is None or norm not in set(block.mlp.modules())):
        return "mlp"
    for role, part in (("attention_output", block.merge), ("mlp_output", block.mlp_output)):
        if part in calls and torch.equal(calls[part].returned_copy, call.given_copy):
            return role
    return ""


def _norm(name: str, part: Any, call: _Call) -> Norm:
    """Return a norm whose gain and centring are those with which it does what it does."""
    weight, bias = getattr(part, "weight", None), getattr(part, "bias", None)
    shape = call.given.shape[-1:] if weight is None else weight.shape
    x = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(0))
    gains = [torch.ones(shape)] if weight is None else [weight.detach(), 1 + weight.detach()]
    with torch.no_grad():
        found = part(x) - (0 if bias is None else bias)
    for centred in (True, False):
        moved = x - centred * x.mean(-1, keepdim=True)
        normal = moved / moved.square().mean(-1, keepdim=True).sqrt()
        for gain in gains:
            allowed = _RELATIVE * (gain * normal).abs().max() + 1e-6
            if bool(((gain * normal - found).abs() <= allowed).all()):
                return Norm(name=name, gain=gain, learnt=weight is not None, centred=centred)
    return Norm(name=name, gain=gains[0], learnt=weight is not None, centred=None)
