"""How local learning coefficients are estimated: the settings of chains, and what they are of."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal, TypeAlias, get_args

from compute.errors import require, require_one_of

Preconditioner: TypeAlias = Literal["none", "rmsprop"]
Parts: TypeAlias = Literal["heads", "mlps", "layers", "embeddings"]
DataName: TypeAlias = Literal["train", "heldout", "unigram", "uniform"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LLCSpec:
    r"""How a local learning coefficient is estimated by SGLD.

    The step is ``w - (eps/2) [n beta grad L + gamma (w - w*)] + N(0, eps)``: this convention's
    ``step_size`` is twice that of libraries that step by eps and add noise of variance 2 eps.

    Attributes
    ----------
    step_size, nbeta, gamma
        eps, n beta and gamma; dimensionless. ``nbeta`` is one number, whatever the batch.
    chains, draws, burn_in
        Each chain makes ``burn_in + draws`` steps and keeps the last ``draws``.
    batch_size
        Samples a minibatch, drawn afresh for every chain and step.
    preconditioner
        ``none``: every parameter has the same step. ``rmsprop``: a parameter's step is scaled by
        the inverse root of its mean squared gradient, scales having a mean of 1; they are learnt
        during burn-in and then kept, so that the draws follow the same law as without.
    rel_error
        The standard error, as a share of the estimate, at which chains stop: they make blocks of
        ``draws`` until it is reached or there are ``max_draws``. 0: one block.
    max_draws
        The most draws of a chain; ignored where ``rel_error`` is 0.
    """

    step_size: float = 1e-3
    nbeta: float = 30.0
    gamma: float = 200.0
    chains: int = 4
    draws: int = 200
    burn_in: int = 100
    batch_size: int = 32
    preconditioner: Preconditioner = "none"
    rel_error: float = 0.0
    max_draws: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that no chain can run with."""
        require(self.step_size > 0, "step_size must be positive")
        require(self.nbeta > 0, "nbeta must be positive")
        require(self.gamma >= 0, "gamma must not be negative")
        require(self.chains >= 1, "chains must be at least 1")
        require(self.draws >= 1, "draws must be at least 1")
        require(self.burn_in >= 0, "burn_in must not be negative")
        require(self.batch_size >= 1, "batch_size must be at least 1")
        require_one_of("preconditioner", self.preconditioner, get_args(Preconditioner))
        require(
            self.preconditioner == "none" or self.burn_in >= 1,
            "preconditioner 'rmsprop' learns its scales during burn-in: burn_in must be at least 1",
        )
        require(self.rel_error >= 0, "rel_error must not be negative")
        require(
            self.rel_error == 0 or self.max_draws >= self.draws,
            "max_draws must be at least draws, where rel_error asks for more than one block",
        )

    @property
    def ceiling(self) -> int:
        """The most draws that a chain can make."""
        return self.max_draws if self.rel_error else self.draws


@dataclasses.dataclass(frozen=True, kw_only=True)
class _OfTraining:
    """An LLC on the run's training distribution.

    Attributes
    ----------
    samples
        The size n of the data set from which minibatches are drawn.
    length
        Tokens of a sample, for language models.
    seed
        Draws the data set and the chains.
    """

    llc: LLCSpec = LLCSpec()
    samples: int = 4096
    length: int = 128
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class LLCMeasurement(_OfTraining):
    """One LLC of one checkpoint on the run's training distribution: a point of a curve."""

    kind: ClassVar[str] = "llc"
    version: ClassVar[int] = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class CalibrationMeasurement(_OfTraining):
    """One cell of a calibration: the same, tried out; it stands on no curve."""

    kind: ClassVar[str] = "calibration"
    version: ClassVar[int] = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinedMeasurement:
    """The refined LLC of every part of a model at one checkpoint (Wang et al. 2024).

    Attributes
    ----------
    parts
        What moves, one at a time, while all else stays: ``heads`` (the four weight matrices of
        each), ``mlps``, ``layers`` (heads and MLP of each) or ``embeddings`` (and unembedding).
    data
        What the loss is measured on: ``train`` and ``heldout`` text; for language models also
        ``unigram`` and ``uniform``: random tokens with the frequencies of the text, or without.
    samples, length, seed
        As for the LLC.
    """

    kind: ClassVar[str] = "refined"
    version: ClassVar[int] = 1
    parts: Parts = "heads"
    data: DataName = "train"
    llc: LLCSpec = LLCSpec()
    samples: int = 4096
    length: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse parts and data that do not exist."""
        require_one_of("parts", self.parts, get_args(Parts))
        require_one_of("data", self.data, get_args(DataName))


# Where no calibration has chosen. The shipped runs have settings of their own, in their run.json.
LANGUAGE_LLC = LLCMeasurement(
    llc=LLCSpec(step_size=2e-4, nbeta=100.0, gamma=1000.0, burn_in=30, draws=70, batch_size=2)
)
REGRESSION_LLC = LLCMeasurement(
    llc=LLCSpec(step_size=1e-4, nbeta=66.7, gamma=1000.0, burn_in=60, draws=90, batch_size=64)
)
