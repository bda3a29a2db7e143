r"""The slope of a curve as a Gaussian process that is livelier in some places than in others.

The curve is the integral of its slope, plus a constant of which nothing is assumed. The slope has
a standard deviation and a length scale that vary along the curve: :math:`f'(x) = s(x) h(u(x))`
with :math:`du = dx / l(x)` and ``h`` stationary. LLC curves are steep and change fast in some
places and rest in others: with one amplitude and one length scale for all of ``x``, late turns
drown in the freedom that early ones need. Both are log-linear between a few knots, with a random
walk from knot to knot as prior. The noise of a point is its own error and, in quadrature, an extra
noise with an exponential trend in ``x``.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import minimize

Kernel: TypeAlias = Literal["smooth", "rough"]

_NODES, _KNOTS = 150, 8
# Standard deviations of the prior: of a step of ln s or ln l from knot to knot, of the trend of
# the logarithm of the extra noise; and the share of the stretch about which the mean ln l lies.
_WALK, _TREND, _SHARE = 1.0, 1.0, 0.15
_AMPLITUDE, _NOISE = (-8.0, 6.0), (-9.0, 2.0)
_JITTER = 1e-9


class Slopes(NamedTuple):
    """Joint posterior of a curve's slope.

    Attributes
    ----------
    nodes
        Places between which the slope is linear, ascending.
    mean, covariance
        Of the slope there, per unit of ``x``.
    """

    nodes: Float[ndarray, " nodes"]
    mean: Float[ndarray, " nodes"]
    covariance: Float[ndarray, "nodes nodes"]

    def part(self, between: slice) -> Slopes:
        """Return the posterior at some of the nodes."""
        return Slopes(self.nodes[between], self.mean[between], self.covariance[between, between])

    def draws(self, count: int, generator: np.random.Generator) -> Float[ndarray, "count nodes"]:
        """Return slopes drawn from the posterior."""
        variance, axes = np.linalg.eigh(self.covariance)
        along = generator.standard_normal((count, len(variance)))
        return self.mean + (along * np.sqrt(np.maximum(variance, 0))) @ axes.T


class SlopeProcess:
    """The process of a curve's slope, given points; hyperparameters are an argument.

    They are ``ln s`` and ``ln l`` at the knots, the logarithm of the extra noise at the mean of
    ``x``, and how much that rises from one end to the other. ``kernel`` is that of ``h``:
    ``smooth`` is squared exponential, ``rough`` Ornstein-Uhlenbeck.
    """

    def __init__(
        self,
        x: Float[ndarray, " points"],
        y: Float[ndarray, " points"],
        own: Float[ndarray, " points"],
        kernel: Kernel,
    ) -> None:
        self.x, self.y, self.own, self.kernel = x, y, own, kernel
        self.stretch = float(np.ptp(x))
        self.nodes = _nodes(x)
        self.integral = integral(self.nodes, x)
        self.cumulative = integral(self.nodes, self.nodes)
        self.knots = _interpolation(self.nodes, np.linspace(x[0], x[-1], _KNOTS))
        self.along = (x - x.mean()) / self.stretch

    def loss(self, hyper: Float[ndarray, " hyper"]) -> tuple[float, Float[ndarray, " hyper"]]:
        """Return minus the log posterior of hyperparameters, without its constant, and gradient."""
        slope, by_apart, by_lengths, noise = self._prior(hyper)
        inverse, log_determinant = self._inverse(slope, noise)
        rows = inverse.sum(axis=1)
        projected = inverse - np.outer(rows, rows) / rows.sum()
        weights = projected @ self.y
        fit = projected - np.outer(weights, weights)
        inner = self.integral.T @ fit @ self.integral
        by_noise = np.diag(fit) * noise
        gradient = np.concatenate([
            self.knots.T @ (inner * slope).sum(axis=1),
            -by_lengths.T @ (inner * by_apart).sum(axis=1),
            [by_noise.sum(), by_noise @ self.along],
        ])  # fmt: skip
        loss = 0.5 * float(self.y @ weights + log_determinant + np.log(rows.sum()))
        penalty, by_penalty = self._penalty(hyper)
        return loss + penalty, gradient + by_penalty

    def posterior(self, hyper: Float[ndarray, " hyper"]) -> Slopes:
        """Return the slope given points and hyperparameters."""
        slope, _, _, noise = self._prior(hyper)
        inverse, _ = self._inverse(slope, noise)
        rows = inverse.sum(axis=1)
        projected = inverse - np.outer(rows, rows) / rows.sum()
        across = slope @ self.integral.T
        return Slopes(
            self.nodes, across @ (projected @ self.y), slope - across @ projected @ across.T
        )

    def fitted(self) -> Float[ndarray, " hyper"]:
        """Return the likeliest hyperparameters; ``y`` has a spread of about 1."""
        shortest = max(float(np.median(np.diff(self.x))), self.stretch / _NODES)
        bounds = np.array(
            [_AMPLITUDE] * _KNOTS
            + [np.log([shortest, 4 * self.stretch])] * _KNOTS
            + [_NOISE, (-4 * _TREND, 4 * _TREND)]
        )
        start = np.array(
            [np.log(3 / self.stretch)] * _KNOTS
            + [np.log(_SHARE * self.stretch)] * _KNOTS
            + [np.log(0.1), 0]
        )
        start = np.clip(start, bounds[:, 0], bounds[:, 1])
        return minimize(self.loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x

    def _prior(self, hyper: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """Return covariance of the slope, and variance of the extra noise.

        Between them: the derivative of the former by a pair's distance in length scales, and that
        of the distance from the first node by ``ln l`` at the knots, with its sign changed.
        """
        deviation = np.exp(self.knots @ hyper[:_KNOTS])
        density = np.exp(-self.knots @ hyper[_KNOTS : 2 * _KNOTS])
        by_lengths = self.cumulative @ (density[:, None] * self.knots)
        warped = self.cumulative @ density
        apart = warped[:, None] - warped
        power = 0.5 * apart**2 if self.kernel == "smooth" else np.abs(apart)
        covariance = deviation[:, None] * np.exp(-power) * deviation
        by_apart = -covariance * (apart if self.kernel == "smooth" else np.sign(apart))
        noise = np.exp(2 * hyper[-2] + 2 * hyper[-1] * self.along)
        return covariance, by_apart, by_lengths, noise

    def _inverse(self, slope: ndarray, noise: ndarray) -> tuple[ndarray, float]:
        covariance = self.integral @ slope @ self.integral.T
        jitter = _JITTER * np.trace(covariance) / len(covariance)
        covariance[np.diag_indices_from(covariance)] += self.own**2 + noise + jitter
        factor = cholesky(covariance, lower=True)
        inverse = cho_solve((factor, True), np.eye(len(factor)))
        return inverse, 2 * float(np.log(np.diag(factor)).sum())

    def _penalty(self, hyper: ndarray) -> tuple[float, ndarray]:
        lengths = hyper[_KNOTS : 2 * _KNOTS]
        steps = np.diff(hyper[:_KNOTS]) / _WALK, np.diff(lengths) / _WALK
        length = lengths.mean() - np.log(_SHARE * self.stretch)
        trend = hyper[-1] / _TREND
        gradient = np.zeros_like(hyper)
        for first, step in zip((0, _KNOTS), steps, strict=True):
            gradient[first : first + _KNOTS] = -np.diff(step, prepend=0, append=0) / _WALK
        gradient[_KNOTS : 2 * _KNOTS] += length / _KNOTS
        gradient[-1] = trend / _TREND
        squares = sum(step @ step for step in steps) + length**2 + trend**2
        return 0.5 * float(squares), gradient


def integral(
    nodes: Float[ndarray, " nodes"], x: Float[ndarray, " points"]
) -> Float[ndarray, "points nodes"]:
    """Return the weights that integrate what is linear between nodes from the first one to x."""
    width = np.diff(nodes)
    at = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(width) - 1)
    cells = np.zeros((len(nodes), len(nodes)))
    before = np.arange(len(width))
    cells[before + 1, before] += width / 2
    cells[before + 1, before + 1] += width / 2
    weights = np.cumsum(cells, axis=0)[at]
    rows, past = np.arange(len(x)), x - nodes[at]
    second = past**2 / (2 * width[at])
    weights[rows, at] += past - second
    weights[rows, at + 1] += second
    return weights


def _nodes(x: ndarray) -> Float[ndarray, " nodes"]:
    """Return places from the first x to the last: half even in x, half as dense as points."""
    fine = np.linspace(x[0], x[-1], 10 * _NODES)
    even = (fine - fine[0]) / np.ptp(fine)
    dense = np.interp(fine, x, np.linspace(0, 1, len(x)))
    return np.interp(np.linspace(0, 2, _NODES), even + dense, fine)


def _interpolation(at: ndarray, knots: ndarray) -> Float[ndarray, "at knots"]:
    """Return the weights of linear interpolation between even knots."""
    return np.maximum(1 - np.abs(at[:, None] - knots) / (knots[1] - knots[0]), 0)
