"""The folder of fetched revisions: each is fetched once for all processes, and deleted in time.

What holds between processes is held by file locks, which end with their holder, however it ends:

- ``.lock`` guards the bookkeeping: what is in use, what must go, what comes next. It is held for
  moments only.
- ``NAME.lock`` is held by the one process that fetches a revision; the others wait for it there.
- ``NAME.use-..`` is held by each process that uses a revision or waits for it, so that it stays.

A revision is fetched into ``NAME.partial`` and renamed when it is complete and undamaged, so what
is called ``NAME`` can be opened. What a killed process leaves is ``.partial``, and is gone on with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from compute.errors import HubRefused, NoRoom
from compute.models.hub import Listing, download, find_listing, size_text
from compute.models.patience import PATIENT, Patience

_PARTIAL, _LOCK, _USE = ".partial", ".lock", ".use-"
# In a revision's folder: the bytes that it takes when it is complete.
_RESERVED = ".reserved"
_WAIT_SECONDS = 0.2


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free on the disk of ``folder``."""
    return shutil.disk_usage(folder).free


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One revision's place in the folder."""

    root: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def partial(self) -> Path:
        return self.root / (self.name + _PARTIAL)

    @property
    def lock(self) -> Path:
        return self.root / (self.name + _LOCK)

    def reserved(self) -> int:
        """Bytes that it will take, as was reserved for it; 0 if nothing was."""
        for place in (self.folder, self.partial):
            with contextlib.suppress(OSError, ValueError):
                return int((place / _RESERVED).read_text())
        return 0

    def present(self) -> int:
        """Bytes that it takes now."""
        total = 0
        for place in (self.folder, self.partial):
            for parent, _, names in os.walk(place):
                for name in names:
                    with contextlib.suppress(OSError):
                        total += (Path(parent) / name).lstat().st_size
        return total

    def last_used(self) -> float:
        times = [0.0]
        for place in (self.folder, self.partial):
            with contextlib.suppress(OSError):
                times.append(place.stat().st_mtime)
        return max(times)

    def touch(self) -> None:
        for place in (self.folder, self.partial):
            with contextlib.suppress(OSError):
                os.utime(place)

    def delete(self) -> None:
        """Delete it, in an order that leaves nothing that looks complete if this is killed."""
        with contextlib.suppress(OSError):
            self.folder.rename(self.partial)
        shutil.rmtree(self.partial, ignore_errors=True)
        self.lock.unlink(missing_ok=True)


class CheckpointCache:
    """Fetched revisions in one folder, for every process of this machine.

    Parameters
    ----------
    folder
        Made when it is needed.
    budget
        Bytes that the folder may hold, those that are on their way included; None for the disk.
    patience
        How often a hub is asked that does not answer.
    free_bytes
        Returns the bytes that are free on a folder's disk.
    """

    def __init__(
        self,
        folder: Path,
        budget: int | None = None,
        *,
        patience: Patience = PATIENT,
        free_bytes: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._folder, self._budget = folder, budget
        self._patience, self._free_bytes = patience, free_bytes

    @contextlib.contextmanager
    def lent(self, repository: str, step: int, digest: str) -> Iterator[Path]:
        """Lend the folder of a revision, fetched first if it is not here.

        Until the context ends it is not deleted. Where other revisions that are in use leave no
        room, it waits for them.

        Parameters
        ----------
        digest
            The identity of the weights that are asked for.

        Raises
        ------
        HubRefused
            If the hub does not give the revision, or it has other weights by now.
        NoRoom
            If it can never fit, or the folder cannot be used.
        """
        entry = self._entry(repository, step, digest)
        with contextlib.ExitStack() as stack:
            with self._usable():
                stack.enter_context(self._in_use(entry))
                with FileLock(entry.lock):
                    if not entry.folder.is_dir():
                        found = find_listing(repository, step, self._patience)
                        _refuse_other_weights(found, digest)
                        self._fetch(entry, found, wait=True)
            yield entry.folder

    def fetch_ahead(self, repository: str, step: int) -> bool:
        """Fetch a revision that will be asked for soon, unless it is here or on its way.

        It never waits for room. Return whether it was fetched.

        Raises
        ------
        RunError
            If it cannot be fetched now.
        """
        if self._present(repository, step):
            return False
        found = find_listing(repository, step, self._patience)
        entry = self._entry(repository, step, found.digest)
        with self._usable(), self._in_use(entry):
            try:
                with FileLock(entry.lock, blocking=False):
                    if entry.folder.is_dir():
                        return False
                    self._fetch(entry, found, wait=False)
                    return True
            except Timeout:
                return False

    def steps(self, repository: str) -> set[int]:
        """Return the steps whose revision is here, complete."""
        places = (place for place in self._places(repository) if place.suffix != _PARTIAL)
        return {int(place.name.rpartition("@")[2].partition("-")[0]) for place in places}

    def delete_unused(self, repositories: Collection[str]) -> None:
        """Delete the revisions of these repositories that no process uses."""
        if not self._folder.is_dir():
            return
        with self._usable(), self._bookkeeping():
            for repository in repositories:
                places = self._folder.glob(f"{_prefix(repository)}@*")
                for entry in {self._entry_at(place) for place in places}:
                    if not self._is_used(entry):
                        entry.delete()

    def refuse_too_large(self, what: str, size: int) -> None:
        """Raise `NoRoom` if a revision of ``size`` bytes can never fit."""
        if self._budget is not None and size > self._budget:
            raise NoRoom(
                f"{what}: a checkpoint takes {size_text(size)}, and fetched ones may take "
                f"{size_text(self._budget)} of disk; allow more: --checkpoint-disk"
            )
        with self._usable():
            free = self._free_bytes(self._folder)
            present = sum(entry.present() for entry in self._entries())
        if size > free + present:
            raise NoRoom(f"{what}: a checkpoint takes {size_text(size)}, and {_free_text(free)}")

    # ------------------------------------------------------------------------------------------

    def _fetch(self, entry: _Entry, found: Listing, *, wait: bool) -> None:
        """Make room for a revision and fetch it; its lock is held."""
        what = f"{found.repository} at {found.revision}"
        self.refuse_too_large(what, found.size or 0)
        while not self._reserve(entry, found.size or 0, what):
            if not wait:
                raise NoRoom(f"{what}: revisions that are in use leave no room")
            time.sleep(_WAIT_SECONDS)
        download(found, entry.partial, self._patience)
        entry.partial.rename(entry.folder)

    def _reserve(self, entry: _Entry, size: int, what: str) -> bool:
        """Delete what was used longest ago until there is room; return whether there is.

        Raises
        ------
        NoRoom
            If no revision of this folder is left to be deleted or waited for.
        """
        with self._bookkeeping():
            others, going = self._entries() - {entry}, set[_Entry]()
            unused = [other for other in others if not self._is_used(other)]
            unused.sort(key=_Entry.last_used, reverse=True)
            while (lack := self._lack(entry, size, others - going, going)) and unused:
                going.add(unused.pop())
            if lack and not others - going:
                raise NoRoom(f"{what}: a checkpoint takes {size_text(size)}, and {lack}")
            if lack:
                # Two that wait, each keeping the start of an earlier attempt, would wait for ever.
                shutil.rmtree(entry.partial, ignore_errors=True)
                return False
            for oldest in going:
                oldest.delete()
            entry.partial.mkdir(exist_ok=True)
            (entry.partial / _RESERVED).write_text(str(size))
            return True

    def _lack(
        self, entry: _Entry, size: int, others: Collection[_Entry], going: Collection[_Entry]
    ) -> str:
        """Return what keeps a revision of ``size`` bytes out; "" if there is room.

        Parameters
        ----------
        others, going
            The revisions that stay, and those that may be deleted for it.
        """
        taken = coming = 0
        for other in others:
            present = other.present()
            taken += max(present, other.reserved())
            coming += max(0, other.reserved() - present)
        if self._budget is not None and taken + size > self._budget:
            return f"others take {size_text(taken)} of {size_text(self._budget)}"
        free = self._free_bytes(self._folder) + sum(entry.present() for entry in going) - coming
        return _free_text(free) if size - entry.present() > free else ""

    @contextlib.contextmanager
    def _in_use(self, entry: _Entry) -> Iterator[None]:
        """Keep a revision from being deleted."""
        mark = FileLock(self._folder / f"{entry.name}{_USE}{uuid.uuid4().hex[:12]}")
        with self._bookkeeping():
            mark.acquire()
        try:
            entry.touch()
            yield
        finally:
            entry.touch()
            Path(mark.lock_file).unlink(missing_ok=True)
            mark.release()

    def _is_used(self, entry: _Entry) -> bool:
        """Say whether a process holds a revision; the marks of dead ones are removed."""
        for path in self._folder.glob(f"{entry.name}{_USE}*"):
            try:
                with FileLock(path, blocking=False):
                    path.unlink(missing_ok=True)
            except Timeout:
                return True
        return False

    def _present(self, repository: str, step: int) -> bool:
        """Say whether some revision of a step is here or on its way."""
        if not self._folder.is_dir():
            return False
        with self._usable(), self._bookkeeping():
            return any(
                place.suffix != _PARTIAL or self._is_used(self._entry_at(place))
                for place in self._places(repository, step)
            )

    def _places(self, repository: str, step: int | None = None) -> list[Path]:
        """Return the folders of a repository's revisions, complete or not."""
        which = "*" if step is None else f"{step}-*"
        found = self._folder.glob(f"{_prefix(repository)}@{which}")
        return [place for place in found if place.is_dir()]

    def _entries(self) -> set[_Entry]:
        return {self._entry_at(place) for place in self._folder.glob("*@*") if place.is_dir()}

    def _entry(self, repository: str, step: int, digest: str) -> _Entry:
        return _Entry(self._folder, f"{_prefix(repository)}@{step}-{digest[:16]}")

    def _entry_at(self, place: Path) -> _Entry:
        name = place.name.partition(_USE)[0]
        return _Entry(self._folder, name.removesuffix(_LOCK).removesuffix(_PARTIAL))

    def _bookkeeping(self) -> FileLock:
        return FileLock(self._folder / _LOCK)

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Make the folder; say in one line if it cannot be used."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            raise NoRoom(
                f"{self._folder}: fetched checkpoints cannot be kept there "
                f"({error.strerror or error}); use another folder: --checkpoints"
            ) from error


def _prefix(repository: str) -> str:
    return repository.replace("/", "--")


def _free_text(free: int) -> str:
    return (
        f"{size_text(max(free, 0))} are free on the disk; free some, or use a folder on another "
        "disk: --checkpoints"
    )


def _refuse_other_weights(found: Listing, digest: str) -> None:
    if found.digest != digest:
        raise HubRefused(
            f"{found.repository} at {found.revision}: its weights have changed since this was "
            "planned; start the job again"
        )
