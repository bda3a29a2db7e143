"""How a language model uses its context: in-context learning, bigrams, n-grams and positions.

The scores are those of Hoogland et al. (2024), arXiv:2402.02364, on a run's own text.
"""

from __future__ import annotations

import dataclasses
import math
from contextlib import AbstractContextManager

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import NDArray
from torch import Tensor

from compute.behaviour_records import ContextUse
from compute.behaviour_specs import ContextMeasurement
from compute.errors import MeasurementError
from compute.measure.logits import all_logits, next_token_losses
from compute.measure.ngrams import Bigrams, count_bigrams, frequent_ngrams
from compute.measure.tasks import Texts, context_length, draw_windows, with_bos
from compute.models.loading import LoadedModel
from compute.models.positions import without_positions

_NGRAMS = (2, 3, 4)
_TOKENS_IN_FLIGHT = 4096
# Numbers of a tile of logits, which is all that is held of them at once: 8 MB.
_TILE = 2**21


def measure_context(model: LoadedModel, texts: Texts, spec: ContextMeasurement) -> ContextUse:
    """Return how a language model uses its context.

    Losses, the bigram score and positional dependence are of random windows of held-out text, as
    it stands: no beginning-of-text token is put before them. They are shorter than the spec says
    if the model's context is.

    *Bigram score.* The cross-entropy is to what follows each token in the training text, at every
    position that a next token is scored after. Positions of tokens that the training text never
    goes on from are left out; without any other the scores are NaN.

    *n-gram score.* Both losses are of the last of n tokens that are shown alone, behind a
    beginning-of-text token if the model has one: the starts of the windows, and the n-grams that
    are the most frequent in the training text, each counted once, however frequent. NaN if the
    loss on n-grams is 0.

    *Positional dependence.* See `without_positions` for what is taken away.

    Errors are standard errors over windows, for the loss on n-grams over n-grams; those of ratios
    by the delta method, paired where both losses are of the same windows.

    Raises
    ------
    MeasurementError
        If the model is of a regression, its context is too short for the spec's positions, or the
        run's text is too short.
    """
    windows = _windows(model, texts, spec)
    training = texts.train()
    bigrams = count_bigrams(training, vocabulary=model.anatomy.unembed.vocabulary)
    with torch.inference_mode():
        scored = _scored(model, windows, bigrams)
        blind = without_positions(model)
        blind_losses = None if blind is None else _losses_within(blind, model, windows)
        ngrams = {n: _ngram(model, windows, training, n, spec.ngrams) for n in _lengths(windows)}
    icl, icl_error = _mean(_in_context_learning(scored.losses, spec))
    bigram, bigram_error = _ratio(scored.crossed, scored.followed)
    positional = (math.nan, math.nan)
    if blind_losses is not None:
        positional = _ratio(blind_losses, scored.losses.mean(1))
    return ContextUse(
        loss_by_position=scored.losses.mean(0),
        loss_by_position_error=scored.losses.std(0, ddof=1) / math.sqrt(len(windows)),
        icl=icl,
        icl_error=icl_error,
        bigram=bigram,
        bigram_error=bigram_error,
        bigram_entropy=_ratio(scored.entropy, scored.followed)[0],
        ngrams=tuple(ngrams),
        ngram=np.array([ratio for ratio, _ in ngrams.values()]),
        ngram_error=np.array([error for _, error in ngrams.values()]),
        positional=positional[0],
        positional_error=positional[1],
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Scored:
    """What is kept of a model's predictions of windows.

    Attributes
    ----------
    losses
        Of the token at position 1, 2, .., nats.
    crossed, entropy
        Sums over a window's scored positions of the cross-entropy from the bigram distribution to
        the prediction, and of the entropy of the former, nats.
    followed
        How many positions those are sums over.
    """

    losses: Float[ndarray, "samples positions"]
    crossed: Float[ndarray, " samples"]
    entropy: Float[ndarray, " samples"]
    followed: Float[ndarray, " samples"]


def _scored(model: LoadedModel, windows: Tensor, bigrams: Bigrams) -> _Scored:
    at_once = max(1, _TOKENS_IN_FLIGHT // windows.shape[1])
    found = [_predicted(model, part, bigrams) for part in windows.split(at_once)]
    losses, crossed = (torch.cat(part).double().numpy() for part in zip(*found, strict=True))
    current = windows[:, :-1].numpy()
    entropy = bigrams.entropy[current]
    followed = np.isfinite(entropy)
    return _Scored(
        losses=losses,
        crossed=np.where(followed, crossed, 0.0).sum(1),
        entropy=np.where(followed, entropy, 0.0).sum(1),
        followed=followed.sum(1).astype(float),
    )


def _predicted(
    model: LoadedModel, tokens: Tensor, bigrams: Bigrams
) -> tuple[Float[Tensor, "samples positions"], Float[Tensor, "samples positions"]]:
    """Return the loss of each next token, and the cross-entropy from its bigram distribution."""
    final = model.trunk(tokens)[:, :-1].flatten(0, 1)
    current, target = tokens[:, :-1].flatten(), tokens[:, 1:].flatten()
    losses, crossed = torch.empty(len(final)), torch.empty(len(final))
    tile = max(1, _TILE // model.anatomy.unembed.vocabulary)
    for rows in torch.arange(len(final)).split(tile):
        logits = all_logits(model.anatomy.unembed, final[rows])
        total = logits.logsumexp(1)
        losses[rows] = total - logits.gather(1, target[rows, None])[:, 0]
        crossed[rows] = total - _expected_logit(logits, current[rows], bigrams)
    shape = (len(tokens), -1)
    return losses.view(shape), crossed.view(shape)


def _expected_logit(
    logits: Float[Tensor, "rows vocabulary"], current: Tensor, bigrams: Bigrams
) -> Float[Tensor, " rows"]:
    """Return each row's mean logit under what follows its current token; 0 if nothing does."""
    row, successor, probability = (torch.from_numpy(a) for a in bigrams.rows(current.numpy()))
    shares = logits[row, successor] * probability.float()
    return torch.zeros(len(logits)).index_add_(0, row, shares)


def _losses_within(
    context: AbstractContextManager[object], model: LoadedModel, windows: Tensor
) -> Float[ndarray, " samples"]:
    with context:
        return _losses(model, windows, first_scored=1)


def _ngram(
    model: LoadedModel, windows: Tensor, text: NDArray[np.int64], length: int, most: int
) -> tuple[float, float]:
    """Return the n-gram score of one length, and its standard error."""
    ngrams, _ = frequent_ngrams(text, length=length, most=most)
    arbitrary, frequent = (
        _mean(_losses(model, prompts, first_scored=prompts.shape[1] - 1))
        for prompts in (
            with_bos(model, windows[:, :length]),
            with_bos(model, torch.from_numpy(ngrams)),
        )
    )
    if not frequent[0] > 0:
        return math.nan, math.nan
    ratio = arbitrary[0] / frequent[0]
    return ratio, math.hypot(arbitrary[1], ratio * frequent[1]) / frequent[0]


def _losses(model: LoadedModel, tokens: Tensor, *, first_scored: int) -> Float[ndarray, " prompts"]:
    """Return each prompt's mean loss from ``first_scored`` on, nats."""
    losses = [
        next_token_losses(model.anatomy.unembed, model.trunk(part), part, first_scored=first_scored)
        for part in tokens.split(max(1, _TOKENS_IN_FLIGHT // tokens.shape[1]))
    ]
    return torch.cat(losses).double().numpy()


def _windows(model: LoadedModel, texts: Texts, spec: ContextMeasurement) -> Tensor:
    """Draw the windows, ``[samples, length]``."""
    if model.family != "language":
        raise MeasurementError(
            "the use of context is measured of language models, and this is a regression model; "
            "measure 'behaviour' or 'shift' instead"
        )
    limit = context_length(model)
    length = spec.length if limit is None else min(spec.length, limit)
    if spec.late + spec.around >= length:
        raise MeasurementError(
            f"the model's context of {length} tokens ends before position "
            f"{spec.late + spec.around}, which the in-context learning score reads; "
            f"set late, and with it early, so that late + around is below {length}"
        )
    generator = torch.Generator().manual_seed(spec.seed)
    return draw_windows(texts.heldout(), samples=spec.samples, length=length, generator=generator)


def _lengths(windows: Tensor) -> list[int]:
    """Return the lengths of n-grams that fit the model with a token before them."""
    return [n for n in _NGRAMS if n < windows.shape[1]]


def _in_context_learning(
    losses: Float[ndarray, "samples positions"], spec: ContextMeasurement
) -> Float[ndarray, " samples"]:
    """Return each window's late loss less its early loss; column 0 is of position 1."""
    late, early = (
        losses[:, position - spec.around - 1 : position + spec.around].mean(1)
        for position in (spec.late, spec.early)
    )
    return late - early


def _mean(values: Float[ndarray, " values"]) -> tuple[float, float]:
    """Return a mean and its standard error; NaN for the error of one value."""
    if len(values) < 2:
        return float(values.mean()), math.nan
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))


def _ratio(
    above: Float[ndarray, " samples"], below: Float[ndarray, " samples"]
) -> tuple[float, float]:
    """Return the ratio of two means over the same samples, and its standard error.

    By the delta method: the error of the mean of ``above - ratio * below``, over the mean of
    ``below``. NaN if that is not above 0.
    """
    mean = float(below.mean())
    if not mean > 0:
        return math.nan, math.nan
    ratio = float(above.mean()) / mean
    return ratio, _mean(above - ratio * below)[1] / mean
