"""The stages of a run's curves, by the digest of its data and the curve's id."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

from compute.measure.stages import Stages, find_stages
from dashboard.development import Development
from dashboard.figures.series import Curve, Steps
from dashboard.figures.stages import Find, curve_stages, encode_stages, stage_points
from dashboard.files import RunFiles, keep_last
from dashboard.library import Library
from dashboard.payloads import Payloads

KEPT = 64


class FoundStages:
    """The stages of the last few curves, each found once in a process, whoever asks.

    Parameters
    ----------
    find
        Reads stages off a curve: steps, values and standard errors, NaN where nothing is known.
    """

    def __init__(self, find: Find = find_stages) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._found: OrderedDict[str, Stages] = OrderedDict()

    def __call__(self, steps: Steps, curve: Curve) -> Stages:
        """Return a curve's stages; they are not found again because another curve has grown."""
        points = hashlib.sha256(repr(steps).encode())
        for part in stage_points(curve):
            points.update(b"" if part is None else part.tobytes())
        key = points.hexdigest()
        with self._lock:
            if key not in self._found:
                found = curve_stages(steps, curve, self._find)
                keep_last(self._found, key, found, KEPT)
            return self._found[key]


class Stagings:
    """The last few files of stages; ``find`` is as for `FoundStages`.

    Attributes
    ----------
    stages
        What the files are of: other pages ask it too.
    """

    def __init__(self, library: Library, payloads: Payloads, find: Find = find_stages) -> None:
        self.stages = FoundStages(find)
        self._files = RunFiles(library, payloads, KEPT)

    def file(self, run: str, digest: str, curve_id: str) -> bytes | None:
        """Return the stages of one of the run's own curves as JSON.

        None if the run has no curve of that id, or if its data is another by now.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        return self._files.get(run, digest, lambda d: self._encoded(d, curve_id), curve_id)

    def _encoded(self, development: Development, curve_id: str) -> bytes | None:
        curve = next((c for c in development.curves if c.id == curve_id), None)
        if curve is None:
            return None
        return encode_stages(curve, self.stages(development.run.steps, curve))
