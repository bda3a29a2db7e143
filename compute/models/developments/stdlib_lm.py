"""The development ``stdlib_lm``: a small GPT-NeoX that learns Python's standard library.

The same architecture as the Pythia models (parallel residual, rotary positions on a quarter of
each head), scaled to a laptop: 4 layers, 4 heads, width 128, context 128, and a byte-level BPE of
512 tokens trained on the same text.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.models.developments.library_text import (
    CONTEXT,
    VOCABULARY,
    LibraryText,
    next_token_loss,
)
from compute.models.developments.training import Recipe, log_then_linear

WARMUP_STEPS = 100
FINAL_RATE_SHARE = 0.1

RECIPE = Recipe(
    name="stdlib_lm",
    group="stdlib_lm",
    summary=(
        "A 4-layer, 4-head, width-128 GPT-NeoX (0.92 million parameters) that learns the source "
        "of Python's standard library with a byte-level BPE of 512 tokens, context 128. AdamW, "
        "100 steps of warm-up, then a cosine to a tenth of the peak learning rate."
    ),
    licence="weights: MIT; text: Python's standard library, PSF licence",
    seed=0,
    schedule_steps=6_000,
    train_steps=6_000,
    batch_size=32,
    tokens_per_step=32 * CONTEXT,
    peak_learning_rate=2e-3,
    checkpoint_steps=log_then_linear(log_until=1_000, log_count=70, every=100, last=6_000),
)


class StdlibLm:
    """A language model of Python's standard library, `RECIPE`."""

    recipe = RECIPE

    def prepare(self, folder: Path) -> None:
        """Train the tokenizer and write ``tokenizer.json`` and ``corpus/*.npy`` (uint16)."""
        self._text = LibraryText(folder)

    def build_model(self) -> GPTNeoXForCausalLM:
        """Return the GPT-NeoX at its seeded initialisation."""
        config = GPTNeoXConfig(
            vocab_size=VOCABULARY,
            hidden_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=512,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
            tie_word_embeddings=False,
            use_cache=False,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            return GPTNeoXForCausalLM(config)

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return AdamW with Pythia's moments and weight decay."""
        return torch.optim.AdamW(
            model.parameters(), lr=0.0, betas=(0.9, 0.95), weight_decay=0.01, fused=True
        )

    def learning_rate(self, step: int) -> float:
        """Return a linear warm-up, then a cosine down to `FINAL_RATE_SHARE` of the peak."""
        peak = self.recipe.peak_learning_rate
        if step < WARMUP_STEPS:
            return peak * (step + 1) / WARMUP_STEPS
        progress = (step - WARMUP_STEPS) / (self.recipe.schedule_steps - WARMUP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return peak * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)

    def loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """Return the mean next-token loss, in nats, of random windows of the training text."""
        tokens = self._text.windows(self.recipe.batch_size, generator)
        return next_token_loss(model(tokens).logits, tokens)

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write what `transformers` writes, and the tokenizer."""
        assert isinstance(model, GPTNeoXForCausalLM)
        model.save_pretrained(folder)
        self._text.save_tokenizer(folder)
