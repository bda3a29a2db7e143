"""Count the n-grams of a text, and what follows each of its tokens."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from numpy.typing import NDArray

from compute.errors import MeasurementError

_LARGEST = np.iinfo(np.int64).max


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bigrams:
    """What follows each token of a text, by maximum likelihood: shares of counts.

    Attributes
    ----------
    first
        Where each token's successors begin in the two arrays below, and, last, where they all end.
    successor, probability
        The tokens that follow, ascending, and the share of each, dimensionless; those of one token
        sum to 1. A token that nothing follows has none.
    """

    first: Int[ndarray, " tokens_plus_one"]
    successor: Int[ndarray, " pairs"]
    probability: Float[ndarray, " pairs"]

    @property
    def entropy(self) -> Float[ndarray, " tokens"]:
        """Of what follows each token, in nats; NaN for a token that nothing follows."""
        sums = np.concatenate([[0.0], np.cumsum(-self.probability * np.log(self.probability))])
        entropy = sums[self.first[1:]] - sums[self.first[:-1]]
        return np.where(self.successors > 0, entropy.clip(min=0), np.nan)

    @property
    def successors(self) -> Int[ndarray, " tokens"]:
        """How many different tokens follow each token."""
        return np.diff(self.first)

    def rows(
        self, tokens: Int[ndarray, " rows"]
    ) -> tuple[Int[ndarray, " entries"], Int[ndarray, " entries"], Float[ndarray, " entries"]]:
        """Return the distributions after ``tokens`` one after the other.

        For each entry: the place in ``tokens`` of the row that it is of, the successor, its
        probability.
        """
        sizes = self.successors[tokens]
        row = np.repeat(np.arange(len(tokens)), sizes)
        within = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        entry = self.first[tokens][row] + within
        return row, self.successor[entry], self.probability[entry]


def count_bigrams(text: NDArray[np.int64], *, vocabulary: int) -> Bigrams:
    """Return what follows each token of a text.

    Parameters
    ----------
    text
        Tokens in one row; the seams between documents count like any other place.
    vocabulary
        The number of tokens that there are, seen or not.

    Raises
    ------
    MeasurementError
        If the text has fewer than two tokens.
    """
    _refuse_short(text, 2)
    numbers, ranks = _packed(text, 2)
    distinct, counts = np.unique(numbers, return_counts=True)
    pairs = _unpacked(distinct, 2, text, ranks)
    totals = np.bincount(pairs[:, 0], weights=counts, minlength=vocabulary)
    return Bigrams(
        first=np.searchsorted(pairs[:, 0], np.arange(vocabulary + 1)),
        successor=pairs[:, 1],
        probability=counts / totals[pairs[:, 0]],
    )


def frequent_ngrams(
    text: NDArray[np.int64], *, length: int, most: int
) -> tuple[Int[ndarray, "ngrams length"], Int[ndarray, " ngrams"]]:
    """Return the most frequent n-grams of a text, and how often each is there.

    Of equally frequent ones the lexicographically smaller comes first. There are fewer than
    ``most`` if the text has no more.

    Raises
    ------
    MeasurementError
        If the text is shorter than one n-gram.

    Notes
    -----
    One sort of as many numbers as the text has tokens.
    """
    _refuse_short(text, length)
    numbers, ranks = _packed(text, length)
    distinct, counts = np.unique(numbers, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return _unpacked(distinct[order], length, text, ranks), counts[order]


def _refuse_short(text: NDArray[np.int64], length: int) -> None:
    if len(text) < length:
        raise MeasurementError(
            f"the run's text has {len(text):,} tokens, too few for n-grams of {length}; "
            "give a longer one with --text"
        )


def _packed(
    text: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], dict[int, NDArray[np.int64]]]:
    """Return a number for the n-gram at each place, in the order of the n-grams.

    Its digits, in base of the vocabulary, are the tokens. Where that would not fit 64 bits, ranks
    stand for the digits before: the second result has, by the place of the digit that comes next,
    what they are the ranks of.
    """
    base = int(text.max()) + 1
    number, size = text, base
    ranks: dict[int, NDArray[np.int64]] = {}
    for place in range(1, length):
        if size > _LARGEST // base:
            ranks[place], number = np.unique(number, return_inverse=True)
            size = len(ranks[place])
        number = number[:-1] * base + text[place:]
        size *= base
    return number, ranks


def _unpacked(
    numbers: NDArray[np.int64],
    length: int,
    text: NDArray[np.int64],
    ranks: dict[int, NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Return the n-grams, ``[numbers, length]``, of numbers that `_packed` made of a text."""
    base = int(text.max()) + 1
    digits = []
    for place in range(length - 1, 0, -1):
        numbers, last = np.divmod(numbers, base)
        digits.append(last)
        if place in ranks:
            numbers = ranks[place][numbers]
    return np.stack([numbers, *reversed(digits)], axis=1)
