"""Whether two sets of boundaries of one run lie nearer to each other than chance would put them.

Distances are in ``x = ln(1 + t)``. The null turns one set, as it is, round the stretch in which
boundaries can lie, its two ends joined: how many boundaries there are and how they are spaced is
kept, and only where the set lies against the other is left to chance. The smaller set is turned, or
of two equal ones the second. A null that scatters boundaries anew takes sets whose boundaries come
in bursts for coincidences too often; it is given as a second opinion.

No null that is made from one run knows where in training boundaries are likely for reasons of
their own: if both sets prefer the same half of the axis, p is somewhat too small.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from compute.coincidence.placing import (
    ROUNDING,
    Axis,
    Place,
    Places,
    axis_of,
    read,
    redrawn,
    scattered,
    turned,
)
from compute.errors import require

LEVEL = 0.05
# What the search for phases leaves free at both ends and between boundaries, in checkpoints.
SHORTEST = 4
# Turns at which overlapping intervals are counted.
_COUNTED = 50


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundaryCoincidence:
    """How near two sets of boundaries lie, and how near chance would put them.

    Attributes
    ----------
    first, second
        How many boundaries each set has.
    distance
        Mean of two means, in units of ln(1 + t): from each boundary of the first set to the nearest
        of the second, and the other way round. 0 for equal sets.
    low, high
        95 % interval of it, from places redrawn within their intervals.
    chance
        Median distance over the turns.
    p
        Share of the turns that come as near, what was found counted in.
    p_scattered
        The same where a set is scattered over the checkpoints instead, each alike, with
        ``shortest`` of them between two boundaries.
    smallest_p
        Where the set that is turned lies on checkpoints, ``p`` of the nearest of its turns; else
        one over the number of turns. ``p`` is no less, wherever the set lies.
    usual_p
        ``p`` at the median distance of sets that coincide, and whose places are known no better
        than these are.
    shared, chance_shared
        The most pairs, no boundary twice, whose intervals overlap; and their mean over the turns.
    reason
        Why one cannot tell, for people; empty where one can.

    Notes
    -----
    NaN for everything but the counts where a set is empty.
    """

    first: int
    second: int
    distance: float
    low: float
    high: float
    chance: float
    p: float
    p_scattered: float
    smallest_p: float
    usual_p: float
    shared: int
    chance_shared: float
    reason: str = ""

    @property
    def coincide(self) -> bool:
        """Whether the sets lie nearer to each other than 19 of 20 turns would put them."""
        return not self.reason and self.p <= LEVEL


def boundary_distance(
    first: Sequence[Place],
    second: Sequence[Place],
    steps: Sequence[int] | Float[ndarray, " checkpoints"],
    *,
    seed: int = 0,
    permutations: int = 2000,
    shortest: int = SHORTEST,
) -> BoundaryCoincidence:
    """Return how near two sets of boundaries of one run lie, against chance.

    Parameters
    ----------
    first, second
        In any order. A boundary's interval may have no width.
    steps
        The checkpoints, ascending, between the first and last of which all boundaries lie.
    permutations
        Turns, evenly spaced round the stretch, and times the set is scattered.
    shortest
        Checkpoints that a search for boundaries leaves free at both ends and between two of them.
        Fewer where the sets themselves have fewer.

    Raises
    ------
    SettingsError
        If steps do not ascend, if a boundary lies outside of them or of its own interval, or if a
        set has more than twelve boundaries.
    """
    x = np.log1p(np.asarray(steps, dtype=np.float64))
    require(len(x) > 1 and bool((np.diff(x) > 0).all()), "steps must ascend; give two or more")
    require(permutations >= 19, "permutations must be at least 19")
    sets = [read(places, x) for places in (first, second)]
    if empty := [name for name, s in zip(("first", "second"), sets, strict=True) if not len(s.at)]:
        return _nothing(sets, f"The {' and the '.join(empty)} set has no boundary.")
    axis = axis_of(x, np.concatenate([s.at for s in sets]), permutations, shortest)
    return _compared(sets[0], sets[1], axis, np.random.default_rng(seed))


def set_distance(
    one: Float[ndarray, "... a"], other: Float[ndarray, "... b"]
) -> Float[ndarray, "..."]:
    """Return the mean of the two mean distances to the nearest boundary of the other set.

    >>> float(set_distance(np.array([0.0, 1.0]), np.array([1.0])))
    0.25
    """
    apart = np.abs(one[..., :, None] - other[..., None, :])
    return np.asarray((apart.min(-1).mean(-1) + apart.min(-2).mean(-1)) / 2)


def _compared(
    one: Places, other: Places, axis: Axis, generator: np.random.Generator
) -> BoundaryCoincidence:
    large, small = (one, other) if len(one.at) >= len(other.at) else (other, one)
    found = float(set_distance(large.at, small.at))
    turns = turned(small, axis)
    by_chance = set_distance(turns, large.at)
    by_scatter = set_distance(scattered(small, axis, generator), large.at)
    drawn = set_distance(redrawn(large, generator), redrawn(small, generator))
    low, high = np.quantile(drawn, [0.025, 0.975])
    usual = _usual(large, small, axis, generator)
    nearest = float(by_chance.min()) if small.on_grid else -1.0
    smallest, p = _share(by_chance, nearest), _share(by_chance, found)
    return BoundaryCoincidence(
        first=len(one.at), second=len(other.at), distance=found,
        # Redrawing adds the error of the places once more, and so distance: what lies as far
        # below as the interval reaches above belongs to it.
        low=max(0.0, min(float(low), 2 * found - float(high))), high=max(found, float(high)),
        chance=float(np.median(by_chance)), p=p, p_scattered=_share(by_scatter, found),
        smallest_p=smallest, usual_p=usual, shared=_pairs(large, small),
        chance_shared=_pairs_by_chance(large, small, turns), reason=_untold(smallest, usual, p),
    )  # fmt: skip


def _share(by_chance: ndarray, found: float) -> float:
    return float((1 + (by_chance <= found + ROUNDING).sum()) / (1 + len(by_chance)))


def _usual(large: Places, small: Places, axis: Axis, generator: np.random.Generator) -> float:
    """Return p where the smaller set lies on the larger one and is seen as well as these are.

    Of the ways to lay it, the one with the least distance.
    """
    ways = np.array(list(itertools.combinations(large.at, len(small.at))))
    every = set_distance(large.at[None], ways)
    at = ways[int(every.argmin())]
    laid = dataclasses.replace(
        small, at=at, low=at - (small.at - small.low), high=at + (small.high - small.at),
        on_grid=large.on_grid,
    )  # fmt: skip
    by_chance = set_distance(turned(laid, axis), large.at)
    seen = set_distance(redrawn(large, generator), redrawn(laid, generator))
    return _share(by_chance, float(np.median(seen)))


def _pairs(large: Places, small: Places, by: float | ndarray = 0.0) -> int:
    """Return the most pairs of overlapping intervals that use no boundary twice."""
    overlap = (large.low[:, None] <= small.high + by + ROUNDING) & (
        small.low + by <= large.high[:, None] + ROUNDING
    )
    matched = maximum_bipartite_matching(csr_array(overlap), perm_type="column")
    return int((matched >= 0).sum())


def _pairs_by_chance(large: Places, small: Places, turns: ndarray) -> float:
    some = turns[:: max(1, len(turns) // _COUNTED)]
    return float(np.mean([_pairs(large, small, at - small.at) for at in some]))


def _untold(smallest: float, usual: float, p: float) -> str:
    if smallest > LEVEL:
        return (
            "With so few boundaries among these checkpoints no place of theirs reaches a p below "
            f"{smallest:.2g}."
        )
    if usual > LEVEL and p > LEVEL:
        return (
            "The places are known too vaguely: sets that coincide would, seen so, typically give "
            f"p = {usual:.2g}."
        )
    return ""


def _nothing(sets: Sequence[Places], reason: str) -> BoundaryCoincidence:
    nan = float("nan")
    return BoundaryCoincidence(
        first=len(sets[0].at), second=len(sets[1].at), distance=nan, low=nan, high=nan, chance=nan,
        p=nan, p_scattered=nan, smallest_p=nan, usual_p=nan, shared=0, chance_shared=nan,
        reason=reason,
    )  # fmt: skip
