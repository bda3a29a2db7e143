"""The batches that measurements are made on: drawn once from a seed, the same for every step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from compute.errors import MeasurementError
from compute.models.anatomy import config_of
from compute.models.developments.regression_transformer import (
    RegressionTransformer,
    draw_sequences,
)
from compute.models.loading import LoadedModel
from compute.specs import TaskSpec

_CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Prompts without padding.

    Attributes
    ----------
    tokens
        ``[prompts, positions]`` token ids, or ``[prompts, positions, features]`` for regression.
    first_scored
        The first position whose prediction is what the task is about.
    """

    tokens: Tensor
    first_scored: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts:
    """A run's text, read only when a task asks for it.

    Each function returns tokens in one row.
    """

    train: Callable[[], NDArray[np.int64]]
    heldout: Callable[[], NDArray[np.int64]]
    passage: Callable[[], NDArray[np.int64]]


def draw_batch(spec: TaskSpec, model: LoadedModel, texts: Texts) -> Batch:
    """Return the prompts that ``spec`` names.

    Repeated prompts are ``[BOS] x1..xm x1..xm`` and are scored on the second half; the passage
    is scored on its last token.

    Raises
    ------
    MeasurementError
        If the task does not fit the model.
    """
    if (spec.name == "regression") != (model.family == "regression"):
        raise MeasurementError(
            f"the task {spec.name!r} does not fit a {model.family} model; choose another task"
        )
    if spec.name == "regression":
        return Batch(tokens=_regression(spec, model), first_scored=1)
    if spec.name == "passage":
        passage = with_bos(model, torch.from_numpy(texts.passage())[None])
        batch = Batch(tokens=passage, first_scored=passage.shape[1] - 1)
    else:
        half = _half(spec, model, texts)
        repeated = with_bos(model, torch.cat([half, half], dim=1))
        batch = Batch(tokens=repeated, first_scored=repeated.shape[1] - spec.length)
    _refuse_too_long(model, batch.tokens.shape[1])
    return batch


def draw_windows(
    tokens: NDArray[np.int64], *, samples: int, length: int, generator: torch.Generator
) -> Tensor:
    """Return random windows of a text, ``[samples, length]``.

    Raises
    ------
    MeasurementError
        If the text is shorter than one window.
    """
    row = torch.from_numpy(tokens)
    if len(row) <= length:
        raise MeasurementError(
            f"the run's text has {len(row):,} tokens, too few for windows of {length}; "
            "give a longer one with --text"
        )
    starts = torch.randint(len(row) - length, (samples,), generator=generator)
    return row[starts[:, None] + torch.arange(length)]


def with_bos(model: LoadedModel, tokens: Tensor) -> Tensor:
    """Return ``tokens`` behind a beginning-of-text token, if the model's config names one."""
    bos = getattr(config_of(model.module), "bos_token_id", None)
    if bos is None:
        return tokens
    return torch.cat([torch.full((len(tokens), 1), int(bos)), tokens], dim=1)


def context_length(model: LoadedModel) -> int | None:
    """Return the longest prompt that the model was made for, or None if its config is silent."""
    config = config_of(model.module)
    limits = (getattr(config, name, None) for name in _CONTEXTS)
    return next((int(limit) for limit in limits if limit is not None), None)


def _half(spec: TaskSpec, model: LoadedModel, texts: Texts) -> Tensor:
    """Draw the half that is repeated, ``[prompts, length]``."""
    generator = torch.Generator().manual_seed(spec.seed)
    shape = (spec.prompts, spec.length)
    vocabulary = model.anatomy.unembed.vocabulary
    if spec.name == "uniform":
        return torch.randint(vocabulary, shape, generator=generator)
    if spec.name == "unigram":
        counts = torch.bincount(torch.from_numpy(texts.train()), minlength=vocabulary).double()
        drawn = torch.multinomial(counts, shape[0] * shape[1], True, generator=generator)
        return drawn.view(shape)
    return draw_windows(
        texts.heldout(), samples=spec.prompts, length=spec.length, generator=generator
    )


def _regression(spec: TaskSpec, model: LoadedModel) -> Tensor:
    assert isinstance(model.module, RegressionTransformer)
    generator = torch.Generator().manual_seed(spec.seed)
    return draw_sequences(model.module.config, spec.prompts, generator=generator)


def _refuse_too_long(model: LoadedModel, positions: int) -> None:
    limit = context_length(model)
    if limit is not None and positions > limit:
        raise MeasurementError(
            f"prompts of {positions} tokens do not fit the model's context of {limit}; "
            "choose a shorter task length"
        )
