"""Take information on positions away from a model: what is left knows tokens and their past only.

Positions reach a transformer as embeddings that are added to those of tokens, as angles by which
queries and keys are rotated, or as a bias of attention that grows with distance (ALiBi). Each is
made the same for all positions: embeddings become their mean, angles that of the first position,
biases zero. A causal mask stays, and in a model of several layers it still says something.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from compute.models.anatomy import BlockAnatomy, as_rows
from compute.models.forward import example_tokens
from compute.models.loading import LoadedModel

_EMBEDDINGS = ("wpe", "embed_positions", "pos", "position_embeddings", "position_embedding")
_BIASES = ("alibi", "position_bias")
_PROBE = 6
_RELATIVE = 1e-4


def without_positions(
    model: LoadedModel,
) -> contextlib.AbstractContextManager[object] | None:
    """Return a context in which ``model`` has no information on positions, or None.

    An embedding of positions is replaced by its mean over the positions of the input, not by zero
    as in Hoogland et al. [1]_: the mean says as little of where a token stands, and what all
    positions share, which other weights rely on, stays.

    None means that they cannot be taken away: the model, in the context, is tested on one short
    input, and refused if the first block's input still depends on the position of a token, or if
    what any layer's attention puts out at the last position depends on the order of what it reads
    from the earlier ones. The context may be entered again after it was left, and leaves the model
    as it was.

    References
    ----------
    .. [1] Hoogland et al. (2024), arXiv:2402.02364.
    """
    context = _PositionsTaken(model)
    with torch.inference_mode(), context:
        return context if _is_blind(model) else None


class _PositionsTaken:
    """A context in which hooks replace whatever differs between positions."""

    def __init__(self, model: LoadedModel) -> None:
        self._attentions = [block.attention for block in model.anatomy.blocks]
        self._embeddings = [
            part
            for name, part in model.module.named_modules()
            if name.rpartition(".")[2] in _EMBEDDINGS
        ]
        self._hooks = contextlib.ExitStack()

    def __enter__(self) -> None:
        for part in self._embeddings:
            self._hooks.callback(part.register_forward_hook(_mean_embedding).remove)
        for part in self._attentions:
            hook = part.register_forward_pre_hook(_same_positions, with_kwargs=True)
            self._hooks.callback(hook.remove)

    def __exit__(self, *_: object) -> None:
        self._hooks.close()


def _mean_embedding(module: nn.Module, args: Any, output: Tensor) -> Tensor:
    """Replace embeddings ``[.., positions, width]`` by their mean over positions."""
    return output.mean(-2, keepdim=True).expand_as(output)


def _same_positions(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give attention the same angle for every position, and no bias."""
    changed = dict(kwargs)
    if isinstance(numbers := kwargs.get("position_ids"), Tensor):
        changed["position_ids"] = torch.zeros_like(numbers)
    if isinstance(angles := kwargs.get("position_embeddings"), tuple):
        changed["position_embeddings"] = tuple(a[..., :1, :].expand_as(a) for a in angles)
    for name in _BIASES:
        if isinstance(bias := kwargs.get(name), Tensor):
            changed[name] = torch.zeros_like(bias)
            changed["attention_mask"] = _without_bias(kwargs.get("attention_mask"))
    return args, changed


def _without_bias(mask: Any) -> Any:
    """Return a mask that is added to scores with the bias that Falcon adds to it taken out."""
    if not isinstance(mask, Tensor) or not mask.is_floating_point():
        return mask
    lowest = torch.finfo(mask.dtype).min
    return torch.where(mask <= lowest / 2, lowest, 0.0).to(mask.dtype)


def _is_blind(model: LoadedModel) -> bool:
    """Say whether neither embeddings nor any layer's attention can tell positions apart."""
    embedded = _inputs_of(model.anatomy.blocks[0].block, model, _same_token(model))[0]
    if not _close(embedded, embedded[:, :1].expand_as(embedded)):
        return False
    tokens = example_tokens(model.module, _PROBE)
    return all(_ignores_order(part, model, tokens) for part in model.anatomy.blocks)


def _same_token(model: LoadedModel) -> Tensor:
    tokens = example_tokens(model.module, _PROBE)
    return tokens[:, :1].expand_as(tokens).contiguous()


def _ignores_order(part: BlockAnatomy, model: LoadedModel, tokens: Tensor) -> bool:
    """Say whether attention at the last position is blind to the order of the earlier ones."""
    stream, args, kwargs = _inputs_of(part.attention, model, tokens)
    order = [*range(_PROBE - 2, -1, -1), _PROBE - 1]
    last = []
    for read in (stream, stream[:, order]):
        if args:
            output = part.attention(read, *args[1:], **kwargs)
        else:
            output = part.attention(**{**kwargs, "hidden_states": read})
        last.append(as_rows(output, stream)[:, -1])
    return _close(*last)


def _inputs_of(
    part: nn.Module, model: LoadedModel, tokens: Tensor
) -> tuple[Tensor, tuple[Any, ...], dict[str, Any]]:
    """Return the residual stream that a part is given in a pass, and all of its arguments."""
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    hook = part.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append((args, kwargs)), with_kwargs=True
    )
    try:
        model.trunk(tokens)
    finally:
        hook.remove()
    args, kwargs = seen[0]
    return (args[0] if args else kwargs["hidden_states"]), args, kwargs


def _close(first: Tensor, second: Tensor) -> bool:
    scale = float(first.abs().max())
    return bool((first - second).abs().max() <= _RELATIVE * scale + 1e-6)
