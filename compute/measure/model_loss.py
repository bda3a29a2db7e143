"""The loss of a transformer as a function of its parameters, for `compute.measure.llc`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from compute.errors import MeasurementError
from compute.models.developments.regression_transformer import (
    RegressionTransformer,
    squared_error,
)
from compute.models.native import is_native

Family: TypeAlias = Literal["language", "regression"]
ParameterLoss: TypeAlias = Callable[[dict[str, Tensor], Tensor], Tensor]


def functional_loss(module: nn.Module, family: Family) -> tuple[ParameterLoss, dict[str, Tensor]]:
    """Return the mean loss of a model as a function of its parameters, and those parameters.

    Parameters
    ----------
    module
        ``language``: a Hugging Face or TransformerLens-native language model. ``regression``: a
        `RegressionTransformer`. It is copied: later changes to it change nothing here, and it is
        left as it was.
    family
        Decides the data and the loss.

    Returns
    -------
    loss
        ``loss(params, tokens)``. ``language``: mean next-token cross-entropy in nats over tokens
        ``[batch, position]`` (integers). ``regression``: mean squared error of the predicted y
        over tokens ``[batch, position, D + 1]``. Dropout is off. It can be differentiated and
        vmapped over parameters, tokens or both.
    params
        The parameters by name, detached. Tied weights appear once, under their first name, and
        move together.

    Raises
    ------
    MeasurementError
        If ``module`` is not of its family.
    """
    wrapped = _language_loss(module) if family == "language" else _regression_loss(module)
    wrapped.eval()
    params = {
        name.removeprefix("model."): parameter.detach()
        for name, parameter in wrapped.named_parameters()
    }

    def loss(params: dict[str, Tensor], tokens: Tensor) -> Tensor:
        named = {f"model.{name}": value for name, value in params.items()}
        return functional_call(wrapped, named, (tokens,))

    return loss, params


class _NextTokenLoss(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        result = self.model(tokens, use_cache=False)
        logits = getattr(result, "logits", result)
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())


class _SquaredErrorLoss(nn.Module):
    def __init__(self, model: RegressionTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        return squared_error(self.model, tokens).mean()


def _language_loss(module: nn.Module) -> nn.Module:
    """Return the loss of a copy that computes attention in plain matrix products.

    PyTorch's fused attention has no batching rule on the CPU: under vmap it falls back to a loop,
    with a warning, and is no faster.
    """
    model: Any = copy.deepcopy(module)
    if hasattr(module, "set_attn_implementation"):
        model.set_attn_implementation("eager")
    elif not is_native(module):
        raise MeasurementError(f"{type(module).__name__} is no language model that is known here")
    return _NextTokenLoss(model)


def _regression_loss(module: nn.Module) -> nn.Module:
    if not isinstance(module, RegressionTransformer):
        raise MeasurementError(f"{type(module).__name__} is no RegressionTransformer")
    return _SquaredErrorLoss(copy.deepcopy(module))
