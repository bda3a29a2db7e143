"""Changes in the mean of a multivariate series: where, how many, and how surely.

For a given number of changes the best segmentation is exact: dynamic programming over the squared
distance from each segment's mean (`ruptures.KernelCPD` with a linear kernel, jump 1). How many
there are is decided by a sequential parametric bootstrap, see `search`.

The noise is a stationary Gaussian AR(1) on each principal axis of the residuals, per row of the
series: if rows are unevenly spaced in time, a lag is the next row all the same.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from ruptures import KernelCPD

# Noise is what is left by so many more changes than are found.
_SPARE = 2

# The noise is fitted by trial: so many rounds of so many surrogates.
_ROUNDS, _TRIALS = 5, 20

# Lag-1 autocorrelations are kept inside, so that the noise is stationary.
_LEAST_PHI, _MOST_PHI = -0.9, 0.95

# Whitening takes the noise's covariance so far towards equal variances in all directions.
_RIDGE = 0.1

# What is below this share of the whole is rounding.
_ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """What counts as a change.

    Attributes
    ----------
    most
        No more changes are looked for.
    shortest
        The fewest rows between two changes, and before the first and after the last.
    surrogates
        Surrogate series for each change that is tested.
    level
        The share of surrogates that may gain more: the chance of one change too many.
    """

    most: int
    shortest: int
    surrogates: int
    level: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """Stationary noise along fixed axes, an AR(1) on each.

    Attributes
    ----------
    axes
        Of unit length, one to a row.
    deviation
        Standard deviation on each axis, in the unit of the series.
    phi, phi_error
        Correlation of neighbouring rows on each axis, -1 to 1, and its standard error: each
        series is drawn with a correlation within it.
    """

    axes: Float[ndarray, "dims dims"]
    deviation: Float[ndarray, " dims"]
    phi: Float[ndarray, " dims"]
    phi_error: Float[ndarray, " dims"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """The changes that were found.

    Attributes
    ----------
    ends
        Where each segment ends: the first row of the next one; the last is the number of rows.
    gain, penalty
        Of the last change that was tested: by how much it lowers the summed squared distance from
        the segments' means, and what that had to exceed. A gain above its penalty says that the
        search ended at ``Rule.most``. NaN where that is 0.
    noise
        As fitted to what is left.
    """

    ends: Int[ndarray, " segments"]
    gain: float
    penalty: float
    noise: Noise


def segmentations(
    series: Float[ndarray, "rows dims"], most: int, shortest: int
) -> list[Int[ndarray, " segments"]]:
    """Return the best segmentation with 0, 1, .., ``most`` changes, as the ends of segments."""
    found = [np.array([len(series)])]
    if most:
        solver = KernelCPD(kernel="linear", min_size=shortest, jump=1).fit(series)
        # Asked for the most first, the solver has all the others at hand.
        solver.predict(n_bkps=most)
        found += [np.array(solver.predict(n_bkps=changes)) for changes in range(1, most + 1)]
    return found


def whitened(series: Float[ndarray, "rows dims"], rule: Rule) -> Float[ndarray, "rows dims"]:
    """Return the series on axes along which its noise is uncorrelated and of variance about 1.

    A change is then judged by the noise in its own direction: where all columns are noisy
    together, one against the other is still seen. The noise is what the richest segmentation
    leaves, its covariance taken a tenth of the way to equal variances, so that a direction almost
    without noise is not all that counts. A series without noise is returned as it is.
    """
    left = series - _means(series, _best(series, rule)[-1])
    covariance = left.T @ left / len(left)
    equal = np.trace(covariance) / len(covariance)
    if equal <= _ROUNDING * series.var(0).mean():
        return series
    variance, axes = np.linalg.eigh(covariance)
    return series @ axes / np.sqrt((1 - _RIDGE) * variance + _RIDGE * equal)


def search(
    series: Float[ndarray, "rows dims"], rule: Rule, generator: np.random.Generator
) -> Search:
    """Return the changes that chance does not explain.

    For ``k = 0, 1, ..`` the gain of one more change is compared with its distribution over
    surrogate series: the best means with ``k`` changes, plus noise. The search stops at the first
    ``k`` whose gain does not exceed the given percentile. Gains are taken relative to what the
    richest segmentation leaves, so that only the shape of the noise must be known.

    The noise is fitted to what is left by more changes than are found: first by two more than may
    be, then by two more than the search found, again until it finds no more. After only one more
    than are tested, a series with three large changes would leave what looks like persistent
    noise, and the search would end there.

    In noise without change a first one is found in at most 7 % of series of 30 to 100 rows at a
    level of 5 %, but for a single column with persistent noise: that is told from change less
    well, and in 22 % of series of 60 rows with an autocorrelation of 0.8 one is found.
    """
    best = _best(series, rule)
    free, before = len(best) - 1, -1
    while True:
        changes, gain, penalty = _count(series, best, free, rule, generator)
        if changes <= before or changes + _SPARE >= len(best) - 1:
            break
        before, free = changes, changes + _SPARE
    return Search(
        ends=best[changes],
        gain=gain,
        penalty=penalty,
        noise=_fit_noise(series, best[changes], best[free], rule, generator),
    )


def resampled_ends(
    series: Float[ndarray, "rows dims"], found: Search, rule: Rule, generator: np.random.Generator
) -> Int[ndarray, "surrogates segments"]:
    """Return the ends of segments of surrogates of a series, with as many changes as it has."""
    changes = len(found.ends) - 1
    drawn = _surrogates(_means(series, found.ends), found.noise, rule.surrogates, generator)
    return np.array([segmentations(each, changes, rule.shortest)[-1] for each in drawn])


def _best(series: ndarray, rule: Rule) -> list[ndarray]:
    """Return the best segmentations up to the richest that noise is read from."""
    room = len(series) // rule.shortest - 1
    return segmentations(series, min(rule.most + _SPARE, room), rule.shortest)


def _count(
    series: ndarray, best: list[ndarray], free: int, rule: Rule, generator: np.random.Generator
) -> tuple[int, float, float]:
    """Return how many changes are found, and gain and penalty of the last one tested."""
    gain = penalty = float("nan")
    unit = _cost(series, best[free])
    # A series without noise leaves nothing to compare gains with but rounding.
    least = _ROUNDING * _cost(series, best[0])
    for changes in range(min(free, rule.most)):
        noise = _fit_noise(series, best[changes], best[free], rule, generator)
        drawn = _surrogates(_means(series, best[changes]), noise, rule.surrogates, generator)
        chance = [
            _gain(each, segmentations(each, free, rule.shortest), changes, least) for each in drawn
        ]
        found = _gain(series, best[: free + 1], changes, least)
        needed = _exceeded(chance, rule.level)
        gain, penalty = found * max(unit, least), needed * max(unit, least)
        if found <= needed + _ROUNDING:
            return changes, gain, penalty
    return min(free, rule.most), gain, penalty


def _exceeded(chance: list[float], level: float) -> float:
    # Of 59 surrogates and the series itself, alike, the series is above this once in twenty.
    return float(np.quantile(chance, 1 - level, method="weibull"))


def _fit_noise(
    series: ndarray, ends: ndarray, free: ndarray, rule: Rule, generator: np.random.Generator
) -> Noise:
    """Return the noise around the means of ``ends``, from what the richer ``free`` leaves.

    Fitted means take variance and autocorrelation out of noise, the more so the more freely they
    were placed. Both are corrected by trial: to values with which surrogates, after the same fit,
    leave on average what the series leaves. The spread of the last trial gives the error of the
    autocorrelation, without which the test would find too much.
    """
    left = series - _means(series, free)
    axes = np.linalg.svd(left)[2]
    variance, covariance = (moment[0] for moment in _moments(left[None], axes))
    none = np.zeros(len(axes))
    noise = Noise(axes=axes, deviation=np.sqrt(variance), phi=none, phi_error=none)
    real = variance > _ROUNDING * max(variance.max(), _ROUNDING)
    if not real.any():
        return noise
    aim = covariance / np.where(real, variance, 1)
    error = none
    for _ in range(_ROUNDS):
        drawn = _surrogates(_means(series, ends), noise, _TRIALS, generator)
        fits = [segmentations(each, len(free) - 1, rule.shortest)[-1] for each in drawn]
        trial = np.array([e - _means(e, fit) for e, fit in zip(drawn, fits, strict=True)])
        each_variance, each_covariance = _moments(trial, axes)
        left_over = np.where(real, each_variance.mean(0), 1)
        deviation = np.where(real, noise.deviation * np.sqrt(variance / left_over), 0)
        step = np.where(real, aim - each_covariance.mean(0) / left_over, 0)
        phi = np.clip(noise.phi + step, _LEAST_PHI, _MOST_PHI)
        noise = dataclasses.replace(noise, deviation=deviation, phi=phi)
        error = np.where(real, (each_covariance / np.where(real, each_variance, 1)).std(0), 0)
    return dataclasses.replace(noise, phi_error=error)


def _moments(residuals: ndarray, axes: ndarray) -> tuple[ndarray, ndarray]:
    """Return each series' mean square on each axis, and its mean product of neighbours."""
    along = residuals @ axes.T
    rows = along.shape[1]
    return (along**2).sum(1) / rows, (along[:, 1:] * along[:, :-1]).sum(1) / rows


def _surrogates(
    mean: ndarray, noise: Noise, count: int, generator: np.random.Generator
) -> Float[ndarray, "count rows dims"]:
    about = generator.standard_normal((count, len(noise.phi)))
    phi = np.clip(noise.phi + noise.phi_error * about, _LEAST_PHI, _MOST_PHI)
    along = generator.standard_normal((len(mean), count, len(noise.phi)))
    along[1:] *= np.sqrt(1 - phi**2)
    for row in range(1, len(mean)):
        along[row] += phi * along[row - 1]
    return mean + (along * noise.deviation).transpose(1, 0, 2) @ noise.axes


def _means(series: ndarray, ends: ndarray) -> ndarray:
    """Return, for each row, the mean of its segment."""
    lengths = np.diff(ends, prepend=0)
    sums = np.add.reduceat(series, ends - lengths, axis=0)
    return np.repeat(sums / lengths[:, None], lengths, axis=0)


def _cost(series: ndarray, ends: ndarray) -> float:
    """Return the summed squared distance from the segments' means."""
    lengths = np.diff(ends, prepend=0)
    sums = np.add.reduceat(series, ends - lengths, axis=0)
    return float((series**2).sum() - (sums**2 / lengths[:, None]).sum())


def _gain(series: ndarray, best: list[ndarray], changes: int, least: float) -> float:
    """Return what one more change takes off, relative to what the richest segmentation leaves."""
    fewer, more, last = (_cost(series, best[k]) for k in (changes, changes + 1, -1))
    return (fewer - more) / max(last, least)
