"""What a model is made of: how heads compose and attend, and the spectra and norms of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor, nn

from compute.behaviour_records import Structure
from compute.errors import MeasurementError, UnknownArchitecture
from compute.measure.behaviour import SEQUENCES_IN_FLIGHT, attention_patterns
from compute.measure.composition import Composition, compose
from compute.models.anatomy import merge_weight
from compute.models.head_weights import head_weights
from compute.models.loading import LoadedModel
from compute.models.norms import norms_of

# A norm's weight below this, in size, counts as small.
SMALL = 0.1
# A matrix with this many times more rows than columns has its spectrum from its Gram matrix.
_TALL = 4
_ROWS_IN_FLIGHT = 8192


def measure_structure(model: LoadedModel, tokens: Tensor) -> Structure:
    """Return what a model is made of (Elhage et al. 2021; Hoogland et al. 2024).

    Heads compose as `compute.measure.composition.compose` says. Entropy is over the queries that
    have more than one key to choose from. A norm's weights are what it multiplies with. All
    singular values are kept, of each embedding without its bias.

    Parameters
    ----------
    tokens
        Held-out samples, ``[samples, positions]`` token ids, or ``[samples, positions,
        features]`` for regression; without padding.

    Returns
    -------
    structure
        Composition is NaN where the weights of single heads cannot be told apart, and so is what
        is said of attention where a model does not show what it attends with; errors over samples
        are NaN for a single one.

    Raises
    ------
    MeasurementError
        If there is no sample, or samples have a single position.
    """
    if not len(tokens) or tokens.shape[1] < 2:
        raise MeasurementError(
            "attention is watched on one sample or more, of 2 positions or more: "
            f"these are {tuple(tokens.shape[:2])}; give more samples or a larger length"
        )
    names = tuple(c.name for c in model.components if c.kind == "head")
    found = _composition(model, len(names))
    with torch.inference_mode():
        attention = _attention(model, tokens, len(names))
        embeddings = _embeddings(model)
        spectra = [singular_values(matrix) for matrix in embeddings.values()]
    norms = [norm for norm in norms_of(model) if norm.learnt]
    gains = [norm.gain.double() for norm in norms]
    return Structure(
        heads=names,
        q_composition=found.query.numpy(),
        k_composition=found.key.numpy(),
        v_composition=found.value.numpy(),
        composition_chance=np.full(3, found.chance, dtype=np.float32),
        attention_entropy=_floats(attention.entropy),
        attention_entropy_error=_floats(attention.entropy_error),
        attention_variability=_floats(attention.variability),
        norms=tuple(norm.name for norm in norms),
        norm_mean=_floats([gain.mean() for gain in gains]),
        norm_spread=_floats([gain.std(correction=0) for gain in gains]),
        norm_size=_floats([gain.norm() for gain in gains]),
        norm_small=_floats([(gain.abs() < SMALL).double().mean() for gain in gains]),
        embeddings=tuple(embeddings),
        singular_values=_padded(spectra),
    )


def singular_values(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, " rank"]:
    """Return a matrix's singular values, descending, in float64.

    Of matrices with many more rows than columns, or the reverse, they are the roots of the
    eigenvalues of the Gram matrix, which has them to about 1e-8 of the largest one.
    """
    long, short = max(matrix.shape), min(matrix.shape)
    if long < _TALL * short:
        return torch.linalg.svdvals(matrix.double())
    tall = matrix if matrix.shape[0] == long else matrix.T
    gram = torch.zeros(short, short, dtype=torch.float64)
    for rows in tall.split(_ROWS_IN_FLIGHT):
        gram += rows.double().T @ rows.double()
    return torch.linalg.eigvalsh(gram).clamp_min(0).sqrt().flip(0)


def _composition(model: LoadedModel, heads: int) -> Composition:
    try:
        return compose(head_weights(model))
    except UnknownArchitecture:
        missing = torch.full((heads, heads), math.nan)
        return Composition(query=missing, key=missing, value=missing, chance=math.nan)


class _Attention(NamedTuple):
    """Of each head: see `Structure`."""

    entropy: Float[Tensor, " heads"]
    entropy_error: Float[Tensor, " heads"]
    variability: Float[Tensor, " heads"]


def _attention(model: LoadedModel, tokens: Tensor, heads: int) -> _Attention:
    """Return entropy and variability, in two passes, so that no pattern has to be kept."""
    entropies: list[Tensor] = []
    total = torch.zeros((), dtype=torch.float64)
    for patterns in _patterns(model, tokens):
        if len(patterns) != heads or bool(patterns.triu(1).any()):
            missing = torch.full((heads,), math.nan)
            return _Attention(missing, missing, missing)
        rows = torch.special.entr(patterns[:, :, 1:]).sum(-1, dtype=torch.float64)
        entropies.append(rows.mean(-1))
        total = total + patterns.sum(1, dtype=torch.float64)
    entropy, mean = torch.cat(entropies, dim=1), total / len(tokens)
    centre = mean.float()[:, None]
    distances = [
        (patterns - centre).square_().sum((2, 3), dtype=torch.float64).sqrt()
        for patterns in _patterns(model, tokens)
    ]
    error = torch.full((heads,), math.nan)
    if len(tokens) > 1:
        error = entropy.std(1) / math.sqrt(len(tokens))
    variability = torch.cat(distances, dim=1).mean(1) / mean.square().sum((1, 2)).sqrt()
    return _Attention(entropy.mean(1), error, variability)


def _patterns(
    model: LoadedModel, tokens: Tensor
) -> Iterator[Float[Tensor, "heads samples query key"]]:
    return (attention_patterns(model, part) for part in tokens.split(SEQUENCES_IN_FLIGHT))


def _embeddings(model: LoadedModel) -> dict[str, Float[Tensor, "rows width"]]:
    """Return the matrices between tokens, positions and the residual stream."""
    embedding, unembedding = model.anatomy.embedding, model.anatomy.unembed.linear
    width = merge_weight(model.anatomy.blocks[0]).shape[1]
    found: dict[str, Any] = {"EMB": embedding.weight}
    for part in model.module.modules():
        positions = isinstance(part, nn.Embedding) and part.embedding_dim == width
        if positions and part is not embedding:
            found["POS"] = part.weight
    if unembedding.weight is not embedding.weight:
        found["UNEMBED"] = unembedding.weight
    return found


def _floats(values: Tensor | list[Tensor]) -> Float[ndarray, " values"]:
    if isinstance(values, list):
        values = torch.stack(values) if values else torch.zeros(0)
    return values.float().numpy()


def _padded(spectra: list[Tensor]) -> Float[ndarray, "matrices values"]:
    """Return spectra as rows, NaN beyond each one's end."""
    padded = torch.nn.utils.rnn.pad_sequence(spectra, batch_first=True, padding_value=math.nan)
    return padded.float().numpy()
