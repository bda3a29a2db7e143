"""The stages of a run's curves, by the digest of its data and the curve's id."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any

from compute.measure.stages import Stages, find_stages
from dashboard.figures.series import Curve, Steps
from dashboard.figures.stages import Find, curve_stages, encode_stages, stage_points
from dashboard.library import Library
from dashboard.payloads import Payloads

KEPT = 64


class Stagings:
    """The last few files, each computed once in a process, when it is first asked for.

    Parameters
    ----------
    find
        Reads stages off a curve: steps, values and standard errors, NaN where nothing is known.
    """

    def __init__(self, library: Library, payloads: Payloads, find: Find = find_stages) -> None:
        self._library = library
        self._payloads = payloads
        self._find = find
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[str, str, str], bytes] = OrderedDict()
        self._found: OrderedDict[str, Stages] = OrderedDict()

    def file(self, run: str, digest: str, curve_id: str) -> bytes | None:
        """Return the stages of one of the run's own curves as JSON.

        None if the run has no curve of that id, or if its data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        key = (run, digest, curve_id)
        known = self._files.get(key)
        if known is not None:
            return known
        # One at a time: whoever asks for what is being computed waits for it.
        with self._lock:
            if key not in self._files:
                development = self._library.development(run)
                curve = next((c for c in development.curves if c.id == curve_id), None)
                if curve is None or self._payloads.digest(run) != digest:
                    return None
                # Records may have come between the two: then the digest is of other data.
                if self._library.development(run) is not development:
                    return None
                stages = self._stages(development.run.steps, curve)
                self._files[key] = encode_stages(curve, stages)
                _forget(self._files)
            return self._files[key]

    def _stages(self, steps: Steps, curve: Curve) -> Stages:
        """Return a curve's stages; they are not computed again because another curve has grown."""
        points = hashlib.sha256(repr(steps).encode())
        for part in stage_points(curve):
            points.update(b"" if part is None else part.tobytes())
        key = points.hexdigest()
        if key not in self._found:
            self._found[key] = curve_stages(steps, curve, self._find)
            _forget(self._found)
        return self._found[key]


def _forget(kept: OrderedDict[Any, Any]) -> None:
    while len(kept) > KEPT:
        kept.popitem(last=False)
