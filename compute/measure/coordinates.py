"""Which entries of a model's parameters move, as rows of one tensor.

All of them for the local learning coefficient; those of a head, an MLP or a layer for its refined
form (Wang et al. 2024, arXiv:2410.02984). What does not move stays out of the gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor

from compute.errors import MeasurementError

Params: TypeAlias = dict[str, Tensor]
# For each parameter that is moved in part, which of its flat entries.
Index: TypeAlias = tuple[Tensor, ...]


class Everything:
    """All floating-point parameters, as one group of coordinates.

    Attributes
    ----------
    params
        All of them by name, detached.
    center
        ``[1, coordinates]``, in the widest of their precisions.
    index
        Empty: no parameter is moved in part.

    Raises
    ------
    MeasurementError
        If there is no floating-point parameter.
    """

    def __init__(self, params: Params) -> None:
        self.params = {name: value.detach() for name, value in params.items()}
        self._moving = {k: v for k, v in self.params.items() if v.is_floating_point()}
        if not self._moving:
            raise MeasurementError("params holds no floating-point tensor: nothing can move")
        self.center: Float[Tensor, "1 coordinates"] = torch.cat(
            [value.reshape(-1) for value in self._moving.values()]
        )[None]
        self.index: Index = ()

    def named(self, w: Float[Tensor, " coordinates"], index: Index) -> Params:
        """Return the parameters that a chain has moved, by name."""
        pieces = w.split([value.numel() for value in self._moving.values()])
        return {
            name: piece.view(value.shape).to(value.dtype)
            for (name, value), piece in zip(self._moving.items(), pieces, strict=True)
        }


class Slices:
    """Some entries of some parameters, in groups that differ in the entries only.

    Parameters
    ----------
    groups
        Of each group, the flat indices of what moves, by the parameter's name. All groups name the
        same parameters, and as many entries of each.

    Attributes
    ----------
    center
        ``[groups, coordinates]``.
    index
        For each parameter, the entries of each group, ``[groups, entries]``.

    Raises
    ------
    MeasurementError
        If the groups do not match each other, a parameter is unknown, or nothing moves.
    """

    def __init__(
        self, params: Params, groups: Sequence[Mapping[str, Int[Tensor, " entries"]]]
    ) -> None:
        self.params = {name: value.detach() for name, value in params.items()}
        shapes = {tuple((name, len(entries)) for name, entries in g.items()) for g in groups}
        if len(shapes) != 1:
            raise MeasurementError("groups of coordinates must name the same parameters and sizes")
        (self._sizes,) = shapes
        if unknown := [name for name, _ in self._sizes if name not in self.params]:
            raise MeasurementError(f"no parameter {unknown[0]!r} to restrict to")
        if not sum(size for _, size in self._sizes):
            raise MeasurementError("a restriction to no parameter: nothing can move")
        self.index: Index = tuple(
            torch.stack([group[name] for group in groups]) for name, _ in self._sizes
        )
        self.center: Float[Tensor, "groups coordinates"] = torch.cat(
            [
                self.params[name].reshape(-1)[entries]
                for (name, _), entries in zip(self._sizes, self.index, strict=True)
            ],
            dim=1,
        )

    def named(self, w: Float[Tensor, " coordinates"], index: Index) -> Params:
        """Return the parameters of which a chain has moved a part, by name."""
        pieces = w.split([size for _, size in self._sizes])
        moved = {}
        for (name, _), piece, entries in zip(self._sizes, pieces, index, strict=True):
            value = self.params[name]
            flat = value.reshape(-1).scatter(0, entries, piece.to(value.dtype))
            moved[name] = flat.view(value.shape)
        return moved
