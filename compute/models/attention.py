"""See queries, keys and values as attention reads them, after rotation, layer by layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from compute.errors import MeasurementError
from compute.models.anatomy import Anatomy, architecture

_NAME = "ontogeny_recorded"
_RECORDERS: dict[int, Callable[[nn.Module, "Attended"], None]] = {}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Attended:
    """What one attention module was given.

    Attributes
    ----------
    query, key, value
        ``[batch, heads, T, head_width]``, rotated where the model rotates; ``key`` and ``value``
        have as many heads as the model has of them.
    uniform
        Returns what every head puts out when its query (or its key) is zero: the mean of the
        values that it may attend to, ``[batch, T, heads * head_width]``.
    rotated
        Whether the model has rotary positions.
    """

    query: Float[Tensor, "batch heads positions head_width"]
    key: Float[Tensor, "batch key_heads positions head_width"]
    value: Float[Tensor, "batch key_heads positions head_width"]
    uniform: Callable[[], Tensor]
    rotated: bool


class AttentionRecorder:
    """Keeps what each attention module was given last, in whatever runs inside its context.

    Raises
    ------
    MeasurementError
        If the model does not let its attention be replaced, or attends in a way of its own.
    """

    def __init__(self, module: Any, anatomy: Anatomy) -> None:
        self._module = module
        self._layers = {
            id(part): layer
            for layer, block in enumerate(anatomy.blocks)
            for part in block.attention.modules()
        }
        self._seen: dict[int, Attended] = {}
        config = getattr(module, "config", None)
        self._before = getattr(config, "_attn_implementation", None)
        replaceable = hasattr(module, "_can_set_attn_implementation")
        if not (replaceable and module._can_set_attn_implementation() and self._before == "sdpa"):
            raise MeasurementError(
                f"granularity 'hooks' cannot see the queries and keys of architecture "
                f"{architecture(module)!r}, which attends in a way of its own; "
                "use granularity 'components'"
            )

    def __enter__(self) -> AttentionRecorder:
        """Start to record."""
        self._module.set_attn_implementation(_NAME)
        for part in self._layers:
            _RECORDERS[part] = self._keep
        return self

    def __exit__(self, *_: object) -> None:
        """Let the model attend as it did before."""
        for part in self._layers:
            _RECORDERS.pop(part, None)
        self._module.set_attn_implementation(self._before)

    def take(self, layer: int) -> Attended:
        """Return and forget what a layer's attention was given last."""
        return self._seen.pop(layer)

    def _keep(self, module: nn.Module, attended: Attended) -> None:
        self._seen[self._layers[id(module)]] = attended


def _recorded(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    **settings: Any,
) -> tuple[Tensor, None]:
    """Attend as the fused implementation does, and show a recorder what was attended to."""

    def uniform() -> Tensor:
        mixed, _ = sdpa_attention_forward(
            module, torch.zeros_like(query), key, value, attention_mask, **settings
        )
        return mixed.flatten(-2)

    rotated = getattr(getattr(module, "config", None), "rope_parameters", None) is not None
    _RECORDERS[id(module)](
        module, Attended(query=query, key=key, value=value, uniform=uniform, rotated=rotated)
    )
    return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)


AttentionInterface.register(_NAME, _recorded)
AttentionMaskInterface.register(_NAME, sdpa_mask)
