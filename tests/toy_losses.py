"""Losses small enough to know everything about, and one call that estimates their LLC."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import Data
from compute.measure.coordinates import Params
from compute.measure.llc import estimate_llc

DIMENSIONS = 12
NO_DATA = torch.zeros(1)
SHORT = {"step_size": 1e-3, "nbeta": 100.0, "gamma": 10.0, "chains": 4, "burn_in": 5, "draws": 20}


def estimate(
    loss: Callable[[Params, Data], Tensor],
    params: Params,
    data: Data = NO_DATA,
    *,
    seed: int = 0,
    **settings: float,
) -> LLCEstimate:
    """Return the estimate with an `LLCSpec` of these settings."""
    spec = LLCSpec(**settings)  # type: ignore[arg-type]
    return estimate_llc(loss, params, data, spec, torch.Generator().manual_seed(seed))


def quadratic(params: Params, batch: Data) -> Tensor:
    """Half the squared length of all parameters; the data does not matter."""
    return sum(value.square().sum() for value in params.values()) / 2


def origin() -> Params:
    """Return the minimum of `quadratic` in `DIMENSIONS` dimensions, as two tensors."""
    return {"matrix": torch.zeros(2, 4), "vector": torch.zeros(DIMENSIONS - 8)}


def noisy_points(samples: int = 40) -> Tensor:
    """Return standard normal points, ``[samples, DIMENSIONS]``."""
    return torch.randn(samples, DIMENSIONS, generator=torch.Generator().manual_seed(7))


def squared_distance(params: Params, batch: Data) -> Tensor:
    """Half the mean squared distance from ``w`` to the batch's points."""
    assert isinstance(batch, Tensor)
    return (params["w"] - batch).square().sum(-1).mean() / 2
