"""What a model says of fixed inputs, in few numbers, and how that lies to simple predictors.

The same inputs serve every checkpoint of a run, and every run on the same data, so that outputs
can be compared: essential dynamics are their main axes over training (Hoogland et al. 2024,
arXiv:2402.02364).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Float16, Int
from numpy import ndarray
from torch import Tensor

from compute.behaviour_records import ModelOutputs
from compute.behaviour_specs import OutputsMeasurement
from compute.errors import MeasurementError
from compute.measure.logits import all_logits
from compute.measure.references import (
    LANGUAGE_REFERENCES,
    REGRESSION_REFERENCES,
    TextPredictors,
    centred,
    regression_references,
)
from compute.measure.tasks import Texts, context_length, draw_windows
from compute.models.developments.regression_transformer import (
    RegressionTransformer,
    draw_sequences,
)
from compute.models.loading import LoadedModel

# Some outputs of the model, and of each reference.
Block: TypeAlias = tuple[Float[ndarray, " outputs"], Float[ndarray, "references outputs"]]

_SEQUENCES_IN_FLIGHT = 32
_OUTPUTS_IN_FLIGHT = 1 << 18
# References whose products have an eigenvalue below this share of the largest depend on each other.
_DEPENDENT = 1e-10


def measure_outputs(model: LoadedModel, texts: Texts, spec: OutputsMeasurement) -> ModelOutputs:
    """Return a model's outputs on the inputs that ``spec`` draws.

    A language model's are centred log-probabilities of the next token, nats, at positions in the
    middle of equal stretches of held-out windows, which are no longer than the model's context. A
    regression's are its predictions of every y.

    Outputs that are more than ``spec.dimensions`` are split. What lies in the span of the
    references is kept exactly, as one number for each; what is left is projected at random to the
    other numbers (`RandomProjection`). So products with references stay exact, and the error of a
    distance between checkpoints is a share of its part outside of that span. Rounding to float16
    moves outputs by about 0.0003 of their norm.

    Raises
    ------
    MeasurementError
        If the inputs do not fit the model or its text, or an output is not finite.
    """
    generator = torch.Generator().manual_seed(spec.seed)
    with torch.inference_mode():
        if isinstance(model.module, RegressionTransformer):
            return _regression(model.module, spec, generator)
        return _language(model, texts, spec, generator)


class RandomProjection:
    r"""Sums of the entries of vectors, each with a random sign, in few places (count sketch).

    Entry i of every vector is added, with the sign :math:`s_i`, to the place :math:`h_i`, both
    random. So the projected product of two vectors is unbiased, with a variance of at most
    :math:`(|x|^2 |y|^2 + (x \cdot y)^2) / d` for d places [1]_: a squared distance has a relative
    standard error of :math:`\sqrt{2 / d}`. Places and signs depend on the seed and on i only; they
    are drawn when entries come, and never stored.

    Attributes
    ----------
    total
        The projections of what was added so far.

    References
    ----------
    .. [1] Charikar, Chen and Farach-Colton (2002), ICALP, 693; Weinberger et al. (2009),
       arXiv:0902.2206, for the variance.
    """

    def __init__(self, vectors: int, dimensions: int, seed: int) -> None:
        self.total: Float[ndarray, "vectors dimensions"] = np.zeros((vectors, dimensions))
        # The raw stream, unlike the methods of a Generator, is the same in every version of NumPy.
        self._bits = np.random.PCG64(seed % 2**64)

    def add(self, values: Float[ndarray, "vectors entries"]) -> None:
        """Add the entries that follow those that were added before."""
        drawn = self._bits.random_raw(values.shape[1])
        sign = 1.0 - 2.0 * (drawn & np.uint64(1))
        size = self.total.shape[1]
        place = (((drawn >> np.uint64(33)) * np.uint64(size)) >> np.uint64(31)).astype(np.intp)
        for total, row in zip(self.total, values, strict=True):
            total += np.bincount(place, sign * row, minlength=size)


def _regression(
    module: RegressionTransformer, spec: OutputsMeasurement, generator: torch.Generator
) -> ModelOutputs:
    tokens = draw_sequences(module.config, spec.samples, generator=generator)
    predictions = module.predictions(tokens).double().numpy()
    references = regression_references(tokens)
    block = predictions.reshape(-1), references.reshape(len(references), -1)
    return summarise_outputs(iter([block]), predictions.size, REGRESSION_REFERENCES, spec)


def _language(
    model: LoadedModel, texts: Texts, spec: OutputsMeasurement, generator: torch.Generator
) -> ModelOutputs:
    limit = context_length(model)
    length = spec.length if limit is None else min(spec.length, limit)
    if spec.positions > length:
        raise MeasurementError(
            f"{spec.positions} positions do not fit the model's context of {length}; ask for fewer"
        )
    windows = draw_windows(
        texts.heldout(), samples=spec.samples, length=length, generator=generator
    )
    # The middles of equal stretches, which are all different.
    positions = torch.arange(1, 2 * spec.positions, 2) * length // (2 * spec.positions)
    vocabulary = model.anatomy.unembed.vocabulary
    blocks = _language_blocks(model, windows, positions, TextPredictors(texts.train(), vocabulary))
    count = spec.samples * spec.positions * vocabulary
    return summarise_outputs(blocks, count, LANGUAGE_REFERENCES, spec)


def _language_blocks(
    model: LoadedModel,
    windows: Int[Tensor, "samples length"],
    positions: Int[Tensor, " positions"],
    predictors: TextPredictors,
) -> Iterator[Block]:
    """Give the outputs of a few inputs at a time: window by window, position by position."""
    unembed = model.anatomy.unembed
    rows = max(1, _OUTPUTS_IN_FLIGHT // unembed.vocabulary)
    for part in windows.split(_SEQUENCES_IN_FLIGHT):
        final = model.trunk(part)[:, positions].flatten(0, 1)
        current = part[:, positions].flatten()
        for some, tokens in zip(final.split(rows), current.split(rows), strict=True):
            # Less their mean, logits are log-probabilities less theirs.
            outputs = centred(all_logits(unembed, some).double().numpy())
            references = predictors.outputs(tokens.numpy())
            yield outputs.reshape(-1), references.reshape(len(references), -1)


def summarise_outputs(
    blocks: Iterator[Block], count: int, names: tuple[str, ...], spec: OutputsMeasurement
) -> ModelOutputs:
    """Return the record of ``count`` outputs that come in blocks; see `measure_outputs`.

    Raises
    ------
    MeasurementError
        If an output is not finite, or larger than float16 holds.
    """
    projection = RandomProjection(1 + len(names), spec.dimensions - len(names), spec.seed)
    kept: list[Float[ndarray, " outputs"]] = []
    products = np.zeros((1 + len(names),) * 2)
    for outputs, references in blocks:
        _refuse_non_finite(outputs)
        every = np.concatenate([outputs[None], references])
        products += every @ every.T / count
        if count > spec.dimensions:
            projection.add(every)
        else:
            kept.append(outputs)
    if count > spec.dimensions:
        few = _reduced(projection.total / math.sqrt(count), products)
    else:
        few = np.concatenate(kept) / math.sqrt(count)
    return ModelOutputs(
        outputs=_rounded(few),
        square=float(products[0, 0]),
        references=names,
        reference_squares=products.diagonal()[1:].copy(),
        reference_products=products[0, 1:].copy(),
        reference_between=products[1:, 1:].copy(),
    )


def _reduced(
    projected: Float[ndarray, "vectors places"], products: Float[ndarray, "vectors vectors"]
) -> Float[ndarray, " dimensions"]:
    """Return a model's outputs along the references, and the projection of what is left.

    The first vector is the model's, the others are the references. Coordinates along these are by
    the symmetric root of their products, which is the same whatever basis a machine finds.
    """
    size, basis = np.linalg.eigh(products[1:, 1:])
    real = size > _DEPENDENT * size[-1]
    size, basis = size[real], basis[:, real]
    within = basis.T @ products[1:, 0]
    left = projected[0] - (basis @ (within / size)) @ projected[1:]
    return np.concatenate([basis @ (within / np.sqrt(size)), left])


def _refuse_non_finite(outputs: ndarray) -> None:
    if not np.isfinite(outputs).all():
        raise MeasurementError(
            "an output of the model is not finite (NaN or infinity); "
            "training probably diverged before this step"
        )


def _rounded(outputs: Float[ndarray, " dimensions"]) -> Float16[ndarray, " dimensions"]:
    largest = float(np.abs(outputs).max())
    if largest > float(np.finfo(np.float16).max):
        raise MeasurementError(
            f"an output is {largest:.3g} after scaling, more than float16 holds; "
            "training probably diverged before this step"
        )
    return outputs.astype(np.float16)
