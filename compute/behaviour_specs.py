"""What is measured of how a model uses its context, what it is made of, and what it puts out."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from compute.errors import require


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContextMeasurement:
    """How a language model uses its context at one checkpoint (Hoogland et al. 2024).

    Attributes
    ----------
    samples, length
        Held-out windows, and their tokens.
    early, late, around
        The in-context learning score is the loss at position ``late`` less that at ``early``,
        each a mean over the positions at most ``around`` away. The paper compares tokens 50 and
        500 of 1,024; the defaults are the same shares of 128.
    ngrams
        How many of the most frequent n-grams of the text are shown, of each n.
    seed
        Draws the windows.
    """

    kind: ClassVar[str] = "context"
    version: ClassVar[int] = 1
    samples: int = 256
    length: int = 128
    early: int = 6
    late: int = 62
    around: int = 2
    ngrams: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse positions that no window has."""
        require(self.samples >= 2, "samples must be at least 2")
        require(self.around >= 0, "around must not be negative")
        require(self.early - self.around >= 1, "early less around must be at least 1")
        require(
            self.early < self.late and self.late + self.around < self.length,
            "early must come before late, and late with around inside of length",
        )
        require(self.ngrams >= 2, "ngrams must be at least 2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShiftMeasurement:
    """What a regression model does with inputs and tasks that are larger than those it learnt from.

    Attributes
    ----------
    samples
        Sequences drawn for each shift.
    seed
        Draws them; the same sequences, scaled, serve every shift.
    """

    kind: ClassVar[str] = "shift"
    version: ClassVar[int] = 1
    samples: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no spread."""
        require(self.samples >= 2, "samples must be at least 2")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StructureMeasurement:
    """What a model is made of at one checkpoint: its weights, and how its heads attend.

    Attributes
    ----------
    samples, length
        Held-out samples on which attention is watched, and their tokens.
    seed
        Draws them.
    """

    kind: ClassVar[str] = "structure"
    version: ClassVar[int] = 1
    samples: int = 64
    length: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no spread."""
        require(self.samples >= 2, "samples must be at least 2")
        require(self.length >= 2, "length must be at least 2 tokens")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputsMeasurement:
    """What a model says of the same inputs at every checkpoint, for essential dynamics.

    Attributes
    ----------
    samples, length
        Held-out samples, and their tokens.
    positions
        Of each sample of a language model, spread evenly; regressions use every prediction.
    dimensions
        The numbers that are kept: outputs that are more are projected at random, which keeps
        distances between checkpoints to within a few percent.
    seed
        Draws samples and projection.
    """

    kind: ClassVar[str] = "outputs"
    version: ClassVar[int] = 1
    samples: int = 64
    length: int = 128
    positions: int = 16
    dimensions: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what says nothing."""
        require(self.samples >= 1, "samples must be at least 1")
        require(1 <= self.positions < self.length, "positions must be from 1 to below length")
        require(self.dimensions >= 16, "dimensions must be at least 16")
