from __future__ import annotations

import argparse
import dataclasses

import pytest

from compute.choices import add_options, chosen_measurements, chosen_steps
from compute.errors import SettingsError
from compute.specs import (
    GraphMeasurement,
    NetworkMeasurement,
    demanded_measurements,
    llc_measurement,
    refined_measurement,
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
    assert specs[1:] == [
        s for s in demanded_measurements(RUN) if s.kind in ("attention", "curvature")
    ]


def test_refined_llcs_are_of_every_part_on_every_data():
    specs = chosen_measurements(RUN, asked("--parts", "heads, mlps", "--on", "train,uniform"))
    assert specs == [
        refined_measurement(RUN, parts, data)
        for parts in ("heads", "mlps")
        for data in ("train", "uniform")
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--on", "heldout"], ("heads", "heldout")),
        (["--parts", "layers"], ("layers", "train")),
        (["--kinds", "refined"], ("heads", "train")),
    ],
)
def test_a_refined_llc_is_of_heads_on_the_training_data_unless_one_says_so(arguments, named):
    (spec,) = chosen_measurements(RUN, asked(*arguments))
    assert (spec.parts, spec.data) == named
    usual = llc_measurement(RUN).llc
    assert spec.llc == dataclasses.replace(usual, draws=usual.draws // 2)


def test_options_of_graphs_and_of_refined_llcs_add_up():
    specs = chosen_measurements(RUN, asked("--ablation", "mean", "--parts", "mlps"))
    assert [spec.kind for spec in specs] == 4 * ["graph"] + 4 * ["network"] + ["refined"]


def test_a_regression_has_no_tokens_to_draw():
    run = dataclasses.replace(RUN, family="regression")
    assert chosen_measurements(run, asked("--on", "heldout"))[0].data == "heldout"
    with pytest.raises(SettingsError, match="no data 'unigram' for small; there are train, held"):
        chosen_measurements(run, asked("--on", "unigram"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--parts", "tails"], "parts 'tails' is unknown; use one of heads, mlps, layers, embedd"),
        (["--on", "test"], "--on: no data 'test' for small; there are train, heldout, unigram, un"),
        (["--parts", "heads", "--kinds", "llc"], "no kind 'llc'; there are refined"),
        (["--ablation", "noise"], "ablation 'noise' is unknown; use one of zero, mean, resample"),
        (["--task", "regression"], "no task 'regression' on small; there are text, unigram"),
        (["--kinds", "graf"], "no kind 'graf'; there are attention, behaviour, context, curvatu"),
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
