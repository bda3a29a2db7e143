"""Run a model's trunk, up to what its unembedding reads."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from compute.models.anatomy import Anatomy, config_of


def run_trunk(
    module: Any, anatomy: Anatomy, tokens: Tensor, mask: Bool[Tensor, "batch positions"] | None
) -> Float[Tensor, "batch positions width"]:
    """Return the unembedding's input.

    Parameters
    ----------
    mask
        True where there is a token, False where there is padding, on either side; None for no
        padding. Positions are counted from the first token of each prompt.
    """
    extra = {} if mask is None else _masking(module, mask)
    if hasattr(module, "trunk"):
        return module.trunk(tokens, **extra)
    if hasattr(module, "base_model"):
        result: Tensor = module.base_model(tokens, use_cache=False, **extra).last_hidden_state
        return result
    return _before_unembedding(module, anatomy, tokens, extra)


def example_tokens(module: nn.Module, positions: int = 4) -> Tensor:
    """Return one short input that a model accepts: token ids, or vectors for regression."""
    config = config_of(module)
    features = getattr(config, "task_dimension", None)
    if features is not None:
        return torch.linspace(-1, 1, positions * (features + 1)).view(1, positions, -1)
    vocabulary = getattr(config, "vocab_size", None) or config.d_vocab
    return (torch.arange(1, positions + 1) % vocabulary)[None]


def _masking(module: Any, mask: Tensor) -> dict[str, Tensor]:
    """Return the arguments that make a model pass over padding, of those that it has."""
    accepted = inspect.signature(getattr(module, "base_model", module).forward).parameters
    positions = (mask.long().cumsum(1) - 1).clamp_min(0)
    offered = {"attention_mask": mask.long(), "position_ids": positions}
    return {name: value for name, value in offered.items() if name in accepted}


def _before_unembedding(
    module: nn.Module, anatomy: Anatomy, tokens: Tensor, extra: dict[str, Tensor]
) -> Tensor:
    """Run the whole model and return what its unembedding was given."""
    kept: list[Tensor] = []
    handle = anatomy.unembed.linear.register_forward_pre_hook(lambda _, args: kept.append(args[0]))
    try:
        module(tokens, **extra)
    finally:
        handle.remove()
    return kept[0]
