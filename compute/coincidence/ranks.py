"""Rank correlation, and the orders that it is compared with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.stats import rankdata

PERMUTATIONS = 4999
# Up to so many orders are gone through one by one: those of eight components.
ALL_ORDERS = math.factorial(8)


def rank_correlation(
    one: Float[ndarray, "... values"], other: Float[ndarray, "... values"]
) -> Float[ndarray, "..."]:
    """Return Spearman's rank correlation, ties at their mean rank; NaN without any order.

    >>> float(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([5.0, 9.0, 7.0])))
    0.5
    """
    return np.asarray((standard_ranks(one) * standard_ranks(other)).sum(-1))


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
        return np.array(list(_every(groups, size))), True
    mixed = np.tile(np.arange(size), (PERMUTATIONS, 1))
    for group in groups:
        mixed[:, group] = generator.permuted(np.tile(group, (PERMUTATIONS, 1)), axis=1)
    return mixed, False


def _every(groups: list[ndarray], size: int) -> Iterator[ndarray]:
    for chosen in itertools.product(*(itertools.permutations(group) for group in groups)):
        order = np.arange(size)
        for group, members in zip(groups, chosen, strict=True):
            order[group] = members
        yield order
