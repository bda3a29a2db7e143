"""The development ``icl_regression``: in-context linear regression, as Hoogland et al. train it.

Source: arXiv:2402.02364, appendix on in-context linear regression. The learning-rate schedule
spans the paper's 500,000 steps; the shipped runs stop earlier, on that same schedule, so that a
step here is a step there. `RECIPE` has the paper's batch; `SMALL_BATCH` sees a quarter of the data
a step, which is what three seeds past the paper's third stage cost on a laptop in an hour each.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
    squared_error,
)
from compute.models.developments.training import Recipe, log_then_linear

MODEL_TYPE = "icl_regression"

RECIPE = Recipe(
    name="icl_regression",
    group="icl_regression",
    summary=(
        "A 2-layer, 4-head, width-64 transformer (51,717 parameters) that learns linear "
        "regression in context: 8 pairs in 4 dimensions, noise variance 0.125. Adam, one "
        "triangular cycle of the learning rate over 500,000 steps, stopped early."
    ),
    licence="MIT; the data are drawn",
    seed=1,
    schedule_steps=500_000,
    train_steps=100_000,
    batch_size=256,
    tokens_per_step=256 * RegressionConfig().context,
    peak_learning_rate=3e-3,
    checkpoint_steps=log_then_linear(log_until=20_000, log_count=116, every=2_000, last=500_000),
)

# Every second of these is kept: what is measured of three runs takes an hour of one core then.
_STEPS = log_then_linear(log_until=20_000, log_count=48, every=5_000, last=500_000)

SMALL_BATCH = dataclasses.replace(
    RECIPE,
    name="icl_regression_batch64",
    group="icl_regression_batch64",
    summary=RECIPE.summary.replace("Adam,", "Adam, 64 sequences a step instead of 256,"),
    train_steps=130_000,
    batch_size=64,
    tokens_per_step=64 * RegressionConfig().context,
    checkpoint_steps=_STEPS[::2],
)


class IclRegression:
    """In-context linear regression by a recipe; another seed is a run of another name."""

    config = RegressionConfig()

    def __init__(self, recipe: Recipe = RECIPE, seed: int | None = None) -> None:
        self.recipe = recipe
        if seed is not None:
            name = f"{recipe.group}_seed{seed}"
            self.recipe = dataclasses.replace(recipe, name=name, seed=seed)

    def prepare(self, folder: Path) -> None:
        """Need nothing: sequences are drawn as training goes."""

    def build_model(self) -> RegressionTransformer:
        """Return the transformer at its seeded initialisation."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.seed)
            return RegressionTransformer(self.config)

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return Adam with PyTorch's default moments."""
        return torch.optim.Adam(model.parameters(), lr=0.0, fused=True)

    def learning_rate(self, step: int) -> float:
        """Return a triangle: 0 at both ends of the schedule, the peak in the middle."""
        half = self.recipe.schedule_steps / 2
        return self.recipe.peak_learning_rate * (1 - abs(step + 1 - half) / half)

    def loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """Return the mean squared error over a fresh batch of sequences and their pairs."""
        assert isinstance(model, RegressionTransformer)
        tokens = draw_sequences(self.config, self.recipe.batch_size, generator=generator)
        return squared_error(model, tokens).mean()

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""
        config = {"model_type": MODEL_TYPE, **dataclasses.asdict(self.config)}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save_file(dict(model.state_dict()), folder / "model.safetensors")
