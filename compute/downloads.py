"""What a job on a hub's run will fetch, said before it starts; and its deletion afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compute.errors import OntogenyError
from compute.runs import Run
from compute.settings import Settings
from compute.specs import Measurement
from compute.store import Store

if TYPE_CHECKING:
    from rich.console import Console


def announce(
    store: Store,
    chosen: Settings,
    run: Run,
    specs: Sequence[Measurement],
    steps: Sequence[int] | None,
    console: Console,
) -> None:
    """Say how much a job on a hub's run will fetch, and where to; nothing of other runs.

    Raises
    ------
    RunError
        If the hub does not answer, or one checkpoint is too large for the disk.
    """
    if run.source != "hub":
        return
    from compute.models import CheckpointCache, checkpoint_size, fetching_text, size_text
    from compute.plan import unmeasured_steps

    cache = CheckpointCache(chosen.checkpoints, chosen.checkpoint_disk)
    missing = set(unmeasured_steps(store, run, specs, steps)).intersection(run.steps)
    missing -= cache.steps(run.location)
    if not missing:
        return
    size = checkpoint_size(run.location, sorted(missing))
    cache.refuse_too_large(run.name, size or 0)
    console.print(
        f"{fetching_text(run.name, len(missing), size)}; at most "
        f"{size_text(chosen.checkpoint_disk)} at a time on disk ({chosen.checkpoints}); "
        + ("kept" if chosen.keep_checkpoints else "deleted when measured"),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def delete_unused(store: Store, chosen: Settings) -> None:
    """Delete what was fetched for this store's runs and is not in use, unless it is to be kept."""
    if chosen.keep_checkpoints or not chosen.checkpoints.is_dir():
        return
    # It comes after the work, and must not undo it.
    with contextlib.suppress(OntogenyError):
        repositories = {run.location for run in store.runs() if run.source == "hub"}
        if repositories:
            from compute.models import CheckpointCache

            CheckpointCache(chosen.checkpoints).delete_unused(repositories)
