"""Entering runs into the catalogue and taking them out of it, from the command line and from pages.

Nothing here opens a model. What a run is, its config and its text say, and reading these needs the
libraries that models need: pages have the command line do it, in a process of its own.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from compute.errors import RunError, SettingsError
from compute.jobs import Jobs
from compute.runs import Run, check_run_name, checkpoint_folders
from compute.store import Store

ADDING_SECONDS = 180.0
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
# Runs lie in an allowed folder or in a folder of it, not deeper.
_DEEP = 2


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

    Raises
    ------
    SettingsError
        If another run has that name: the records of two runs would mix.
    """
    for known in store.runs():
        elsewhere = known.source == "hub" or Path(known.location).is_dir()
        same = (known.source, known.location) == (run.source, run.location)
        if known.name == run.name and known.source != "shipped" and elsewhere and not same:
            raise SettingsError(
                f"there is a run {run.name!r} already, at {known.location}; "
                "give this one another name: --name"
            )
        if known.name == run.name and same:
            run = dataclasses.replace(run, llc=known.llc)
    store.put_run(run)


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
    store.drop_run(run.name)


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


def allowed_folder(folders: Sequence[Path], asked: str) -> Path:
    """Return the folder of a run if it lies in one of ``folders``, whatever its name says.

    Parameters
    ----------
    asked
        An absolute path, or one from an allowed folder.

    Raises
    ------
    SettingsError
        If it is elsewhere, goes through a link, or leads out of the folder that allows it.
    """
    if not folders:
        raise SettingsError("no folder is allowed here: start with --runs-folders FOLDER")
    if not asked.strip() or "\0" in asked or ".." in Path(asked).parts:
        raise SettingsError("name a folder, without .. in its path")
    for root in folders:
        place = root / asked.strip()
        if not place.is_relative_to(root) or place == root or not place.is_dir():
            continue
        _refuse_links(root, place)
        return place
    where = ", ".join(str(root) for root in folders)
    raise SettingsError(f"no such folder in {where}, out of which runs may be added here")


def places(folders: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Yield the folders that hold checkpoints and may be added, each with how many it holds."""
    for root in folders:
        for place in sorted(_below(root, _DEEP)):
            try:
                _refuse_links(root, place)
                found = checkpoint_folders(place)
            except (SettingsError, OSError):
                continue
            if found:
                yield place, len(found)


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


def _below(root: Path, depth: int) -> Iterator[Path]:
    try:
        children = [c for c in root.iterdir() if c.is_dir() and not c.is_symlink()]
    except OSError:
        return
    for child in children:
        yield child
        if depth > 1 and not child.name.startswith("."):
            yield from _below(child, depth - 1)


def _refuse_links(root: Path, place: Path) -> None:
    """Raise `SettingsError` if a link on the way to a run, or in its checkpoints, leads out."""
    parts = [place, *place.parents]
    if any(p.is_symlink() for p in parts[: parts.index(root)]):
        raise SettingsError(f"{place} is reached through a link; name the folder itself")
    real = root.resolve()
    for checkpoint in checkpoint_folders(place).values():
        for path in (checkpoint, *checkpoint.iterdir()):
            if path.is_symlink() and not path.resolve().is_relative_to(real):
                raise SettingsError(f"{path} is a link out of {root}; copy what it points to")
