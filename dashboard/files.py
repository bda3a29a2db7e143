"""Files that an address names for ever: made once in a process from all the data of a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from flask import Response, abort

from dashboard.development import Development
from dashboard.library import Library
from dashboard.payloads import Payloads

FOREVER = "public, max-age=31536000, immutable"
# Of what is kept of one kind of files, bytes.
ROOM = 128 << 20
BINARY, JSON = "application/octet-stream", "application/json"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def for_ever(found: bytes | None, mimetype: str = BINARY) -> Response:
    """Return data that its address names for ever; there may be none of that name."""
    if found is None:
        abort(404)
    response = Response(found, mimetype=mimetype)
    response.headers["Cache-Control"] = FOREVER
    return response


def keep_last(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Keep a value, and of all only the last ``most``."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)


class RunFiles:
    """The last few files of runs, each made once in a process, when it is first asked for.

    Parameters
    ----------
    most, room
        How many are kept, and how many bytes of them; the last one in any case.
    """

    def __init__(
        self, library: Library, payloads: Payloads, most: int = 16, room: int = ROOM
    ) -> None:
        self._library = library
        self._payloads = payloads
        self._most = most
        self._room = room
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def get(
        self, run: str, digest: str, make: Callable[[Development], bytes | None], *what: str
    ) -> bytes | None:
        """Return the file that ``what`` names of a run, or None.

        None if ``make`` makes none, or if the run's data is another than ``digest`` by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        key = (run, digest, *what)
        known = self._kept.get(key)
        if known is not None:
            return known
        # One at a time: whoever asks for what is being made waits for it.
        with self._lock:
            if key not in self._kept:
                development = self._library.development(run)
                if self._payloads.digest(run) != digest:
                    return None
                # Records may have come between the two: then the digest is of other data.
                if self._library.development(run) is not development:
                    return None
                data = make(development)
                if data is None:
                    return None
                keep_last(self._kept, key, data, self._most)
                while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._room:
                    self._kept.popitem(last=False)
            return self._kept[key]
