from __future__ import annotations

import numpy as np
import pytest

from compute.curve_clusters import CurveClusters, adjusted_rand, cluster_curves

STEPS = 40
PLACES = np.linspace(0, 4, STEPS)
AXIS = np.linspace(0, 1, STEPS)
SHAPES = np.stack(
    [1 / (1 + np.exp(20 * (0.3 - AXIS))), np.exp(-(((AXIS - 0.5) / 0.15) ** 2)), -AXIS]
)
PLANTED = np.repeat(np.arange(3), [7, 5, 4])


def planted(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Curves of three shapes, of levels and sizes of their own, with noise that is known."""
    rng = np.random.default_rng(seed)
    shapes = SHAPES[PLANTED] / SHAPES[PLANTED].std(1, keepdims=True)
    noisy = shapes + noise * rng.normal(size=shapes.shape)
    size = rng.uniform(1, 50, (len(shapes), 1))
    return size * noisy + rng.uniform(-10, 100, (len(shapes), 1)), np.broadcast_to(
        noise * size, shapes.shape
    )


def clustered(values: np.ndarray, errors: np.ndarray, seed: int = 0) -> CurveClusters:
    return cluster_curves(values, errors, PLACES, generator=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_three_planted_shapes_are_found(seed: int) -> None:
    found = clustered(*planted(0.2, seed))
    assert found.k == 3
    assert found.labels.tolist() == PLANTED.tolist()
    assert found.sure
    assert found.stability > 0.99
    assert found.sureness.min() > 0.99
    for shape, centre in zip(SHAPES, found.centres, strict=True):
        assert np.corrcoef(shape, centre)[0, 1] > 0.98


def test_a_centre_has_mean_0_and_variance_1_over_the_time_axis() -> None:
    found = clustered(*planted(0.0))
    gaps = np.diff(PLACES)

    def over_time(values: np.ndarray) -> np.ndarray:
        return ((values[:, 1:] + values[:, :-1]) / 2 * gaps).sum(1) / gaps.sum()

    assert over_time(found.centres) == pytest.approx(0, abs=1e-9)
    assert over_time(found.centres**2) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("curves", "slope"), [(8, 0.0), (16, 0.0), (16, 5.0)])
def test_curves_that_differ_by_noise_only_have_one_shape(curves: int, slope: float) -> None:
    count = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=(curves, STEPS))
        count.append(clustered(noise + slope * AXIS, np.ones_like(noise)).k)
    assert count.count(1) >= 18


def test_a_continuum_of_shapes_is_one_cloud_not_clusters() -> None:
    rng = np.random.default_rng(0)
    values = AXIS + 0.2 * rng.normal(size=(16, 1)) * SHAPES[1] + 0.02 * rng.normal(size=(16, STEPS))
    found = clustered(values, np.full_like(values, 0.02))
    assert (found.k, set(found.labels)) == (1, {0})
    assert found.p > 0.05
    assert not found.sure


def test_a_permutation_of_curves_permutes_labels() -> None:
    values, errors = planted(0.4)
    order = np.random.default_rng(1).permutation(len(values))
    one, other = clustered(values, errors), clustered(values[order], errors[order])
    assert one.labels[order].tolist() == other.labels.tolist()
    assert one.p == other.p
    assert one.stability == other.stability


def test_neither_level_nor_size_nor_the_unit_of_time_matters() -> None:
    values, errors = planted(0.3)
    factor = 2.0 ** np.arange(len(values))[:, None]
    one = clustered(values, errors)
    other = cluster_curves(
        factor * values, factor * errors, 1000 * PLACES, generator=np.random.default_rng(0)
    )
    assert other.labels.tolist() == one.labels.tolist()
    assert other.silhouette == pytest.approx(one.silhouette)


def test_the_same_seed_gives_the_same_clusters() -> None:
    values, errors = planted(0.4)
    one, other = clustered(values, errors, 5), clustered(values, errors, 5)
    assert one.stability == other.stability
    assert np.array_equal(one.sureness, other.sureness)


def test_errors_that_drown_the_shapes_leave_nothing_sure() -> None:
    values, errors = planted(0.2)
    found = clustered(values, 20 * errors)
    assert found.k == 3
    assert not found.sure
    assert found.stability < 0.5
    assert found.sureness.mean() < 0.9


def test_checkpoints_that_one_curve_lacks_are_left_out_and_curves_that_lack_many() -> None:
    values, errors = planted(0.2)
    values[2, 5] = np.nan
    values[3, 8:] = np.nan
    found = clustered(values, errors)
    assert np.flatnonzero(~found.used).tolist() == [5]
    assert np.isnan(found.centres[:, 5]).all()
    assert found.labels[3] == -1
    assert np.isnan(found.sureness[3])
    assert np.delete(found.labels, 3).tolist() == np.delete(PLANTED, 3).tolist()


def test_a_curve_that_does_not_vary_has_no_shape() -> None:
    values, errors = planted(0.2)
    values[0] = 7.0
    assert clustered(values, errors).labels[0] == -1


def test_dense_stretches_of_checkpoints_count_no_more() -> None:
    values, errors = planted(0.0)
    at = np.sort(np.concatenate([PLACES, np.linspace(0.01, 0.09, 30)]))
    dense = np.stack([np.interp(at, PLACES, v) for v in values])
    one = clustered(values, errors)
    other = cluster_curves(dense, 0 * dense, at, generator=np.random.default_rng(0))
    assert other.silhouette == pytest.approx(one.silhouette, abs=0.01)


@pytest.mark.parametrize(
    ("curves", "steps", "reason"),
    [(3, STEPS, "among at least 4 curves; here are 3"), (6, 4, "at 4")],
)
def test_too_little_is_said(curves: int, steps: int, reason: str) -> None:
    values, errors = planted(0.2)
    values[:, steps:] = np.nan
    found = clustered(values[:curves], errors[:curves])
    assert reason in found.reason
    assert (found.k, set(found.labels), len(found.silhouettes)) == (0, {-1}, 0)


def test_without_any_value_there_is_a_reason() -> None:
    nothing = np.full((6, STEPS), np.nan)
    assert clustered(nothing, nothing).k == 0


def test_the_adjusted_rand_index_by_hand() -> None:
    one, other = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2, 2])
    # Pairs together in both: 2; in one: 6; in the other: 3; of 15: expected 6 * 3 / 15.
    assert adjusted_rand(one, other) == pytest.approx((2 - 1.2) / (4.5 - 1.2))
    assert adjusted_rand(one, one) == 1.0
    assert adjusted_rand(one, np.zeros(6, dtype=int)) == 0.0
    assert adjusted_rand(np.zeros(6, dtype=int), np.zeros(6, dtype=int)) == 1.0
