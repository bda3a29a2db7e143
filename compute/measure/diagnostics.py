"""Whether chains can be believed: R-hat and effective sample size of ``[chains, draws]`` arrays.

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
    if not _is_informative(traces, minimum_chains=1):
        return math.nan
    return float(array_stats.ess(traces, chain_axis=0, draw_axis=1, method="bulk"))


def _is_informative(traces: Float[ndarray, "chains draws"], *, minimum_chains: int) -> bool:
    chains, draws = traces.shape
    if chains < minimum_chains or draws < MINIMUM_DRAWS or not np.isfinite(traces).all():
        return False
    return bool((np.ptp(traces, axis=1) > 0).all())
