"""What a regression model does with inputs and tasks larger than those that it learnt from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from compute.behaviour_records import ShiftedRegression
from compute.behaviour_specs import ShiftMeasurement
from compute.errors import MeasurementError
from compute.measure.behaviour import ridge_predictions
from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
)
from compute.models.loading import LoadedModel

# Those of Hoogland et al. (2024), after 1 for none.
SCALES = (1.0, 3.0, 5.0, 10.0, 100.0)
_SEQUENCES_IN_FLIGHT = 1024


def measure_shift(model: LoadedModel, spec: ShiftMeasurement) -> ShiftedRegression:
    """Return the errors of a regression model where inputs, or tasks, are scaled [1]_.

    Tasks, inputs and noise are drawn once for all scales. Ridge regression keeps the prior and
    the noise of training, so on scaled tasks it is not the best that can be done.

    Raises
    ------
    MeasurementError
        If the model is not a regression model.

    References
    ----------
    .. [1] Hoogland et al. (2024), arXiv:2402.02364.
    """
    module = model.module
    if not isinstance(module, RegressionTransformer):
        raise MeasurementError(
            "inputs and tasks can be scaled for regression models only, and this is a "
            f"{model.family} model: leave out the kind 'shift'"
        )
    clean, noise = draw_parts(module.config, spec)
    with torch.inference_mode():
        unscaled = _scores(module, clean + noise)
        inputs = [_scores(module, scaled_inputs(clean, noise, g)) for g in SCALES[1:]]
        tasks = [_scores(module, scaled_tasks(clean, noise, g)) for g in SCALES[1:]]
    input_scores = torch.stack([unscaled, *inputs], dim=1).float().numpy()
    task_scores = torch.stack([unscaled, *tasks], dim=1).float().numpy()
    return ShiftedRegression(
        scales=torch.tensor(SCALES).numpy(),
        input_error=input_scores[0],
        input_standard_error=input_scores[1],
        input_ridge=input_scores[2],
        input_ridge_standard_error=input_scores[3],
        task_error=task_scores[0],
        task_standard_error=task_scores[1],
        task_ridge=task_scores[2],
        task_ridge_standard_error=task_scores[3],
    )


def draw_parts(
    config: RegressionConfig, spec: ShiftMeasurement
) -> tuple[
    Float[Tensor, "sequences positions features"], Float[Tensor, "sequences positions features"]
]:
    """Return sequences without noise, and the noise, which only y tokens have."""
    first, second = (torch.Generator().manual_seed(spec.seed) for _ in range(2))
    drawn = draw_sequences(config, spec.samples, generator=first)
    clean = draw_sequences(config, spec.samples, generator=second, noise_variance=0.0)
    return clean, drawn - clean


def scaled_inputs(
    clean: Float[Tensor, "sequences positions features"],
    noise: Float[Tensor, "sequences positions features"],
    scale: float,
) -> Float[Tensor, "sequences positions features"]:
    """Return sequences of ``g x`` and ``t.(g x) + noise``."""
    return scale * clean + noise


def scaled_tasks(
    clean: Float[Tensor, "sequences positions features"],
    noise: Float[Tensor, "sequences positions features"],
    scale: float,
) -> Float[Tensor, "sequences positions features"]:
    """Return sequences of ``x`` and ``(g t).x + noise``."""
    scaled = clean.clone()
    scaled[:, 1::2] *= scale
    return scaled + noise


def _scores(
    module: RegressionTransformer, tokens: Float[Tensor, "sequences positions features"]
) -> Float[Tensor, "4"]:
    """Return the mean squared error and its standard error, then those of the way to ridge."""
    predicted = torch.cat([module.predictions(part) for part in tokens.split(_SEQUENCES_IN_FLIGHT)])
    targets = torch.stack([tokens[:, 1::2, 0].double(), ridge_predictions(tokens)])
    squares = (predicted.double() - targets).square().mean(2)
    errors = squares.std(1) / math.sqrt(len(tokens))
    return torch.stack([squares.mean(1), errors], dim=1).flatten()
