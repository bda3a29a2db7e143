"""Communities over training: the same number for the same community at every checkpoint."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray
from scipy.optimize import linear_sum_assignment

# Communities that share less than this of their members, by Jaccard's index, are different ones.
LEAST_OVERLAP = 0.3

# Between equally good matches, a community that is there beats one that is only remembered.
_PREFER_PRESENT = 1e-9


def match_communities(labels: Int[ndarray, "checkpoints n"]) -> Int[ndarray, "checkpoints n"]:
    """Return the labels renamed so that a community keeps its number over time.

    Each checkpoint's communities are assigned to those known so far, one to one, so that the sum
    of Jaccard's indices of their members is the largest (Hungarian method); known are those of
    the last measured checkpoint, and those that vanished before it, as they last were: one that
    comes back gets its number again. A match needs a Jaccard index of at least 0.3. What is not
    matched is a new community: it gets the lowest number not yet given, in the order of the
    labels, from 0.

    Labels are -1 for a component without an edge and throughout a checkpoint that was not
    measured; they stay -1, and the next measured checkpoint is matched across the gap. The number
    of a community depends only on its checkpoint and those before.

    References
    ----------
    Greene, Doyle, Cunningham (2010), Tracking the evolution of communities in dynamic social
    networks, ASONAM: Jaccard's index with a threshold; the assignment is this project's.
    """
    renamed = np.full_like(labels, -1)
    known = np.zeros((0, labels.shape[1]), dtype=bool)
    present: list[int] = []
    for row, label in zip(renamed, labels, strict=True):
        members = label == np.unique(label[label >= 0])[:, None]
        if not len(members):
            continue
        number = _numbers(members, known, present)
        grown = np.zeros((max(number.max() + 1, len(known)), labels.shape[1]), dtype=bool)
        grown[: len(known)] = known
        grown[number] = members
        known, present = grown, number.tolist()
        for community, its_members in zip(number, members, strict=True):
            row[its_members] = community
    return renamed


def _numbers(
    members: Bool[ndarray, "communities n"], known: Bool[ndarray, "known n"], present: list[int]
) -> Int[ndarray, " communities"]:
    """Return the number of each community: a known one's, or the next that is free."""
    one, other = members.astype(np.int64), known.astype(np.int64)
    shared = one @ other.T
    overlap = shared / (one.sum(1)[:, None] + other.sum(1) - shared)
    # What may not be matched must not decide how the others are.
    merit = np.where(overlap >= LEAST_OVERLAP, overlap, 0.0)
    merit[:, present] *= 1 + _PREFER_PRESENT
    number = np.full(len(members), -1)
    for community, its_number in zip(*linear_sum_assignment(merit, maximize=True), strict=True):
        if merit[community, its_number] > 0:
            number[community] = its_number
    new = number < 0
    number[new] = len(known) + np.arange(new.sum())
    return number
