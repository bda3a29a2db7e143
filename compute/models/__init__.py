"""Runs and their checkpoints: where they are, what they are, and how to open one."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from compute.errors import RunError
from compute.models.developments.attention_only import AttentionOnly
from compute.models.developments.icl_regression import MODEL_TYPE as REGRESSION
from compute.models.developments.icl_regression import SMALL_BATCH, IclRegression
from compute.models.developments.stdlib_lm import StdlibLm
from compute.models.developments.training import RECIPE_FILE, Development
from compute.models.directory import (
    checkpoint_path,
    find_checkpoints,
    reference_config,
    refuse_other_shape,
)
from compute.models.fetching import CheckpointCache
from compute.models.hub import (
    checkpoint_size,
    fetching_text,
    find_listing,
    find_revisions,
    size_text,
)
from compute.models.loading import LoadedModel, folder_digest, open_model, weight_files
from compute.models.text import text_digest
from compute.runs import Run, Source

__all__ = [
    "DEVELOPMENTS",
    "CheckpointCache",
    "LoadedModel",
    "checkpoint_folder",
    "checkpoint_size",
    "describe_run",
    "fetching_text",
    "open_checkpoint",
    "open_model",
    "read_ahead",
    "size_text",
    "weights_digest",
]

DEVELOPMENTS: dict[str, Callable[[], Development]] = {
    "stdlib_lm": StdlibLm,
    "attention_only": AttentionOnly,
    "icl_regression": IclRegression,
    "icl_regression_seed2": functools.partial(IclRegression, seed=2),
    "icl_regression_seed3": functools.partial(IclRegression, seed=3),
    "icl_regression_batch64": functools.partial(IclRegression, SMALL_BATCH),
    "icl_regression_batch64_seed2": functools.partial(IclRegression, SMALL_BATCH, 2),
    "icl_regression_batch64_seed3": functools.partial(IclRegression, SMALL_BATCH, 3),
}


def describe_run(
    location: str,
    *,
    name: str | None = None,
    source: Source = "folder",
    text: Path | None = None,
    recipe: str = "",
    tokens_per_step: int = 0,
) -> Run:
    """Return the catalogue entry of a run that lies in a folder or on a hub.

    Parameters
    ----------
    location
        The folder with the checkpoints, or ``owner/name`` on the hub.
    name
        The run's name; the last part of the location if None.
    text
        A text file to measure a language run on; the run's own corpus if None.
    recipe, tokens_per_step
        As of a `Run`; "" and 0 for what the folder itself says, if anything.

    Raises
    ------
    RunError
        If there is no such run, it has no checkpoints, or its text cannot be read.
    SettingsError
        If the name cannot be used.
    """
    if source == "hub":
        return Run(
            name=name or location.rpartition("/")[2],
            source="hub",
            location=location,
            family="language",
            steps=tuple(find_revisions(location)),
            text=str(text.resolve()) if text else "",
            data_digest=text_digest(None, text),
            recipe=recipe,
            tokens_per_step=tokens_per_step,
        )
    asked = {"recipe": recipe, "tokens_per_step": tokens_per_step}
    folder = Path(location).resolve()
    steps = tuple(find_checkpoints(folder))
    regression = reference_config(folder).get("model_type") == REGRESSION
    return Run(
        name=name or folder.name,
        source="folder",
        location=str(folder),
        family="regression" if regression else "language",
        steps=steps,
        text=str(text.resolve()) if text else "",
        data_digest="drawn" if regression else text_digest(folder, text),
        **{**_recipe_facts(folder), **{k: v for k, v in asked.items() if v}},
    )


def weights_digest(run: Run, step: int) -> str:
    """Return the identity of a checkpoint's weights.

    Raises
    ------
    RunError
        If the checkpoint or its weights are not there.
    """
    _refuse_shipped(run)
    if run.source == "hub":
        return find_listing(run.location, step).digest
    return folder_digest(checkpoint_path(Path(run.location), step))


@contextlib.contextmanager
def open_checkpoint(run: Run, step: int) -> Iterator[LoadedModel]:
    """Open one checkpoint of a run; a fetched one is deleted when the context ends.

    Raises
    ------
    RunError
        If the checkpoint cannot be read, or has another shape than its run.
    """
    with checkpoint_folder(run, step) as folder:
        yield open_model(folder)


@contextlib.contextmanager
def checkpoint_folder(
    run: Run, step: int, cache: CheckpointCache | None = None, *, digest: str | None = None
) -> Iterator[Path]:
    """Give the folder of a checkpoint; one of a hub is fetched, and stays until the context ends.

    Parameters
    ----------
    cache
        Where a fetched one is kept; a temporary folder if None.
    digest
        The identity of the weights that are meant; those that are there now if None.

    Raises
    ------
    RunError
        If the checkpoint is not there, or has another shape than its run.
    """
    _refuse_shipped(run)
    if run.source == "hub":
        with contextlib.ExitStack() as stack:
            if cache is None:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ontogeny-"))
                cache = CheckpointCache(Path(folder))
            meant = digest or weights_digest(run, step)
            yield stack.enter_context(cache.lent(run.location, step, meant))
        return
    path = checkpoint_path(Path(run.location), step)
    refuse_other_shape(path, reference_config(Path(run.location)))
    yield path


def read_ahead(run: Run, step: int, cache: CheckpointCache | None) -> None:
    """Bring close what will be opened soon: a revision onto this disk, a folder into memory.

    Raises
    ------
    RunError, OSError
        If it cannot be had.
    """
    if run.source == "folder":
        for path in weight_files(checkpoint_path(Path(run.location), step)):
            _read_into_memory(path)
    elif run.source == "hub" and cache is not None:
        cache.fetch_ahead(run.location, step)


def _read_into_memory(path: Path) -> None:
    """Have the system keep a file's contents at hand."""
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
            return
        while file.read(1 << 20):
            pass


def _refuse_shipped(run: Run) -> None:
    if run.source == "shipped":
        raise RunError(
            f"{run.name}: only its records are here, not its weights; make them with "
            f"`ontogeny train {run.name}`"
        )


def _recipe_facts(folder: Path) -> dict[str, Any]:
    """Return what a development's recipe says about its run; nothing for other folders."""
    try:
        recipe = json.loads((folder / RECIPE_FILE).read_text())
        return {
            "summary": str(recipe["summary"]),
            "licence": str(recipe["licence"]),
            "recipe": str(recipe.get("group", "")),
            "seed": int(recipe["seed"]),
            "tokens_per_step": int(recipe.get("tokens_per_step", 0)),
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
