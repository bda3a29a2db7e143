"""The Hessian of any differentiable loss, known by its products with vectors.

Its trace comes from random probes (Hutchinson), its ends from Lanczos' iteration. A product costs
about two gradients; the Hessian itself is never held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from compute.errors import MeasurementError
from compute.measure.chain_loss import Data, Loss
from compute.measure.coordinates import Params
from compute.records import Curvature
from compute.specs import CurvatureMeasurement


def estimate_curvature(
    loss: Loss,
    params: Params,
    data: Data,
    spec: CurvatureMeasurement,
    generator: torch.Generator,
) -> Curvature:
    r"""Estimate the trace and the ends of the spectrum of the Hessian of ``loss`` at ``params``.

    .. math:: \mathrm{tr}\, H \approx \frac{1}{K} \sum_k v_k^\top H_k v_k

    Parameters
    ----------
    loss
        ``loss(params, batch)``: a scalar, the *mean* over the batch's samples, in any unit; twice
        differentiable, without randomness of its own.
    params
        The point, by name. Tensors of floating-point numbers count, others are passed on.
    data
        A tensor, or a tuple of tensors, whose first axis is ``spec.samples`` samples, in random
        order.
    spec
        The settings.
    generator
        Draws the probes, then the vector that Lanczos starts from.

    Returns
    -------
    Curvature
        In units of the loss per squared unit of a parameter. Any of its numbers may be negative.

    Raises
    ------
    MeasurementError
        If there are not as many samples as ``spec`` says, nothing can move, the loss is no scalar,
        or parameters, loss or curvature are not finite.

    Notes
    -----
    Probes are Rademacher: of all with independent entries they have the least variance, 2 times
    the sum of squares off the diagonal. Each probe has its own share of the samples, so that H_k is
    the Hessian on that share: at the same cost as one probe on all of them, the mean is as
    unbiased, its spread is no larger, and the standard error covers which samples were drawn.
    (An antithetic probe, -v, would say the same again.) That leaves nothing to deflate by a common
    subspace, as Hutch++ would.
    Eigenvalues do not average over shares: they are those of one batch, and the largest of a small
    batch is larger, on average, than that of the whole distribution (its maximum is convex).

    References
    ----------
    .. [1] Hutchinson (1990), A stochastic estimator of the trace of the influence matrix.
    .. [2] Ghorbani et al. (2019), arXiv:1901.10159: Lanczos on Hessians of neural networks.
    """
    _require_samples(data, spec.samples)
    forms, losses = [], []
    share = spec.samples // spec.probes
    for k in range(spec.probes):
        hessian = Hessian(loss, params, _part(data, k * share, (k + 1) * share))
        forms.append(hessian.quadratic_form(_rademacher(hessian, generator)))
        losses.append(hessian.loss)
    per_probe = np.array(forms)
    spread = per_probe.std(ddof=1) / math.sqrt(spec.probes) if spec.probes > 1 else math.nan
    hessian = Hessian(loss, params, _part(data, 0, spec.batch_size))
    ends = spectrum_ends(
        hessian,
        spec.eigenvalues,
        iterations=spec.iterations,
        tolerance=spec.tolerance,
        generator=generator,
    )
    return Curvature(
        trace=float(per_probe.mean()),
        trace_error=float(spread),
        per_probe=per_probe,
        eigenvalues=ends.largest,
        residuals=ends.residuals,
        smallest=ends.smallest,
        smallest_residual=ends.smallest_residual,
        iterations=ends.iterations,
        params=hessian.size,
        loss=float(np.mean(losses)),
    )


class Hessian:
    """The Hessian of a loss on one batch, in the order of ``params``.

    Memory holds the graph of one gradient on the whole batch for as long as this lives.

    Attributes
    ----------
    size
        Its rows: the floating-point parameters.
    loss
        The loss itself.

    Raises
    ------
    MeasurementError
        If nothing can move, the loss is no scalar, or the parameters or the loss are not finite.
    """

    def __init__(self, loss: Loss, params: Params, batch: Data) -> None:
        moving = {k: v.detach() for k, v in params.items() if v.is_floating_point()}
        if not moving:
            raise MeasurementError("params holds no floating-point tensor: nothing can move")
        self._at = torch.cat([value.reshape(-1) for value in moving.values()])
        if not bool(self._at.isfinite().all()):
            raise MeasurementError("the parameters are not finite")
        self._at.requires_grad_(True)
        # The fused attention of PyTorch has no second derivative.
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
            pieces = self._at.split([value.numel() for value in moving.values()])
            named = {
                name: piece.view(value.shape).to(value.dtype)
                for (name, value), piece in zip(moving.items(), pieces, strict=True)
            }
            value = loss(params | named, batch)
            if value.shape:
                raise MeasurementError(
                    f"loss must return a scalar; it returned shape {tuple(value.shape)}"
                )
            self.loss = float(value.detach())
            if not math.isfinite(self.loss):
                raise MeasurementError(f"the loss is {self.loss}, not a finite number")
            (self._gradient,) = torch.autograd.grad(value, self._at, create_graph=True)
        self.size = len(self._at)

    def __matmul__(self, vector: Float[Tensor, " params"]) -> Float[Tensor, " params"]:
        """Return the product with a vector, in the precision of the parameters.

        Raises
        ------
        MeasurementError
            If it is not finite.
        """
        if not self._gradient.requires_grad:
            return torch.zeros_like(self._at)
        (product,) = torch.autograd.grad(
            self._gradient, self._at, vector.to(self._at.dtype), retain_graph=True
        )
        if not bool(product.isfinite().all()):
            raise MeasurementError("the curvature of the loss is not finite")
        return product

    def quadratic_form(self, vector: Float[Tensor, " params"]) -> float:
        """Return ``v H v``, summed in float64."""
        return _dot(vector, self @ vector)

    def normal_vector(self, generator: torch.Generator) -> Float[Tensor, " params"]:
        """Return independent standard normal entries, one for each parameter."""
        return torch.randn(self.size, generator=generator, dtype=self._at.dtype)


class SpectrumEnds(NamedTuple):
    """The largest eigenvalues, in descending order, and the smallest one.

    A residual is ``|H v - lambda v|`` of its unit eigenvector v, from a product of its own: some
    eigenvalue lies within it.
    """

    largest: Float[ndarray, " eigenvalues"]
    residuals: Float[ndarray, " eigenvalues"]
    smallest: float
    smallest_residual: float
    iterations: int


def spectrum_ends(
    hessian: Hessian,
    count: int,
    *,
    iterations: int,
    tolerance: float,
    generator: torch.Generator,
) -> SpectrumEnds:
    """Return the ``count`` largest eigenvalues and the smallest, by one Lanczos iteration.

    It ends when the residual of each is at most ``tolerance`` times its absolute value, or after
    ``iterations`` products; with fewer than ``count`` only where there are no more. One Krylov
    space serves both ends, where `scipy.sparse.linalg.eigsh` needs a run for each: about twice the
    products, which are nearly all of the time. Memory holds the whole space, ``iterations``
    vectors, against which every new vector is orthogonalised.

    Raises
    ------
    MeasurementError
        If a product is not finite.
    """
    for space in _krylov(hessian, min(iterations, hessian.size), generator):
        values, vectors = eigh_tridiagonal(space.diagonal, space.coupling[:-1])
        ends = np.append(np.arange(len(values))[::-1][:count], 0)
        residuals = space.coupling[-1] * np.abs(vectors[-1, ends])
        small = bool((residuals <= tolerance * np.abs(values[ends])).all())
        # Where the space is invariant, every residual is 0, even if copies are still to be found.
        if small and space.coupling[-1] > 0 and len(values) > count:
            break
    found = [
        _residual(hessian, space.basis.T @ torch.from_numpy(vectors[:, end]).to(space.basis))
        for end in ends
    ]
    return SpectrumEnds(
        largest=values[ends[:-1]],
        residuals=np.array(found[:-1]),
        smallest=float(values[0]),
        smallest_residual=found[-1],
        iterations=len(values),
    )


class _Krylov(NamedTuple):
    """An orthonormal basis in which the Hessian is tridiagonal.

    ``coupling`` is what lies beside the diagonal; its last entry leads out of the space, and is 0
    if the space is invariant.
    """

    basis: Float[Tensor, "vectors params"]
    diagonal: Float[ndarray, " vectors"]
    coupling: Float[ndarray, " vectors"]


def _krylov(hessian: Hessian, limit: int, generator: torch.Generator) -> Iterator[_Krylov]:
    """Yield the space after each product."""
    first = hessian.normal_vector(generator)
    basis = torch.empty(limit, hessian.size, dtype=first.dtype)
    vector = first / first.norm()
    diagonal: list[float] = []
    coupling: list[float] = []
    for k in range(limit):
        basis[k] = vector
        product = hessian @ vector
        scale = float(product.norm())
        diagonal.append(_dot(vector, product))
        rest = _orthogonal(product, basis[: k + 1])
        length = float(rest.norm())
        if length <= 10 * torch.finfo(rest.dtype).eps * scale:
            # The space is invariant: go on in a direction that it does not hold.
            length, rest = 0.0, _orthogonal(hessian.normal_vector(generator), basis[: k + 1])
        coupling.append(length)
        vector = rest / rest.norm()
        yield _Krylov(basis[: k + 1], np.array(diagonal), np.array(coupling))


def _orthogonal(vector: Tensor, basis: Tensor) -> Tensor:
    # Twice: once leaves rounding errors along the basis that grow from step to step.
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def _residual(hessian: Hessian, vector: Tensor) -> float:
    """Return how far a vector is from an eigenvector, at unit length."""
    unit = vector / vector.norm()
    product = hessian @ unit
    return float((product.double() - _dot(unit, product) * unit.double()).norm())


def _rademacher(hessian: Hessian, generator: torch.Generator) -> Tensor:
    return torch.randint(2, (hessian.size,), generator=generator) * 2 - 1


def _dot(a: Tensor, b: Tensor) -> float:
    return float(a.double() @ b.double())


def _part(data: Data, start: int, stop: int) -> Data:
    if isinstance(data, tuple):
        return tuple(tensor[start:stop] for tensor in data)
    return data[start:stop]


def _require_samples(data: Data, samples: int) -> None:
    found = {len(tensor) for tensor in (data if isinstance(data, tuple) else (data,))}
    if found != {samples}:
        raise MeasurementError(f"data must hold {samples} samples; it holds {sorted(found)}")
