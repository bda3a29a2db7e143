from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from compute.models import describe_run, weights_digest
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.training import train
from compute.records import (
    AblationGraph,
    LanguageBehaviour,
    LLCEstimate,
    NetworkMetrics,
    RegressionBehaviour,
    from_bytes,
)
from compute.specs import (
    BehaviourMeasurement,
    GraphMeasurement,
    LLCMeasurement,
    LLCSpec,
    NetworkMeasurement,
    TaskSpec,
    standard_measurements,
)
from compute.worker import Failure, Success, Task, perform
from tests.small_models import save_language_model

SHORT = TaskSpec(name="text", prompts=2, length=10)
QUICK_LLC = LLCMeasurement(
    llc=LLCSpec(chains=2, draws=5, burn_in=2, batch_size=4), samples=16, length=12
)


@pytest.fixture(scope="module")
def language_run(tmp_path_factory):
    root = tmp_path_factory.mktemp("language")
    folder = root / "small"
    for step in (0, 5):
        save_language_model("gpt_neox", folder / f"step{step}", seed=step)
    text = root / "text.txt"
    text.write_text("!\"#$%&'()*+,-./0123456789 " * 30)
    return describe_run(str(folder), text=text)


@pytest.fixture(scope="module")
def regression_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regression") / "icl"
    train(IclRegression(), folder, until=1)
    return describe_run(str(folder))


def task(run, spec, step=None, source_record=None):
    step = run.steps[-1] if step is None else step
    digest = weights_digest(run, step)
    return Task(run=run, step=step, spec=spec, weights_digest=digest, source_record=source_record)


def record_of(outcome):
    assert isinstance(outcome, Success), outcome
    return from_bytes(outcome.data).record


def test_a_graph_and_then_its_metrics(language_run):
    graph_task = task(language_run, GraphMeasurement(task=SHORT))
    outcome = perform(graph_task)
    graph = record_of(outcome)
    assert isinstance(graph, AblationGraph)
    assert from_bytes(outcome.data).key == graph_task.key
    spec = NetworkMeasurement(graph=GraphMeasurement(task=SHORT), resamples=5)
    metrics = record_of(perform(task(language_run, spec, source_record=outcome.data)))
    assert isinstance(metrics, NetworkMetrics)
    np.testing.assert_allclose(metrics.node_values[0], np.nansum(graph.weight, 1), rtol=1e-5)


def test_behaviour_and_llc_of_a_language_model(language_run):
    behaviour = BehaviourMeasurement(samples=8, length=12, task=SHORT)
    record = record_of(perform(task(language_run, behaviour)))
    assert isinstance(record, LanguageBehaviour)
    assert len(record.heads) == len(record.prefix_matching) == 12
    assert np.isfinite(record.correct_logit)
    without = record_of(perform(task(language_run, dataclasses.replace(behaviour, passage=False))))
    assert np.isnan(without.correct_logit)
    assert isinstance(record_of(perform(task(language_run, QUICK_LLC))), LLCEstimate)


def test_every_standard_measurement_of_a_regression_run_gives_its_record(regression_run):
    kinds = {}
    for spec in standard_measurements(regression_run):
        if isinstance(spec, LLCMeasurement):
            spec = QUICK_LLC
        if isinstance(spec, BehaviourMeasurement):
            spec = dataclasses.replace(spec, samples=32)
        source = None
        if isinstance(spec, NetworkMeasurement):
            source = perform(task(regression_run, spec.graph)).data
        kinds[spec.kind] = type(record_of(perform(task(regression_run, spec, None, source))))
    assert kinds == {
        "graph": AblationGraph,
        "network": NetworkMetrics,
        "behaviour": RegressionBehaviour,
        "llc": LLCEstimate,
    }


def test_the_same_task_gives_the_same_numbers(regression_run):
    first, again = (record_of(perform(task(regression_run, QUICK_LLC))) for _ in range(2))
    np.testing.assert_array_equal(first.loss_trace, again.loss_trace)


def test_a_broken_checkpoint_is_a_failure_with_one_line(language_run, tmp_path):
    folder = shutil.copytree(language_run.location, tmp_path / "broken")
    weights = folder / "step5" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    run = dataclasses.replace(language_run, location=str(folder))
    spec = GraphMeasurement(task=SHORT)
    outcome = perform(Task(run=run, step=5, spec=spec, weights_digest="x"))
    assert isinstance(outcome, Failure)
    assert "cannot be read" in outcome.reason
    assert "\n" not in outcome.reason
    assert isinstance(perform(task(run, spec, step=0)), Success)


def test_metrics_without_their_graph_are_a_failure(language_run):
    outcome = perform(task(language_run, NetworkMeasurement()))
    assert outcome == Failure("a derived measurement needs the record that it reads")


def test_a_shipped_run_says_how_to_get_its_weights(regression_run):
    shipped = dataclasses.replace(regression_run, source="shipped", location="icl_regression")
    outcome = perform(Task(run=shipped, step=0, spec=QUICK_LLC, weights_digest="x"))
    assert isinstance(outcome, Failure)
    assert "ontogeny train" in outcome.reason
