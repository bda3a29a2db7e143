"""The ways of runs through the space of their outputs, as one file for the browser."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.runs import Family
from compute.trajectories import RunTrajectory, Trajectories
from dashboard.arrays import Arrays, framed

VERSION = 1
# How many axes are kept; the first four are drawn over time.
AXES = 6
DRAWN = 4
UNITS: dict[Family, str] = {"language": "nats", "regression": "units of y"}
# A random walk of a dozen checkpoints or more in 64 dimensions or more shows at least so much of
# its wave on the first axis in 19 of 20 draws, and about so much on the second.
ALIKE = 0.9
SURE = 12


def encode_trajectories(found: Trajectories, own: str, family: Family) -> bytes:
    """Return the ways of runs as the browser reads them (`dashboard.arrays`), ``own`` first.

    Of every point, ``left`` is its distance from the space of all axes that are kept: with its
    places on them, the distance from any plane follows.
    """
    arrays = Arrays()
    names = [own, *(name for name in found.runs if name != own)]
    header = {
        "version": VERSION,
        "unit": UNITS[family],
        "explained": [float(share) for share in found.explained],
        "walk": [float(share) for share in found.walk],
        "words": walk_words(found, own),
        "references": list(found.references),
        "referenceScores": arrays.add(found.reference_scores, "f4"),
        "referenceLeft": arrays.add(found.reference_beyond[:, -1], "f4"),
        "runs": [{"name": name, **_way(found.runs[name], arrays)} for name in names],
    }
    return framed(header, arrays)


def walk_words(found: Trajectories, own: str) -> str:
    """Return whether a run's way along the first axes says more than a random walk's would."""
    run = found.runs[own]
    shares = f"{_percents(found.walk[:DRAWN])} of the variance on its first {DRAWN} axes"
    measured = int(np.isfinite(run.scores[:, 0]).sum())
    if len(found.runs) > 1:
        return (
            f"Random walks of as many runs and checkpoints would have {shares}. Whether the shape "
            "of one run’s way says more than a walk’s can be read where the run is alone."
        )
    start = f"A random walk of {measured:,} checkpoints would have {shares}."
    if not np.isfinite(run.cosine_shares[:2]).all():
        return f"{start} The way spans too few axes for its shape to be compared with a walk’s."
    return f"{start} {_shape(run.cosine_shares[:2])}{'' if measured >= SURE else _ROUGH}"


_ROUGH = " With so few checkpoints this comparison is rough."


def _shape(cosines: Float[ndarray, "2"]) -> str:
    first, second = (f"{share:.0%}".replace("%", " %") for share in cosines)
    how = f"Along PC1 {first} of the way, along PC2 {second} is the wave that a walk draws there"
    apart = [f"PC{k + 1}" for k, share in enumerate(cosines) if share < ALIKE]
    if not apart:
        return f"{how}: their arc says no more than a random walk’s would."
    return f"{how}: the shape along {' and '.join(apart)} says more than a random walk’s would."


def _percents(shares: Float[ndarray, " axes"]) -> str:
    texts = [f"{100 * share:.0f}" for share in shares]
    return f"{', '.join(texts[:-1])} and {texts[-1]} %"


def _way(run: RunTrajectory, arrays: Arrays) -> dict[str, Any]:
    return {
        "steps": [int(step) for step in run.steps],
        "scores": arrays.add(run.scores, "f4"),
        "left": arrays.add(run.beyond[:, -1], "f4"),
        "distances": arrays.add(run.to_references, "f4"),
        "speed": arrays.add(run.speed, "f4"),
    }
