"""Runs in a folder: ``checkpoint-N`` as Hugging Face's Trainer writes, or ``stepN``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compute.errors import CheckpointUnreadable, EmptyRun, RunNotFound, ShapesDiffer
from compute.models.loading import read_config
from compute.runs import checkpoint_folders

_SHAPE_FIELDS = (
    "model_type",
    "hidden_size",
    "n_embd",
    "num_hidden_layers",
    "n_layer",
    "num_attention_heads",
    "n_head",
    "intermediate_size",
    "vocab_size",
    "width",
    "layers",
    "heads",
)


def find_checkpoints(folder: Path) -> dict[int, Path]:
    """Return the checkpoint folders of a run by step, ascending.

    Raises
    ------
    RunNotFound
        If there is no such folder.
    EmptyRun
        If it holds no checkpoint folder.
    """
    if not folder.is_dir():
        raise RunNotFound(f"{folder}: no such folder; give the folder that holds the checkpoints")
    found = checkpoint_folders(folder)
    if not found:
        raise EmptyRun(
            f"{folder}: no checkpoints here; expected sub-folders named checkpoint-100 or step100, "
            "each with config.json and model.safetensors"
        )
    return found


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the checkpoint folder of ``step``.

    Raises
    ------
    CheckpointUnreadable
        If it is gone.
    """
    path = find_checkpoints(folder).get(step)
    if path is None:
        raise CheckpointUnreadable(f"{folder}: the checkpoint of step {step:,} is gone")
    return path


def reference_config(folder: Path) -> dict[str, Any]:
    """Return the config of the first readable checkpoint: the shape of the run.

    Raises
    ------
    CheckpointUnreadable
        If no checkpoint has a readable config; the reason is the first one's.
    """
    reasons = []
    for path in find_checkpoints(folder).values():
        try:
            return read_config(path)
        except CheckpointUnreadable as error:
            reasons.append(error)
    raise reasons[0]


def refuse_other_shape(path: Path, reference: dict[str, Any]) -> None:
    """Raise `ShapesDiffer` if the checkpoint at ``path`` has another shape than its run."""
    config = read_config(path)
    for field in _SHAPE_FIELDS:
        if config.get(field) != reference.get(field):
            raise ShapesDiffer(
                f"{path}: {field} is {config.get(field)} here and {reference.get(field)} in the "
                "run's first checkpoint; a run has one shape, so this checkpoint is left out"
            )
