"""From what a person asks of `ontogeny compute` and `calibrate` to measurements and steps."""

from __future__ import annotations

import argparse
import dataclasses
import math
from typing import get_args

from compute.errors import SettingsError
from compute.llc_specs import DataName, LLCMeasurement, Parts
from compute.runs import Run
from compute.specs import (
    Ablation,
    AblationSpec,
    Granularity,
    GraphMeasurement,
    ImportedMeasurement,
    Measurement,
    Method,
    NetworkMeasurement,
    TaskSpec,
    demanded_measurements,
    llc_measurement,
    refined_measurement,
    standard_measurements,
)

_GRAPHS = ("ablation", "granularity", "method", "task", "prompts")
_REFINED = ("parts", "on")
# What a calibration varies, and what it keeps the same: field, option, type of one value.
_VARIED = (("step_size", "--step-size"), ("nbeta", "--nbeta"), ("gamma", "--gamma"))
_KEPT = (
    ("chains", "--chains", "chains of a cell"),
    ("draws", "--draws", "draws of a chain"),
    ("burn_in", "--burn-in", "steps before the first draw"),
    ("batch_size", "--batch", "samples of a minibatch"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose what is measured, and of which checkpoints."""
    parser.add_argument("--kinds", metavar="K,K", help="only these, such as graph,llc")
    parser.add_argument("--steps", metavar="N,N", help="only these checkpoints")
    graphs = parser.add_argument_group("graphs other than the standard ones")
    graphs.add_argument(
        "--ablation", metavar="A,A", help=f"{', '.join(get_args(Ablation))} (default: zero)"
    )
    graphs.add_argument(
        "--granularity",
        choices=get_args(Granularity),
        help="heads and MLPs, or queries, keys, values and neurons (default: components)",
    )
    graphs.add_argument(
        "--method",
        choices=get_args(Method),
        help="exact, or approximated by gradients, for large models (default: exact)",
    )
    graphs.add_argument("--task", metavar="T,T", help="only on these prompts, such as text")
    graphs.add_argument("--prompts", type=int, metavar="N", help="how many (default: 16)")
    refined = parser.add_argument_group("refined LLCs (--kinds refined)")
    refined.add_argument(
        "--parts", metavar="P,P", help=f"{', '.join(get_args(Parts))} (default: heads)"
    )
    refined.add_argument(
        "--on", metavar="D,D", help=f"{', '.join(get_args(DataName))} (default: train)"
    )


def add_calibration_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the cells of a calibration, and of which checkpoints."""
    parser.add_argument(
        "--step", "--steps", dest="steps", metavar="N,N", required=True, help="these checkpoints"
    )
    for field, option in _VARIED:
        parser.add_argument(
            option, dest=field, metavar="X,X",
            help="these values (default: a third of the run's, the run's, three times the run's)",
        )  # fmt: skip
    for field, option, what in _KEPT:
        parser.add_argument(
            option, dest=field, type=int, metavar="N", help=f"{what} (default: the run's)"
        )
    parser.add_argument(
        "--use", action="store_true", help="measure the run's LLC with what is recommended"
    )


def chosen_base(run: Run, options: argparse.Namespace) -> LLCMeasurement:
    """Return what all cells of a calibration have in common: the run's LLC, with other chains.

    Raises
    ------
    SettingsError
        If no chain can run so.
    """
    base = llc_measurement(run)
    asked = {field: getattr(options, field) for field, _, _ in _KEPT}
    changes = {field: value for field, value in asked.items() if value is not None}
    return dataclasses.replace(base, llc=dataclasses.replace(base.llc, **changes))


def chosen_values(options: argparse.Namespace) -> dict[str, tuple[float, ...]]:
    """Return by field the values of a calibration's settings that are asked for.

    Raises
    ------
    SettingsError
        If they are not numbers above 0; gamma may be 0.
    """
    found = {}
    for field, option in _VARIED:
        text = getattr(options, field)
        if text is not None:
            found[field] = _numbers(option, text, least_allowed=field == "gamma")
    return found


def chosen_measurements(run: Run, options: argparse.Namespace) -> list[Measurement]:
    """Return what the options ask for: the standard measurements, unless they say otherwise.

    Raises
    ------
    SettingsError
        If there is no such kind or task, or the options contradict each other.
    """
    specs = _described(run, options)
    asked = bool(specs)
    specs = specs or list(standard_measurements(run))
    if options.kinds is None:
        return specs
    specs += [] if asked else demanded_measurements(run)
    known = sorted({spec.kind for spec in specs})
    wanted = _words(options.kinds)
    if ImportedMeasurement.kind in wanted:
        raise SettingsError(
            "--kinds: imported values are read from a file, not computed; "
            f"ontogeny import {run.name} FILE.csv"
        )
    if unknown := [kind for kind in wanted if kind not in known]:
        raise SettingsError(f"--kinds: no kind {unknown[0]!r}; there are {', '.join(known)}")
    return [spec for spec in specs if spec.kind in wanted]


def chosen_steps(options: argparse.Namespace) -> list[int] | None:
    """Return the steps that are asked for, or None for all.

    Raises
    ------
    SettingsError
        If they are not numbers.
    """
    if options.steps is None:
        return None
    try:
        return [int(step) for step in options.steps.split(",")]
    except ValueError as error:
        raise SettingsError(
            f"--steps {options.steps!r}: give numbers, such as 0,100,200"
        ) from error


def _described(run: Run, options: argparse.Namespace) -> list[Measurement]:
    """Return what options describe one by one; nothing where none of them is given."""

    def given(names: tuple[str, ...]) -> bool:
        return any(getattr(options, name) is not None for name in names)

    return [
        *(_graphs(run, options) if given(_GRAPHS) else []),
        *(_refined(run, options) if given(_REFINED) else []),
    ]


def _refined(run: Run, options: argparse.Namespace) -> list[Measurement]:
    """Return the refined LLCs of every kind of parts on every data that the options name."""
    known = get_args(DataName) if run.family == "language" else ("train", "heldout")
    data = _words(options.on or "train")
    if unknown := [name for name in data if name not in known]:
        raise SettingsError(
            f"--on: no data {unknown[0]!r} for {run.name}; there are {', '.join(known)}"
        )
    return [
        refined_measurement(run, part, name)  # type: ignore[arg-type]
        for part in _words(options.parts or "heads")
        for name in data
    ]


def _graphs(run: Run, options: argparse.Namespace) -> list[Measurement]:
    """Return the graphs that the options describe, and their metrics."""
    standard = [spec for spec in standard_measurements(run) if isinstance(spec, GraphMeasurement)]
    tasks: dict[str, TaskSpec] = {spec.task.name: spec.task for spec in standard}
    wanted = list(tasks) if options.task is None else _words(options.task)
    if unknown := [name for name in wanted if name not in tasks]:
        raise SettingsError(
            f"--task: no task {unknown[0]!r} on {run.name}; there are {', '.join(tasks)}"
        )
    graphs = []
    for ablation in _words(options.ablation or "zero"):
        spec = AblationSpec(
            ablation=ablation,  # type: ignore[arg-type]
            granularity=options.granularity or "components",
            method=options.method or "exact",
        )
        for name in wanted:
            task = tasks[name]
            if options.prompts is not None and name != "passage":
                task = dataclasses.replace(task, prompts=options.prompts)
            graphs.append(GraphMeasurement(task=task, ablation=spec))
    return [*graphs, *(NetworkMeasurement(graph=graph) for graph in graphs)]


def _numbers(option: str, text: str, *, least_allowed: bool) -> tuple[float, ...]:
    try:
        values = sorted({float(word) for word in _words(text)})
    except ValueError:
        values = [math.nan]
    if not all(math.isfinite(v) and (v > 0 or (v == 0 and least_allowed)) for v in values):
        raise SettingsError(f"{option} {text!r}: give positive numbers, such as 1e-4,3e-4")
    return tuple(values)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
