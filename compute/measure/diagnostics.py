"""Whether chains can be believed: statistics of ``[chains, draws]`` arrays.

NumPy in, a number out. The statistics are arviz-stats'; the edges, where a number would mislead,
are ours.
"""

from __future__ import annotations

import math

import numpy as np
from arviz_stats.base.array import array_stats
from jaxtyping import Float
from numpy import ndarray

MINIMUM_DRAWS = 4
_TAILS = (0.05, 0.95)


def rank_rhat(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the rank-normalised split R-hat [1]_ of the chains, dimensionless.

    Near 1 when the chains agree with each other and each first half with its second; above about
    1.05 they drift or disagree.

    Returns
    -------
    float
        NaN where it says nothing: fewer than two chains, fewer than four draws, a constant chain, a
        value that is not finite.

    References
    ----------
    .. [1] Vehtari et al. (2021), Rank-normalization, folding, and localization: an improved R-hat,
       arXiv:1903.08008.
    """
    if not _is_informative(traces, minimum_chains=2):
        return math.nan
    return float(array_stats.rhat(traces, chain_axis=0, draw_axis=1, method="rank"))


def bulk_ess(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the bulk effective sample size of all chains together, in draws.

    Returns
    -------
    float
        NaN where it says nothing: no chain, fewer than four draws, a constant chain (which the
        formula would report as perfectly mixed), a value that is not finite.

    References
    ----------
    .. [1] Vehtari et al. (2021), arXiv:1903.08008.
    """
    return _ess(traces, "bulk")


def tail_ess(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the effective sample size of the 5 % and 95 % quantiles, the smaller, in draws.

    NaN where `bulk_ess` is.
    """
    return _ess(traces, "tail")


def autocorrelation_time(traces: Float[ndarray, "chains draws"]) -> float:
    """Return how many draws are worth one independent draw of the mean; NaN where `bulk_ess` is.

    It may be below 1: draws that alternate around their mean are worth more than independent ones.
    """
    return traces.size / _ess(traces, "mean")


def draw_error(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the standard error of the mean of all draws, from their spread and autocorrelation.

    0 for chains that are all constant at one value; NaN where `bulk_ess` is otherwise.
    """
    if traces.size and np.isfinite(traces).all() and np.ptp(traces) == 0:
        return 0.0
    if not _is_informative(traces, minimum_chains=1):
        return math.nan
    return float(array_stats.mcse(traces, chain_axis=0, draw_axis=1, method="mean"))


def chain_error(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the standard error of the mean from the spread between chains; NaN with one chain."""
    if len(traces) < 2:
        return math.nan
    return float(traces.mean(axis=1).std(ddof=1) / math.sqrt(len(traces)))


def standard_error(traces: Float[ndarray, "chains draws"]) -> float:
    """Return the larger of `chain_error` and `draw_error`; NaN where both are.

    A few chains may agree by chance, and draws seem independent in chains that disagree: each
    error is too small where the other is right.
    """
    errors = [e for e in (chain_error(traces), draw_error(traces)) if not math.isnan(e)]
    return max(errors, default=math.nan)


def drift(traces: Float[ndarray, "chains draws"]) -> tuple[float, float]:
    """Return the mean of the last half of the draws minus that of the first, and its error.

    The error is that of `draw_error` of both halves; both are NaN for fewer than eight draws.
    """
    half = traces.shape[1] // 2
    if half < MINIMUM_DRAWS or not len(traces):
        return math.nan, math.nan
    first, last = traces[:, :half], traces[:, -half:]
    return float(last.mean() - first.mean()), math.hypot(draw_error(first), draw_error(last))


def _ess(traces: Float[ndarray, "chains draws"], method: str) -> float:
    if not _is_informative(traces, minimum_chains=1):
        return math.nan
    prob = _TAILS if method == "tail" else None
    return float(array_stats.ess(traces, chain_axis=0, draw_axis=1, method=method, prob=prob))


def _is_informative(traces: Float[ndarray, "chains draws"], *, minimum_chains: int) -> bool:
    chains, draws = traces.shape
    if chains < minimum_chains or draws < MINIMUM_DRAWS or not np.isfinite(traces).all():
        return False
    return bool((np.ptp(traces, axis=1) > 0).all())
