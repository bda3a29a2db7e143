"""The training loop of a development: deterministic, resumable, one folder a checkpoint.

The batch of step ``t`` is drawn from a generator seeded by ``(seed, t)`` alone, so a run that was
killed and resumed sees the same data as one that was not.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

STATE_EVERY = 500
STATE_FILE = "training_state.pt"
RECIPE_FILE = "recipe.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a development's training depends on, beside its code.

    Attributes
    ----------
    group
        What the runs that differ in nothing but their seed have in common.
    schedule_steps
        The number of updates that the learning-rate schedule spans.
    train_steps
        The number of updates that the shipped run makes; at most ``schedule_steps``.
    tokens_per_step
        The tokens of one batch.
    licence
        Of the data that the model learned from, and of the weights.
    checkpoint_steps
        The steps that are saved, ascending; step 0 is the model before any update.
    """

    name: str
    group: str
    summary: str
    licence: str
    seed: int
    schedule_steps: int
    train_steps: int
    batch_size: int
    tokens_per_step: int
    peak_learning_rate: float
    checkpoint_steps: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as plain JSON values."""
        return dataclasses.asdict(self) | {"checkpoint_steps": list(self.checkpoint_steps)}


class Development(Protocol):
    """One run that this project trains: its data, its model and its optimiser."""

    recipe: Recipe

    def prepare(self, folder: Path) -> None:
        """Write the data that training and measuring need into ``folder``; keep what is there."""

    def build_model(self) -> nn.Module:
        """Return the model at step 0; needs `prepare` first."""

    def build_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """Return the optimiser, at its state before the first update."""

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the update from ``step`` to ``step + 1``."""

    def loss(self, model: nn.Module, generator: torch.Generator) -> Tensor:
        """Draw one batch with ``generator`` and return its mean loss."""

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``folder``."""


def checkpoint_folder(folder: Path, step: int) -> Path:
    """Return where the checkpoint of ``step`` lies in a run's folder."""
    return folder / f"step{step}"


def log_then_linear(*, log_until: int, log_count: int, every: int, last: int) -> tuple[int, ...]:
    """Return 0, up to ``log_count`` log-spaced steps, then every ``every``-th to ``last``."""
    exponents = torch.linspace(0, 1, log_count, dtype=torch.float64)
    logarithmic = (log_until**exponents).round().long().tolist()
    linear = range(log_until, last + 1, every)
    return tuple(sorted({0, *logarithmic, *linear}))


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the generator from which the batch of ``step`` is drawn."""
    return torch.Generator().manual_seed(seed * 1_000_000_007 + step)


def train(
    development: Development,
    folder: Path,
    *,
    until: int | None = None,
    on_step: Callable[[int, int], None] = lambda step, total: None,
) -> None:
    """Train ``development`` in ``folder`` up to step ``until``, from where it was left.

    Parameters
    ----------
    until
        The last step; the recipe's ``train_steps`` if None.
    on_step
        Called with (steps done, last step) at the start and after every update.

    Raises
    ------
    FloatingPointError
        If the training loss is not finite.
    """
    last = development.recipe.train_steps if until is None else until
    folder.mkdir(parents=True, exist_ok=True)
    development.prepare(folder)
    _write_json(folder / RECIPE_FILE, development.recipe.to_json())
    model = development.build_model()
    optimizer = development.build_optimizer(model)
    step = _load_state(folder / STATE_FILE, model, optimizer)
    wanted = set(development.recipe.checkpoint_steps)
    if step == 0 and 0 in wanted:
        _save_checkpoint(development, model, checkpoint_folder(folder, 0))
    on_step(step, last)
    for done in _updates(development, model, optimizer, start=step, last=last):
        if done in wanted:
            _save_checkpoint(development, model, checkpoint_folder(folder, done))
        if done % STATE_EVERY == 0 or done == last:
            _save_state(folder / STATE_FILE, model, optimizer, done)
        on_step(done, last)


def _updates(
    development: Development,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    start: int,
    last: int,
) -> Iterator[int]:
    """Make the updates after ``start`` and yield the number of updates made so far."""
    model.train()
    for step in range(start, last):
        for group in optimizer.param_groups:
            group["lr"] = development.learning_rate(step)
        loss = development.loss(model, step_generator(development.recipe.seed, step))
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the training loss at step {step} is {loss.item()}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step + 1


def _save_checkpoint(development: Development, model: nn.Module, folder: Path) -> None:
    """Save beside, then rename, so that a checkpoint folder is whole or absent."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    development.save(model, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _save_state(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    partial = path.with_suffix(".partial")
    torch.save(
        {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, partial
    )
    partial.replace(path)


def _load_state(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load the newest training state into model and optimiser and return its step, or 0."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
