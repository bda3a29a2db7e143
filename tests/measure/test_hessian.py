"""The trace and the ends of the spectrum, where the Hessian is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.errors import MeasurementError
from compute.measure.chain_loss import Data, Loss
from compute.measure.coordinates import Params
from compute.measure.hessian import Hessian, estimate_curvature, spectrum_ends
from compute.measure.model_loss import functional_loss
from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
)
from compute.records import Curvature
from compute.specs import CurvatureMeasurement

SIZE = 24
SPECTRUM = torch.linspace(-2.0, 9.5, SIZE, dtype=torch.float64)
DIAGONAL = torch.arange(1.0, 13.0)
NO_DATA = torch.zeros(32)


def curvature(
    loss: Loss, params: Params, data: Data = NO_DATA, *, seed: int = 0, **settings: float
) -> Curvature:
    spec = CurvatureMeasurement(**{"batch_size": 4, **settings})  # type: ignore[arg-type]
    return estimate_curvature(loss, params, data, spec, torch.Generator().manual_seed(seed))


def with_spectrum(spectrum: Tensor = SPECTRUM) -> Tensor:
    """Return a dense symmetric matrix with these eigenvalues."""
    noise = torch.randn(len(spectrum), len(spectrum), generator=torch.Generator().manual_seed(5))
    q, _ = torch.linalg.qr(noise.to(spectrum.dtype))
    return q @ torch.diag(spectrum) @ q.T


MATRIX = with_spectrum()
CENTRE = {"w": torch.ones(SIZE, dtype=torch.float64)}


def quadratic(params: Params, batch: Tensor) -> Tensor:
    w = torch.cat([value.reshape(-1) for value in params.values()])
    return w @ MATRIX.to(w.dtype) @ w / 2


def separable(params: Params, batch: Tensor) -> Tensor:
    """A loss whose Hessian is diagonal: 1, 2, .. 12, over two tensors."""
    w = torch.cat([params["matrix"].reshape(-1), params["vector"]])
    return (DIAGONAL * w.square()).sum() / 2


def twelve() -> Params:
    return {"matrix": torch.ones(2, 4), "vector": torch.full((4,), -2.0)}


class TestTrace:
    def test_a_diagonal_hessian_has_its_exact_trace_from_every_probe(self) -> None:
        got = curvature(separable, twelve())
        assert got.per_probe.tolist() == [78.0] * 32
        assert (got.trace, got.trace_error, got.params) == (78.0, 0.0, 12)

    def test_a_dense_hessian_has_its_trace_within_the_error(self) -> None:
        got = curvature(quadratic, CENTRE, torch.zeros(512), probes=512, samples=512)
        assert abs(got.trace - float(SPECTRUM.sum())) < 3 * got.trace_error
        off_diagonal = MATRIX - torch.diag(MATRIX.diagonal())
        variance = 2 * float(off_diagonal.square().sum())
        assert got.trace_error == pytest.approx(math.sqrt(variance / 512), rel=0.15)

    def test_the_interval_covers_the_mean_over_all_data_in_95_percent(self) -> None:
        # The trace differs between samples by more than between probes.
        def scaled(params: Params, batch: Tensor) -> Tensor:
            return batch.mean() * quadratic(params, batch)

        truth = float(SPECTRUM.sum())
        covered = 0
        for seed in range(200):
            data = 1 + torch.randn(64, generator=torch.Generator().manual_seed(seed)).double()
            got = curvature(
                scaled, CENTRE, data, samples=64, eigenvalues=1, iterations=2, seed=1000 + seed
            )
            covered += abs(got.trace - truth) <= 1.96 * got.trace_error
        assert 0.9 <= covered / 200 <= 0.985

    def test_each_probe_has_its_own_share_of_the_samples(self) -> None:
        def scaled(params: Params, batch: Tensor) -> Tensor:
            return batch.mean() * separable(params, batch)

        got = curvature(scaled, twelve(), torch.arange(64.0), samples=64)
        np.testing.assert_allclose(got.per_probe, 78 * (0.5 + 2 * np.arange(32)))
        assert got.loss == pytest.approx(31.5 * float(separable(twelve(), NO_DATA)))

    def test_one_probe_has_no_standard_error(self) -> None:
        got = curvature(separable, twelve(), torch.zeros(4), probes=1, samples=4)
        assert got.trace == 78
        assert math.isnan(got.trace_error)


class TestEigenvalues:
    def test_both_ends_of_a_known_spectrum(self) -> None:
        got = curvature(quadratic, CENTRE, tolerance=0.0)
        np.testing.assert_allclose(got.eigenvalues, SPECTRUM.flip(0)[:5], atol=1e-5)
        assert got.smallest == pytest.approx(-2, abs=1e-5)
        assert (got.residuals < 1e-5).all()
        assert got.iterations == SIZE

    def test_single_precision_is_good_to_its_own_digits(self) -> None:
        got = curvature(quadratic, {"w": torch.ones(SIZE)}, tolerance=0.0)
        np.testing.assert_allclose(got.eigenvalues, SPECTRUM.flip(0)[:5], rtol=1e-5)
        assert got.smallest == pytest.approx(-2, rel=1e-5)

    def test_it_ends_early_where_the_ends_are_found_and_the_residuals_say_how_well(self) -> None:
        spread = torch.cat([torch.linspace(0, 1, 395), torch.tensor([-5.0, 6, 7, 8, 9])]).double()
        matrix = with_spectrum(spread)
        got = curvature(
            lambda params, batch: params["w"] @ matrix @ params["w"] / 2,
            {"w": torch.zeros(400, dtype=torch.float64)},
            eigenvalues=4,
            tolerance=1e-3,
        )
        assert got.iterations < 20
        assert (got.residuals <= 1.1e-3 * got.eigenvalues).all()
        assert (np.abs(got.eigenvalues - [9, 8, 7, 6]) <= got.residuals + 1e-9).all()
        assert abs(got.smallest + 5) <= got.smallest_residual + 1e-9

    def test_a_search_that_was_cut_short_says_so(self) -> None:
        got = curvature(quadratic, CENTRE, iterations=6, tolerance=1e-6)
        truth = SPECTRUM.numpy()
        for value, residual in zip(got.eigenvalues, got.residuals, strict=True):
            assert residual > 0.01
            assert np.abs(truth - value).min() <= residual

    def test_multiple_eigenvalues_are_found_as_often_as_they_are(self) -> None:
        def sphere(params: Params, batch: Tensor) -> Tensor:
            return 3 * params["w"].square().sum() / 2

        got = curvature(sphere, {"w": torch.ones(SIZE, dtype=torch.float64)})
        np.testing.assert_allclose(got.eigenvalues, [3] * 5, atol=1e-12)
        assert got.smallest == pytest.approx(3)

    def test_fewer_parameters_than_eigenvalues_give_all_there_are(self) -> None:
        def valley(params: Params, batch: Tensor) -> Tensor:
            x, y = params["w"]
            return x * y

        got = curvature(valley, {"w": torch.zeros(2)})
        np.testing.assert_allclose(got.eigenvalues, [1, -1], atol=1e-6)
        assert got.smallest == pytest.approx(-1, abs=1e-6)

    def test_a_single_downward_direction_is_found(self) -> None:
        def saddle(params: Params, batch: Tensor) -> Tensor:
            w = params["w"]
            return w.square().sum() / 2 - 4 * w[7].square()

        got = curvature(saddle, {"w": torch.zeros(500)})
        assert got.smallest == pytest.approx(-7, abs=1e-4)
        assert got.eigenvalues[0] == pytest.approx(1, abs=1e-4)

    def test_they_are_those_of_the_first_batch(self) -> None:
        def scaled(params: Params, batch: Tensor) -> Tensor:
            return batch.mean() * separable(params, batch)

        got = curvature(scaled, twelve(), torch.arange(32.0), batch_size=5, eigenvalues=1)
        assert got.eigenvalues[0] == pytest.approx(2 * 12, rel=1e-4)


def small_language_model() -> tuple[Loss, Params, Tensor]:
    torch.manual_seed(1)
    model = GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=7,
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            max_position_embeddings=12,
            initializer_range=0.5,
            tie_word_embeddings=False,
        )
    )
    loss, params = functional_loss(model.eval(), "language")
    return loss, params, torch.randint(7, (32, 9))


def small_regression_model() -> tuple[Loss, Params, Tensor]:
    torch.manual_seed(1)
    config = RegressionConfig(layers=1, width=8, heads=2, mlp_width=8)
    loss, params = functional_loss(RegressionTransformer(config).eval(), "regression")
    data = draw_sequences(config, 32, generator=torch.Generator().manual_seed(0))
    return loss, params, data


def full_hessian(loss: Loss, params: Params, batch: Tensor) -> Tensor:
    """Return every entry, by PyTorch's own function."""
    shapes = {name: value.shape for name, value in params.items()}

    def flat(w: Tensor) -> Tensor:
        pieces = w.split([shape.numel() for shape in shapes.values()])
        named = {n: p.view(s) for (n, s), p in zip(shapes.items(), pieces, strict=True)}
        return loss(named, batch)

    w = torch.cat([value.reshape(-1) for value in params.values()])
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.autograd.functional.hessian(flat, w).double()


@pytest.fixture(scope="module", params=[small_language_model, small_regression_model])
def small(request: pytest.FixtureRequest) -> tuple[Loss, Params, Tensor, Tensor]:
    """A transformer of fewer than 1,000 parameters, its data, and its Hessian on four samples."""
    loss, params, data = request.param()
    assert sum(value.numel() for value in params.values()) < 1000
    return loss, params, data, full_hessian(loss, params, data[:4])


SmallModel = tuple[Loss, Params, Tensor, Tensor]


class TestTransformers:
    def test_a_product_is_that_of_the_whole_matrix(self, small: SmallModel) -> None:
        loss, params, data, matrix = small
        hessian = Hessian(loss, params, data[:4])
        vector = hessian.normal_vector(torch.Generator().manual_seed(3))
        expected = matrix @ vector.double()
        assert float((hessian @ vector - expected).norm() / expected.norm()) < 1e-5
        assert hessian.loss == pytest.approx(float(loss(params, data[:4])))
        assert hessian.size == len(matrix)

    def test_the_trace_is_that_of_the_whole_matrix(self, small: SmallModel) -> None:
        loss, params, data, matrix = small
        repeated = data[:4].repeat(64, *[1] * (data.ndim - 1))
        got = curvature(loss, params, repeated, probes=64, samples=256)
        assert abs(got.trace - float(matrix.trace())) < 3 * got.trace_error

    def test_the_ends_are_those_of_the_whole_matrix(self, small: SmallModel) -> None:
        loss, params, data, matrix = small
        truth = torch.linalg.eigvalsh(matrix).numpy()
        got = curvature(loss, params, data, iterations=100, tolerance=1e-4)
        scale = np.abs(truth).max()
        np.testing.assert_allclose(got.eigenvalues, truth[::-1][:5], atol=1e-4 * scale)
        assert got.smallest == pytest.approx(truth[0], abs=1e-4 * scale)
        assert got.smallest < 0
        assert (got.residuals <= 2e-4 * scale).all()

    def test_the_ends_are_those_that_scipy_finds(self, small: SmallModel) -> None:
        loss, params, data, _ = small
        hessian = Hessian(loss, params, data)
        operator = LinearOperator(
            (hessian.size, hessian.size),
            matvec=lambda v: (hessian @ torch.from_numpy(v.ravel())).double().numpy(),
            dtype=np.float64,
        )
        start = np.ones(hessian.size)
        high = eigsh(operator, k=3, which="LA", v0=start, tol=1e-5, return_eigenvectors=False)
        low = eigsh(operator, k=1, which="SA", v0=start, tol=1e-5, return_eigenvectors=False)
        generator = torch.Generator().manual_seed(0)
        got = spectrum_ends(hessian, 3, iterations=100, tolerance=1e-4, generator=generator)
        np.testing.assert_allclose(got.largest, sorted(high)[::-1], rtol=1e-3)
        assert got.smallest == pytest.approx(low[0], rel=1e-3)


class TestWhatChangesNothing:
    def test_a_constant_added_to_the_loss(self) -> None:
        plain = curvature(quadratic, CENTRE)
        raised = curvature(lambda p, b: quadratic(p, b) + 3, CENTRE)
        assert raised.per_probe.tolist() == plain.per_probe.tolist()
        assert raised.eigenvalues.tolist() == plain.eigenvalues.tolist()
        assert raised.loss == pytest.approx(plain.loss + 3)

    def test_the_same_generator(self) -> None:
        one, two, other = (curvature(quadratic, CENTRE, seed=seed) for seed in (3, 3, 4))
        for name in ("per_probe", "eigenvalues", "residuals"):
            assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
            assert getattr(one, name).tobytes() != getattr(other, name).tobytes()

    def test_parameters_are_left_as_they_were(self) -> None:
        params = {"w": torch.ones(SIZE, requires_grad=True), "count": torch.tensor(3)}
        got = curvature(lambda p, b: quadratic({"w": p["w"]}, b), params)
        assert params["w"].grad is None
        assert params["w"].tolist() == [1] * SIZE
        assert got.params == SIZE

    def test_a_linear_loss_has_no_curvature(self) -> None:
        got = curvature(lambda p, b: p["w"].sum(), CENTRE)
        assert (got.trace, got.trace_error, got.smallest) == (0, 0, 0)
        assert not got.eigenvalues.any()

    def test_tuples_of_tensors_are_cut_alike(self) -> None:
        def fit(params: Params, batch: tuple[Tensor, Tensor]) -> Tensor:
            x, y = batch
            return (x * params["w"] - y).square().mean() / 2

        x = torch.arange(1.0, 5.0)
        got = curvature(fit, {"w": torch.zeros(1)}, (x, 2 * x), probes=4, samples=4)
        assert got.per_probe.tolist() == [1, 4, 9, 16]
        assert got.eigenvalues == pytest.approx([7.5])


class TestRefusals:
    @pytest.mark.parametrize(
        ("loss", "params", "data", "reason"),
        [
            (lambda p, b: p["w"].sum() * math.nan, CENTRE, NO_DATA, "the loss is nan"),
            (lambda p, b: p["w"].sum() / 0, CENTRE, NO_DATA, "the loss is inf"),
            (lambda p, b: p["w"], CENTRE, NO_DATA, "must return a scalar"),
            (quadratic, {"w": CENTRE["w"] * math.inf}, NO_DATA, "parameters are not finite"),
            (quadratic, {"w": torch.zeros(3, dtype=torch.int64)}, NO_DATA, "nothing can move"),
            (quadratic, CENTRE, NO_DATA[:5], "must hold 32 samples; it holds .5."),
            (
                lambda p, b: (p["w"] - 1).abs().pow(1.5).sum(),
                CENTRE,
                NO_DATA,
                "curvature of the loss is not finite",
            ),
        ],
    )
    def test_what_has_no_curvature_is_refused_in_words(
        self, loss: Loss, params: Params, data: Tensor, reason: str
    ) -> None:
        with pytest.raises(MeasurementError, match=reason):
            curvature(loss, params, data)
