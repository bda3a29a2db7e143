"""A loss seen by many chains at once: flat parameters, a minibatch for each chain, vmap.

A loss is a function of named tensors; a chain is a row of one matrix. This file is the seam
between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from compute.errors import MeasurementError

Params: TypeAlias = dict[str, Tensor]
Data: TypeAlias = Tensor | tuple[Tensor, ...]
# The batch has the form of the data; which of the two forms, only the loss knows.
Loss: TypeAlias = Callable[[Params, Any], Tensor]

INITIAL_BATCHES = 64
# What torch.func.vmap raises at a loss that it cannot trace.
VMAP_REFUSALS = (RuntimeError, TypeError, ValueError)


class Minibatches:
    """Draws a minibatch for every chain, without replacement within a minibatch.

    Parameters
    ----------
    data
        A tensor, or a tuple of tensors, whose first axis is samples.
    batch_size
        Samples a minibatch; at or above the number of samples, every minibatch is the data set.

    Attributes
    ----------
    chains
        The number of chains.
    whole
        Whether every minibatch is the whole data set.

    Raises
    ------
    MeasurementError
        If there are no samples, or not as many in each tensor.
    """

    def __init__(
        self, data: Data, *, batch_size: int, chains: int, generator: torch.Generator
    ) -> None:
        tensors = data if isinstance(data, tuple) else (data,)
        sizes = {len(tensor) if tensor.ndim else 0 for tensor in tensors}
        if len(sizes) != 1 or 0 in sizes:
            raise MeasurementError(
                "data must hold at least one sample, and as many in every tensor; "
                f"it holds {sorted(sizes)}"
            )
        self._data = data
        self._samples = sizes.pop()
        self._batch_size = batch_size
        self.chains = chains
        self._generator = generator
        self.whole = batch_size >= self._samples

    def draw(self) -> Data:
        """Return a minibatch for each chain, ``[chains, batch, ..]``, or the data if `whole`."""
        if self.whole:
            return self._data
        rows = [self._permutation()[: self._batch_size] for _ in range(self.chains)]
        return self._take(torch.stack(rows))

    def draw_disjoint(self, limit: int) -> list[Data]:
        """Return at most ``limit`` minibatches without a common sample, stacked like `draw`'s.

        In groups of at most ``chains``, so that none needs more memory than a draw does.
        """
        if self.whole:
            return [self._data]
        count = min(limit, self._samples // self._batch_size)
        index = self._permutation()[: count * self._batch_size].view(count, -1)
        return [self._take(group) for group in index.split(self.chains)]

    def _permutation(self) -> Tensor:
        return torch.randperm(
            self._samples, generator=self._generator, device=self._generator.device
        )

    def _take(self, index: Tensor) -> Data:
        if isinstance(self._data, tuple):
            return tuple(tensor[index] for tensor in self._data)
        return self._data[index]


class ChainLoss:
    """A loss, and its gradient, for all chains in one call.

    Attributes
    ----------
    center
        The floating-point parameters in one row, in the widest of their precisions.
    initial
        One fixed loss at the centre: the mean over up to `INITIAL_BATCHES` disjoint minibatches.
    vectorised
        Whether the loss runs under vmap; if not, the chains run one after the other.

    Raises
    ------
    MeasurementError
        If nothing can move, the loss is no scalar, or the parameters or the loss at the centre are
        not finite.
    """

    def __init__(self, loss: Loss, params: Params, batches: Minibatches) -> None:
        self._loss = loss
        self._params = {name: value.detach() for name, value in params.items()}
        self._moving = {k: v for k, v in self._params.items() if v.is_floating_point()}
        self._whole = batches.whole
        self.center = self._flat_center()
        groups = batches.draw_disjoint(INITIAL_BATCHES)
        self._require_scalar(self._rows(groups[0])[0])
        self.vectorised = self._runs_under_vmap(batches)
        self._center_loss: Tensor | None = None
        losses = torch.cat([self.at_center(group) for group in groups])
        self.initial = float(losses.double().mean())
        if self._whole:
            self._center_loss = losses
        if not math.isfinite(self.initial):
            raise MeasurementError(f"the loss at the centre is {self.initial}, not a finite number")

    def gradient(
        self, w: Float[Tensor, "chains params"], batch: Data
    ) -> tuple[Float[Tensor, "chains params"], Float[Tensor, " chains"]]:
        """Return each chain's gradient and loss at ``w``, on its own minibatch."""
        if self.vectorised:
            return self._gradient_by_vmap(w, batch)
        rows = self._rows(batch) * (len(w) if self._whole else 1)
        pairs = [self._gradient_of_one(*pair) for pair in zip(w, rows, strict=True)]
        return torch.stack([grad for grad, _ in pairs]), torch.stack([loss for _, loss in pairs])

    def at_center(self, batch: Data) -> Float[Tensor, " batches"]:
        """Return the loss at the centre on each minibatch; a single one if all are the data set."""
        if self._center_loss is not None:
            return self._center_loss
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            if self._whole or not self.vectorised:
                return torch.stack([self._loss(self._params, row) for row in self._rows(batch)])
            losses_of = vmap(self._loss, in_dims=(None, 0), randomness="different")
            return losses_of(self._params, batch)

    def _gradient_by_vmap(self, w: Tensor, batch: Data) -> tuple[Tensor, Tensor]:
        gradient = vmap(
            grad_and_value(self._flat_loss),
            in_dims=(0, None if self._whole else 0),
            randomness="different",
        )
        # The fused attention of PyTorch has no batching rule on the CPU and warns at every call.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            grad, losses = gradient(w, batch)
        return grad, losses

    def _gradient_of_one(self, w: Tensor, batch: Data) -> tuple[Tensor, Tensor]:
        w = w.detach().requires_grad_(True)
        with torch.enable_grad():
            loss = self._flat_loss(w, batch)
            (grad,) = torch.autograd.grad(loss, w)
        return grad, loss.detach()

    def _flat_loss(self, w: Float[Tensor, " params"], batch: Data) -> Tensor:
        """Return the loss at one chain's position, its row cut back into named tensors."""
        pieces = w.split([value.numel() for value in self._moving.values()])
        moved = {
            name: piece.view(value.shape).to(value.dtype)
            for (name, value), piece in zip(self._moving.items(), pieces, strict=True)
        }
        return self._loss(self._params | moved, batch)

    def _rows(self, batch: Data) -> list[Data]:
        """Return the minibatches one by one."""
        if self._whole:
            return [batch]
        if isinstance(batch, tuple):
            return list(zip(*batch, strict=True))
        return list(batch)

    def _flat_center(self) -> Float[Tensor, " params"]:
        if not self._moving:
            raise MeasurementError("params holds no floating-point tensor: nothing can move")
        center = torch.cat([value.reshape(-1) for value in self._moving.values()])
        if not bool(center.isfinite().all()):
            raise MeasurementError("the parameters at the centre are not finite")
        return center

    def _require_scalar(self, batch: Data) -> None:
        with torch.no_grad():
            shape = tuple(self._loss(self._params, batch).shape)
        if shape:
            raise MeasurementError(f"loss must return a scalar; it returned shape {shape}")

    def _runs_under_vmap(self, batches: Minibatches) -> bool:
        """Try one gradient: whether a loss can be vmapped shows only when it runs."""
        w = self.center.repeat(batches.chains, 1)
        try:
            self._gradient_by_vmap(w, batches.draw())
        except VMAP_REFUSALS:
            return False
        return True
