"""How many tokens may be in flight at once, so that memory is bounded whatever the prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil

from compute.errors import MeasurementError
from compute.models.loading import LoadedModel

# More tokens than this at once gain nothing: the matrix products are large enough.
ENOUGH_TOKENS = 8192
# Of the memory that is free, since other workers measure beside this one.
SHARE_OF_FREE_MEMORY = 1 / 8
# Arrays of the residual stream's width that a block holds at its widest, about: its input and
# output, norms, queries, keys, values, and four times that for the MLP before and after its
# nonlinearity.
ARRAYS_PER_TOKEN = 24
FLOAT_BYTES = 4

Result = TypeVar("Result")


class Budget:
    """Splits prompts and copies so that at most ``tokens`` are in flight; shrinks when it must.

    Parameters
    ----------
    positions
        Tokens of a prompt: the smallest piece that can be computed.
    tokens
        The most tokens at once; chosen from the model's width and the free memory if None.
    """

    def __init__(self, model: LoadedModel, positions: int, tokens: int | None = None) -> None:
        self._positions = positions
        self.tokens = max(positions, tokens or _affordable(model))

    def prompts(self, copies: int) -> int:
        """Return how many prompts to take at once when each has ``copies`` copies."""
        return max(1, self.tokens // (copies * self._positions))

    def copies(self, count: int, prompts: int) -> Iterator[range]:
        """Yield ranges that cover ``count`` copies of ``prompts`` prompts."""
        size = max(1, self.tokens // (prompts * self._positions))
        for first in range(0, count, size):
            yield range(first, min(first + size, count))

    def over_prompts(
        self, prompts: int, copies: int, call: Callable[[slice], Result]
    ) -> Iterator[Result]:
        """Yield ``call`` of slices that cover the prompts, each with half as many tokens in flight
        as the one before where memory ran out.

        Raises
        ------
        MeasurementError
            If a single copy of a single prompt does not fit.
        """
        first = 0
        while first < prompts:
            part = slice(first, min(first + self.prompts(copies), prompts))
            try:
                result = call(part)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._shrink()
                continue
            yield result
            first = part.stop

    def _shrink(self) -> None:
        if self.tokens <= self._positions:
            raise MeasurementError(
                f"a single prompt of {self._positions:,} tokens does not fit into memory; "
                "use a shorter task length or fewer workers (--workers)"
            )
        self.tokens = max(self._positions, self.tokens // 2)


def _affordable(model: LoadedModel) -> int:
    """Return how many tokens a share of the free memory holds, at most `ENOUGH_TOKENS`."""
    width = model.anatomy.unembed.linear.in_features
    free = psutil.virtual_memory().available * SHARE_OF_FREE_MEMORY
    return int(min(ENOUGH_TOKENS, free / (width * ARRAYS_PER_TOKEN * FLOAT_BYTES)))


def _out_of_memory(error: Exception) -> bool:
    return (
        isinstance(error, MemoryError)
        or "not enough memory" in str(error).lower()
        or ("can't allocate memory" in str(error).lower())
    )
