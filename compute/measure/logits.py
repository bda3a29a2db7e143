"""Compare logits, and losses, without holding ``[prompts, positions, vocabulary]``.

The cosine of two logit vectors ``W x`` and ``W y`` needs only ``W^T W``: with its Cholesky factor
``R``, ``W x . W y = R x . R y``, so ``width`` numbers stand for the whole vocabulary. Logits under
a soft cap are no linear map; theirs are summed over the vocabulary in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from compute.models.anatomy import Unembedding

# A tile of logits that stays in the processor's cache: positions times tokens.
_TILE = (1536, 1024)
_GRAM_ROWS = 8192
_GRADIENT_ROWS = 256


def logit_factor(
    unembed: Unembedding, *, centered: bool = False
) -> Float[Tensor, "width_plus width_plus"]:
    """Return ``R`` such that ``R [x, 1]`` has the inner products of the uncapped logits of ``x``.

    ``width_plus`` is the width, plus one where the unembedding has a bias. A scale of the logits
    is left out: no cosine and no relative change sees it.

    Parameters
    ----------
    centered
        Of the logits less their mean over the vocabulary, which no probability sees.
    """
    weight = unembed.linear.weight
    if unembed.linear.bias is not None:
        weight = torch.cat([weight, unembed.linear.bias[:, None]], dim=1)
    gram = torch.zeros(weight.shape[1], weight.shape[1], dtype=torch.float64)
    for rows in weight.split(_GRAM_ROWS):
        gram += rows.T @ rows
    if centered:
        mean = weight.double().mean(0)
        gram -= len(weight) * torch.outer(mean, mean)
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


def logit_changes(
    unembed: Unembedding,
    clean: Float[Tensor, "*rows width"],
    ablated: Float[Tensor, "copies *rows width"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``d . l``, ``d . d`` and ``l . l``: l the logits, soft cap and all, d their change.

    The first two are ``[copies, *rows]``, the last ``[*rows]``.
    """
    along, square = ablated.new_zeros(ablated.shape[:-1]), ablated.new_zeros(ablated.shape[:-1])
    clean_square = clean.new_zeros(clean.shape[:-1])
    for piece in _pieces(unembed):
        logits = _logits(unembed, clean, piece)
        change = _logits(unembed, ablated, piece).sub_(logits)
        along += torch.linalg.vecdot(change, logits)
        square += torch.linalg.vecdot(change, change)
        clean_square += torch.linalg.vecdot(logits, logits)
    return along, square, clean_square


def next_token_scores(
    unembed: Unembedding,
    final: Float[Tensor, "batch positions width"],
    tokens: Tensor,
    *,
    first_scored: int = 1,
    mask: Bool[Tensor, "prompts positions"] | None = None,
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Return each row's mean next-token loss, in nats, and mean logit of the right token.

    Parameters
    ----------
    tokens
        ``[prompts, positions]``, where ``batch`` is a whole number of times ``prompts``.
    first_scored
        The first position, counted with padding, that is predicted and scored.
    mask
        True where there is a token; a prediction of padding, or from it, is not scored.
    """
    copies = final.shape[0] // tokens.shape[0]
    targets = tokens[:, first_scored:].repeat(copies, 1)
    rows = final[:, first_scored - 1 : -1].flatten(0, 1)
    pairs = zip(rows.split(_TILE[0]), targets.flatten().split(_TILE[0]), strict=True)
    found = [(log_normalizer(unembed, x), _logit_of(unembed, x, target)) for x, target in pairs]
    logits = torch.cat([logit for _, logit in found]).view(targets.shape)
    losses = torch.cat([total - logit for total, logit in found]).view(targets.shape)
    if mask is None:
        return losses.mean(1), logits.mean(1)
    scored = (mask[:, first_scored:] & mask[:, first_scored - 1 : -1]).repeat(copies, 1)
    return masked_mean(losses, scored, 1), masked_mean(logits, scored, 1)


def score_gradients(
    unembed: Unembedding,
    final: Float[Tensor, "prompts positions width"],
    tokens: Tensor,
    *,
    first_scored: int = 1,
    mask: Bool[Tensor, "prompts positions"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the gradients of `next_token_scores`, each prompt's own, with respect to ``final``.

    Both are shaped like ``final``.
    """
    scored = torch.ones_like(tokens[:, 1:], dtype=torch.bool)
    scored[:, : first_scored - 1] = False
    if mask is not None:
        scored &= mask[:, 1:] & mask[:, :-1]
    share = (scored / scored.sum(1, keepdim=True)).flatten()
    x = final.detach()[:, :-1].flatten(0, 1)
    targets = tokens[:, 1:].flatten()
    found: tuple[list[Tensor], list[Tensor]] = ([], [])
    for rows in torch.arange(len(x)).split(_GRADIENT_ROWS):
        with torch.enable_grad():
            leaf = x[rows].clone().requires_grad_()
            logits = all_logits(unembed, leaf)
            right = logits.gather(1, targets[rows, None])[:, 0] * share[rows]
            scores = (logits.logsumexp(1) * share[rows] - right).sum(), right.sum()
        for into, value in zip(found, scores, strict=True):
            into.append(torch.autograd.grad(value, leaf, retain_graph=True)[0])
    shape = (len(tokens), tokens.shape[1] - 1, -1)
    loss_gradient, logit_gradient = (F.pad(torch.cat(g).view(shape), (0, 0, 0, 1)) for g in found)
    return loss_gradient, logit_gradient


def next_token_losses(
    unembed: Unembedding,
    final: Float[Tensor, "batch positions width"],
    tokens: Tensor,
    *,
    first_scored: int = 1,
) -> Float[Tensor, " batch"]:
    """Return each row's mean next-token loss from position ``first_scored`` on, in nats."""
    return next_token_scores(unembed, final, tokens, first_scored=first_scored)[0]


def masked_mean(values: Tensor, mask: Tensor, dim: int) -> Tensor:
    """Return the mean over ``dim`` of the entries where ``mask``, which broadcasts, is True."""
    kept = torch.where(mask, values, 0.0).sum(dim)
    return kept / mask.expand_as(values).sum(dim)


def log_normalizer(
    unembed: Unembedding, final: Float[Tensor, "rows width"]
) -> Float[Tensor, " rows"]:
    """Return the log of the sum of exponentiated logits, going over the vocabulary in pieces."""
    highest = final.new_full((len(final),), -torch.inf)
    total = final.new_zeros(len(final))
    for piece in _pieces(unembed):
        logits = _logits(unembed, final, piece)
        higher = torch.maximum(highest, logits.amax(1))
        shrunk = total * (highest - higher).exp_()
        total = logits.sub_(higher[:, None]).exp_().sum(1).add_(shrunk)
        highest = higher
    return total.log_().add_(highest)


def all_logits(unembed: Unembedding, final: Float[Tensor, "... width"]) -> Tensor:
    """Return the logits of every token; for a few positions only."""
    return unembed.finish(unembed.linear(final))


def _pieces(unembed: Unembedding) -> Iterator[slice]:
    for first in range(0, unembed.vocabulary, _TILE[1]):
        yield slice(first, first + _TILE[1])


def _logits(unembed: Unembedding, final: Tensor, piece: slice) -> Tensor:
    linear = unembed.linear
    bias = None if linear.bias is None else linear.bias[piece]
    return unembed.finish(F.linear(final, linear.weight[piece], bias))


def _logit_of(unembed: Unembedding, final: Tensor, targets: Tensor) -> Tensor:
    linear = unembed.linear
    logit = (final * linear.weight[targets]).sum(-1)
    return unembed.finish(logit if linear.bias is None else logit + linear.bias[targets])
