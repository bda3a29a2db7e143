"""Check an anatomy on one short pass, and find out how its blocks are wired.

The pass is made with gradients: whether the MLP of a block reads its heads is whether the MLP's
input depends on the attention's output.
"""

from __future__ import annotations

import dataclasses
import itertools
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from compute.errors import UnknownArchitecture
from compute.models.anatomy import Anatomy, BlockAnatomy, architecture, as_rows
from compute.models.forward import example_tokens

_RELATIVE = 1e-4


@dataclasses.dataclass(kw_only=True, eq=False)
class _Trace:
    """What was seen of one block; leaves are cut off from what came before."""

    hidden: Tensor
    output: Tensor
    merged: Tensor
    attended: Tensor
    attention_slope: Tensor
    overwrites: bool
    mlp_input: Tensor | None = None
    mlp_added: Tensor | None = None
    mlp_slope: Tensor | None = None


def traced(module: nn.Module, anatomy: Anatomy) -> Anatomy:
    """Return ``anatomy`` with each block's wiring filled in.

    Raises
    ------
    UnknownArchitecture
        If a block, the tail or the unembedding does not do what the anatomy says.
    """
    tokens = example_tokens(module)
    with torch.enable_grad(), ExitStack() as stack:
        tracers = [_Tracer(part, stack) for part in anatomy.blocks]
        final: list[Tensor] = []
        keep = anatomy.unembed.linear.register_forward_pre_hook(lambda m, a: final.append(a[0]))
        stack.callback(keep.remove)
        result = module(tokens)
        seen = [tracer.trace() for tracer in tracers]
        blocks = tuple(
            _wired(module, layer, part, trace)
            for layer, (part, trace) in enumerate(zip(anatomy.blocks, seen, strict=True))
        )
    with torch.no_grad():
        _require_chain(module, seen)
        _require_ends(module, anatomy, seen[-1].output, final[0], getattr(result, "logits", result))
    return dataclasses.replace(anatomy, blocks=blocks)


class _Tracer:
    """Watches one block during a pass."""

    def __init__(self, part: BlockAnatomy, stack: ExitStack) -> None:
        self._part = part
        self._seen: dict[str, Any] = {}
        self._passed: dict[str, Tensor] = {}
        hooks = [
            part.block.register_forward_pre_hook(self._before_block, with_kwargs=True),
            part.block.register_forward_hook(self._after_block),
            part.merge.register_forward_hook(self._leaf("merged")),
            part.attention.register_forward_hook(self._after_attention),
        ]
        if part.mlp is not None and part.mlp_output is not None:
            hooks.append(part.mlp.register_forward_pre_hook(self._before_mlp))
            hooks.append(part.mlp_output.register_forward_hook(self._leaf("mlp_added")))
            hooks.append(part.mlp.register_forward_hook(self._after_mlp))
        for hook in hooks:
            stack.callback(hook.remove)

    def trace(self) -> _Trace:
        """Return what was seen.

        Raises
        ------
        UnknownArchitecture
            If the block did not call its parts.
        """
        needed = {"hidden", "output", "merged", "attended"}
        if self._part.mlp is not None:
            needed |= {"mlp_input", "mlp_added"}
        if missing := needed - set(self._seen):
            raise _differs(self._part.block, f"a block that does not call {sorted(missing)}")
        overwrites = any(passed._version > 0 for passed in self._passed.values())
        return _Trace(**self._seen, overwrites=overwrites)

    def _before_block(self, module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        self._seen["hidden"] = args[0] if args else kwargs["hidden_states"]

    def _after_block(self, module: nn.Module, args: Any, output: Any) -> None:
        self._seen["output"] = as_rows(output, self._seen["hidden"])

    def _leaf(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            first = output[0] if isinstance(output, tuple) else output
            leaf = first.detach().requires_grad_()
            # A block may change what it was given in place, but not a leaf.
            passed = leaf.clone()
            self._seen[name], self._passed[name] = leaf, passed
            return (passed, *output[1:]) if isinstance(output, tuple) else passed

        return hook

    def _after_attention(self, module: nn.Module, args: Any, output: Any) -> Any:
        first = output[0] if isinstance(output, tuple) else output
        self._seen["attention_slope"] = _slope(first, self._seen["merged"])
        return self._leaf("attended")(module, args, output)

    def _before_mlp(self, module: nn.Module, args: Any) -> None:
        self._seen["mlp_input"] = args[0]

    def _after_mlp(self, module: nn.Module, args: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) else output
        self._seen["mlp_slope"] = _slope(first, self._seen["mlp_added"])


def _slope(output: Tensor, leaf: Tensor) -> Tensor:
    """Return how the sum of ``output`` grows with each entry of ``leaf``: 1 where it is added."""
    (found,) = torch.autograd.grad(output.sum(), leaf, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if found is None else found


def _wired(module: nn.Module, layer: int, part: BlockAnatomy, seen: _Trace) -> BlockAnatomy:
    """Return one block's anatomy with its wiring, after checking that its parts add up."""
    for what, slope in (("attention", seen.attention_slope), ("MLP", seen.mlp_slope)):
        if slope is not None and not torch.allclose(slope, torch.ones_like(slope)):
            raise _differs(
                module, f"block {layer} does more with its {what}'s output than to add it"
            )
    added = as_rows(seen.merged, seen.hidden)
    if seen.mlp_added is not None:
        added = added + as_rows(seen.mlp_added, seen.hidden)
    return dataclasses.replace(
        part,
        parallel=seen.mlp_input is not None and not _depends(seen.mlp_input, seen.attended),
        additive=_close(seen.hidden + added, seen.output),
        overwrites=seen.overwrites,
    )


def _depends(value: Tensor, leaf: Tensor) -> bool:
    if not value.requires_grad:
        return False
    (found,) = torch.autograd.grad(value.sum(), leaf, retain_graph=True, allow_unused=True)
    return found is not None


def _require_chain(module: nn.Module, seen: list[_Trace]) -> None:
    for layer, (before, after) in enumerate(itertools.pairwise(seen)):
        if not _close(before.output, after.hidden):
            raise _differs(module, f"block {layer + 1} does not read what block {layer} put out")


def _require_ends(
    module: nn.Module, anatomy: Anatomy, stream: Tensor, final: Tensor, logits: Tensor
) -> None:
    """Check the last block's way to the logits."""
    if not _close(anatomy.finish(stream), final):
        raise _differs(module, "more than a norm stands between the last block and the unembedding")
    if not _close(anatomy.unembed.finish(anatomy.unembed.linear(final)), logits):
        raise _differs(module, "its logits are not a linear map, a scale and a soft cap")


def _close(first: Tensor, second: Tensor) -> bool:
    scale = float(second.detach().abs().max())
    return bool((first - second).abs().max() <= _RELATIVE * scale + 1e-6)


def _differs(module: nn.Module, what: str) -> UnknownArchitecture:
    return UnknownArchitecture(
        f"architecture {architecture(module)!r} is not built as its names say: {what}; its "
        "ablation graph would be wrong, so none is made"
    )
