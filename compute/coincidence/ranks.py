"""Rank correlation, and the orders that it is compared with."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import rankdata

from compute.smoothing import NORMAL_95

PERMUTATIONS = 4999
# The variance of Fisher's z of a rank correlation, times the number of pairs less 3 (Fieller et
# al. 1957, Biometrika 44:470).
_RANK_VARIANCE = 1.06
_TOO_FEW = 3
# Up to so many orders are gone through one by one: those of eight components.
ALL_ORDERS = math.factorial(8)


def rank_correlation(
    one: Float[ndarray, "... values"], other: Float[ndarray, "... values"]
) -> Float[ndarray, "..."]:
    """Return Spearman's rank correlation, ties at their mean rank; NaN without any order.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([5.0, 9.0, 7.0])).round(2).item()
    0.5
    """
    return np.asarray((standard_ranks(one) * standard_ranks(other)).sum(-1))


def rank_interval(rho: float, pairs: int) -> tuple[float, float]:
    """Return the 95 % interval of a rank correlation of independent pairs, by Fisher's z.

    A rank correlation goes in steps: the exchange of two neighbours costs one. Each end is taken
    from half a step further out, and equal orders, whose z is infinite, from half a step short of
    1. Of fewer than four pairs the interval is -1 to 1.

    >>> [round(end, 2) for end in rank_interval(1.0, 5)]
    [0.38, 1.0]
    """
    if pairs <= _TOO_FEW:
        return -1.0, 1.0
    half = 6 / (pairs * (pairs**2 - 1))
    width = NORMAL_95 * math.sqrt(_RANK_VARIANCE / (pairs - _TOO_FEW))
    low, high = (
        math.tanh(math.atanh(max(half - 1, min(1 - half, rho + way * half))) + way * width)
        for way in (-1, 1)
    )
    return min(rho, low), max(rho, high)


def standard_ranks(values: Float[ndarray, "... values"]) -> Float[ndarray, "... values"]:
    """Return ranks of mean 0 and length 1."""
    ranks = rankdata(values, axis=-1)
    away = ranks - ranks.mean(-1, keepdims=True)
    size = np.sqrt((away * away).sum(-1, keepdims=True))
    return np.asarray(away / np.where(size > 0, size, np.nan))


def orders(
    groups: list[Int[ndarray, " members"]], generator: np.random.Generator
) -> tuple[Int[ndarray, "orders components"], bool]:
    """Return ways to mix members up within their groups: all, and True, if these are few."""
    size = sum(len(group) for group in groups)
    if math.prod(math.factorial(len(group)) for group in groups) <= ALL_ORDERS:
        return _every(tuple(tuple(group.tolist()) for group in groups), size), True
    mixed = np.tile(np.arange(size), (PERMUTATIONS, 1))
    for group in groups:
        mixed[:, group] = generator.permuted(np.tile(group, (PERMUTATIONS, 1)), axis=1)
    return mixed, False


# Every step asks for the same orders; those of eight components take 2.6 MB.
@functools.lru_cache(maxsize=4)
def _every(groups: tuple[tuple[int, ...], ...], size: int) -> Int[ndarray, "orders components"]:
    """Return all orders, which nobody may change."""
    rows = list(itertools.product(*(itertools.permutations(group) for group in groups)))
    found = np.tile(np.arange(size), (len(rows), 1))
    found[:, list(itertools.chain(*groups))] = [list(itertools.chain(*row)) for row in rows]
    found.flags.writeable = False
    return found
