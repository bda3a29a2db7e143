"""Compare logits, and losses, without holding ``[prompts, positions, vocabulary]``.

The cosine of two logit vectors ``W x`` and ``W y`` needs only ``W^T W``: with its Cholesky factor
``R``, ``W x . W y = R x . R y``, so ``width`` numbers stand for the whole vocabulary.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

# A tile of logits that stays in the processor's cache: positions times tokens.
_TILE = (1536, 1024)
_GRAM_ROWS = 8192


def logit_factor(unembed: nn.Linear) -> Float[Tensor, "width_plus width_plus"]:
    """Return ``R`` such that ``R [x, 1]`` has the inner products of the logits of ``x``.

    ``width_plus`` is the width, plus one where the unembedding has a bias.
    """
    weight = unembed.weight
    if unembed.bias is not None:
        weight = torch.cat([weight, unembed.bias[:, None]], dim=1)
    gram = torch.zeros(weight.shape[1], weight.shape[1], dtype=torch.float64)
    for rows in weight.split(_GRAM_ROWS):
        gram += rows.T @ rows
    jitter = 1e-10 * gram.diagonal().mean()
    gram.diagonal().add_(jitter)
    return torch.linalg.cholesky(gram).T.float()


def logit_stand_in(
    factor: Float[Tensor, "width_plus width_plus"], final: Float[Tensor, "... width"]
) -> Float[Tensor, "... width_plus"]:
    """Return vectors that have the lengths and angles of the logits of ``final``."""
    width = final.shape[-1]
    mapped = final @ factor[:, :width].T
    return mapped if factor.shape[1] == width else mapped + factor[:, width]


def next_token_losses(
    unembed: nn.Linear,
    final: Float[Tensor, "batch positions width"],
    tokens: Tensor,
    *,
    first_scored: int = 1,
) -> Float[Tensor, " batch"]:
    """Return each row's mean next-token loss from position ``first_scored`` on, in nats.

    Parameters
    ----------
    tokens
        ``[prompts, positions]``, where ``batch`` is a whole number of times ``prompts``.
    """
    targets = tokens[:, first_scored:].repeat(final.shape[0] // tokens.shape[0], 1)
    rows = final[:, first_scored - 1 : -1].flatten(0, 1)
    losses = [
        log_normalizer(unembed, x) - _logit_of(unembed, x, target)
        for x, target in zip(rows.split(_TILE[0]), targets.flatten().split(_TILE[0]), strict=True)
    ]
    return torch.cat(losses).view(targets.shape).mean(1)


def log_normalizer(
    unembed: nn.Linear, final: Float[Tensor, "rows width"]
) -> Float[Tensor, " rows"]:
    """Return the log of the sum of exponentiated logits, going over the vocabulary in pieces."""
    highest = final.new_full((len(final),), -torch.inf)
    total = final.new_zeros(len(final))
    for first in range(0, unembed.out_features, _TILE[1]):
        piece = slice(first, first + _TILE[1])
        bias = None if unembed.bias is None else unembed.bias[piece]
        logits = F.linear(final, unembed.weight[piece], bias)
        higher = torch.maximum(highest, logits.amax(1))
        shrunk = total * (highest - higher).exp_()
        total = logits.sub_(higher[:, None]).exp_().sum(1).add_(shrunk)
        highest = higher
    return total.log_().add_(highest)


def _logit_of(unembed: nn.Linear, final: Tensor, targets: Tensor) -> Tensor:
    logit = (final * unembed.weight[targets]).sum(-1)
    return logit if unembed.bias is None else logit + unembed.bias[targets]
