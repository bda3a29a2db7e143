"""The stages of a curve as the browser reads them: a JSON file for each curve of a run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.measure.stages import Boundary, Stage, Stages
from dashboard.figures.belief import believed, only
from dashboard.figures.series import NORMAL_95, Curve, Steps

Find: TypeAlias = Callable[
    [Sequence[int], Float[ndarray, " checkpoints"], Float[ndarray, " checkpoints"] | None], Stages
]


def stage_points(
    curve: Curve,
) -> tuple[Float[ndarray, " checkpoints"], Float[ndarray, " checkpoints"] | None]:
    """Return what stages are read from: believed values and their standard errors.

    Values are NaN where nothing is measured or its verdict is not healthy. Errors are half the 95 %
    interval over 1.96, in the curve's unit; None for a curve without intervals.
    """
    there = believed(curve)
    errors = (curve.high - curve.low) / (2 * NORMAL_95)
    known = there & np.isfinite(errors)
    return only(curve.values, there), only(errors, known) if known.any() else None


def curve_stages(steps: Steps, curve: Curve, find: Find) -> Stages:
    """Return the stages that ``find`` reads off a curve's believed points."""
    return find(steps, *stage_points(curve))


def encode_stages(curve: Curve, stages: Stages) -> bytes:
    """Return a curve's stages as JSON; steps are in training steps, an unknown number is null.

    ``critical`` and ``slopes`` are boundaries ``{step, low, high, kind, support}``, ``stages`` are
    ``{start, end, type, support}``, ``flat`` pairs of steps between which the curve hardly moves.
    ``reason`` says why something is not told, or is empty.
    """
    header = {
        "curve": curve.id,
        "name": curve.name,
        "settings": curve.settings,
        "reason": stages.reason,
        "critical": [_boundary(b) for b in stages.critical_points],
        "slopes": [_boundary(b) for b in stages.slope_changes],
        "stages": [_stage(s) for s in stages.stages],
        "flat": [[_known(start), _known(end)] for start, end in stages.flat],
    }
    return json.dumps(header, ensure_ascii=False, allow_nan=False).encode()


def _boundary(boundary: Boundary) -> dict[str, Any]:
    return {
        "step": _known(boundary.step),
        "low": _known(boundary.low),
        "high": _known(boundary.high),
        "kind": boundary.kind,
        "support": _known(boundary.support),
    }


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "start": _known(stage.start),
        "end": _known(stage.end),
        "type": stage.type,
        "support": _known(stage.support),
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
