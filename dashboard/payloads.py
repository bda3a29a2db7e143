"""The encoded developments that browsers fetch, by digest."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from dashboard.development import Development
from dashboard.library import Library
from dashboard.payload import encode

KEPT = 8


class Payloads:
    """The last few encoded developments; another process makes the same bytes again.

    Parameters
    ----------
    prefix
        The path under which the server answers.
    """

    def __init__(self, library: Library, prefix: str) -> None:
        self._library = library
        self._prefix = prefix
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Development, bytes]] = OrderedDict()

    def digest(self, run: str) -> str:
        """Return the digest of a run's data as it is now."""
        development = self._library.development(run)
        with self._lock:
            for digest, (known, _) in self._kept.items():
                if known is development:
                    return digest
            data = encode(development)
            digest = hashlib.sha256(data).hexdigest()
            self._kept[digest] = (development, data)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return digest

    def data(self, run: str, digest: str) -> bytes | None:
        """Return the data of that digest, or None if the run's data is another by now."""
        if digest not in self._kept and self.digest(run) != digest:
            return None
        kept = self._kept.get(digest)
        return kept[1] if kept else None

    def address(self, run: str) -> str:
        """Return where the browser finds a run's data, for ever."""
        return f"{self._prefix}data/{run}/{self.digest(run)}.bin"
