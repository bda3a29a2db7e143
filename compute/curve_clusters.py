"""Which curves over training have the same shape, how many shapes there are, and how sure that is.

A curve's shape is what is left of it without its level and its size. All curves are compared on
the checkpoints at which all of them are measured, with trapezoid weights along the time axis:
distances are those of the linearly interpolated curves, and a stretch with many checkpoints counts
no more than one of the same length with few.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

MOST_CLUSTERS = 6
RESTARTS = 10
NULL_DRAWS = 99
RESAMPLES = 100
LEVEL = 0.05
SURE = 0.7
FEWEST_STEPS, FEWEST_CURVES = 5, 4
# Curves that lack more than this share of the checkpoints would take them from all others.
MOST_MISSING = 0.5
_ITERATIONS = 25
_AXES, _VARIANCE = 16, 0.99
_CHUNK = 2_000_000


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CurveClusters:
    """Curves over training, grouped by shape.

    Attributes
    ----------
    k
        How many shapes there are; 1 where no grouping beats chance; 0 where none was looked for.
    labels
        The cluster of each curve, the largest being 0; -1 for a curve that was left out: one that
        does not vary, or lacks too many checkpoints.
    sureness
        Share of the resamples in which a curve falls into its own cluster, 0 to 1; NaN for one
        that was left out, and where there is one cluster only.
    centres
        The mean shape of each cluster, in the curves' own standard deviations; NaN at checkpoints
        that were not used.
    used
        The checkpoints at which all curves are measured.
    silhouettes
        Mean silhouette, -1 to 1, with 2, 3, .. clusters; empty where none was looked for.
    silhouette, chance
        That of the best number of clusters, and the 95th percentile of the best silhouettes that
        curves scattered around one mean shape have; NaN where none was looked for.
    p
        Share of those that reach ``silhouette``, the curves themselves counted in.
    stability
        Adjusted Rand index of the clusters with those of values redrawn within their standard
        errors, mean over resamples: 1 the same, 0 chance; NaN for less than two clusters.
    reason
        Why no clusters were looked for, for people; empty otherwise.
    """

    k: int
    labels: Int[ndarray, " curves"]
    sureness: Float[ndarray, " curves"]
    centres: Float[ndarray, "clusters checkpoints"]
    used: Bool[ndarray, " checkpoints"]
    silhouettes: Float[ndarray, " numbers"]
    silhouette: float
    chance: float
    p: float
    stability: float
    reason: str

    @property
    def sure(self) -> bool:
        """Whether the clusters hold against the errors of the values."""
        return self.k > 1 and self.stability >= SURE


def cluster_curves(
    values: Float[ndarray, "curves checkpoints"],
    errors: Float[ndarray, "curves checkpoints"],
    places: Float[ndarray, " checkpoints"],
    *,
    generator: np.random.Generator,
) -> CurveClusters:
    """Return curves grouped by k-means on their standardised shapes.

    The number of clusters is the one with the largest mean silhouette. Chance is one cloud: the
    common mean shape plus Gaussian scatter with the covariance of the curves around it, which
    their errors are a part of; there is more than one cluster where at most one cloud of twenty
    reaches the silhouette. The result depends on the curves and the generator's state, not on the
    order of the curves.

    Parameters
    ----------
    values
        NaN where not measured.
    errors
        Standard errors, independent from checkpoint to checkpoint; one that is not finite counts
        as 0.
    places
        Of the checkpoints on the time axis, increasing.
    """
    kept, used = _complete(values)
    shapes, varies = _shapes(values[kept][:, used], places[used])
    kept = kept[varies]
    if reason := _too_few(len(kept), int(used.sum())):
        return _nothing(values, used, reason)
    order = np.lexsort(values[kept][:, used].T[::-1])
    kept, shapes = kept[order], shapes[varies][order]
    points, spread = _reduced(shapes)
    silhouettes, groupings = _best_of_each(points[None], generator)
    clouds = generator.normal(size=(NULL_DRAWS, *points.shape)) * spread
    by_chance = _best_of_each(clouds, generator)[0].max(1)
    best = int(silhouettes[0].argmax())
    found = float(silhouettes[0, best])
    p = (1 + int((by_chance >= found).sum())) / (1 + NULL_DRAWS)
    labels = groupings[best][0] if p <= LEVEL else np.zeros(len(kept), dtype=int)
    labels = _largest_first(labels)
    scale = np.nan_to_num(errors[kept][:, used], nan=0.0, posinf=0.0)
    again = _resampled(values[kept][:, used], scale, places[used], labels, generator)
    return _spread_out(
        values, kept, used, shapes / np.sqrt(_weights(places[used])), labels, again,
        silhouettes[0], float(np.quantile(by_chance, 1 - LEVEL)), p,
    )  # fmt: skip


def adjusted_rand(one: Int[ndarray, " curves"], other: Int[ndarray, " curves"]) -> float:
    """Return the adjusted Rand index of two groupings: 1 the same, 0 what chance gives.

    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)

    def pairs(counts: ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, a, b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = a * b / pairs(np.array([len(one)]))
    most = (a + b) / 2
    return (both - expected) / (most - expected) if most > expected else 1.0


def _complete(values: ndarray) -> tuple[Int[ndarray, " kept"], Bool[ndarray, " checkpoints"]]:
    """Return which curves lack few checkpoints, and the checkpoints that none of these lacks."""
    known = np.isfinite(values)
    measured = known.any(0)
    share = known[:, measured].mean(1) if measured.any() else np.zeros(len(values))
    kept = np.flatnonzero(share > MOST_MISSING)
    used = known[kept].all(0) if len(kept) else np.zeros(values.shape[1], dtype=bool)
    return kept, used


def _too_few(curves: int, steps: int) -> str:
    if curves < FEWEST_CURVES:
        return f"Shapes are told apart among at least {FEWEST_CURVES} curves; here are {curves}."
    if steps < FEWEST_STEPS:
        return (
            f"Shapes are told apart where all parts are measured at {FEWEST_STEPS} checkpoints "
            f"or more; here at {steps}."
        )
    return ""


def _weights(places: Float[ndarray, " used"]) -> Float[ndarray, " used"]:
    """Return the trapezoid rule's weights, of sum 1."""
    gaps = np.diff(places)
    weights = (np.append(gaps, 0) + np.insert(gaps, 0, 0)) / 2
    return np.asarray(weights / weights.sum())


def _shapes(
    values: Float[ndarray, "... curves used"], places: Float[ndarray, " used"]
) -> tuple[Float[ndarray, "... curves used"], Bool[ndarray, "... curves"]]:
    """Return curves of mean 0 and variance 1, times the roots of the weights; and which vary.

    The distance of two is the root of the mean squared difference over the time axis.
    """
    if len(places) < 2:
        return np.zeros_like(values), np.zeros(values.shape[:-1], dtype=bool)
    weights = _weights(places)
    away = values - (values @ weights)[..., None]
    size = np.sqrt((away * away) @ weights)
    varies = size > 1e-9 * np.abs(values).max(-1)
    unit = away / np.where(varies, size, 1)[..., None]
    return unit * np.sqrt(weights), varies


def _reduced(
    shapes: Float[ndarray, "curves used"],
) -> tuple[Float[ndarray, "curves axes"], Float[ndarray, " axes"]]:
    """Return shapes less their mean on their main axes, and the standard deviation along each."""
    left, sizes, _ = np.linalg.svd(shapes - shapes.mean(0), full_matrices=False)
    share = np.cumsum(sizes**2) / (sizes**2).sum()
    axes = min(_AXES, int(np.searchsorted(share, _VARIANCE)) + 1)
    points = left[:, :axes] * sizes[:axes]
    return points, sizes[:axes] / np.sqrt(len(shapes) - 1)


def _best_of_each(
    clouds: Float[ndarray, "clouds curves axes"], generator: np.random.Generator
) -> tuple[Float[ndarray, "clouds numbers"], list[Int[ndarray, "clouds curves"]]]:
    """Return mean silhouettes and labels with 2, 3, .. clusters."""
    most = min(MOST_CLUSTERS, clouds.shape[1] - 1)
    groupings = [_k_means(clouds, k, generator) for k in range(2, most + 1)]
    found = np.stack([_silhouettes(clouds, labels) for labels in groupings], axis=1)
    return found, groupings


def _k_means(
    clouds: Float[ndarray, "clouds curves axes"], k: int, generator: np.random.Generator
) -> Int[ndarray, "clouds curves"]:
    """Return the labels of the best of some restarts, each begun as by k-means++."""
    size = max(1, _CHUNK // (RESTARTS * clouds.shape[1] * k))
    parts = [_lloyd(clouds[i : i + size], k, generator) for i in range(0, len(clouds), size)]
    return np.concatenate(parts)


def _lloyd(points: ndarray, k: int, generator: np.random.Generator) -> ndarray:
    centres = _begun(points, k, generator)
    squares = (points * points).sum(-1)[:, None, :, None]
    labels = np.zeros((*centres.shape[:2], points.shape[1]), dtype=int)
    for _ in range(_ITERATIONS):
        cross = points[:, None] @ centres.swapaxes(-1, -2)
        apart = squares - 2 * cross + (centres * centres).sum(-1)[..., None, :]
        before, labels = labels, apart.argmin(-1)
        if (labels == before).all():
            break
        member = (labels[..., None, :] == np.arange(k)[:, None]).astype(float)
        count = member.sum(-1, keepdims=True)
        # A cluster that has lost all its curves stays where it was.
        mean = (member @ points[:, None]) / np.maximum(count, 1)
        centres = np.where(count > 0, mean, centres)
    best = apart.min(-1).sum(-1).argmin(1)
    return np.asarray(labels[np.arange(len(points)), best])


def _begun(points: ndarray, k: int, generator: np.random.Generator) -> ndarray:
    """Return first centres: curves drawn with odds that grow with the distance to those before."""
    clouds, curves, axes = points.shape
    rows = np.arange(clouds)[:, None]
    centres = np.empty((clouds, RESTARTS, k, axes))
    nearest = np.ones((clouds, RESTARTS, curves))
    for i in range(k):
        odds = np.cumsum(np.maximum(nearest, 1e-12), axis=-1)
        drawn = generator.random((clouds, RESTARTS, 1)) * odds[..., -1:]
        chosen = (odds < drawn).sum(-1)
        centres[:, :, i] = points[rows, chosen]
        away = points[:, None] - centres[:, :, i, None]
        distance = (away * away).sum(-1)
        nearest = distance if i == 0 else np.minimum(nearest, distance)
    return centres


def _silhouettes(
    clouds: Float[ndarray, "clouds curves axes"], labels: Int[ndarray, "clouds curves"]
) -> Float[ndarray, " clouds"]:
    """Return mean silhouettes; a curve that is alone in its cluster counts as 0."""
    return np.array([_silhouette(p, of) for p, of in zip(clouds, labels, strict=True)])


def _silhouette(points: ndarray, labels: ndarray) -> float:
    squares = (points * points).sum(1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    np.fill_diagonal(apart, 0)
    member = labels[:, None] == np.unique(labels)
    if member.shape[1] < 2:
        return -1.0
    count = member.sum(0)
    total = apart @ member
    own = count[member.argmax(1)]
    inside = total[member] / np.maximum(own - 1, 1)
    outside = np.where(member, np.inf, total / count).min(1)
    larger = np.maximum(inside, outside)
    score = np.where((own > 1) & (larger > 0), (outside - inside) / np.where(larger, larger, 1), 0)
    return float(score.mean())


def _largest_first(labels: Int[ndarray, " curves"]) -> Int[ndarray, " curves"]:
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    rank = np.empty(names.max() + 1, dtype=int)
    rank[names[np.lexsort((first, -counts))]] = np.arange(len(names))
    return np.asarray(rank[labels])


def _resampled(
    values: ndarray, errors: ndarray, places: ndarray, labels: ndarray,
    generator: np.random.Generator,
) -> Int[ndarray, "resamples curves"]:  # fmt: skip
    """Return the clusters of values that are redrawn within their errors; none of a single one."""
    k = int(labels.max()) + 1
    if k < 2:
        return np.empty((0, len(values)), dtype=int)
    redrawn = values + errors * generator.normal(size=(RESAMPLES, *values.shape))
    shapes, _ = _shapes(redrawn, places)
    mean = shapes.mean(1, keepdims=True)
    return _k_means(shapes - mean, k, generator)


def _own_share(labels: ndarray, again: ndarray) -> Float[ndarray, " curves"]:
    """Return how often each curve is in the cluster that is most like its own (Jaccard index)."""
    member = labels == np.arange(labels.max() + 1)[:, None]
    found = np.zeros(len(labels))
    for other in again:
        theirs = other == np.arange(other.max() + 1)[:, None]
        common = member.astype(float) @ theirs.T
        union = member.sum(1)[:, None] + theirs.sum(1) - common
        counterpart = (common / np.maximum(union, 1)).argmax(1)
        found += other == counterpart[labels]
    return found / max(len(again), 1)


def _spread_out(
    values: ndarray, kept: ndarray, used: ndarray, shapes: ndarray, labels: ndarray,
    again: ndarray, silhouettes: ndarray, chance: float, p: float,
) -> CurveClusters:  # fmt: skip
    """Return what was found of the curves that were kept, as rows of all."""
    k = int(labels.max()) + 1
    centres = np.full((k, len(used)), np.nan)
    centres[:, used] = [shapes[labels == c].mean(0) for c in range(k)]
    every = np.full(len(values), -1)
    every[kept] = labels
    sureness = np.full(len(values), np.nan)
    if k > 1:
        sureness[kept] = _own_share(labels, again)
    agreement = [adjusted_rand(labels, other) for other in again]
    return CurveClusters(
        k=k, labels=every, sureness=sureness, centres=centres, used=used,
        silhouettes=silhouettes, silhouette=float(silhouettes.max()), chance=chance, p=p,
        stability=float(np.mean(agreement)) if agreement else float("nan"), reason="",
    )  # fmt: skip


def _nothing(values: ndarray, used: ndarray, reason: str) -> CurveClusters:
    nan = float("nan")
    return CurveClusters(
        k=0, labels=np.full(len(values), -1), sureness=np.full(len(values), nan),
        centres=np.empty((0, len(used))), used=used, silhouettes=np.empty(0),
        silhouette=nan, chance=nan, p=nan, stability=nan, reason=reason,
    )  # fmt: skip
