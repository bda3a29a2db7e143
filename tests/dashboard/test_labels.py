from __future__ import annotations

import dataclasses
import itertools

import pytest

from compute.choices import chosen_measurements
from compute.cli import build_parser
from compute.specs import (
    TASK_NAMES,
    AblationSpec,
    GraphMeasurement,
    NetworkMeasurement,
    TaskSpec,
    standard_measurements,
)
from dashboard.labels import (
    ablation_label,
    ablation_meaning,
    compute_command,
    exact_twin,
    graph_key,
    graph_text,
    measurement_label,
    network_text,
    setting_order,
)
from tests.dashboard import synthetic
from tests.dashboard.more_graphs import ATTRIBUTION, EXACT, HOOKS, MEAN, RESAMPLE

EVERY = [EXACT, MEAN, RESAMPLE, HOOKS, ATTRIBUTION]


def test_settings_have_readable_names_in_addresses() -> None:
    assert [graph_key(spec) for spec in EVERY] == [
        "text.zero", "text.mean", "text.resample", "text.zero.hooks", "text.zero.attribution",
    ]  # fmt: skip


def test_menus_say_the_ablation() -> None:
    assert [ablation_label(spec) for spec in EVERY] == [
        "zero",
        "mean",
        "resample",
        "zero · queries, keys, values (Rocchetti’s nodes)",
        "zero, by attribution (approximate)",
    ]


def test_every_setting_has_its_own_name_label_and_place() -> None:
    ablations = [
        AblationSpec(ablation=a, method=m)
        for a, m in itertools.product(("zero", "mean", "resample"), ("exact", "attribution"))
    ]
    specs = [
        GraphMeasurement(task=TaskSpec(name=task), ablation=ablation)
        for task in TASK_NAMES
        for ablation in [*ablations, AblationSpec(granularity="hooks")]
    ]
    assert len({graph_key(s) for s in specs}) == len(specs)
    assert len({(s.task.name, ablation_label(s)) for s in specs}) == len(specs)
    assert len({setting_order(s) for s in specs}) == len(specs)


@pytest.mark.parametrize(
    "text",
    [
        measurement_label(ATTRIBUTION),
        measurement_label(NetworkMeasurement(graph=ATTRIBUTION)),
        graph_text(ATTRIBUTION),
        network_text(NetworkMeasurement(graph=ATTRIBUTION)),
        ablation_meaning(ATTRIBUTION),
    ],
)
def test_an_approximation_is_called_one_everywhere(text: str) -> None:
    assert "approximation" in text


@pytest.mark.parametrize("spec", [EXACT, MEAN, RESAMPLE, HOOKS])
def test_an_exact_graph_is_never_called_an_approximation(spec: GraphMeasurement) -> None:
    texts = (measurement_label(spec), graph_text(spec), ablation_meaning(spec))
    assert not any("approximat" in text for text in texts)
    assert spec.ablation.ablation in measurement_label(spec)
    assert exact_twin(spec) == spec


def test_the_exact_twin_differs_in_the_method_only() -> None:
    assert exact_twin(ATTRIBUTION) == EXACT


PASSAGE = TaskSpec(name="passage", prompts=1)
MANY = GraphMeasurement(task=TaskSpec(name="unigram", prompts=64))


@pytest.mark.parametrize(
    "spec",
    [MEAN, RESAMPLE, HOOKS, ATTRIBUTION, MANY, dataclasses.replace(MEAN, task=PASSAGE)],
    ids=graph_key,
)
def test_the_command_for_a_graph_measures_that_graph(spec: GraphMeasurement) -> None:
    run = synthetic.language_run()
    command = compute_command(spec, run)
    assert command is not None
    program, *words = command.split()
    asked = chosen_measurements(run, build_parser().parse_args(words))
    assert program == "ontogeny"
    assert asked == [spec, NetworkMeasurement(graph=spec)]


def test_what_no_option_says_has_no_command() -> None:
    run = synthetic.language_run()
    assert compute_command(GraphMeasurement(task=TaskSpec(seed=3)), run) is None
    assert compute_command(GraphMeasurement(ablation=AblationSpec(logits=False)), run) is None
    assert compute_command(GraphMeasurement(task=TaskSpec(name="regression")), run) is None


@pytest.mark.parametrize("run", [synthetic.language_run(), synthetic.regression_run()])
def test_coverage_names_no_two_measurements_alike(run: object) -> None:
    labels = [measurement_label(s) for s in standard_measurements(run)]  # type: ignore[arg-type]
    assert len(set(labels)) == len(labels)
