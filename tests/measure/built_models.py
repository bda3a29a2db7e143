"""Language models whose weights are set by hand, so that what they do is known exactly.

Both are of TransformerLens' own architecture: attention only, no norms, learned positions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge.sources.native import NativeModel

from compute.models.loading import LoadedModel, wrap_model

# Scores of attention and logits that are this high leave e^-30 to all others.
CERTAIN = 30.0
BEGINNING = 0


def bigram_model(table: Tensor, *, context: int = 64) -> LoadedModel:
    """Return a model that predicts the next token from the current one by a table, and no more.

    The embedding of a token is the log of its row, the unembedding is the identity, the one
    attention layer adds nothing and positions are zero. Its bigram score on a text with these
    bigrams is their entropy; in-context learning is 0 on a stationary text, positional dependence
    is 1, and it shows no advantage beyond bigrams.

    Parameters
    ----------
    table
        ``[vocabulary, vocabulary]``: the probability of each token, a column, after each token, a
        row; all above zero.
    """
    assert bool((table > 0).all())
    vocabulary = len(table)
    module = _silent_module(
        vocabulary=vocabulary, width=vocabulary, head_width=4, layers=1, context=context
    )
    with torch.no_grad():
        module.tok_embed.weight.copy_(table.log())
        module.head.weight.copy_(torch.eye(vocabulary))
    return wrap_model(module)


def induction_model(*, vocabulary: int = 24, context: int = 64) -> LoadedModel:
    """Return two layers of one head each that complete repetitions, and do nothing else.

    ``L0H0`` attends to the token before, and writes which it is; the keys of ``L1H0`` read that
    (K-composition; neither its queries nor its values read it), so it attends to the token after
    an earlier occurrence of the current one, and copies it: the logit of that token is `CERTAIN`
    and all others are 0. Where there was no earlier occurrence it rests on the first token, whose
    copy it makes too, unless it is `BEGINNING`: that copies nothing, so all logits are 0 and the
    loss is the log of the vocabulary.

    Prompts start with `BEGINNING` and have it nowhere else (another first token would be taken for
    its own predecessor); a token that stood twice before shares the attention among its successors.
    On ``[BEGINNING] x1..xm x1..xm`` of distinct tokens the
    previous-token score of ``L0H0`` and the prefix-matching score of ``L1H0`` are 1, the loss is 0
    from the second token of the repetition on, and nothing is known before.
    """
    token, previous, copied = (slice(i * vocabulary, (i + 1) * vocabulary) for i in range(3))
    position = slice(3 * vocabulary, 3 * vocabulary + context)
    head_width = max(vocabulary, context)
    module = _silent_module(
        vocabulary=vocabulary,
        width=position.stop,
        head_width=head_width,
        layers=2,
        context=context,
    )
    sharp = CERTAIN * head_width**0.5
    one_back, induction = (block.attn for block in module.layers)
    with torch.no_grad():
        module.tok_embed.weight[:, token] = torch.eye(vocabulary)
        module.pos.weight[:, position] = torch.eye(context)
        module.head.weight[:, copied] = torch.eye(vocabulary)
        one_back.q.weight[: context - 1, position] = sharp * torch.eye(context)[1:]
        one_back.k.weight[:context, position] = torch.eye(context)
        one_back.v.weight[:vocabulary, token] = torch.eye(vocabulary)
        one_back.o.weight[previous, :vocabulary] = torch.eye(vocabulary)
        induction.q.weight[:vocabulary, token] = sharp * torch.eye(vocabulary)
        induction.k.weight[:vocabulary, previous] = torch.eye(vocabulary)
        induction.k.weight[:vocabulary, position.start] = 0.5
        induction.v.weight[:vocabulary, token] = CERTAIN * torch.eye(vocabulary)
        induction.v.weight[BEGINNING] = 0
        induction.o.weight[copied, :vocabulary] = torch.eye(vocabulary)
    return wrap_model(module)


def repetitions(
    prompts: int, *, period: int, vocabulary: int = 24, generator: torch.Generator
) -> Tensor:
    """Draw ``[BEGINNING] x1..xm x1..xm`` of distinct tokens, ``[prompts, 1 + 2 * period]``."""
    shuffled = torch.rand(prompts, vocabulary - 1, generator=generator).argsort(1) + 1
    half = shuffled[:, :period]
    return torch.cat([torch.full((prompts, 1), BEGINNING), half, half], dim=1)


def _silent_module(
    *, vocabulary: int, width: int, head_width: int, layers: int, context: int
) -> NativeModel:
    """Return an attention-only model with one head a layer whose weights are all zero."""
    config = TransformerBridgeConfig(
        d_model=width,
        d_head=head_width,
        n_heads=1,
        n_layers=layers,
        n_ctx=context,
        d_vocab=vocabulary,
        attn_only=True,
        normalization_type=None,
    )
    module = NativeModel(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module
