"""What every head attends to on a few prompts, with the prompts' tokens as a person reads them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from compute.errors import MeasurementError
from compute.measure.behaviour import SEQUENCES_IN_FLIGHT, attention_patterns
from compute.models.anatomy import architecture
from compute.models.loading import LoadedModel
from compute.models.text import token_pieces
from compute.records import AttentionPatterns

_INSTEAD = "its graph and its head scores are all that can be shown of its heads"


def measure_attention(model: LoadedModel, tokens: Tensor) -> AttentionPatterns:
    """Return the attention of every head on each prompt.

    Parameters
    ----------
    tokens
        ``[prompts, positions]`` token ids, or ``[prompts, positions, features]`` for regression;
        without padding.

    Raises
    ------
    MeasurementError
        If the model does not show what it attends with.
    """
    heads = tuple(c.name for c in model.components if c.kind == "head")
    with torch.inference_mode():
        parts = [attention_patterns(model, part) for part in tokens.split(SEQUENCES_IN_FLIGHT)]
    pattern = torch.cat(parts, dim=1)
    _refuse_what_is_not_attended_with(model, heads, pattern)
    return AttentionPatterns(
        heads=heads,
        tokens=readable(model, tokens),
        pattern=pattern.to(torch.float16).numpy(),
    )


def readable(model: LoadedModel, tokens: Tensor) -> tuple[tuple[str, ...], ...]:
    """Return each prompt's tokens as pieces of text, or as ids where there is no tokenizer.

    The positions of a regression model are ``x1``, ``y1``, ``x2``, ..
    """
    if model.family == "regression":
        positions = tuple(f"{'xy'[i % 2]}{i // 2 + 1}" for i in range(tokens.shape[1]))
        return (positions,) * len(tokens)
    pieces = token_pieces(tokens.unique().tolist(), tokenizer_folder=model.folder)
    return tuple(tuple(pieces[i] for i in row) for row in tokens.tolist())


def _refuse_what_is_not_attended_with(
    model: LoadedModel,
    heads: tuple[str, ...],
    pattern: Float[Tensor, "heads prompts query key"],
) -> None:
    """Raise where the patterns are not those of the model's heads, or look ahead."""
    name = architecture(model.module)
    if len(pattern) != len(heads):
        raise MeasurementError(
            f"architecture {name!r} shows {len(pattern)} attention patterns for its "
            f"{len(heads)} heads; {_INSTEAD}"
        )
    if not torch.allclose(pattern.triu(1), pattern.new_zeros(())):
        raise MeasurementError(
            f"architecture {name!r} shows attention to later tokens, which it does not attend "
            f"with; {_INSTEAD}"
        )
