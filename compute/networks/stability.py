"""How ranks and links hold over training: Kendall's tau, rank-biased overlap, churn, persistence.

A row is a checkpoint; one that was not measured is NaN throughout, and so is what is said of it.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy.stats import rankdata

# Pairs of components that are compared at once: 20 MB for each of four arrays at 154 checkpoints.
_PAIRS_AT_ONCE = 1 << 15

# Depths of a ranking whose weights together come to less than this are not visited.
_NEGLIGIBLE = 1e-6


def tau_b(values: Float[ndarray, "checkpoints n"]) -> Float[ndarray, "checkpoints checkpoints"]:
    r"""Return Kendall's tau-b between the ranks of any two checkpoints, -1 to 1.

    .. math:: \tau_b = (C - D) / \sqrt{(P - X)(P - Y)}

    over the ``P`` pairs of components that are finite at both: ``C`` are ordered alike, ``D``
    the other way, ``X`` and ``Y`` are tied at one checkpoint and at the other. Of two pairs in
    order without ties, ``(1 + tau) / 2`` is the share that keep their order.

    NaN where either checkpoint ties all those components, with itself as well, or has none;
    otherwise 1 on the diagonal.

    References
    ----------
    Kendall (1945), The treatment of ties in ranking problems, Biometrika 33.
    """
    finite = np.isfinite(values)
    # Ranks differ by whole numbers, which single precision holds, and by no less than 1.
    rank = rankdata(
        np.where(finite, values, np.nan), method="dense", axis=1, nan_policy="omit"
    ).T.astype(np.float32)
    known = finite.T.astype(np.float32)
    checkpoints, n = values.shape
    balance, untied = np.zeros((2, checkpoints, checkpoints))
    first, second = np.triu_indices(n, k=1)
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        one = first[start : start + _PAIRS_AT_ONCE]
        other = second[start : start + _PAIRS_AT_ONCE]
        order = np.nan_to_num(np.sign(rank[one] - rank[other]))
        balance += order.T @ order
        untied += np.abs(order).T @ (known[one] * known[other])
    scale = np.sqrt(untied * untied.T)
    return np.divide(balance, scale, out=np.full_like(scale, np.nan), where=scale > 0)


def rank_biased_overlap(
    values: Float[ndarray, "checkpoints n"], *, persistence: float = 0.9
) -> Float[ndarray, "checkpoints checkpoints"]:
    r"""Return the rank-biased overlap of any two checkpoints' rankings, 0 to 1; the highest first.

    A reader goes down both rankings and on from each depth with probability ``p``, the
    persistence; the overlap is the agreement that is met on average. At 0.9 the first ten places
    carry 86 % of the weight. Unlike tau it asks who is at the top. This is the extrapolated form,
    which lets the agreement at the last depth stand for all that follow:

    .. math:: A_D p^D + \frac{1 - p}{p} \sum_{d=1}^{D} A_d p^d, \quad
        A_d = \frac{2 |S_d \cap L_d|}{|S_d| + |L_d|}

    ``S_d`` and ``L_d`` are the components that stand at depth ``d`` or above. Tied ones all stand
    where the first of them does, so that all of a tie enter together. The last depth is that
    where the weight that remains, ``p^D``, first falls below 1e-6, or the length of the rankings
    where these are shorter.

    Components count that are finite at both checkpoints. NaN where there are none.

    References
    ----------
    Webber, Moffat, Zobel (2010), A similarity measure for indefinite rankings, ACM TOIS 28:4.
    """
    finite = np.isfinite(values)
    overlap = np.full((len(values), len(values)), np.nan)
    # Ranks are among the components finite at both: the same for all rows with the same gaps.
    patterns, kind = np.unique(finite, axis=0, return_inverse=True)
    members = [np.flatnonzero(kind == k) for k in range(len(patterns))]
    for a, rows in enumerate(members):
        for b, columns in enumerate(members[: a + 1]):
            shared = patterns[a] & patterns[b]
            if shared.any():
                block = _overlaps(
                    values[np.ix_(rows, shared)], values[np.ix_(columns, shared)], persistence
                )
                overlap[np.ix_(rows, columns)] = block
                overlap[np.ix_(columns, rows)] = block.T
    return overlap


def _overlaps(one: ndarray, other: ndarray, persistence: float) -> ndarray:
    place_one = rankdata(-one, method="min", axis=1)
    place_other = rankdata(-other, method="min", axis=1)
    last = min(one.shape[1], math.ceil(math.log(_NEGLIGIBLE) / math.log(persistence)))
    total = np.zeros((len(one), len(other)))
    agreement = total
    for depth in range(1, last + 1):
        in_one = (place_one <= depth).astype(np.float64)
        in_other = (place_other <= depth).astype(np.float64)
        both = in_one.sum(1)[:, None] + in_other.sum(1)
        agreement = 2 * (in_one @ in_other.T) / both
        total += agreement * persistence ** (depth - 1)
    return (1 - persistence) * total + agreement * persistence**last


def top_share(
    values: Float[ndarray, "*checkpoints n"], *, percentile: float = 95.0
) -> Bool[ndarray, "*checkpoints n"]:
    """Return which components are above the given percentile of their own checkpoint.

    Strictly above, and the percentile is interpolated between neighbours, so that of 20 distinct
    values one is marked and of equal ones none; NaN never is, and does not count.

    References
    ----------
    Rocchetti (2025), arXiv:2509.15269: the rule for spreaders and gatherers.
    """
    marked = np.zeros(values.shape, dtype=bool)
    for row in np.ndindex(values.shape[:-1]):
        known = values[row][np.isfinite(values[row])]
        if len(known):
            marked[row] = np.isfinite(values[row]) & (
                values[row] > np.percentile(known, percentile)
            )
    return marked


def churn(
    marked: Bool[ndarray, "checkpoints n"], measured: Bool[ndarray, " checkpoints"]
) -> Float[ndarray, " checkpoints"]:
    """Return how far the holders of a role changed since the last measured checkpoint, 0 to 1.

    Of the components that hold it at this or at that checkpoint, the share that hold it at only
    one (one minus Jaccard's index); 0 if nobody holds it at either. NaN at the first measured
    checkpoint and at those that were not measured.
    """
    rows = np.flatnonzero(measured)
    now, before = marked[rows[1:]], marked[rows[:-1]]
    either = (now | before).sum(1)
    found = np.full(len(marked), np.nan)
    found[rows[1:]] = (now ^ before).sum(1) / np.maximum(either, 1)
    return found


def link_persistence(
    weight: Float[ndarray, "checkpoints edges"], threshold: float
) -> Float[ndarray, " edges"]:
    """Return the share of the measured checkpoints at which each edge stands, 0 to 1.

    An edge stands where its weight is at least the threshold and above 0. All NaN if no
    checkpoint was measured.
    """
    measured = weight[np.isfinite(weight).any(1)]
    if not len(measured):
        return np.full(weight.shape[1], np.nan)
    return ((measured >= threshold) & (measured > 0)).mean(0)
