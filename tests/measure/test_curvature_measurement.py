"""Curvature as it is asked for: of a checkpoint on disk, through the worker, as curves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compute.measure.dispatch import measure
from compute.measure.model_loss import functional_loss
from compute.measure.tasks import Texts, draw_windows
from compute.models import describe_run, weights_digest
from compute.records import Curvature, from_bytes
from compute.specs import REGRESSION_CURVATURE, CurvatureMeasurement
from compute.worker import Failure, Success, Task, perform
from dashboard.development import Point, develop
from dashboard.labels import curvature_text, measurement_label
from tests.samples import CURVATURE, a_record, a_run
from tests.small_models import VOCABULARY, language_model, regression_model, save_language_model

QUICK = CurvatureMeasurement(
    probes=4, samples=8, batch_size=4, length=10, eigenvalues=2, iterations=12
)
WINDOWS = np.random.default_rng(0).integers(VOCABULARY, size=300)
TEXTS = Texts(
    train=lambda: WINDOWS,
    heldout=lambda: np.zeros(300, dtype=np.int64),
    passage=lambda: np.arange(9),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("curvature")
    save_language_model("gpt_neox", root / "small" / "step0")
    text = root / "text.txt"
    text.write_text("!\"#$%&'()*+,-./0123456789 " * 30)
    return describe_run(str(root / "small"), text=text)


def a_task(run, spec=QUICK):
    return Task(run=run, step=0, spec=spec, weights_digest=weights_digest(run, 0))


def test_the_worker_gives_a_record_that_can_be_kept_and_gives_it_again(run):
    first, again = (perform(a_task(run)) for _ in range(2))
    assert isinstance(first, Success), first
    assert isinstance(again, Success)
    kept, record = from_bytes(first.data), from_bytes(first.data).record
    assert (kept.spec, kept.key) == (QUICK, a_task(run).key)
    assert isinstance(record, Curvature)
    assert record.per_probe.tolist() == from_bytes(again.data).record.per_probe.tolist()
    assert record.trace == pytest.approx(record.per_probe.mean())
    assert record.eigenvalues.shape == record.residuals.shape == (2,)
    assert record.eigenvalues[0] > record.eigenvalues[1] > record.smallest


def test_a_text_that_is_too_short_is_a_failure_in_words(run, tmp_path):
    text = tmp_path / "short.txt"
    text.write_text("!")
    outcome = perform(a_task(describe_run(run.location, text=text)))
    assert isinstance(outcome, Failure)
    assert "too few for windows of 10" in outcome.reason


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "llama"])
def test_the_loss_is_the_models_on_training_windows(kind):
    model = language_model(kind)
    record = measure(QUICK, model, TEXTS)
    generator = torch.Generator().manual_seed(QUICK.seed)
    windows = draw_windows(WINDOWS, samples=8, length=10, generator=generator)
    loss, params = functional_loss(model.module, model.family)
    assert record.loss == pytest.approx(float(loss(params, windows)), rel=1e-5)
    assert record.params == sum(value.numel() for value in params.values())


def test_a_regression_transformer_is_measured_on_fresh_sequences():
    record = measure(QUICK, regression_model(), TEXTS)
    assert record.params == 51_717
    assert np.isfinite([record.trace, record.trace_error, record.smallest]).all()


def test_another_seed_is_another_estimate_within_the_errors():
    model = regression_model()
    one, two = (
        measure(
            CurvatureMeasurement(
                probes=16, samples=64, batch_size=1, eigenvalues=1, iterations=2, seed=seed
            ),
            model,
            TEXTS,
        )
        for seed in (0, 1)
    )
    assert one.trace != two.trace
    assert abs(one.trace - two.trace) < 4 * np.hypot(one.trace_error, two.trace_error)


def test_it_is_a_curve_of_the_trace_with_its_band_and_one_of_the_largest_eigenvalue():
    run = a_run()
    points = [Point(CURVATURE, step, a_record(CURVATURE, step)) for step in (0, 3)]
    development = develop(run, points, [], [CURVATURE])
    trace, top = (development.curve(name, "") for name in ("trace", "eigenvalue"))
    nan = float("nan")
    np.testing.assert_array_equal(trace.values, np.float32([10, nan, nan, 13, nan]))
    np.testing.assert_allclose(trace.high - trace.low, [1.96, nan, nan, 1.96, nan], rtol=1e-5)
    np.testing.assert_array_equal(top.values, np.float32([3, nan, nan, 3, nan]))
    assert {trace.group, top.group} == {"llc"}
    assert trace.settings == curvature_text(CURVATURE)
    assert development.coverage == ()


def test_other_settings_are_curves_of_their_own_and_none_is_no_curve():
    run = a_run()
    points = [Point(spec, 1, a_record(spec, 1)) for spec in (CURVATURE, REGRESSION_CURVATURE)]
    ids = [curve.id for curve in develop(run, points, [], []).curves]
    assert {"trace", "eigenvalue", "trace~2", "eigenvalue~2"} <= set(ids)
    assert not {"trace", "eigenvalue"} & {c.id for c in develop(run, [], [], []).curves}


def test_its_settings_can_be_read():
    assert curvature_text(CURVATURE) == "trace: 32 probes, 32 samples · eigenvalues: batch of 8"
    assert measurement_label(CURVATURE).startswith("curvature, trace: 32 probes")
