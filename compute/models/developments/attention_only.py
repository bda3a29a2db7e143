"""The development ``attention_only``: two layers of attention, as Hoogland et al. study them.

Their language model (arXiv:2402.02364) has 2 layers of 8 heads without MLPs, width 256, context
1,024 and 5,000 tokens, on the Pile. This one has the same layers and heads at half the width and
an eighth of the context, learnt positions, and learns the text of `compute.models.developments
.library_text`, so that a laptop trains it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge.sources.native import NativeModel, initialize_native_model

from compute.models.developments.library_text import (
    CONTEXT,
    VOCABULARY,
    LibraryText,
    next_token_loss,
)
from compute.models.developments.training import Recipe, log_then_linear
from compute.models.native import save_native

WARMUP_STEPS = 100

RECIPE = Recipe(
    name="attention_only",
    group="attention_only",
    summary=(
        "A 2-layer, 8-head, width-128 transformer without MLPs (0.28 million parameters) that "
        "learns the source of Python's standard library with a byte-level BPE of 512 tokens, "
        "context 128, learnt positions. AdamW, 100 steps of warm-up, then a constant rate."
    ),
    licence="weights: MIT; text: Python's standard library, PSF licence",
    seed=0,
    schedule_steps=8_000,
    train_steps=8_000,
    batch_size=32,
    tokens_per_step=32 * CONTEXT,
    peak_learning_rate=2e-3,
    checkpoint_steps=log_then_linear(log_until=2_000, log_count=70, every=200, last=8_000),
)


class AttentionOnly:
    """A language model of two layers of attention, `RECIPE`."""

    recipe = RECIPE

    def prepare(self, folder: Path) -> None:
        """Train the tokenizer and write ``tokenizer.json`` and ``corpus/*.npy`` (uint16)."""
        self._text = LibraryText(folder)

    def build_model(self) -> nn.Module:
        """Return the model at its seeded initialisation."""
        config = TransformerBridgeConfig(
            d_model=128,
            d_head=16,
            n_heads=8,
            n_layers=2,
            n_ctx=CONTEXT,
            d_vocab=VOCABULARY,
            act_fn="gelu",
            attn_only=True,
            normalization_type="LN",
        )
        model = NativeModel(config)
        initialize_native_model(model, config, seed=self.recipe.seed)
        return model

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with a small weight decay."""
        return torch.optim.AdamW(
            model.parameters(), lr=0.0, betas=(0.9, 0.95), weight_decay=0.01, fused=True
        )

    def learning_rate(self, step: int) -> float:
        """Return a linear warm-up, then the peak: what ends a stage is not the schedule."""
        return self.recipe.peak_learning_rate * min(1.0, (step + 1) / WARMUP_STEPS)

    def loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """Return the mean next-token loss, in nats, of random windows of the training text."""
        tokens = self._text.windows(self.recipe.batch_size, generator)
        return next_token_loss(fused_logits(model, tokens), tokens)

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write ``config.json``, ``model.safetensors`` and the tokenizer."""
        save_native(model, folder)
        self._text.save_tokenizer(folder)


def fused_logits(model: Any, tokens: Tensor) -> Tensor:
    """Return what ``model(tokens)`` is, ``[windows, positions, tokens]``, without its patterns.

    TransformerLens' attention makes every pattern, for people to read; to train, fused attention
    takes half the time.
    """
    x = model.tok_embed(tokens) + model.pos.weight[: tokens.shape[1]]
    for block in model.layers:
        attention, normed = block.attn, block.ln1(x)
        query, key, value = (
            part(normed).unflatten(-1, (attention.n_heads, -1)).transpose(1, 2)
            for part in (attention.q, attention.k, attention.v)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + attention.o(mixed.transpose(1, 2).flatten(-2))
    return model.head(model.ln_out(x))
