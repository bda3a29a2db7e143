"""What a model does at one checkpoint: losses, the passage, and what single heads attend to."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from compute.measure.logits import all_logits, next_token_losses
from compute.measure.tasks import Batch
from compute.models.anatomy import Component
from compute.models.developments.regression_transformer import (
    RegressionTransformer,
    squared_error,
)
from compute.models.loading import LoadedModel
from compute.models.native import is_native
from compute.records import LanguageBehaviour, RegressionBehaviour

SEQUENCES_IN_FLIGHT = 32


def language_behaviour(
    model: LoadedModel, *, heldout: Tensor, repeated: Batch, passage: Batch | None
) -> LanguageBehaviour:
    """Return the behaviour of a language model.

    Parameters
    ----------
    heldout
        Held-out windows, ``[samples, positions]``.
    repeated
        Repeated-token prompts ``[BOS] x1..xm x1..xm``, on which heads are scored.
    passage
        One prompt whose last token is the right answer; None gives NaN for its scores.
    """
    with torch.inference_mode():
        losses = _losses(model, heldout, first_scored=1)
        second = repeated.first_scored
        half = repeated.tokens.shape[1] - second
        # Without a token before it, the first one cannot be scored, and so not its repeat either.
        unscored = int(second == half)
        first_half = _losses(
            model, repeated.tokens[:, :second], first_scored=second - half + unscored
        )
        second_half = _losses(model, repeated.tokens, first_scored=second + unscored)
        logit, probability = _passage_scores(model, passage)
        previous, prefix = head_scores(model, repeated)
    return LanguageBehaviour(
        loss=float(losses.mean()),
        loss_error=_standard_error(losses),
        first_loss=float(first_half.mean()),
        second_loss=float(second_half.mean()),
        correct_logit=logit,
        correct_probability=probability,
        heads=_head_names(model.components),
        previous_token=previous.float().numpy(),
        prefix_matching=prefix.float().numpy(),
    )


def regression_behaviour(model: LoadedModel, *, tokens: Tensor) -> RegressionBehaviour:
    """Return the behaviour of an in-context regression model on ``[samples, positions, D + 1]``."""
    assert isinstance(model.module, RegressionTransformer)
    with torch.inference_mode():
        errors = squared_error(model.module, tokens).double()
        predictions = model.module.predictions(tokens).double()
        distance = (predictions - ridge_predictions(tokens)).square()
        previous = previous_token_score(attention_patterns(model, tokens[:SEQUENCES_IN_FLIGHT]))
    return RegressionBehaviour(
        loss=float(errors.mean()),
        loss_error=_standard_error(errors.mean(1)),
        loss_by_pair=errors.mean(0).float().numpy(),
        task_prior_score=float(predictions.square().mean()),
        ridge_distance=float(distance.mean()),
        heads=_head_names(model.components),
        previous_token=previous.float().numpy(),
    )


def head_scores(model: LoadedModel, repeated: Batch) -> tuple[Tensor, Tensor]:
    """Return previous-token and prefix-matching scores of all heads, 0 to 1."""
    period = repeated.tokens.shape[1] - repeated.first_scored
    sums = [torch.zeros(()), torch.zeros(())]
    for tokens in repeated.tokens.split(SEQUENCES_IN_FLIGHT):
        patterns = attention_patterns(model, tokens)
        share = len(tokens) / len(repeated.tokens)
        sums[0] = sums[0] + share * previous_token_score(patterns)
        sums[1] = sums[1] + share * prefix_matching_score(patterns, period)
    return sums[0], sums[1]


def previous_token_score(
    patterns: Float[Tensor, "heads prompts query key"],
) -> Float[Tensor, " heads"]:
    """Return the mean attention from each position, from the second on, to the one before it."""
    return patterns.diagonal(offset=-1, dim1=-2, dim2=-1).mean((1, 2))


def prefix_matching_score(
    patterns: Float[Tensor, "heads prompts query key"], period: int
) -> Float[Tensor, " heads"]:
    """Return the mean attention from a repeated token to the token after its first occurrence.

    The token at position ``p`` stood before at ``p - period``; the one after that is at
    ``p - period + 1``. The first half asks nothing, so only the last ``period`` queries count.
    """
    after = patterns.diagonal(offset=1 - period, dim1=-2, dim2=-1)
    return after[..., -period:].mean((1, 2))


def attention_patterns(
    model: LoadedModel, tokens: Tensor
) -> Float[Tensor, "heads prompts query key"]:
    """Return the attention of every head, layer by layer; each query's row sums to 1."""
    if isinstance(model.module, RegressionTransformer):
        return model.module.attention_patterns(tokens)
    if is_native(model.module):
        return _returned_patterns(model, tokens)
    module: Any = model.module
    before = module.config._attn_implementation
    module.set_attn_implementation("eager")
    try:
        attentions = module.base_model(tokens, use_cache=False, output_attentions=True).attentions
    finally:
        module.set_attn_implementation(before)
    return torch.cat([a.transpose(0, 1) for a in attentions])


def _returned_patterns(model: LoadedModel, tokens: Tensor) -> Tensor:
    """Return the patterns of a model whose attention modules return them beside their output."""
    patterns: list[Tensor] = []
    with contextlib.ExitStack() as stack:
        for part in model.anatomy.blocks:
            keep = part.attention.register_forward_hook(lambda m, a, out: patterns.append(out[1]))
            stack.callback(keep.remove)
        model.trunk(tokens)
    return torch.cat([pattern.transpose(0, 1) for pattern in patterns])


def ridge_predictions(
    tokens: Float[Tensor, "samples positions features"], noise_variance: float = 0.125
) -> Float[Tensor, "samples pairs"]:
    """Return the Bayes-optimal prediction of each pair from the pairs before it, float64.

    With a standard normal prior over tasks this is ridge regression with penalty
    ``noise_variance``.
    """
    x = tokens[:, 0::2, 1:].double()
    y = tokens[:, 1::2, 0].double()
    predictions = torch.zeros_like(y)
    identity = torch.eye(x.shape[-1], dtype=torch.float64)
    for k in range(1, x.shape[1]):
        past, targets = x[:, :k], y[:, :k, None]
        gram = past.transpose(1, 2) @ past + noise_variance * identity
        task = torch.linalg.solve(gram, past.transpose(1, 2) @ targets)
        predictions[:, k] = (x[:, k] * task[..., 0]).sum(-1)
    return predictions


def _losses(model: LoadedModel, tokens: Tensor, *, first_scored: int) -> Tensor:
    """Return each row's mean next-token loss from ``first_scored`` on, nats."""
    losses = [
        next_token_losses(model.anatomy.unembed, model.trunk(part), part, first_scored=first_scored)
        for part in tokens.split(SEQUENCES_IN_FLIGHT)
    ]
    return torch.cat(losses).double()


def _passage_scores(model: LoadedModel, passage: Batch | None) -> tuple[float, float]:
    """Return the logit and the probability of the passage's last token."""
    if passage is None:
        return math.nan, math.nan
    final = model.trunk(passage.tokens[:, :-1])[:, -1]
    logits = all_logits(model.anatomy.unembed, final)[0]
    answer = int(passage.tokens[0, -1])
    return float(logits[answer]), float(F.softmax(logits, dim=-1)[answer])


def _standard_error(values: Tensor) -> float:
    return float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan


def _head_names(components: tuple[Component, ...]) -> tuple[str, ...]:
    return tuple(c.name for c in components if c.kind == "head")
