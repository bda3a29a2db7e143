"""A loss seen by many chains at once: flat parameters, a minibatch for each chain, vmap.

A loss is a function of named tensors; a chain is a row of one tensor. Chains come in groups: those
of one group move the same coordinates, and the chains of one number in every group see the same
minibatches, so that whatever does not move is computed once for all groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from compute.errors import MeasurementError
from compute.measure.coordinates import Everything, Index, Params, Slices

Data: TypeAlias = Tensor | tuple[Tensor, ...]
# The batch has the form of the data; which of the two forms, only the loss knows.
Loss: TypeAlias = Callable[[Params, Any], Tensor]

INITIAL_BATCHES = 64
# A loss that is a mean over samples is the same from the samples' own losses, but for rounding.
SAME = 1e-4
# What torch.func.vmap raises at a loss that it cannot trace.
VMAP_REFUSALS = (RuntimeError, TypeError, ValueError)


class Minibatch(NamedTuple):
    """A minibatch for each chain, or the whole data set for all.

    Attributes
    ----------
    data
        ``[chains, batch, ..]``, in the form of the data; the data set itself if that is the batch.
    rows
        Which samples they are; None for the data set.
    """

    data: Data
    rows: Int[Tensor, "chains batch"] | None


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
    batch_size, samples
        Samples of a minibatch that is not the whole data set, and of the data set.
    whole
        Whether every minibatch is the whole data set.

    Raises
    ------
    MeasurementError
        If there are no samples, not as many in each tensor, or some are not finite.
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
        if any(t.is_floating_point() and not bool(t.isfinite().all()) for t in tensors):
            raise MeasurementError("data holds values that are not finite (NaN or infinite)")
        self._data = data
        self.samples = sizes.pop()
        self.batch_size = batch_size
        self.chains = chains
        self._generator = generator
        self.whole = batch_size >= self.samples

    def draw(self) -> Minibatch:
        """Return a minibatch for each chain."""
        if self.whole:
            return Minibatch(self._data, None)
        rows = [self._permutation()[: self.batch_size] for _ in range(self.chains)]
        return self._take(torch.stack(rows))

    def draw_disjoint(self, limit: int) -> list[Minibatch]:
        """Return at most ``limit`` minibatches without a common sample, stacked like `draw`'s.

        In groups of at most ``chains``, so that none needs more memory than a draw does.
        """
        if self.whole:
            return [Minibatch(self._data, None)]
        count = min(limit, self.samples // self.batch_size)
        index = self._permutation()[: count * self.batch_size].view(count, -1)
        return [self._take(group) for group in index.split(self.chains)]

    def one_by_one(self) -> list[Data]:
        """Return every sample as a batch of its own, stacked, in groups no larger than a draw."""
        size = self.chains * min(self.batch_size, self.samples)
        order = torch.arange(self.samples, device=self._generator.device)
        return [self._take(group[:, None]).data for group in order.split(size)]

    def _permutation(self) -> Tensor:
        return torch.randperm(
            self.samples, generator=self._generator, device=self._generator.device
        )

    def _take(self, index: Tensor) -> Minibatch:
        if isinstance(self._data, tuple):
            return Minibatch(tuple(tensor[index] for tensor in self._data), index)
        return Minibatch(self._data[index], index)


class ChainLoss:
    """A loss, and its gradient, for all chains in one call.

    Attributes
    ----------
    center
        Where the chains of each group start, ``[groups, coordinates]``.
    initial
        One fixed loss at the centre: the mean over up to `INITIAL_BATCHES` disjoint minibatches.
    vectorised
        Whether the loss runs under vmap; if not, the chains run one after the other.

    Parameters
    ----------
    baselines
        How many minibatches will be asked for at the centre. If that comes to more samples than
        there are, each sample's loss there is computed once, and a minibatch's is their mean.

    Raises
    ------
    MeasurementError
        If nothing can move, the loss is no scalar, or the parameters or the loss at the centre are
        not finite.
    """

    def __init__(
        self,
        loss: Loss,
        coordinates: Everything | Slices,
        batches: Minibatches,
        *,
        baselines: int = 0,
    ) -> None:
        self._loss = loss
        self._coordinates = coordinates
        self._params = coordinates.params
        self._whole = batches.whole
        self.center = coordinates.center
        if not bool(self.center.isfinite().all()):
            raise MeasurementError("the parameters at the centre are not finite")
        first = batches.draw_disjoint(INITIAL_BATCHES)
        self._require_scalar(self._rows(first[0].data)[0])
        self.vectorised = self._runs_under_vmap(batches)
        self._center_loss: Tensor | None = None
        self._sample_losses: Tensor | None = None
        losses = torch.cat([self.at_center(group) for group in first])
        self.initial = float(losses.double().mean())
        if self._whole:
            self._center_loss = losses
        if not math.isfinite(self.initial):
            raise MeasurementError(f"the loss at the centre is {self.initial}, not a finite number")
        if self.vectorised and baselines * batches.chains * batches.batch_size > batches.samples:
            self._sample_losses = self._losses_one_by_one(batches, first[0])

    def gradient(
        self, w: Float[Tensor, "groups chains coordinates"], batch: Minibatch
    ) -> tuple[Float[Tensor, "groups chains coordinates"], Float[Tensor, "groups chains"]]:
        """Return each chain's gradient and loss; chain c of every group sees minibatch c."""
        if self.vectorised:
            return self._gradient_by_vmap(w, batch.data)
        rows = self._rows(batch.data) * (w.shape[1] if self._whole else 1)
        pairs = [
            self._gradient_of_one(w[g, c], self._index_of(g), row)
            for g in range(len(w))
            for c, row in enumerate(rows)
        ]
        losses = torch.stack([loss for _, loss in pairs])
        return torch.stack([grad for grad, _ in pairs]).view_as(w), losses.view(w.shape[:2])

    def at_center(self, batch: Minibatch) -> Float[Tensor, " batches"]:
        """Return the loss at the centre on each minibatch; a single one if all are the data set."""
        if self._center_loss is not None:
            return self._center_loss
        if self._sample_losses is not None and batch.rows is not None:
            return self._sample_losses[batch.rows].mean(dim=1)
        return self._at_center(batch.data)

    def _at_center(self, data: Data) -> Float[Tensor, " batches"]:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            if self._whole or not self.vectorised:
                return torch.stack([self._loss(self._params, row) for row in self._rows(data)])
            losses_of = vmap(self._loss, in_dims=(None, 0), randomness="different")
            return losses_of(self._params, data)

    def _losses_one_by_one(
        self, batches: Minibatches, check: Minibatch
    ) -> Float[Tensor, " samples"] | None:
        """Return each sample's loss at the centre; None if a minibatch's is not their mean."""
        losses = torch.cat([self._at_center(group) for group in batches.one_by_one()])
        direct, mean = self._at_center(check.data), losses[check.rows].mean(dim=1)
        return losses if torch.allclose(direct, mean, rtol=SAME, atol=SAME) else None

    def _gradient_by_vmap(self, w: Tensor, batch: Data) -> tuple[Tensor, Tensor]:
        own = vmap(
            grad_and_value(self._flat_loss),
            in_dims=(0, None, None if self._whole else 0),
            randomness="different",
        )
        index = self._coordinates.index
        # The fused attention of PyTorch has no batching rule on the CPU and warns at every call.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
            if len(w) == 1:
                grad, losses = own(w[0], self._index_of(0), batch)
                return grad[None], losses[None]
            every = vmap(own, in_dims=(0, 0, None), randomness="different")
            grad, losses = every(w, index, batch)
        return grad, losses

    def _gradient_of_one(self, w: Tensor, index: Index, batch: Data) -> tuple[Tensor, Tensor]:
        w = w.detach().requires_grad_(True)
        with torch.enable_grad():
            loss = self._flat_loss(w, index, batch)
            (grad,) = torch.autograd.grad(loss, w)
        return grad, loss.detach()

    def _index_of(self, group: int) -> Index:
        return tuple(entries[group] for entries in self._coordinates.index)

    def _flat_loss(self, w: Float[Tensor, " coordinates"], index: Index, batch: Data) -> Tensor:
        """Return the loss at one chain's position."""
        return self._loss(self._params | self._coordinates.named(w, index), batch)

    def _rows(self, batch: Data) -> list[Data]:
        """Return the minibatches one by one."""
        if self._whole:
            return [batch]
        if isinstance(batch, tuple):
            return list(zip(*batch, strict=True))
        return list(batch)

    def _require_scalar(self, batch: Data) -> None:
        with torch.no_grad():
            shape = tuple(self._loss(self._params, batch).shape)
        if shape:
            raise MeasurementError(f"loss must return a scalar; it returned shape {shape}")

    def _runs_under_vmap(self, batches: Minibatches) -> bool:
        """Try one gradient: whether a loss can be vmapped shows only when it runs."""
        w = self.center[:, None].repeat(1, batches.chains, 1)
        try:
            self._gradient_by_vmap(w, batches.draw().data)
        except VMAP_REFUSALS:
            return False
        return True
