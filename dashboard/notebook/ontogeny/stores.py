"""Stores opened for reading: a folder that `ontogeny serve` keeps, or developments that ship."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from compute.bundle import RUN_FILE, bundled_run, bundles, import_bundle
from compute.errors import StoreError
from compute.store import Store
from dashboard.tables.asked import known_name
from dashboard.tables.sources import Sources
from ontogeny.run import Run

SHIPPED = Path(__file__).resolve().parents[3] / "data"
# What diskcache calls its index.
INDEX = "cache.db"


class OpenStore:
    """A store that is read.

    Attributes
    ----------
    folder
        Where it is.
    """

    def __init__(
        self, folder: Path, store: Store, *, fetch: Callable[[str], None], close: Callable[[], None]
    ) -> None:
        self.folder = folder
        self._store = store
        self._sources = Sources.of_store(store)
        self._fetch = fetch
        self._close = close

    def runs(self) -> list[str]:
        """Return the names of all runs, in order."""
        return [run.name for run in self._store.runs()]

    def run(self, name: str) -> Run:
        """Return a run.

        Raises
        ------
        UnknownName
            If the store has no run of that name; says the nearest ones.
        """
        known_name("the store has no run", name, self.runs())
        self._fetch(name)
        return Run(self._sources, name)

    def close(self) -> None:
        """Close the store; what was read of it stays."""
        self._store.close()
        self._close()

    def __enter__(self) -> OpenStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Ontogeny store {self.folder}: {', '.join(self.runs()) or 'no run'}>"


def open_store(folder: str | Path | None = None) -> OpenStore:
    """Return a store, for reading only.

    Parameters
    ----------
    folder
        What ``ontogeny --data`` names; or a folder of developments as ``ontogeny export`` writes
        them, or one of these. None for the developments that ship with the project.

    Raises
    ------
    StoreError
        If there is no store in the folder, or if it cannot be read. None is made.
    BadRecord
        If a development's files are damaged.
    """
    if folder is None and not SHIPPED.is_dir():
        raise StoreError(
            "no development was installed with this package; name the folder of a store, or of "
            "the project's data: ontogeny.open_store(FOLDER)"
        )
    place = SHIPPED if folder is None else Path(folder).expanduser()
    if (place / INDEX).is_file():
        return OpenStore(place, Store(place), fetch=lambda name: None, close=lambda: None)
    found = [place] if (place / RUN_FILE).is_file() else bundles(place)
    if not found:
        raise StoreError(
            f"no store in {place.absolute()}; name the folder that ontogeny --data names, or one "
            "that ontogeny export wrote"
        )
    return _of_bundles(place, found)


def _of_bundles(place: Path, found: list[Path]) -> OpenStore:
    """Return a store of developments: each is read when it is asked for, and none is changed.

    Its folder lasts until it is closed or the process ends: a run may outlive its store's name.
    """
    folder = Path(tempfile.mkdtemp(prefix="ontogeny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    store = Store(folder)
    bundle_of: dict[str, Path] = {}
    for bundle in found:
        run = bundled_run(bundle)
        bundle_of[run.name] = bundle
        store.put_run(run)

    def fetch(name: str) -> None:
        import_bundle(store, bundle_of[name])

    def close() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    return OpenStore(place, store, fetch=fetch, close=close)
