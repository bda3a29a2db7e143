"""A smooth curve through estimates with errors, over the logarithm of training time.

A Gaussian process on ``x = ln(1 + t)`` (Hoogland et al. 2024, arXiv:2402.02364, smooth their LLC
curves so): a constant, of which nothing is assumed, plus a constant times a squared-exponential
kernel. The noise of a point is its own standard error and, in quadrature, one extra noise, which is
fitted: estimates scatter by more than their chains know.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

MINIMUM_POINTS = 6
NORMAL_95 = 1.96

# Bounds of the kernel's amplitude and of the extra noise, as shares of the spread of the values.
_AMPLITUDE, _NOISE = (0.01, 100.0), (1e-4, 10.0)
# The longest length scale, as a share of the stretch of ln(1 + t) that has points.
_LONGEST = 4.0
# Where the search for hyperparameters starts: length scales, as shares of that stretch, and noise.
_STARTS = tuple(itertools.product((0.05, 0.2, 0.8), (0.02, 0.3)))
_JITTER = 1e-9


class Smoothed(NamedTuple):
    """The posterior of a smooth curve and of its slope.

    Attributes
    ----------
    mean, low, high
        Of the curve, without the noise of a point: its mean and the ends of its 95 % band, in the
        unit of the values. The band takes the hyperparameters as known, and one length scale to
        serve everywhere: of a curve with a sharp bend and flat stretches it holds somewhat less.
    slope, slope_error
        Mean and standard deviation of its derivative by ln(1 + t), in the same unit.
    length_scale
        Of the kernel, in units of ln(1 + t).
    noise
        Standard deviation that a point has beside its own error, in the unit of the values.
    """

    mean: Float[ndarray, " at"]
    low: Float[ndarray, " at"]
    high: Float[ndarray, " at"]
    slope: Float[ndarray, " at"]
    slope_error: Float[ndarray, " at"]
    length_scale: float
    noise: float


def smooth(
    steps: Sequence[int] | Float[ndarray, " points"],
    values: Float[ndarray, " points"],
    errors: Float[ndarray, " points"],
    *,
    at: Sequence[float] | Float[ndarray, " at"] | None = None,
) -> Smoothed | None:
    """Return the smooth curve through points, at their own steps unless ``at`` says which.

    Parameters
    ----------
    values
        NaN where nothing is known: such a step is no point, but the curve is given there too.
    errors
        Standard errors; a point with a NaN counts as having none but the fitted noise.

    Returns
    -------
    Smoothed or None
        None for fewer than six points: they do not tell noise from shape.

    Notes
    -----
    Amplitude, length scale and noise maximise the likelihood of the differences between points
    (the restricted marginal likelihood: the constant is integrated out), from several starts. A
    constant added to all values is added to the curve, and a factor multiplies it.
    """
    known = np.isfinite(values)
    if known.sum() < MINIMUM_POINTS:
        return None
    x = np.log1p(np.asarray(steps, dtype=np.float64))
    wanted = x if at is None else np.log1p(np.asarray(at, dtype=np.float64))
    y = np.asarray(values, dtype=np.float64)[known]
    own = np.nan_to_num(np.asarray(errors, dtype=np.float64)[known])
    # Of a constant, mean and deviation differ by roundings, which are no shape.
    constant = not np.ptp(y)
    centre, scale = (y[0], own.max() or 1.0) if constant else (y.mean(), y.std())
    process = _fitted(x[known], (y - centre) / scale, own / scale)
    mean, deviation = process.curve(wanted)
    slope, slope_error = process.slope(wanted)
    return Smoothed(
        mean=centre + scale * mean,
        low=centre + scale * (mean - NORMAL_95 * deviation),
        high=centre + scale * (mean + NORMAL_95 * deviation),
        slope=scale * slope,
        slope_error=scale * slope_error,
        length_scale=process.length,
        noise=scale * process.noise,
    )


class _Process:
    """A Gaussian process with a free constant, given points and hyperparameters.

    ``inverse`` is that of the points' covariance, and ``projected`` the same without what a
    constant explains.
    """

    def __init__(
        self,
        x: Float[ndarray, " points"],
        y: Float[ndarray, " points"],
        own: Float[ndarray, " points"],
        hyper: Float[ndarray, "3"],
    ) -> None:
        self.amplitude, self.length, self.noise = (float(v) for v in np.exp(hyper))
        self.x = x
        self.kernel = self._kernel(x)
        variance = own**2 + self.noise**2 + _JITTER * self.amplitude**2
        factor = cholesky(self.kernel + np.diag(variance), lower=True)
        self.log_determinant = 2 * float(np.log(np.diag(factor)).sum())
        self.inverse = cho_solve((factor, True), np.eye(len(x)))
        self.rows = self.inverse.sum(axis=1)
        self.information = float(self.rows.sum())
        self.projected = self.inverse - np.outer(self.rows, self.rows) / self.information
        self.weights = self.projected @ y
        self.constant = float(self.rows @ y) / self.information
        self.misfit = float(y @ self.weights)

    def _kernel(self, at: Float[ndarray, " at"]) -> Float[ndarray, "at points"]:
        apart = (at[:, None] - self.x[None, :]) / self.length
        return self.amplitude**2 * np.exp(-0.5 * apart**2)

    def loss(self) -> float:
        """Return minus the restricted log likelihood, without its constant."""
        return 0.5 * (self.misfit + self.log_determinant + np.log(self.information))

    def gradient(self) -> Float[ndarray, "3"]:
        """Return its gradient by the logarithms of amplitude, length scale and noise."""
        apart = ((self.x[:, None] - self.x[None, :]) / self.length) ** 2
        fit = self.projected - np.outer(self.weights, self.weights)
        trace = float(np.trace(fit))
        by_amplitude = (fit * self.kernel).sum() + _JITTER * self.amplitude**2 * trace
        by_length = 0.5 * (fit * self.kernel * apart).sum()
        return np.array([by_amplitude, by_length, trace * self.noise**2])

    def curve(self, at: Float[ndarray, " at"]) -> tuple[ndarray, ndarray]:
        """Return mean and standard deviation of the curve."""
        across = self._kernel(at)
        mean = self.constant + across @ self.weights
        # Far from all points the constant's own uncertainty is left beside the kernel's.
        return mean, self._deviation(across, self.amplitude**2, 1.0)

    def slope(self, at: Float[ndarray, " at"]) -> tuple[ndarray, ndarray]:
        """Return mean and standard deviation of its derivative by x."""
        apart = (at[:, None] - self.x[None, :]) / self.length**2
        across = -apart * self._kernel(at)
        return across @ self.weights, self._deviation(
            across, (self.amplitude / self.length) ** 2, 0
        )

    def _deviation(
        self, across: Float[ndarray, "at points"], prior: float, constant: float
    ) -> Float[ndarray, " at"]:
        explained = np.einsum("ij,jk,ik->i", across, self.inverse, across, optimize=True)
        free = (constant - across @ self.rows) ** 2 / self.information
        return np.sqrt(np.maximum(prior - explained + free, 0))


def _fitted(
    x: Float[ndarray, " points"], y: Float[ndarray, " points"], own: Float[ndarray, " points"]
) -> _Process:
    """Return the process with the likeliest hyperparameters; ``y`` has a spread of about 1."""
    stretch = float(np.ptp(x))
    shortest = float(np.median(np.diff(np.sort(x))))
    bounds = np.log([_AMPLITUDE, (shortest, _LONGEST * stretch), _NOISE])

    def loss(hyper: ndarray) -> tuple[float, ndarray]:
        process = _Process(x, y, own, hyper)
        return process.loss(), process.gradient()

    found = [
        minimize(
            loss,
            np.clip(np.log([1.0, share * stretch, noise]), bounds[:, 0], bounds[:, 1]),
            jac=True, method="L-BFGS-B", bounds=bounds,
        )
        for share, noise in _STARTS
    ]  # fmt: skip
    return _Process(x, y, own, min(found, key=lambda f: float(f.fun)).x)
