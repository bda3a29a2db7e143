"""From what a person asks of `ontogeny compute` to measurements and steps."""

from __future__ import annotations

import argparse
import dataclasses
from typing import get_args

from compute.errors import SettingsError
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
    standard_measurements,
)

_OPTIONS = ("ablation", "granularity", "method", "task", "prompts")


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


def chosen_measurements(run: Run, options: argparse.Namespace) -> list[Measurement]:
    """Return what the options ask for: the standard measurements, unless they say otherwise.

    Raises
    ------
    SettingsError
        If there is no such kind or task, or the options contradict each other.
    """
    asked = any(getattr(options, name) is not None for name in _OPTIONS)
    specs = _graphs(run, options) if asked else list(standard_measurements(run))
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


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
