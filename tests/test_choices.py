from __future__ import annotations

import argparse

import pytest

from compute.choices import add_options, chosen_measurements, chosen_steps
from compute.errors import SettingsError
from compute.specs import (
    GraphMeasurement,
    NetworkMeasurement,
    demanded_measurements,
    standard_measurements,
)
from tests.samples import a_run

RUN = a_run()


def asked(*arguments):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


def test_nothing_asked_for_is_everything_standard():
    assert chosen_measurements(RUN, asked()) == list(standard_measurements(RUN))
    assert chosen_steps(asked()) is None


def test_other_ablations_come_with_their_metrics():
    specs = chosen_measurements(RUN, asked("--ablation", "mean, resample", "--task", "text"))
    graphs = [spec for spec in specs if isinstance(spec, GraphMeasurement)]
    assert [(g.task.name, g.ablation.ablation) for g in graphs] == [
        ("text", "mean"),
        ("text", "resample"),
    ]
    assert [s.graph for s in specs if isinstance(s, NetworkMeasurement)] == graphs


def test_granularity_method_and_prompts_are_heard():
    (graph,) = chosen_measurements(
        RUN,
        asked("--granularity", "hooks", "--task", "unigram", "--prompts", "3", "--kinds", "graph"),
    )
    assert (graph.ablation.granularity, graph.task.prompts) == ("hooks", 3)
    specs = chosen_measurements(RUN, asked("--method", "attribution", "--kinds", "graph"))
    assert {s.ablation.method for s in specs} == {"attribution"}
    assert len(specs) == 4


def test_a_passage_stays_one_prompt():
    (graph,) = chosen_measurements(
        RUN, asked("--prompts", "3", "--task", "passage", "--kinds", "graph")
    )
    assert graph.task.prompts == 1


def test_what_is_not_standard_is_measured_when_it_is_named():
    specs = chosen_measurements(RUN, asked("--kinds", "attention,curvature,llc"))
    assert [spec.kind for spec in specs] == ["llc", "attention", "curvature"]
    assert specs[1:] == list(demanded_measurements(RUN))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--ablation", "noise"], "ablation 'noise' is unknown; use one of zero, mean, resample"),
        (["--task", "regression"], "no task 'regression' on small; there are text, unigram"),
        (["--kinds", "graf"], "no kind 'graf'; there are attention, behaviour, curvature, graph"),
        (["--ablation", "mean", "--kinds", "llc"], "no kind 'llc'; there are graph, network"),
        (["--granularity", "hooks", "--ablation", "mean"], "use granularity 'components'"),
        (["--prompts", "0"], "prompts must be at least 1"),
        (["--kinds", "imported"], "read from a file, not computed; ontogeny import .* FILE.csv"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_what_can(arguments, reason):
    with pytest.raises(SettingsError, match=reason):
        chosen_measurements(RUN, asked(*arguments))


def test_steps_are_numbers():
    assert chosen_steps(asked("--steps", "0,100")) == [0, 100]
    with pytest.raises(SettingsError, match="such as 0,100,200"):
        chosen_steps(asked("--steps", "first"))
