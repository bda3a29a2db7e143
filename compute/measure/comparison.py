"""Compare what components put out with and without an ablation, and keep it by prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import torch
from jaxtyping import Bool
from torch import Tensor

from compute.errors import MeasurementError
from compute.measure.effects import PromptEffects, compare, compare_changes, over_positions
from compute.measure.logits import logit_changes, logit_factor, logit_stand_in, next_token_scores
from compute.measure.replay import CleanPass, Outputs
from compute.models.loading import LoadedModel
from compute.specs import AblationSpec

# The nodes that a batch of copies ablates: one for each copy in a row, or node numbers and, for
# each, the number of its copy, where several nodes have the same effect.
Rows: TypeAlias = slice | tuple[Tensor, Tensor]
Columns: TypeAlias = slice | Tensor


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Prompts:
    """What a graph is measured on; see `compute.measure.ablation.ablation_graph`."""

    tokens: Tensor
    mask: Bool[Tensor, "prompts positions"] | None = None
    first_scored: int = 1

    def __getitem__(self, part: slice) -> Prompts:
        """Return some of the prompts."""
        mask = None if self.mask is None else self.mask[part]
        return dataclasses.replace(self, tokens=self.tokens[part], mask=mask)

    def require_usable(self) -> None:
        """Raise if no graph can be measured on these prompts."""
        if self.tokens.shape[1] < 2:
            raise ValueError("an ablation graph needs prompts of at least two positions")
        if self.mask is None:
            return
        if self.mask.shape != self.tokens.shape:
            raise ValueError("the mask must have one entry for each token")
        if not bool((self.mask[:, self.first_scored :].sum(1) >= 1).all()):
            raise MeasurementError("a prompt has no token to predict: all of it is padding")


class Comparison:
    """What stays the same over the prompts of one checkpoint.

    `begin` starts on a few prompts and returns their effects, which the other methods fill in;
    ``rows`` are always the ablated components.
    """

    def __init__(
        self, model: LoadedModel, spec: AblationSpec, nodes: int, *, centered: bool = False
    ) -> None:
        self._model, self._spec = model, spec
        self._nodes = nodes
        unembed = model.anatomy.unembed
        exact = model.family == "language" and unembed.cap is None
        self.factor = logit_factor(unembed, centered=centered) if exact and spec.logits else None

    def begin(self, prompts: Prompts, clean: CleanPass) -> PromptEffects:
        """Start on ``prompts``; the clean loss is measured at once."""
        self._prompts, self._clean = prompts, clean
        self._found = PromptEffects.empty(len(prompts.tokens), self._nodes)
        if self._spec.loss_change:
            losses, logits = self._scores(clean.final)
            self._found.clean_loss[:], self._found.clean_logit[:] = losses[:, 0], logits[:, 0]
        if self.factor is not None:
            self._clean_logits = logit_stand_in(self.factor, clean.final)
        return self._found

    def block(self, rows: Rows, layer: int, outputs: Outputs) -> None:
        """Compare the outputs of a block's components."""
        assert outputs.z is not None
        seen, heads = self._clean.blocks[layer], self._model.anatomy.blocks[layer].heads
        first = self.column(layer)
        clean = seen.z.unflatten(-1, (heads, -1))  # type: ignore[union-attr]
        change = compare(clean, self._by_copy(outputs.z).unflatten(-1, (heads, -1)), self._mask)
        self._keep(rows, slice(first, first + heads), change)
        if outputs.mlp is not None:
            self.mlp(rows, layer, outputs.mlp)

    def mlp(self, rows: Rows, layer: int, output: Tensor) -> None:
        """Compare the output of a block's MLP."""
        column = self.column(layer) + self._model.anatomy.blocks[layer].heads
        clean = self._clean.blocks[layer].mlp
        assert clean is not None
        self._keep(
            rows,
            slice(column, column + 1),
            compare(clean[:, :, None], self._by_copy(output)[..., None, :], self._mask),
        )

    def final(self, rows: Rows, final: Tensor) -> None:
        """Compare the logits, and measure the loss."""
        if self._spec.logits:
            change = self._logits(self._by_copy(final))
            self._keep(rows, slice(self._nodes - 1, self._nodes), [c[..., None] for c in change])
        if self._spec.loss_change:
            losses, logits = self._scores(final)
            nodes, copies = (rows, slice(None)) if isinstance(rows, slice) else rows
            self._found.loss[:, nodes] = losses[:, copies]
            self._found.logit[:, nodes] = logits[:, copies]

    def column(self, layer: int) -> int:
        """Return the index of a layer's first head among the components."""
        return 1 + sum(part.parts for part in self._model.anatomy.blocks[:layer])

    @property
    def _mask(self) -> Tensor | None:
        return self._prompts.mask

    def _by_copy(self, rows: Tensor) -> Tensor:
        return rows.unflatten(0, (-1, len(self._prompts.tokens)))

    def _keep(self, rows: Rows, columns: Columns, change: Sequence[Tensor]) -> None:
        """Put changes, ``[B, copies, columns]``, where they belong."""
        weight, norm_change = change
        if isinstance(rows, slice):
            self._found.weight[:, rows, columns] = weight
            self._found.norm_change[:, rows, columns] = norm_change
            return
        nodes, copies = rows
        columns = torch.arange(self._nodes)[columns]
        self._found.weight[:, nodes[:, None], columns] = weight[:, copies]
        self._found.norm_change[:, nodes[:, None], columns] = norm_change[:, copies]

    def _logits(self, final: Tensor) -> tuple[Tensor, Tensor]:
        """Compare what stands for the logits; a regression model's are its predictions."""
        if self.factor is not None:
            return compare(self._clean_logits, logit_stand_in(self.factor, final), self._mask)
        if self._model.family == "language":
            return self._capped_logits(final)
        clean = self._predictions(self._clean.final)
        return compare(clean[:, None], self._predictions(final)[:, :, None])

    def _capped_logits(self, final: Tensor) -> tuple[Tensor, Tensor]:
        """Compare logits that no linear map of the final residual stream stands for."""
        unembed, clean = self._model.anatomy.unembed, self._clean.final
        products = logit_changes(unembed, clean, final)

        def cosine() -> Tensor:
            along, square, clean_square = products
            left = (square + clean_square + 2 * along).clamp_min(0)
            lengths = (left * clean_square).sqrt().clamp_min(1e-30)
            return ((clean_square + along) / lengths).clamp(-1, 1)

        weight, change = compare_changes(*products, cosine)
        return over_positions(weight, self._mask), over_positions(change, self._mask)

    def _predictions(self, final: Tensor) -> Tensor:
        return self._model.anatomy.unembed.linear(final)[..., 0::2, 0]

    def _scores(self, final: Tensor) -> tuple[Tensor, Tensor]:
        """Return each prompt's mean loss and right logit under each copy, ``[B, copies]``."""
        tokens = self._prompts.tokens
        if self._model.family == "regression":
            predictions = self._by_copy(self._predictions(final))
            loss = (predictions - tokens[:, 1::2, 0]).square().mean(-1).T
            return loss, torch.full_like(loss, torch.nan)
        scores = next_token_scores(
            self._model.anatomy.unembed, final, tokens,
            first_scored=self._prompts.first_scored, mask=self._mask,
        )  # fmt: skip
        losses, logits = (self._by_copy(score).T for score in scores)
        return losses, logits
