"""What was measured of a model's use of context, its structure and its outputs."""

from __future__ import annotations

import dataclasses

from jaxtyping import Float, Float16
from numpy import ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ContextUse:
    """How a language model uses its context (Hoogland et al. 2024, arXiv:2402.02364).

    Attributes
    ----------
    loss_by_position, loss_by_position_error
        Mean held-out loss, in nats, of the token at position 1, 2, .., given those before it, and
        its standard error over samples.
    icl, icl_error
        Loss at the late positions less loss at the early ones, nats: more negative, more learnt
        from the context. The error is paired over samples.
    bigram, bigram_error, bigram_entropy
        Mean cross-entropy, in nats, from the text's distribution of the next token given the
        current one to the model's prediction; its standard error; and the least it can be. NaN
        where the text goes on from no token of the windows.
    ngrams
        The lengths n of n-grams.
    ngram, ngram_error
        For each, the loss on position n of arbitrary text over the loss on the last token of a
        frequent n-gram: 1 is no advantage, NaN where the latter is 0.
    positional, positional_error
        Loss without information on positions over loss with it: 1 is no dependence; NaN for a
        model whose positions cannot be taken away.
    """

    loss_by_position: Float[ndarray, " positions"]
    loss_by_position_error: Float[ndarray, " positions"]
    icl: float
    icl_error: float
    bigram: float
    bigram_error: float
    bigram_entropy: float
    ngrams: tuple[int, ...]
    ngram: Float[ndarray, " ngrams"]
    ngram_error: Float[ndarray, " ngrams"]
    positional: float
    positional_error: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ShiftedRegression:
    """A regression model on inputs and on tasks that are scaled (Hoogland et al. 2024).

    Attributes
    ----------
    scales
        The factors, ascending, 1 first.
    input_error, task_error
        Mean squared error over pairs and sequences where all inputs, or all tasks, are that much
        larger; in squared units of y.
    input_ridge, task_ridge
        Mean squared distance from the predictions to those of ridge regression for the training
        distribution, on the same sequences.
    input_standard_error, task_standard_error, input_ridge_standard_error, \
task_ridge_standard_error
        Of each, over sequences.
    """

    scales: Float[ndarray, " scales"]
    input_error: Float[ndarray, " scales"]
    input_standard_error: Float[ndarray, " scales"]
    task_error: Float[ndarray, " scales"]
    task_standard_error: Float[ndarray, " scales"]
    input_ridge: Float[ndarray, " scales"]
    input_ridge_standard_error: Float[ndarray, " scales"]
    task_ridge: Float[ndarray, " scales"]
    task_ridge_standard_error: Float[ndarray, " scales"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """What a model is made of (Elhage et al. 2021; Hoogland et al. 2024).

    Attributes
    ----------
    heads
        Their names, layer by layer.
    q_composition, k_composition, v_composition
        Of the row's head with the column's: how much the column's queries, keys or values read of
        what the row writes, as a share of the product of Frobenius norms, 0 to 1; NaN unless the
        row's layer comes first, and where a head's product of matrices is zero; all NaN where
        heads cannot be told apart.
    composition_chance
        The root mean square of each if the row's head wrote in random directions.
    attention_entropy, attention_entropy_error
        Of each head, the mean entropy of a query's attention, nats, over queries and samples, and
        its standard error over samples.
    attention_variability
        Of each head, how much its attention depends on the sample: the mean distance of a
        sample's pattern from the mean pattern over the norm of the mean pattern, 0 or more.
    norms
        The layer norms, in the order of the model.
    norm_mean, norm_spread, norm_size, norm_small
        Of the factors that each multiplies with: mean, standard deviation, Euclidean norm, and the
        share that is smaller in size than a tenth.
    embeddings
        The matrices whose spectra follow: ``EMB``, ``POS``, ``UNEMBED``, as far as there are.
    singular_values
        Of each, in descending order; NaN beyond its rank.
    """

    heads: tuple[str, ...]
    q_composition: Float[ndarray, "heads heads"]
    k_composition: Float[ndarray, "heads heads"]
    v_composition: Float[ndarray, "heads heads"]
    composition_chance: Float[ndarray, "3"]
    attention_entropy: Float[ndarray, " heads"]
    attention_entropy_error: Float[ndarray, " heads"]
    attention_variability: Float[ndarray, " heads"]
    norms: tuple[str, ...]
    norm_mean: Float[ndarray, " norms"]
    norm_spread: Float[ndarray, " norms"]
    norm_size: Float[ndarray, " norms"]
    norm_small: Float[ndarray, " norms"]
    embeddings: tuple[str, ...]
    singular_values: Float[ndarray, "embeddings values"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ModelOutputs:
    """What a model says of fixed inputs, and how that lies to what simple predictors say.

    Attributes
    ----------
    outputs
        Predictions of a regression, or log probabilities less their mean over the vocabulary,
        projected to fewer dimensions if need be (then the part along the references comes first,
        exact, one number for each); divided by the root of their number before
        projection, so that squared distances are means over outputs.
    square
        Mean squared output, before any projection.
    references
        The names of simple predictors.
    reference_squares
        Mean squared output of each.
    reference_products
        Mean product of each one's outputs with the model's, before any projection.
    reference_between
        Mean product of each pair of references.
    """

    outputs: Float16[ndarray, " dimensions"]
    square: float
    references: tuple[str, ...]
    reference_squares: Float[ndarray, " references"]
    reference_products: Float[ndarray, " references"]
    reference_between: Float[ndarray, "references references"]
