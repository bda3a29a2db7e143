from __future__ import annotations

import dataclasses
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from compute.errors import CheckpointUnreadable
from compute.models import describe_run, read_ahead, weights_digest
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.training import train
from compute.records import (
    AblationGraph,
    LanguageBehaviour,
    LLCEstimate,
    NetworkMetrics,
    RegressionBehaviour,
    from_bytes,
    to_bytes,
)
from compute.specs import (
    AblationSpec,
    BehaviourMeasurement,
    GraphMeasurement,
    LLCMeasurement,
    LLCSpec,
    NetworkMeasurement,
    TaskSpec,
    standard_measurements,
)
from compute.worker import Failure, Success, Task, _Kept, perform
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


@pytest.mark.parametrize(
    "ablation",
    [
        AblationSpec(ablation="mean"),
        AblationSpec(ablation="resample"),
        AblationSpec(granularity="hooks"),
        AblationSpec(method="attribution", probes=1),
    ],
    ids=["mean", "resample", "hooks", "attribution"],
)
def test_every_kind_of_graph_gives_its_record_and_gives_it_again(language_run, ablation):
    asked = task(language_run, GraphMeasurement(task=SHORT, ablation=ablation))
    graph, again = (record_of(perform(asked)) for _ in range(2))
    assert graph.method == ablation.method
    assert len(graph.components) == (17 if ablation.granularity == "components" else 95)
    assert np.isfinite(graph.weight).sum() == graph.weight_by_group.shape[1]
    np.testing.assert_array_equal(graph.weight, again.weight)


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


@pytest.fixture
def copied_run(language_run, tmp_path):
    """A language run whose weights may be taken away."""
    folder = shutil.copytree(language_run.location, tmp_path / "copied")
    return dataclasses.replace(language_run, location=str(folder))


def take_weights_away(run, step):
    (Path(run.location) / f"step{step}" / "model.safetensors").unlink()


def test_consecutive_tasks_of_a_checkpoint_open_it_once(copied_run):
    first, second = (task(copied_run, GraphMeasurement(task=SHORT), step) for step in (0, 5))
    assert isinstance(perform(first), Success)
    take_weights_away(copied_run, 0)
    assert isinstance(perform(dataclasses.replace(first, spec=QUICK_LLC)), Success)
    assert isinstance(perform(second), Success)
    assert "without weights" in perform(first).reason


def test_other_weights_of_the_same_step_are_opened_anew(copied_run):
    first = task(copied_run, GraphMeasurement(task=SHORT), 0)
    assert isinstance(perform(first), Success)
    take_weights_away(copied_run, 0)
    assert "without weights" in perform(dataclasses.replace(first, weights_digest="new")).reason


def test_a_model_on_which_a_measurement_broke_off_is_not_used_again(copied_run):
    first = task(copied_run, GraphMeasurement(task=SHORT), 0)
    too_long = GraphMeasurement(task=dataclasses.replace(SHORT, length=1000))
    assert "too few for windows" in perform(dataclasses.replace(first, spec=too_long)).reason
    take_weights_away(copied_run, 0)
    assert "without weights" in perform(first).reason


def test_threads_do_not_share_a_model(copied_run):
    first = task(copied_run, GraphMeasurement(task=SHORT), 0)
    assert isinstance(perform(first), Success)
    take_weights_away(copied_run, 0)
    with ThreadPoolExecutor(1) as pool:
        assert "without weights" in pool.submit(perform, first).result().reason
    assert isinstance(perform(first), Success)


def test_measurements_on_one_open_model_do_not_disturb_each_other(language_run):
    specs = [
        GraphMeasurement(task=SHORT),
        GraphMeasurement(task=SHORT, ablation=AblationSpec(method="attribution")),
        QUICK_LLC,
        BehaviourMeasurement(samples=8, length=12, task=SHORT),
        GraphMeasurement(task=SHORT),
    ]

    def bytes_of(spec, step):
        measured = from_bytes(perform(task(language_run, spec, step)).data)
        return to_bytes(dataclasses.replace(measured, seconds=0.0))

    together = [bytes_of(spec, 5) for spec in specs]
    apart = []
    for spec in specs:
        bytes_of(GraphMeasurement(task=SHORT), 0)
        apart.append(bytes_of(spec, 5))
    assert together == apart


def test_a_kept_model_is_given_once_and_only_to_who_means_it():
    kept = _Kept()
    kept.put("identity", "model")
    assert kept.take("identity") == "model"
    assert kept.take("identity") is None
    kept.put("identity", "model")
    assert kept.take("another") is None
    assert kept.take("identity") is None


def test_an_idle_process_keeps_no_model_and_tidies_up():
    kept, tidied = _Kept(idle_seconds=0.05), threading.Event()
    with kept.at_work(tidied.set):
        with kept.at_work(tidied.set):
            kept.put("identity", "model")
        # One of two threads is still at work.
        assert not tidied.wait(0.3)
        assert kept.take("identity") == "model"
        kept.put("identity", "model")
    assert tidied.wait(30)
    assert kept.take("identity") is None


@pytest.mark.parametrize("following", [5, 77])
def test_reading_ahead_changes_nothing_even_if_there_is_nothing_to_read(language_run, following):
    first = task(language_run, GraphMeasurement(task=SHORT), 0)
    assert isinstance(perform(dataclasses.replace(first, next_step=following)), Success)
    read_ahead(language_run, 5, None)
    with pytest.raises(CheckpointUnreadable, match="is gone"):
        read_ahead(language_run, 77, None)


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
