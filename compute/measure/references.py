"""Simple predictors, on the inputs of a model: what its outputs are compared with.

A language model's outputs are centred log-probabilities: logarithms of the next token's
probabilities, less their mean over the vocabulary. A regression's are its predictions of y.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.sparse import coo_matrix
from torch import Tensor

from compute.measure.behaviour import ridge_predictions

LANGUAGE_REFERENCES = ("uniform", "unigram", "bigram")
REGRESSION_REFERENCES = ("prior mean", "ridge", "least squares")


class TextPredictors:
    """The uniform, unigram and bigram predictors of a text.

    Unigram: every token's count in the text, plus one. Bigram: Witten and Bell's interpolation
    [1]_: of the n tokens that follow a token in the text, T of them different, n shares of n + T
    go to their own frequencies and T shares to the unigram. So no probability is zero, and a token
    that the text does not continue is followed by the unigram.

    Parameters
    ----------
    text
        Tokens in one row.
    vocabulary
        The number of tokens that the model knows.

    References
    ----------
    .. [1] Witten and Bell (1991), IEEE Transactions on Information Theory 37, 1085, method C.
    """

    def __init__(self, text: Int[ndarray, " tokens"], vocabulary: int) -> None:
        counts = np.bincount(text, minlength=vocabulary) + 1.0
        self._unigram: Float[ndarray, " vocabulary"] = counts / counts.sum()
        ones = np.ones(max(len(text) - 1, 0))
        pairs = coo_matrix((ones, (text[:-1], text[1:])), shape=(vocabulary, vocabulary))
        self._pairs = pairs.tocsr()

    def outputs(
        self, current: Int[ndarray, " inputs"]
    ) -> Float[ndarray, "references inputs vocabulary"]:
        """Return the centred log-probabilities, nats, of the token after each of ``current``.

        In the order of `LANGUAGE_REFERENCES`.
        """
        follows = self._pairs[current].toarray()
        distinct = (follows > 0).sum(1, keepdims=True)
        backed_off = np.where(distinct > 0, distinct, 1)
        total = follows.sum(1, keepdims=True) + backed_off
        bigram = centred(np.log((follows + backed_off * self._unigram) / total))
        unigram = np.broadcast_to(centred(np.log(self._unigram)), bigram.shape)
        return np.stack([np.zeros_like(bigram), unigram, bigram])


def regression_references(
    tokens: Float[Tensor, "samples positions features"],
) -> Float[ndarray, "references samples pairs"]:
    """Return simple predictions of each pair's y from the pairs before it, float64.

    In the order of `REGRESSION_REFERENCES`: the mean of the prior, which is zero; ridge
    regression, the best possible; and least squares of the smallest norm, which trusts y without
    noise. Where there are about as many pairs before as dimensions, the last is often far off.
    """
    ridge = ridge_predictions(tokens).numpy()
    return np.stack([np.zeros_like(ridge), ridge, _least_squares(tokens).numpy()])


def centred(values: Float[ndarray, "... vocabulary"]) -> Float[ndarray, "... vocabulary"]:
    """Return values less their mean over the vocabulary, which no probability sees."""
    return np.asarray(values - values.mean(-1, keepdims=True))


def _least_squares(
    tokens: Float[Tensor, "samples positions features"],
) -> Float[Tensor, "samples pairs"]:
    """Return predictions by the pseudo-inverse of the pairs before; zero for the first pair."""
    x = tokens[:, 0::2, 1:].double()
    y = tokens[:, 1::2, 0].double()
    predictions = torch.zeros_like(y)
    for k in range(1, x.shape[1]):
        task = torch.linalg.pinv(x[:, :k]) @ y[:, :k, None]
        predictions[:, k] = (x[:, k] * task[..., 0]).sum(-1)
    return predictions
