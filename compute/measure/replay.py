"""Run a model once and keep what is needed to run only its later blocks again.

Shapes: ``prompts`` B, ``positions`` T, ``copies`` C (one ablated component each), ``width`` d. A
batch of copies lies copy by copy: row ``c * B + b``.

A block's own code runs its residual stream, norms and multipliers, whatever they are: to ablate a
component of it, the block is called with the attention's (or MLP's) output put in place of the
module that would compute it.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from compute.models.anatomy import BlockAnatomy, as_rows, merge_weight
from compute.models.loading import LoadedModel

Visit = Callable[[int, "Outputs"], None]


@dataclasses.dataclass(kw_only=True, eq=False)
class Outputs:
    """What the components of one block put out.

    Attributes
    ----------
    z
        The heads' outputs, ``[batch, T, heads * head_width]``; None where attention did not run.
    mlp
        The MLP's output, ``[batch, T, d]``; None where there is none, or it did not run.
    neurons
        What the MLP's last linear map reads, ``[batch, T, neurons]``; None where not recorded.
    """

    z: Tensor | None = None
    mlp: Tensor | None = None
    neurons: Tensor | None = None


@dataclasses.dataclass(kw_only=True, eq=False)
class CleanBlock(Outputs):
    """One block in a clean pass.

    Attributes
    ----------
    hidden, output
        The residual stream before and after, ``[B, T, d]``.
    args, kwargs
        What the block was called with beside ``hidden``.
    attended, mlp_returned
        What the attention and MLP modules returned, as they did.
    """

    hidden: Tensor
    output: Tensor
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    attended: Any
    mlp_returned: Any


@dataclasses.dataclass(kw_only=True, eq=False)
class CleanPass:
    """A clean pass: its blocks, the token embedding's output, and the unembedding's input."""

    blocks: list[CleanBlock]
    embedding: Tensor
    final: Tensor


class Recorder:
    """Keeps what the components put out in whatever runs inside its context, the newest only.

    Parameters
    ----------
    neurons
        Keep the neurons of the MLPs too.
    """

    def __init__(self, model: LoadedModel, *, neurons: bool = False) -> None:
        self._model, self._neurons = model, neurons
        self._seen: dict[int, Outputs] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Recorder:
        """Start to record."""
        for layer, part in enumerate(self._model.anatomy.blocks):
            hooks = [part.merge.register_forward_pre_hook(self._keep_input("z", layer))]
            if part.mlp_output is not None:
                hooks.append(part.mlp_output.register_forward_hook(self._keep_mlp(layer, part)))
            if self._neurons and part.mlp_down is not None:
                keep = self._keep_input("neurons", layer)
                hooks.append(part.mlp_down.register_forward_pre_hook(keep))
            for hook in hooks:
                self._stack.callback(hook.remove)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop recording."""
        self._stack.close()

    def take(self, layer: int, like: Tensor) -> Outputs:
        """Return and forget what the components of a block put out last; ``like`` its input."""
        seen = self._seen.pop(layer, Outputs())
        if seen.mlp is not None:
            seen.mlp = as_rows(seen.mlp, like)
        if seen.neurons is not None:
            seen.neurons = as_rows(seen.neurons, like)
        return seen

    def _keep_input(self, name: str, layer: int) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            setattr(self._seen.setdefault(layer, Outputs()), name, args[0])

        return hook

    def _keep_mlp(self, layer: int, part: BlockAnatomy) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            self._seen.setdefault(layer, Outputs()).mlp = (
                first.clone() if part.overwrites else first
            )

        return hook


def run_clean(
    model: LoadedModel,
    tokens: Tensor,
    mask: Bool[Tensor, "prompts positions"] | None,
    recorder: Recorder,
) -> CleanPass:
    """Run ``model`` on ``tokens`` up to its unembedding and keep the pass."""
    watched: list[dict[str, Any]] = [{} for _ in model.anatomy.blocks]
    embedded: list[Tensor] = []
    with contextlib.ExitStack() as stack:
        for part, into in zip(model.anatomy.blocks, watched, strict=True):
            for hook in _watch(part, into):
                stack.callback(hook.remove)
        keep = model.anatomy.embedding.register_forward_hook(lambda m, a, o: embedded.append(o))
        stack.callback(keep.remove)
        final = model.trunk(tokens, mask)
    blocks = [
        CleanBlock(**seen, **vars(recorder.take(layer, seen["hidden"])))
        for layer, seen in enumerate(watched)
    ]
    return CleanPass(blocks=blocks, embedding=embedded[0], final=final)


def first_hidden(
    model: LoadedModel,
    tokens: Tensor,
    mask: Bool[Tensor, "prompts positions"] | None,
    embedding: Float[Tensor, "#prompts #positions width"],
) -> Float[Tensor, "prompts positions width"]:
    """Return what the first block reads when the token embedding puts out ``embedding``."""
    kept: list[Tensor] = []

    def stop(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        kept.append(_hidden(args, kwargs)[0])
        raise _Enough

    with contextlib.ExitStack() as stack:
        first = model.anatomy.blocks[0].block
        stack.callback(first.register_forward_pre_hook(stop, with_kwargs=True).remove)
        put = model.anatomy.embedding.register_forward_hook(
            lambda m, a, output: embedding.expand_as(output).clone()
        )
        stack.callback(put.remove)
        stack.enter_context(contextlib.suppress(_Enough))
        model.trunk(tokens, mask)
    return kept[0]


def replay(
    model: LoadedModel,
    clean: CleanPass,
    first: int,
    hidden: Float[Tensor, "copies prompts positions width"],
    recorder: Recorder,
    visit: Visit,
) -> Float[Tensor, "rows positions width"]:
    """Run the blocks from ``first`` on and return the unembedding's input.

    ``visit`` is called with each block's outputs as soon as it has run; they are free to be
    overwritten after that.
    """
    copies = hidden.shape[0]
    stream = hidden.flatten(0, 1)
    for layer in range(first, len(clean.blocks)):
        stream = call_block(model.anatomy.blocks[layer], clean.blocks[layer], stream, copies)
        visit(layer, recorder.take(layer, stream))
    return model.anatomy.finish(stream)


def call_block(part: BlockAnatomy, seen: CleanBlock, stream: Tensor, copies: int) -> Tensor:
    """Call a block on copies of its prompts, with the clean pass's other arguments."""
    prompts = seen.hidden.shape[0]
    args, kwargs = _copied(seen, prompts, copies)
    return as_rows(part.block(stream, *args, **kwargs), stream)


def after_attention_change(
    part: BlockAnatomy, seen: CleanBlock, change: Float[Tensor, "copies prompts positions width"]
) -> Float[Tensor, "copies prompts positions width"]:
    """Return a block's output when ``change``, which is used up, is added to its attention's."""
    if part.additive and (part.parallel or part.mlp is None):
        return change.add_(seen.output)
    attended = change.add_(_first(seen.attended))
    mlp = part.mlp if part.parallel else None
    with (
        _in_place_of(part.attention, _returned_like(seen.attended, attended)),
        _in_place_of(mlp, _unchanged(seen.mlp_returned, len(change))),
    ):
        return _called_on_clean(part, seen, len(change))


def after_mlp_change(
    part: BlockAnatomy, seen: CleanBlock, change: Float[Tensor, "copies prompts positions width"]
) -> Float[Tensor, "copies prompts positions width"]:
    """Return a block's output when ``change``, which is used up, is added to its MLP's."""
    if part.additive:
        return change.add_(seen.output)
    assert seen.mlp is not None
    returned = change.add_(_first(seen.mlp_returned).view_as(seen.mlp))
    attended = _first(seen.attended).expand(len(change), *seen.hidden.shape)
    with (
        _in_place_of(part.attention, _returned_like(seen.attended, attended)),
        _in_place_of(part.mlp, _returned_like(seen.mlp_returned, returned)),
    ):
        return _called_on_clean(part, seen, len(change))


def head_contributions(
    part: BlockAnatomy, z: Float[Tensor, "prompts positions heads_width"], heads: range
) -> Float[Tensor, "some_heads prompts positions width"]:
    """Return what some heads add to the residual stream, without the projection's bias."""
    chosen = slice(heads.start, heads.stop)
    weight = merge_weight(part).unflatten(0, (part.heads, -1))[chosen]
    by_head = z.flatten(0, 1).unflatten(-1, (part.heads, -1)).transpose(0, 1)[chosen]
    return torch.bmm(by_head, weight).unflatten(1, z.shape[:2])


class _Enough(Exception):
    """The rest of a pass is not needed."""


@contextlib.contextmanager
def _in_place_of(module: nn.Module | None, returned: Any) -> Iterator[None]:
    """Have ``module`` return a value without running, in whatever runs inside."""
    if module is None:
        yield
        return
    module.forward = lambda *args, **kwargs: returned
    try:
        yield
    finally:
        del module.forward


def _returned_like(clean: Any, value: Float[Tensor, "copies prompts positions width"]) -> Any:
    """Return ``value`` in the form in which a module returned ``clean``."""
    rows = value.flatten(0, 1)
    rows = rows if _first(clean).ndim == rows.ndim else rows.flatten(0, 1)
    return (rows, *[None] * (len(clean) - 1)) if isinstance(clean, tuple) else rows


def _unchanged(returned: Any, copies: int) -> Any:
    """Return what a module returned, once for every copy, in memory of its own."""
    if returned is None:
        return None
    first = _first(returned)
    rows = first.repeat(copies, *[1] * (first.ndim - 1))
    return (rows, *[None] * (len(returned) - 1)) if isinstance(returned, tuple) else rows


def _first(returned: Any) -> Tensor:
    tensor: Tensor = returned[0] if isinstance(returned, tuple) else returned
    return tensor


def _called_on_clean(part: BlockAnatomy, seen: CleanBlock, copies: int) -> Tensor:
    """Call a block, some of whose parts are replaced, on copies of its clean input."""
    stream = seen.hidden.expand(copies, *seen.hidden.shape).flatten(0, 1)
    return call_block(part, seen, stream, copies).unflatten(0, (copies, -1))


def _watch(part: BlockAnatomy, into: dict[str, Any]) -> list[Any]:
    """Keep what a block is called with, and what it and its parts return."""

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        into["hidden"], into["args"], into["kwargs"] = _hidden(args, kwargs)

    def after(module: nn.Module, args: Any, output: Any) -> None:
        into["output"] = as_rows(output, into["hidden"])

    def keep(name: str) -> Any:
        into[name] = None

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            into[name] = _unchanged(output, 1) if part.overwrites else output

        return hook

    hooks = [
        part.block.register_forward_pre_hook(before, with_kwargs=True),
        part.block.register_forward_hook(after),
        part.attention.register_forward_hook(keep("attended")),
    ]
    returned = keep("mlp_returned")
    if part.mlp is not None:
        hooks.append(part.mlp.register_forward_hook(returned))
    return hooks


def _hidden(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor, tuple[Any, ...], dict[str, Any]]:
    """Return a block's input, and its other positional and keyword arguments."""
    if args:
        return args[0], args[1:], kwargs
    return kwargs["hidden_states"], (), {k: v for k, v in kwargs.items() if k != "hidden_states"}


def _copied(seen: CleanBlock, prompts: int, copies: int) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Repeat, for every copy, the arguments that have a row for each prompt."""

    def repeated(value: Tensor) -> Tensor:
        return value.repeat(copies, *[1] * (value.ndim - 1))

    def copied(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(copied(item) for item in value)
        per_prompt = isinstance(value, Tensor) and value.ndim > 1 and len(value) == prompts
        return repeated(value) if per_prompt and prompts > 1 else value

    kwargs = {name: copied(value) for name, value in seen.kwargs.items()}
    # ALiBi's biases have a row for each prompt and head, prompt by prompt.
    args = [copied(value) for value in seen.args]
    if isinstance(alibi := kwargs.get("alibi"), Tensor) and alibi is seen.kwargs["alibi"]:
        kwargs["alibi"] = repeated(alibi)
    return tuple(args), kwargs
