from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from compute.errors import MeasurementError
from compute.measure.ngrams import count_bigrams, frequent_ngrams

GENERATOR = np.random.default_rng(0)
SMALL = GENERATOR.integers(0, 4, 300)
# Four digits in a base of nearly 2^17 do not fit 64 bits, so ranks stand for some of them.
LARGE = GENERATOR.choice([0, 7, 90_000, 131_000], 300)


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_frequent_ngrams_are_those_of_a_dictionary(text, length):
    counted = Counter(tuple(text[i : i + length].tolist()) for i in range(len(text) - length + 1))
    expected = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:30]
    ngrams, counts = frequent_ngrams(text, length=length, most=30)
    assert [tuple(row) for row in ngrams.tolist()] == [ngram for ngram, _ in expected]
    assert counts.tolist() == [count for _, count in expected]


def test_a_text_with_fewer_ngrams_than_asked_for_gives_all_of_them():
    ngrams, counts = frequent_ngrams(np.array([1, 2, 1, 2, 1]), length=2, most=256)
    assert ngrams.tolist() == [[1, 2], [2, 1]]
    assert counts.tolist() == [2, 2]


def test_bigrams_are_those_of_a_dictionary():
    counted: dict[int, Counter[int]] = defaultdict(Counter)
    for current, following in zip(SMALL[:-1].tolist(), SMALL[1:].tolist(), strict=True):
        counted[current][following] += 1
    bigrams = count_bigrams(SMALL, vocabulary=6)
    for token in range(6):
        total = counted[token].total()
        _, successors, probabilities = bigrams.rows(np.array([token]))
        assert dict(zip(successors.tolist(), probabilities, strict=True)) == pytest.approx(
            {successor: count / total for successor, count in counted[token].items()}
        )
        expected = -sum(c / total * math.log(c / total) for c in counted[token].values())
        assert bigrams.entropy[token] == pytest.approx(expected if total else math.nan, nan_ok=True)


def test_rows_follow_one_another_and_a_token_that_nothing_follows_has_none():
    bigrams = count_bigrams(np.array([0, 1, 0, 2, 0, 1, 3]), vocabulary=4)
    row, successor, probability = bigrams.rows(np.array([3, 0, 1, 0]))
    assert row.tolist() == [1, 1, 2, 2, 3, 3]
    assert successor.tolist() == [1, 2, 0, 3, 1, 2]
    assert probability.tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 2, 1 / 2, 2 / 3, 1 / 3])
    assert bigrams.successors.tolist() == [2, 2, 1, 0]


def test_what_is_certain_has_no_entropy():
    entropy = count_bigrams(np.array([0, 1, 2] * 50), vocabulary=3).entropy
    assert entropy.tolist() == [0, 0, 0]


def test_a_text_that_is_too_short_says_what_to_do():
    with pytest.raises(MeasurementError, match=r"3 tokens, too few for n-grams of 4.*--text"):
        frequent_ngrams(np.array([1, 2, 3]), length=4, most=5)
    with pytest.raises(MeasurementError, match="too few for n-grams of 2"):
        count_bigrams(np.array([1]), vocabulary=3)
