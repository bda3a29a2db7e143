"""The store: records, failures, jobs and the catalogue in one diskcache folder.

The only module that imports diskcache. Values are bytes of our own formats and keys are strings;
anything pickled is refused on reading, so that opening somebody's store runs no code of theirs.
"""

from __future__ import annotations

import contextlib
import errno
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diskcache
import psutil
from diskcache.core import MODE_PICKLE

from compute.errors import BadRecord, RunNotFound, StoreError, StoreFull, UnsafeFileSystem
from compute.records import Measured, from_bytes, to_bytes
from compute.runs import Run
from compute.specs import MEASUREMENTS, key_parts

_NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smbfs", "smb3", "afs", "9p", "fuse.sshfs"}
# EFBIG too: a limit on the size of files is met like a full disk.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RUN, _FAILURE, _REVISION, _DOCUMENT = "run/", "failure/", "revision/", "document/"
_RESERVE, _RESERVE_BYTES = "reserve", 1 << 20


class _PlainDisk(diskcache.Disk):  # type: ignore[misc]
    """Keys and values without pickle."""

    def fetch(self, mode: int, filename: str, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE:
            raise BadRecord("the store holds a pickled value, which is never read")
        return super().fetch(mode, filename, value, read)

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise BadRecord("the store holds a pickled key, which is never read")
        return super().get(key, raw)

    def _write(self, full_path: str, *args: Any, **kwargs: Any) -> Any:
        """Leave no half a file behind: on a full disk, it would keep the disk full."""
        try:
            return super()._write(full_path, *args, **kwargs)
        except OSError:
            Path(full_path).unlink(missing_ok=True)
            raise


class Store:
    """A folder of records. One process writes records; any number read.

    Parameters
    ----------
    folder
        Made if absent; must be on a local disk.
    partitions
        Returns the mounted file systems, as `psutil.disk_partitions` does.

    Raises
    ------
    UnsafeFileSystem
        If the folder is on a network file system.
    StoreError
        If the folder cannot be made, read or written.
    """

    def __init__(
        self, folder: Path, *, partitions: Callable[..., Any] = psutil.disk_partitions
    ) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_network(folder, partitions(all=True))
            self._cache = diskcache.Cache(
                str(folder), disk=_PlainDisk, eviction_policy="none", timeout=60
            )
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            raise StoreError(f"cannot use the store {folder}: {error}") from error

    def close(self) -> None:
        """Close the store's connection."""
        self._cache.close()

    # -- records ---------------------------------------------------------------------------

    def put(self, measured: Measured) -> None:
        """Keep a record for ever; a key that is there already is left as it is."""
        with self.transact():
            self._write(measured.key, to_bytes(measured), once=True)
            self._drop(_FAILURE + measured.key)
            self._touch(measured.run)

    def put_many(self, records: dict[str, bytes], run: str) -> None:
        """Keep encoded records of one run in a single transaction."""
        with self.transact():
            for key, data in records.items():
                self._write(key, data, once=True)
            self._touch(run)

    def get(self, key: str) -> Measured | None:
        """Return the record under ``key``, or None."""
        data = self._read(key)
        return None if data is None else from_bytes(data)

    def get_bytes(self, key: str) -> bytes | None:
        """Return the record under ``key`` as it is stored, or None."""
        return self._read(key)

    def has(self, key: str) -> bool:
        """Say whether there is a record under ``key``."""
        with self._plain_errors():
            return key in self._cache

    def keys(self, run: str, kind: str | None = None) -> list[str]:
        """Return the keys of a run's records, of one kind or of all.

        Records whose kind meant something else in an earlier version are left out.
        """
        kinds = MEASUREMENTS if kind is None else {kind: MEASUREMENTS[kind]}
        return [
            key
            for name, measurement in kinds.items()
            for key in self._names(f"{name}/{measurement.version}/{run}/")
        ]

    def outdated_keys(self, run: str) -> list[str]:
        """Return the keys of a run's records whose kind meant something else when they were made.

        They are kept, and never shown.
        """
        every = (key for kind in MEASUREMENTS for key in self._names(f"{kind}/"))
        return [key for key in every if (parts := key_parts(key)).run == run and not parts.current]

    def drop(self, key: str) -> None:
        """Remove a record that cannot be read, so that it is measured again."""
        with self.transact():
            self._drop(key)
            self._touch(key_parts(key).run)

    def revision(self, run: str) -> int:
        """Return a number that grows with everything written about a run."""
        return int(self._read(_REVISION + run) or b"0")

    # -- failures --------------------------------------------------------------------------

    def put_failure(self, key: str, reason: str) -> None:
        """Keep why a measurement failed, until it succeeds or is cleared."""
        with self.transact():
            self._write(_FAILURE + key, reason.encode())
            self._touch(key_parts(key).run)

    def drop_failure(self, key: str) -> None:
        """Forget why a measurement failed, if it did."""
        self._drop(_FAILURE + key)

    def failures(self, run: str) -> dict[str, str]:
        """Return the reasons of a run's failed measurements by key."""
        found = {
            name.removeprefix(_FAILURE): self._read(name)
            for kind, measurement in MEASUREMENTS.items()
            for name in self._names(f"{_FAILURE}{kind}/{measurement.version}/{run}/")
        }
        return {k: v.decode() for k, v in found.items() if v is not None}

    def clear_failures(self, run: str) -> int:
        """Forget a run's failures, so that they are tried again, and return how many."""
        keys = list(self.failures(run))
        with self.transact():
            for key in keys:
                self._drop(_FAILURE + key)
            self._touch(run)
        return len(keys)

    # -- the catalogue ---------------------------------------------------------------------

    def put_run(self, run: Run) -> None:
        """Enter a run, or replace its entry."""
        with self.transact():
            self._write(_RUN + run.name, run.to_bytes())
            self._touch(run.name)

    def drop_run(self, name: str) -> None:
        """Take a run out of the catalogue; its records stay, and are there if it comes back."""
        with self.transact():
            self._drop(_RUN + name)
            self._touch(name)

    def run(self, name: str) -> Run:
        """Return the run of that name.

        Raises
        ------
        RunNotFound
            If there is none.
        """
        data = self._read(_RUN + name)
        if data is None:
            known = ", ".join(r.name for r in self.runs()) or "none"
            raise RunNotFound(f"no run named {name!r}; the store has: {known}")
        return Run.from_bytes(data)

    def runs(self) -> list[Run]:
        """Return all runs, by name."""
        found = [self._read(name) for name in self._names(_RUN)]
        return [Run.from_bytes(data) for data in found if data is not None]

    # -- documents: small JSON values that change (jobs, heartbeats) -------------------------

    def put_document(self, name: str, value: dict[str, Any]) -> None:
        """Write a small JSON document under ``document/<name>``."""
        self._write(_DOCUMENT + name, json.dumps(value).encode())

    def document(self, name: str) -> dict[str, Any] | None:
        """Return a document, or None."""
        data = self._read(_DOCUMENT + name)
        if data is None:
            return None
        try:
            value: dict[str, Any] = json.loads(data)
        except ValueError as error:
            raise BadRecord(f"the document {name} is not JSON: {error}") from error
        return value

    def documents(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the documents whose name starts with ``prefix``, by name, in name order."""
        names = [name.removeprefix(_DOCUMENT) for name in self._names(_DOCUMENT + prefix)]
        found = {name: self.document(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def drop_document(self, name: str) -> None:
        """Remove a document, if it is there."""
        self._drop(_DOCUMENT + name)

    @contextlib.contextmanager
    def transact(self) -> Iterator[None]:
        """Return a context in which reads and writes are one atomic step across processes."""
        with self._plain_errors(), self._cache.transact():
            yield

    # -- the reserve: room to say that the disk is full --------------------------------------

    def keep_reserve(self) -> None:
        """Set some disk space aside, so that job states can be written on a full disk."""
        reserve = self.folder / _RESERVE
        try:
            if not reserve.exists():
                reserve.write_bytes(bytes(_RESERVE_BYTES))
        except OSError:
            self.spend_reserve()

    def spend_reserve(self) -> None:
        """Free the space that `keep_reserve` set aside."""
        with contextlib.suppress(OSError):
            (self.folder / _RESERVE).unlink(missing_ok=True)

    # --------------------------------------------------------------------------------------

    def _names(self, prefix: str) -> list[str]:
        """Return the keys that start with ``prefix``, in order.

        diskcache iterates over all keys only, which takes seconds in a large store; its index
        gives a range at once. A pickled key (raw = 0) is never read.
        """
        with self._plain_errors():
            rows = self._cache._sql(
                "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ? ORDER BY key",
                (prefix, prefix + "\U0010ffff"),
            ).fetchall()
        return [name for (name,) in rows]

    def _touch(self, run: str) -> None:
        with self.transact():
            self._write(_REVISION + run, str(self.revision(run) + 1).encode())

    def _read(self, key: str) -> bytes | None:
        with self._plain_errors():
            data: bytes | None = self._cache.get(key)
            return data

    def _drop(self, key: str) -> None:
        with self._plain_errors():
            self._cache.delete(key)

    def _write(self, key: str, data: bytes, *, once: bool = False) -> None:
        with self._plain_errors():
            (self._cache.add if once else self._cache.set)(key, data)

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        """Say what disk and database refuse in our own words."""
        try:
            yield
        except (OSError, sqlite3.Error, diskcache.Timeout) as error:
            if _is_full(error):
                raise StoreFull(
                    f"the disk of the store {self.folder} is full; nothing finished is lost: "
                    "free some space and start the job again"
                ) from error
            raise StoreError(f"the store {self.folder} refuses: {error}") from error


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return "is full" in str(error)


def _refuse_network(folder: Path, partitions: list[Any]) -> None:
    here = folder.resolve()
    mounts = [p for p in partitions if here.is_relative_to(p.mountpoint)]
    if not mounts:
        return
    mount = max(mounts, key=lambda p: len(p.mountpoint))
    if mount.fstype.lower() in _NETWORK_FILE_SYSTEMS:
        raise UnsafeFileSystem(
            f"the store {folder} is on a network file system ({mount.fstype}), where locks "
            "fail and records are lost; choose a folder on a local disk"
        )
