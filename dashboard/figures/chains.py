"""One estimate's chains as the browser reads them: their draws, what follows, and the checks."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from compute.llc_records import LLCEstimate
from compute.llc_specs import LLCMeasurement
from dashboard.arrays import Arrays, framed
from dashboard.figures.checks import checks, settings
from dashboard.figures.series import NORMAL_95

LAGS = 40
GRID = 160
# How many standard deviations of a draw the axis of a whole run holds on either side.
SPREADS = 4.0


def chains_file(spec: LLCMeasurement, record: LLCEstimate) -> bytes:
    """Return an estimate's chains as a file (`dashboard.arrays`).

    The header has the estimate, ``perChain`` (null for a chain that diverged), the ``checks`` and
    ``settings`` as text, and arrays: ``draws`` (n beta times the paired difference of losses) and
    ``distance``, of shape chains, draws; ``autocorrelation`` of shape chains, lags from 0; and
    ``density`` of shape chains, places, at the places ``grid``.
    """
    arrays = Arrays()
    draws = scaled_draws(record)
    grid, density = densities(draws)
    return framed(
        {
            "llc": record.llc,
            "error": _or_none(NORMAL_95 * record.standard_error),
            "perChain": [_or_none(value) for value in record.per_chain],
            "verdict": record.verdict,
            "burnIn": record.spec.burn_in,
            "checks": [vars(check) for check in checks(record)],
            "settings": settings(spec, record),
            "draws": arrays.add(draws, "f4"),
            "distance": arrays.add(record.distance_trace, "f4"),
            "autocorrelation": arrays.add(autocorrelations(draws), "f4"),
            "grid": arrays.add(grid, "f4"),
            "density": arrays.add(density, "f4"),
        },
        arrays,
    )


def scaled_draws(record: LLCEstimate) -> Float[ndarray, "chains draws"]:
    """Return the estimate of each single draw; the mean over a chain is that chain's estimate."""
    losses = record.loss_trace.astype(np.float64)
    return record.spec.nbeta * (losses - record.baseline_trace)


def autocorrelations(
    draws: Float[ndarray, "chains draws"], most: int = LAGS
) -> Float[ndarray, "chains lags"]:
    """Return each chain's autocorrelation at lags from 0, up to ``most`` or a quarter of its draws.

    It is about the chain's own mean; NaN for a chain that is constant or not finite.
    """
    chains, length = draws.shape
    lags = min(most, length // 4)
    found = np.full((chains, lags + 1), np.nan)
    for i, chain in enumerate(draws):
        centred = chain - chain.mean()
        power = float(centred @ centred)
        if np.isfinite(power) and power > 0:
            found[i] = [centred[: length - k] @ centred[k:] / power for k in range(lags + 1)]
    return found


def densities(
    draws: Float[ndarray, "chains draws"], places: int = GRID
) -> tuple[Float[ndarray, " places"], Float[ndarray, "chains places"]]:
    """Return a grid and each chain's density of draws on it; NaN for a chain that is not finite.

    A Gaussian kernel of Silverman’s width for the median chain, the same for all of them.
    """
    finite = np.isfinite(draws).all(axis=1)
    density = np.full((len(draws), places), np.nan)
    spread = draws[finite].std(axis=1)
    if not (spread > 0).any():
        return np.zeros(places), density
    width = 1.06 * float(np.median(spread[spread > 0])) * draws.shape[1] ** -0.2
    ends = draws[finite].min() - 3 * width, draws[finite].max() + 3 * width
    grid = np.linspace(*ends, places)
    for i in np.flatnonzero(finite):
        apart = (grid[:, None] - draws[i][None, :]) / width
        density[i] = np.exp(-0.5 * apart**2).mean(axis=1) / (width * math.sqrt(2 * math.pi))
    return grid, density


def run_range(records: list[LLCEstimate]) -> tuple[float, float] | None:
    """Return ends that hold nearly all draws of a run's believed estimates; None if none is known.

    The spread of draws follows from the error of their mean and their effective number, so that
    no trace is needed; single draws may lie beyond.
    """
    ends = []
    for record in records:
        half = SPREADS * record.draw_error * math.sqrt(record.ess)
        if record.verdict == "healthy" and math.isfinite(half):
            ends += [record.llc - half, record.llc + half]
    return (min(ends), max(ends)) if ends else None


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
