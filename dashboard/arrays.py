"""A header and typed arrays as one file, which ``assets/modules/payload.mjs`` reads.

The layout: the header's length (uint32, little-endian), the header (UTF-8 JSON, padded with spaces
to a multiple of 8), then the arrays, each starting at a multiple of 8. Wherever the header holds
``{"at": offset, "type": .., "shape": [..]}`` there is an array, of type f2, f4, i2, i4, u1 or u2;
offsets count from the end of the header. An array that holds nothing but NaN is not written: its
``type`` is ``nan``.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy import ndarray


class Arrays:
    """The arrays of a file, one after the other."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self._end = 0

    def add(self, values: ndarray, kind: str) -> dict[str, Any]:
        """Append an array and return what the header says of it."""
        if values.dtype.kind == "f" and values.size and np.isnan(values).all():
            return {"at": 0, "type": "nan", "shape": list(values.shape)}
        data = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
        place = {"at": self._end, "type": kind, "shape": list(values.shape)}
        data += b"\0" * (-len(data) % 8)
        self.chunks.append(data)
        self._end += len(data)
        return place


def framed(header: dict[str, Any], arrays: Arrays) -> bytes:
    """Return the file that holds a header and the arrays it names."""
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return b"".join([struct.pack("<I", len(text)), text, *arrays.chunks])


def decode(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of `framed` and the bytes of its arrays; `array` reads one of them."""
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def array(place: dict[str, Any], data: bytes) -> ndarray:
    """Return the array that a header's entry names."""
    if place["type"] == "nan":
        return np.full(place["shape"], np.nan, dtype=np.float32)
    count = int(np.prod(place["shape"]))
    values = np.frombuffer(data, dtype=f"<{place['type']}", count=count, offset=place["at"])
    return values.reshape(place["shape"])
