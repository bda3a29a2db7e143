"""Curves over ln(1 + t) that have nothing to do with each other."""

from __future__ import annotations

import numpy as np
from numpy import ndarray


def smooth(x: ndarray, rng: np.random.Generator, length: float, size: float) -> ndarray:
    kernel = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-8 * np.eye(len(x))
    return size * np.linalg.cholesky(kernel) @ rng.normal(size=len(x))


def course(kind: str, x: ndarray, rng: np.random.Generator) -> ndarray:
    """A smooth curve, a drift, a jump or a random walk, without noise."""
    wiggle = smooth(x, rng, 0.7, 0.3)
    if kind == "smooth":
        return smooth(x, rng, 1.0, 1.0)
    if kind == "drift":
        return rng.choice([-1, 1]) * x / 3 + wiggle
    if kind == "jump":
        return 3 / (1 + np.exp(-3 * (x - rng.uniform(2, 6)))) + wiggle
    return np.cumsum(rng.normal(size=len(x)) * np.sqrt(np.diff(x, prepend=x[0])))
