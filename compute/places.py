"""The folders out of which visitors may add runs, and what in them may be added."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from compute.errors import SettingsError
from compute.runs import Run, checkpoint_folders

# Runs lie in an allowed folder or in a folder of it, not deeper.
_DEEP = 2
# What is looked through for links; larger folders are for the command line.
_MOST_FILES = 50_000


def allowed_folder(folders: Sequence[Path], asked: str) -> Path:
    """Return the folder of a run if it lies in one of ``folders``, whatever its name says.

    Parameters
    ----------
    asked
        An absolute path, or one from an allowed folder.

    Raises
    ------
    SettingsError
        If it is elsewhere, cannot be read, goes through a link, or leads out of the folder that
        allows it.
    """
    if not folders:
        raise SettingsError("no folder is allowed here: start with --runs-folders FOLDER")
    if not asked.strip() or "\0" in asked or ".." in Path(asked).parts:
        raise SettingsError("name a folder, without .. in its path")
    for root in folders:
        place = root / asked.strip()
        if not place.is_relative_to(root) or place == root or not _is_folder(place):
            continue
        _refuse_links(root, place)
        return place
    where = ", ".join(str(root) for root in folders)
    raise SettingsError(f"no such folder in {where}, out of which runs may be added here")


def recheck(folders: Sequence[Path], run: Run) -> None:
    """Refuse a run in one of ``folders`` in which a link leads out, since it was entered too.

    Raises
    ------
    SettingsError
        If one does, or it cannot be read.
    """
    place = Path(run.location)
    for root in folders if run.source == "folder" else ():
        if place.is_relative_to(root.resolve()) and _is_folder(place):
            _refuse_links(root.resolve(), place)
            return


def places(folders: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Yield the folders that hold checkpoints and may be added, each with how many it holds."""
    for root in folders:
        for place in sorted(_below(root, _DEEP)):
            try:
                found = checkpoint_folders(place)
                if found:
                    _refuse_links(root, place)
            except (SettingsError, OSError):
                continue
            if found:
                yield place, len(found)


def _below(root: Path, depth: int) -> Iterator[Path]:
    try:
        children = [c for c in root.iterdir() if c.is_dir() and not c.is_symlink()]
    except OSError:
        return
    for child in children:
        yield child
        if depth > 1 and not child.name.startswith("."):
            yield from _below(child, depth - 1)


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError as error:
        raise SettingsError(f"{_short(place)} cannot be read: {error.strerror}") from error


def _short(place: Path) -> str:
    text = str(place)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _refuse_links(root: Path, place: Path) -> None:
    """Raise `SettingsError` if a link on the way to a run, or anywhere in it, leads out."""
    parts = [place, *place.parents]
    if any(p.is_symlink() for p in parts[: parts.index(root)]):
        raise SettingsError(f"{place} is reached through a link; name the folder itself")
    try:
        for path in _links(place.resolve(), root.resolve()):
            raise SettingsError(f"{path} is a link out of {root}; copy what it points to")
    except OSError as error:
        where = error.filename or place
        raise SettingsError(f"{where} cannot be read: {error.strerror or error}") from error


def _links(place: Path, real: Path) -> Iterator[Path]:
    """Yield the links in a folder that lead out of ``real``; those that stay within are followed.

    Raises
    ------
    SettingsError
        If there are too many files to be looked through.
    """
    waiting, seen, count = [place], {place}, 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                if count > _MOST_FILES:
                    raise SettingsError(
                        f"{place} has more than {_MOST_FILES:,} files, too many to be checked for "
                        "links here; on the server's machine, type: ontogeny add FOLDER"
                    )
                path = Path(entry.path)
                if entry.is_symlink():
                    try:
                        path = path.resolve()
                    except (OSError, RuntimeError):  # a circle
                        yield Path(entry.path)
                        continue
                    if not path.is_relative_to(real):
                        yield Path(entry.path)
                if path not in seen and path.is_dir():
                    seen.add(path)
                    waiting.append(path)
