"""Entering runs into the catalogue and taking them out of it, from the command line and from pages.

Nothing here opens a model. What a run is, its config and its text say, and reading these needs the
libraries that models need: pages have the command line do it, in a process of its own.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from compute.errors import RunError, SettingsError
from compute.jobs import Jobs
from compute.runs import Run, check_run_name, checkpoint_folders
from compute.store import Store

ADDING_SECONDS = 180.0
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REMOVED = "removed/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Addition:
    """A run that is to be entered.

    Attributes
    ----------
    location
        A folder with checkpoints, or ``owner/name`` on the hub.
    name
        The run's name; "" for the end of the location.
    text
        The text it is measured on; "" for its own.
    recipe, tokens_per_step
        As of a `Run`; "" and 0 for what the folder itself says.
    """

    location: str
    hub: bool = False
    name: str = ""
    text: str = ""
    recipe: str = ""
    tokens_per_step: int = 0

    def arguments(self) -> list[str]:
        """Return the arguments of ``ontogeny add``; none of them can be read as an option."""
        options = {"--name": self.name, "--text": self.text, "--recipe": self.recipe}
        given = [f"{option}={value}" for option, value in options.items() if value]
        if self.tokens_per_step:
            given.append(f"--tokens-per-step={self.tokens_per_step}")
        return [*given, *(["--hub"] if self.hub else []), "--", self.location]


Add: TypeAlias = Callable[[Addition], str]


def enter(store: Store, run: Run) -> None:
    """Put a run into the catalogue; one that is there already keeps the settings of its LLC.

    So does one that came as records and now has checkpoints, if it has settings: its curve goes on.

    Raises
    ------
    SettingsError
        If another run has that name, or had it and left its records: those of two would mix.
    """
    place = (run.source, run.location)
    known = _known(store, run.name)
    before = _removed(store, run.name) if known is None else None
    if known is not None and _is_elsewhere(known, place):
        raise SettingsError(
            f"there is a run {run.name!r} already, at {known.location}; "
            "give this one another name: --name"
        )
    if before is not None and before[0] != "shipped" and before != place:
        raise SettingsError(
            f"the store still has records of a run {run.name!r}, which was at {before[1]}; "
            "give this one another name: --name"
        )
    if known is not None:
        kept = known.llc or (run.llc if known.source == "shipped" else "")
        run = dataclasses.replace(run, llc=kept)
    with store.transact():
        store.put_run(run)
        store.drop_document(_REMOVED + run.name)


def _is_elsewhere(known: Run, place: tuple[str, str]) -> bool:
    """Return whether a run of the catalogue has checkpoints at another place."""
    if (known.source, known.location) == place:
        return False
    return known.source == "hub" or (known.source == "folder" and Path(known.location).is_dir())


def refuse_shipped_name(store: Store, addition: Addition) -> None:
    """Refuse what would go by the name of a run that came as records, and is of another recipe.

    Raises
    ------
    SettingsError
        If it would: its records would mix with those.
    """
    name = addition.name or Path(addition.location).name
    known = _known(store, name)
    place = (known.source, known.location) if known else _removed(store, name)
    if place is None or place[0] != "shipped":
        return
    if addition.hub or _recipe_name(Path(addition.location)) != place[1]:
        raise SettingsError(
            f"the records of {name!r} came without its weights, and may be of another model; "
            "give this run another name"
        )


def _known(store: Store, name: str) -> Run | None:
    """Return the run of that name, or None."""
    return next((run for run in store.runs() if run.name == name), None)


def _removed(store: Store, name: str) -> tuple[str, str] | None:
    """Return source and location of a run that was removed, if it left records."""
    told = store.document(_REMOVED + name)
    if told is None or not store.keys(name):
        return None
    return str(told.get("source")), str(told.get("location"))


def _recipe_name(folder: Path) -> str:
    """Return which development's recipe a folder was trained by; "" for other folders."""
    try:
        return str(json.loads((folder / "recipe.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def remove(store: Store, jobs: Jobs, name: str) -> None:
    """Take a run out of the catalogue; its records stay in the store.

    Raises
    ------
    RunNotFound
        If there is no such run.
    SettingsError
        If it is being measured.
    """
    run = store.run(name)
    if any(job.run == name and job.open for job in jobs.list()):
        raise SettingsError(f"{name} is being measured: cancel its job first, on the page Jobs")
    with store.transact():
        # Remembered, so that no other run's records come among those that stay.
        store.put_document(_REMOVED + name, {"source": run.source, "location": run.location})
        store.drop_run(name)


def again(run: Run) -> Addition:
    """Return what enters a run once more, so that checkpoints are looked for anew.

    Raises
    ------
    SettingsError
        If the run came as records only.
    """
    if run.source == "shipped":
        raise SettingsError(f"{run.name} came as records only: it has no checkpoints to look for")
    return Addition(
        location=run.location, hub=run.source == "hub", name=run.name, text=run.text,
        recipe=run.recipe, tokens_per_step=run.tokens_per_step,
    )  # fmt: skip


def repository(text: str) -> str:
    """Return the name of a model on the hub.

    Raises
    ------
    SettingsError
        If it is not ``owner/name``.
    """
    if not _REPOSITORY.fullmatch(text.strip()):
        raise SettingsError("a model on the hub is OWNER/NAME, such as EleutherAI/pythia-14m")
    return text.strip()


def new_checkpoints(run: Run) -> tuple[list[int], list[int]] | None:
    """Return the steps that have come to a run's folder since it was entered, and those gone.

    None for a run that is not in a folder.

    Raises
    ------
    RunError
        If the folder cannot be read.
    """
    if run.source != "folder":
        return None
    try:
        there = set(checkpoint_folders(Path(run.location)))
    except OSError as error:
        raise RunError(f"{run.location} cannot be read: {error.strerror or error}") from error
    return sorted(there.difference(run.steps)), sorted(set(run.steps) - there)


def checked(addition: Addition) -> Addition:
    """Return an addition whose names can be used.

    Raises
    ------
    SettingsError
        If one cannot.
    """
    for name in (addition.name, addition.recipe):
        if name:
            check_run_name(name)
    if addition.tokens_per_step < 0:
        raise SettingsError("tokens per step are a whole number, at least 1")
    return addition


def adding_command(data: Path, *, seconds: float = ADDING_SECONDS) -> Add:
    """Return what enters a run by ``ontogeny add``, in a process of its own, and what it said.

    It raises `RunError` with the words of the command where that refuses, or takes longer than
    ``seconds``.
    """

    def add(addition: Addition) -> str:
        command = [sys.executable, "-m", "compute.cli", "add", "--data", str(data)]
        try:
            done = subprocess.run(
                [*command, *addition.arguments()],
                capture_output=True, text=True, timeout=seconds, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RunError(
                f"{addition.location} did not answer within {seconds:.0f} s; try again later"
            ) from error
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ontogeny: ")]
            said = lines[-1].removeprefix("ontogeny: ") if lines else "see the server's log"
            if not lines:
                print(done.stderr, file=sys.stderr, flush=True)
            raise RunError(said)
        return done.stdout.strip()

    return add
