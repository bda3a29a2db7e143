"""How many independent stretches a pair of curves has, and curves that go together by chance.

Smooth curves correlate by chance, the more so the fewer bends they have. Chance is taken here from
Gaussian processes with the curves' own length scales. They change everywhere alike; a curve whose
change is one jump is none of them, and against them two jumps that happen to be near each other
would look like a law. Such curves have few independent stretches, and are told by that.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

# Below so many nothing is said: see `independent_stretches`.
FEWEST_STRETCHES = 4.0
# The fourth moment of a Gaussian variable, in squares of its variance.
_GAUSSIAN = 3.0
# As a share of the largest.
_NO_VARIANCE = 1e-12


def independent_stretches(one: Float[ndarray, " grid"], other: Float[ndarray, " grid"]) -> float:
    """Return how many independent pairs two series on one even grid are worth.

    The number of points over the sum of the products of their autocorrelations (Bretherton et al.
    1999, J. Climate 12:1990), times the share of them at which each series does change: 3 over
    its kurtosis, at most 1. It is about the number of bends for Gaussian series, and 1 to 3 for
    two series with one peak each. NaN if one does not change.
    """
    memory = np.array([_autocorrelation(series) for series in (one, other)])
    if not np.isfinite(memory).all():
        return float("nan")
    size = len(one)
    lag = np.arange(1, size)
    together = 1 + 2 * float(((1 - lag / size) * memory[0, 1:] * memory[1, 1:]).sum())
    busy = [min(1.0, _GAUSSIAN / _kurtosis(series)) for series in (one, other)]
    return max(1.0, size / max(1.0, together) * busy[0] * busy[1])


def too_few(stretches: float) -> str:
    """Return why so few stretches tell nothing, for people; empty if they are enough."""
    if np.isnan(stretches):
        return "One of the two does not change."
    if stretches < FEWEST_STRETCHES:
        return (
            f"The changes are worth {stretches:.1f} independent stretches; fewer than "
            f"{FEWEST_STRETCHES:.0f} cannot tell a relation from chance."
        )
    return ""


def slope_draws(
    x: Float[ndarray, " at"], length: float, draws: int, generator: np.random.Generator
) -> Float[ndarray, "draws at"]:
    """Return slopes of curves with a squared-exponential kernel of that length scale.

    In units of their own standard deviation.
    """
    apart = ((x[:, None] - x) / length) ** 2
    variance, axes = np.linalg.eigh((1 - apart) * np.exp(-0.5 * apart))
    # Smooth curves have few directions with any variance.
    some = variance > _NO_VARIANCE * variance[-1]
    root = axes[:, some] * np.sqrt(variance[some])
    return np.asarray(generator.normal(size=(draws, root.shape[1])) @ root.T)


def _autocorrelation(series: Float[ndarray, " grid"]) -> Float[ndarray, " grid"]:
    away = series - series.mean()
    products = np.correlate(away, away, "full")[len(away) - 1 :]
    return np.asarray(products / products[0] if products[0] > 0 else np.full(len(away), np.nan))


def _kurtosis(series: Float[ndarray, " grid"]) -> float:
    away = series - series.mean()
    return float((away**4).mean() / (away**2).mean() ** 2)
