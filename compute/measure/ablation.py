"""The exact ablation graph, by suffix replay.

One clean pass keeps each block's input. To ablate the components of a block, its output is formed
once for every component from parts of the clean pass, and only the blocks after it run, on a batch
with one copy for each component. Logits are formed only where the loss is asked for.

Source: Rocchetti (2025), arXiv:2509.15269; total effects, with everything downstream recomputed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from compute.measure.logits import logit_factor, logit_stand_in, next_token_losses
from compute.measure.replay import (
    Activations,
    CleanPass,
    ablated_outputs,
    embedding_ablated,
    recording,
    replay,
    run_clean,
    run_trunk,
)
from compute.models.loading import LoadedModel
from compute.records import AblationGraph
from compute.specs import AblationSpec

TOKENS_IN_FLIGHT = 8192


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _PromptEffects:
    """Effects for each prompt: ``[prompts, n, n]``, ``[prompts, n]`` and ``[prompts]``."""

    weight: Tensor
    norm_change: Tensor
    loss: Tensor
    clean_loss: Tensor


def ablation_graph(
    model: LoadedModel,
    tokens: Tensor,
    spec: AblationSpec | None = None,
    generator: torch.Generator | None = None,
    *,
    first_scored: int = 1,
) -> AblationGraph:
    """Return the ablation graph of ``model`` on ``tokens``.

    Parameters
    ----------
    tokens
        ``[prompts, positions]`` token ids, or ``[prompts, positions, features]`` for regression;
        without padding.
    spec
        The defaults of `AblationSpec` if None.
    generator
        Not read by zero ablation, which draws nothing.
    first_scored
        The first position whose prediction counts in the losses, from 1; language only.

    Raises
    ------
    ValueError
        If ``tokens`` has fewer than two positions.
    UnknownArchitecture
        If a block is not what its anatomy says.

    Notes
    -----
    Every block is run once for each component before it. Memory is bounded by
    `TOKENS_IN_FLIGHT`, whatever the number of prompts. A component whose output is zero, clean
    and ablated, has similarity 1: it does not change.
    """
    if tokens.shape[1] < 2:
        raise ValueError("an ablation graph needs prompts of at least two positions")
    spec = spec or AblationSpec()
    copies = max(part.heads + 1 for part in model.anatomy.blocks)
    prompts = max(1, TOKENS_IN_FLIGHT // (copies * tokens.shape[1]))
    with torch.inference_mode():
        comparison = _Comparison(model, spec, first_scored)
        effects = [comparison.effects(part) for part in tokens.split(prompts)]
    return _record(model, effects)


def compare(
    clean: Float[Tensor, "prompts positions *parts features"],
    ablated: Float[Tensor, "copies prompts positions *parts features"],
) -> tuple[Tensor, Tensor]:
    """Return one minus cosine similarity, and the relative norm change, averaged over positions.

    Both are ``[prompts, copies, *parts]``: 0 to 2, and 0 or more.
    """
    dot = (ablated * clean).sum(-1)
    ablated_square = ablated.square().sum(-1)
    clean_square = clean.square().sum(-1)
    lengths = (ablated_square * clean_square).sqrt()
    both_zero = (ablated_square == 0) & (clean_square == 0)
    similarity = torch.where(both_zero, 1.0, dot / lengths.clamp_min(1e-30))
    weight = (1 - similarity).clamp_min_(0).mean(2)
    distance = (ablated_square + clean_square - 2 * dot).clamp_min_(0).sqrt()
    change = torch.where(both_zero, 0.0, distance / clean_square.sqrt().clamp_min(1e-30)).mean(2)
    return weight.transpose(0, 1), change.transpose(0, 1)


class _Comparison:
    """What stays the same over the prompts of one checkpoint."""

    def __init__(self, model: LoadedModel, spec: AblationSpec, first_scored: int) -> None:
        self.model = model
        self.spec = spec
        self.first_scored = first_scored
        language = model.family == "language"
        self.factor = logit_factor(model.anatomy.unembed) if language and spec.logits else None

    def effects(self, tokens: Tensor) -> _PromptEffects:
        """Return the effects of every component on a few prompts at once."""
        n = len(self.model.components)
        prompts = tokens.shape[0]
        clean = run_clean(self.model, tokens)
        weight = torch.full((prompts, n, n), math.nan)
        norm_change = torch.full((prompts, n, n), math.nan)
        loss = torch.full((prompts, n), math.nan)
        clean_loss = torch.full((prompts,), math.nan)
        for rows, found in self._ablations(tokens, clean):
            for columns, clean_output, output in self._targets(clean, found):
                change = compare(clean_output, output.unflatten(0, (-1, prompts)))
                # A layer's own MLP answers to its heads only, which are the first rows.
                here = slice(rows.start, rows.start + change[0].shape[1])
                weight[:, here, columns] = change[0].flatten(2)
                norm_change[:, here, columns] = change[1].flatten(2)
            if self.spec.loss_change:
                loss[:, rows] = self._losses(tokens, found.final)
        if self.spec.loss_change:
            clean_loss = self._losses(tokens, clean.final)[:, 0]
        return _PromptEffects(
            weight=weight, norm_change=norm_change, loss=loss, clean_loss=clean_loss
        )

    def _ablations(self, tokens: Tensor, clean: CleanPass) -> Iterator[tuple[slice, Activations]]:
        """Yield the rows of the ablated components and what the model then puts out."""
        if self.spec.embedding:
            yield slice(0, 1), self._without_embedding(tokens)
        for layer, part in enumerate(self.model.anatomy.blocks):
            hidden, own_mlp = ablated_outputs(self.model, clean, layer)
            found = replay(self.model, clean, layer, hidden)
            if own_mlp is not None:
                found.mlp[layer] = own_mlp.flatten(0, 1)
            start = self._first_column(layer)
            yield slice(start, start + part.heads + 1), found

    def _without_embedding(self, tokens: Tensor) -> Activations:
        found = CleanPass()
        with embedding_ablated(self.model), recording(self.model, found):
            found.final = run_trunk(self.model, tokens)
        return found

    def _targets(
        self, clean: CleanPass, found: Activations
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield columns, clean and ablated output, ``[batch, T, parts, features]``."""
        for layer, z in found.z.items():
            heads = self.model.anatomy.blocks[layer].heads
            start = self._first_column(layer)
            shape = (heads, -1)
            columns = slice(start, start + heads)
            yield columns, clean.z[layer].unflatten(-1, shape), z.unflatten(-1, shape)
        for layer, mlp in found.mlp.items():
            column = self._first_column(layer) + self.model.anatomy.blocks[layer].heads
            yield slice(column, column + 1), clean.mlp[layer][:, :, None], mlp[:, :, None]
        if self.spec.logits:
            last = len(self.model.components) - 1
            yield slice(last, last + 1), self._logits(clean.final), self._logits(found.final)

    def _logits(self, final: Tensor) -> Tensor:
        """Return what stands for the logits, ``[batch, T, 1, features]``.

        A regression model's output is one vector a sequence: its predictions.
        """
        if self.factor is None:
            predictions = self.model.anatomy.unembed(final)[:, 0::2, 0]
            return predictions[:, None, None, :]
        return logit_stand_in(self.factor, final)[:, :, None]

    def _losses(self, tokens: Tensor, final: Tensor) -> Tensor:
        """Return the mean loss of each prompt under each copy, ``[prompts, copies]``."""
        unembed = self.model.anatomy.unembed
        if self.model.family == "regression":
            predictions = unembed(final)[:, 0::2, 0].unflatten(0, (-1, tokens.shape[0]))
            return (predictions - tokens[:, 1::2, 0]).square().mean(-1).T
        losses = next_token_losses(unembed, final, tokens, first_scored=self.first_scored)
        return losses.unflatten(0, (-1, tokens.shape[0])).T

    def _first_column(self, layer: int) -> int:
        """Return the index of a layer's first head among the components."""
        return 1 + sum(part.heads + 1 for part in self.model.anatomy.blocks[:layer])


def _record(model: LoadedModel, effects: list[_PromptEffects]) -> AblationGraph:
    weight = torch.cat([e.weight for e in effects]).double()
    norm_change = torch.cat([e.norm_change for e in effects]).double()
    clean_loss = torch.cat([e.clean_loss for e in effects]).double()
    loss = torch.cat([e.loss for e in effects]).double()
    return AblationGraph(
        components=tuple(c.name for c in model.components),
        order=np.array([c.order for c in model.components], dtype=np.int16),
        weight=weight.mean(0).float().numpy(),
        weight_by_prompt=weight.half().numpy(),
        norm_change=norm_change.mean(0).float().numpy(),
        loss_change=(loss - clean_loss[:, None]).mean(0).float().numpy(),
        loss=float(clean_loss.mean()),
    )
