from __future__ import annotations

import os

import pytest

from compute.engine import DEATHS, DaskEngine, InlineEngine
from compute.errors import JobError
from compute.worker import Failure, Success
from tests.samples import (
    a_run,
    a_task,
    die_at_step_2,
    die_once_at_step_2,
    measure,
    note_and_measure,
)


def raise_at_step_2(task):
    if task.step == 2:
        raise ValueError("two\nlines")
    return measure(task)


def tasks_of(run):
    return [a_task(run, step) for step in run.steps]


def test_inline_yields_every_task_in_order():
    tasks = tasks_of(a_run())
    assert list(InlineEngine(measure).run(tasks)) == [(task, measure(task)) for task in tasks]


def test_inline_pulls_a_task_only_when_the_last_is_done():
    pulled, seen = [], []

    def source():
        for task in tasks_of(a_run()):
            pulled.append(task.step)
            yield task

    for task, _ in InlineEngine(measure).run(source()):
        seen.append(task.step)
        assert pulled == seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def test_dask_runs_every_task_in_other_processes_and_few_at_a_time(folder):
    run = a_run(steps=8, location=folder)
    pulled, seen = [], []

    def source():
        for task in tasks_of(run):
            pulled.append(task.step)
            yield task

    with DaskEngine(2, perform=note_and_measure) as engine:
        for task, outcome in engine.run(source()):
            seen.append(task.step)
            assert isinstance(outcome, Success)
            assert len(pulled) <= len(seen) + 1
        again = list(engine.run(tasks_of(run)[:1]))
    assert sorted(seen) == list(run.steps)
    assert again[0][1] == measure(again[0][0])
    lines = (folder / "done").read_text().split("\n")
    workers = {line.split()[0] for line in lines if line}
    assert len(workers) == 2
    assert str(os.getpid()) not in workers


def test_dask_stops_early_without_waiting_for_the_rest():
    with DaskEngine(1, perform=measure) as engine:
        results = engine.run(tasks_of(a_run(steps=1000)))
        next(results)
        results.close()
        assert len(list(engine.run(tasks_of(a_run(steps=1))))) == 1


def test_a_broken_worker_function_fails_its_task_only():
    with DaskEngine(1, perform=raise_at_step_2) as engine:
        outcomes = {task.step: outcome for task, outcome in engine.run(tasks_of(a_run()))}
    assert outcomes.pop(2) == Failure("the worker broke: ValueError: two lines")
    assert all(isinstance(outcome, Success) for outcome in outcomes.values())


def test_an_engine_without_tasks_starts_no_cluster():
    engine = DaskEngine(64, perform=measure)
    assert list(engine.run([])) == []
    engine.close()


def test_a_scheduler_that_does_not_answer_is_refused():
    engine = DaskEngine(scheduler="tcp://127.0.0.1:9", perform=measure, connect_seconds=1)
    with engine, pytest.raises(JobError, match="no Dask scheduler answers"):
        list(engine.run(tasks_of(a_run())))


def test_a_scheduler_elsewhere_runs_the_tasks_with_as_many_workers_as_it_has():
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        DaskEngine(scheduler=cluster.scheduler_address, perform=measure) as engine,
    ):
        assert len(list(engine.run(tasks_of(a_run(steps=4))))) == 4
        assert engine._slots() == 2


@pytest.mark.faults
def test_a_task_whose_worker_was_killed_is_done_again(tmp_path):
    run = a_run(location=tmp_path)
    with DaskEngine(1, perform=die_once_at_step_2) as engine:
        outcomes = {task.step: outcome for task, outcome in engine.run(tasks_of(run))}
    assert (tmp_path / "died").exists()
    assert all(isinstance(outcomes[step], Success) for step in run.steps)


@pytest.mark.faults
def test_a_task_that_kills_every_worker_is_given_up_and_the_rest_is_done():
    with DaskEngine(2, perform=die_at_step_2) as engine:
        outcomes = {task.step: outcome for task, outcome in engine.run(tasks_of(a_run()))}
    assert f"died {DEATHS} times" in outcomes.pop(2).reason
    assert all(isinstance(outcome, Success) for outcome in outcomes.values())
