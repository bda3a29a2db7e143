"""How much later heads read of what earlier heads write, from weights alone (Elhage et al. 2021).

Norms of products of ``width x width`` matrices are had without making any. With the QR
decomposition of one factor, ``Aᵀ B`` has the Frobenius norm of ``R B`` for ``Aᵀ = Q R``, so that
every head becomes three short maps that read the residual stream and one that writes it.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from compute.models.head_weights import HeadWeights


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Composition:
    """What each pair of heads composes, ``[source, target]``, 0 to 1, dimensionless.

    Attributes
    ----------
    query, key, value
        Q-, K- and V-composition; NaN unless the source's layer comes first, and where one of the
        two heads has a product of matrices that is zero.
    chance
        The root of the mean square of each over all directions that the source could write in:
        the inverse root of the width of the residual stream.
    """

    query: Float[Tensor, "heads heads"]
    key: Float[Tensor, "heads heads"]
    value: Float[Tensor, "heads heads"]
    chance: float


def compose(layers: Sequence[HeadWeights]) -> Composition:
    r"""Return the composition of all pairs of heads, layer by layer [1]_.

    With :math:`W_{OV} = W_O W_V` of the source :math:`s`, and :math:`W_{QK} = W_Q^T W_K` and
    :math:`W_{OV}` of the target :math:`t`, in Frobenius norms,

    .. math::
        Q = \frac{\|W_{QK}^{t\,T} W_{OV}^s\|}{\|W_{QK}^t\| \|W_{OV}^s\|}, \quad
        K = \frac{\|W_{QK}^t W_{OV}^s\|}{\|W_{QK}^t\| \|W_{OV}^s\|}, \quad
        V = \frac{\|W_{OV}^t W_{OV}^s\|}{\|W_{OV}^t\| \|W_{OV}^s\|}.

    The whole :math:`W_{OV}` of the source is taken, not its :math:`W_O`, since a change of basis
    between :math:`W_V` and :math:`W_O` changes :math:`W_O`, but nothing that the model does.
    Matrices of random directions compose like ``chance``, whatever their spectra: for any
    :math:`A`, and :math:`B` turned at random, :math:`E\|AB\|^2 = \|A\|^2 \|B\|^2 / d`.

    Notes
    -----
    Positions are left out: where queries and keys are rotated, :math:`W_{QK}` is that of a token
    with itself. So are biases, and the size by which norms divide; see `HeadWeights`. The time
    grows with the square of all heads' common width, times that of the residual stream.

    References
    ----------
    .. [1] Elhage et al. (2021), A Mathematical Framework for Transformer Circuits, Transformer
       Circuits Thread.
    """
    writes = [heads.output @ _triangle(heads.value.mT).mT for heads in layers]
    reads = [
        torch.stack(
            [
                _triangle(heads.key.mT) @ heads.query,
                _triangle(heads.query.mT) @ heads.key,
                _triangle(heads.output) @ heads.value,
            ]
        )
        for heads in layers
    ]
    first = list(itertools.accumulate((len(heads.query) for heads in layers), initial=0))
    shares = torch.full((3, first[-1], first[-1]), math.nan)
    for target, read in enumerate(reads):
        columns = slice(first[target], first[target + 1])
        for source, write in enumerate(writes[:target]):
            rows = slice(first[source], first[source + 1])
            shares[:, rows, columns] = _shares(read, write).mT
    query, key, value = shares
    width = layers[0].output.shape[1]
    return Composition(query=query, key=key, value=value, chance=width**-0.5)


def _triangle(
    columns: Float[Tensor, "heads width head_width"],
) -> Float[Tensor, "heads rank head_width"]:
    """Return R of the QR decomposition: a short matrix with the same products of columns."""
    return torch.linalg.qr(columns, mode="r").R


def _shares(
    read: Float[Tensor, "kinds targets rank width"], write: Float[Tensor, "sources width rank"]
) -> Float[Tensor, "kinds targets sources"]:
    """Return the norm of every product, as a share of the product of norms; NaN for none."""
    kinds, targets, rank, width = read.shape
    product = read.reshape(-1, width) @ write.transpose(0, 1).reshape(width, -1)
    squares = product.square_().view(kinds, targets, rank, len(write), -1).sum((2, 4))
    norms = read.square().sum((2, 3))[..., None] * write.square().sum((1, 2))
    return (squares / norms).sqrt()
