"""What an ablated component's output becomes: zeros, a mean, or another prompt's output."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from compute.errors import MeasurementError
from compute.measure.replay import CleanPass


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Replacements:
    """Outputs that stand in for those of ablated components, by layer.

    Each broadcasts to the clean output: ``[B, T, features]``. Where there is no MLP, zero stands.
    """

    z: Sequence[Tensor]
    mlp: Sequence[Tensor]
    embedding: Tensor


def zeros(clean: CleanPass) -> Replacements:
    """Return zeros for every component."""
    zero = clean.embedding.new_zeros(1, 1, 1)
    layers = len(clean.blocks)
    return Replacements(z=[zero] * layers, mlp=[zero] * layers, embedding=zero)


def outputs_of(clean: CleanPass) -> Replacements:
    """Return what the components put out in another pass, prompt for prompt."""
    return Replacements(
        z=[_present(block.z) for block in clean.blocks],
        mlp=[_or_zero(block.mlp) for block in clean.blocks],
        embedding=clean.embedding,
    )


class MeanOutputs:
    """The mean output of every component over prompts and positions, gathered pass by pass."""

    def __init__(self) -> None:
        self._sums: list[Tensor | None] = []
        self._positions = 0

    def add(self, clean: CleanPass, mask: Bool[Tensor, "prompts positions"] | None) -> None:
        """Add the outputs of a pass, without those at padding."""
        everywhere = clean.final.new_ones(clean.final.shape[:2], dtype=torch.bool)
        kept = everywhere if mask is None else mask
        outputs = [clean.embedding, *(o for block in clean.blocks for o in (block.z, block.mlp))]
        sums = [None if o is None else o[kept].double().sum(0) for o in outputs]
        before = self._sums or [None] * len(sums)
        self._sums = [_plus(a, b) for a, b in zip(before, sums, strict=True)]
        self._positions += int(kept.sum())

    def replacements(self) -> Replacements:
        """Return the means."""
        means = [
            None if total is None else (total / self._positions).float()[None, None]
            for total in self._sums
        ]
        embedding, *rest = means
        return Replacements(
            z=[_present(z) for z in rest[0::2]],
            mlp=[_or_zero(m) for m in rest[1::2]],
            embedding=_present(embedding),
        )


def donors(prompts: int, generator: torch.Generator) -> Int[Tensor, " prompts"]:
    """Return, for each prompt, another one whose outputs stand in for its own.

    Every prompt is the donor of exactly one other.

    Raises
    ------
    MeasurementError
        If there is no other prompt.
    """
    if prompts < 2:
        raise MeasurementError(
            "resample ablation takes another prompt's outputs, and there is one prompt only; "
            "use more prompts, or zero or mean ablation"
        )
    order = torch.randperm(prompts, generator=generator)
    found = torch.empty_like(order)
    found[order] = order.roll(1)
    return found


def _or_zero(value: Tensor | None) -> Tensor:
    return torch.zeros(1, 1, 1) if value is None else value


def _present(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def _plus(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return second if first is None or second is None else first + second
