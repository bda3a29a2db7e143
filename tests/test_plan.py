from __future__ import annotations

import dataclasses
import itertools

import pytest

from compute.errors import CheckpointUnreadable
from compute.plan import Pace, Plan, unmeasured_steps
from compute.records import to_bytes
from compute.runs import coarse_to_fine
from compute.specs import GraphMeasurement, NetworkMeasurement, TaskSpec
from compute.worker import Failure, Success
from tests.samples import (
    BEHAVIOUR,
    GRAPH,
    LLC,
    NETWORK,
    a_digest,
    a_measured,
    a_run,
    a_task,
    measure,
)

RUN = a_run(steps=9)


def a_plan(store, specs=(GRAPH,), *, run=RUN, steps=None, weights_digest=a_digest, **kwargs):
    return Plan(store, run, specs, steps=steps, weights_digest=weights_digest, **kwargs)


def do(plan):
    """Do all that a plan gives; return (step, kind) in order."""
    done = []
    for task in plan.tasks():
        done.append((task.step, task.spec.kind))
        plan.keep(task, measure(task))
    return done


def test_steps_come_coarse_to_fine_with_all_specs_of_a_step_together(store):
    done = do(a_plan(store, [GRAPH, BEHAVIOUR]))
    steps = coarse_to_fine(RUN.steps)
    assert done == [(step, kind) for step in steps for kind in ("graph", "behaviour")]


def test_only_the_steps_that_were_asked_for_are_measured(store):
    assert do(a_plan(store, steps=[4, 2])) == [(2, "graph"), (4, "graph")]


def test_what_is_in_the_store_is_not_measured_again(store):
    store.put(a_measured(a_task(RUN, 4)))
    plan = a_plan(store)
    assert (4, "graph") not in do(plan)
    assert plan.progress().done == plan.progress().total == 9


def test_a_graphs_metrics_follow_their_graph_at_once_and_read_it(store):
    plan = a_plan(store, [NETWORK, BEHAVIOUR, GRAPH])
    seen = []
    for task in plan.tasks():
        if task.spec == NETWORK:
            assert task.source_record == store.get_bytes(a_task(RUN, task.step).key)
        seen.append((task.step, task.spec.kind))
        plan.keep(task, measure(task))
    assert seen[:4] == [(0, "behaviour"), (0, "graph"), (0, "network"), (8, "behaviour")]
    assert plan.progress().kinds["network"].done == 9


def test_metrics_bring_their_graph_with_them(store):
    assert do(a_plan(store, [NETWORK], steps=[0])) == [(0, "graph"), (0, "network")]


def test_metrics_of_a_graph_that_is_in_the_store_need_no_graph(store):
    store.put(a_measured(a_task(RUN)))
    assert do(a_plan(store, [NETWORK], steps=[0])) == [(0, "network")]


def test_two_graphs_are_not_confused(store):
    other = GraphMeasurement(task=TaskSpec(name="uniform"))
    plan = a_plan(store, [NETWORK, NetworkMeasurement(graph=other)], steps=[0])
    do(plan)
    assert plan.progress().kinds["graph"].done == plan.progress().kinds["network"].done == 2


def test_a_failure_is_kept_with_its_reason_and_fails_what_is_derived(store):
    plan = a_plan(store, [GRAPH, NETWORK], steps=[3])
    for task in plan.tasks():
        plan.keep(task, Failure("its weights\nare not finite"))
    reasons = {failed.kind: failed.reason for failed in plan.progress().failures}
    assert reasons["graph"] == "its weights are not finite"
    assert reasons["network"] == "its ablation graph failed: its weights are not finite"
    assert sorted(store.failures("small").values()) == sorted(reasons.values())


def test_what_failed_is_not_tried_again_until_it_is_cleared(store):
    store.put_failure(a_task(RUN, 3).key, "not finite")
    plan = a_plan(store, [GRAPH, NETWORK], steps=[3])
    assert do(plan) == []
    assert plan.progress().failed == 2
    store.clear_failures("small")
    assert do(a_plan(store, [GRAPH, NETWORK], steps=[3])) == [(3, "graph"), (3, "network")]


def test_an_unreadable_checkpoint_fails_for_every_spec_and_the_others_go_on(store):
    def digest(run, step):
        if step == 4:
            raise CheckpointUnreadable("step4: model.safetensors is truncated")
        return a_digest(run, step)

    plan = a_plan(store, [GRAPH, NETWORK, BEHAVIOUR], weights_digest=digest)
    do(plan)
    progress = plan.progress()
    assert (progress.done, progress.failed, progress.total) == (24, 3, 27)
    assert {failed.step for failed in progress.failures} == {4}
    assert set(store.failures("small").values()) == {"step4: model.safetensors is truncated"}


def test_a_checkpoint_that_was_repaired_loses_its_failures(store):
    def broken(run, step):
        raise CheckpointUnreadable("truncated")

    do(a_plan(store, [GRAPH], steps=[4], weights_digest=broken))
    assert len(store.failures("small")) == 1
    assert do(a_plan(store, [GRAPH], steps=[4])) == [(4, "graph")]
    assert store.failures("small") == {}


@pytest.mark.parametrize("data", [b"", b"rubbish", to_bytes(a_measured(a_task(RUN)))[:-3]])
def test_a_worker_that_returns_no_record_has_failed(store, data):
    plan = a_plan(store, steps=[0])
    for task in plan.tasks():
        plan.keep(task, Success(data))
    assert plan.progress().failed == 1
    assert "returned no record" in plan.progress().failures[0].reason


def test_a_worker_that_measures_something_else_has_failed(store):
    plan = a_plan(store, steps=[0])
    for task in plan.tasks():
        plan.keep(task, measure(a_task(RUN, 1)))
    assert "something else" in plan.progress().failures[0].reason
    assert store.keys("small") == []


def test_new_weights_under_an_old_step_are_measured_afresh(store):
    do(a_plan(store, steps=[0]))
    retrained = a_plan(store, steps=[0], weights_digest=lambda run, step: "new weights")
    assert do(retrained) == [(0, "graph")]
    assert len(store.keys("small")) == 2


def test_a_run_without_steps_has_nothing_to_do(store):
    plan = a_plan(store, run=dataclasses.replace(RUN, steps=()))
    assert not plan.has_tasks
    assert plan.progress().eta_seconds == 0.0


def test_progress_counts_up_to_the_total(store):
    seen = []
    do(a_plan(store, [GRAPH, BEHAVIOUR], on_progress=lambda progress: seen.append(progress.done)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 18)


def hints(store, workers, specs=(GRAPH,), **kwargs):
    """Have so many workers take tasks in turn; return each task's step and its hint."""
    plan, under_way, given = a_plan(store, specs, **kwargs), [], []
    for task in plan.tasks():
        given.append((task.step, task.next_step))
        under_way.append(task)
        if len(under_way) == workers:
            done = under_way.pop(0)
            plan.keep(done, measure(done))
    return given


def test_one_worker_is_told_the_step_that_it_opens_next(store):
    order = coarse_to_fine(RUN.steps)
    assert hints(store, 1) == list(zip(order, [*order[1:], None], strict=True))


def test_of_several_workers_each_is_told_the_step_that_it_will_get(store):
    order = coarse_to_fine(RUN.steps)
    given = hints(store, 3)
    # Once all are at work: three tasks later.
    for place, (_, told) in enumerate(given[2:-3], start=2):
        assert told == order[place + 3]


def test_workers_that_share_a_checkpoint_are_all_told_the_one_after_it(store):
    order = coarse_to_fine(RUN.steps)
    given = hints(store, 2, [GRAPH, BEHAVIOUR, LLC])
    following = dict(itertools.pairwise(order))
    assert given[:-3] == [(step, following[step]) for step in order[:-1] for _ in range(3)]
    assert [told for _, told in given[-3:]] == [None] * 3


def test_a_step_that_misses_nothing_is_nobodys_next(store):
    order = coarse_to_fine(RUN.steps)
    store.put(a_measured(a_task(RUN, order[1])))
    store.put_failure(a_task(RUN, order[2]).key, "not finite")
    assert hints(store, 1)[0] == (order[0], order[3])


def test_the_hint_is_no_part_of_a_task():
    task = a_task(RUN)
    told = dataclasses.replace(task, next_step=3)
    assert (told.key, told) == (task.key, task)


def test_steps_whose_checkpoint_must_be_opened(store):
    other = GraphMeasurement(task=TaskSpec(name="uniform"))
    store.put(a_measured(a_task(RUN, 2)))
    assert unmeasured_steps(store, RUN, [GRAPH], [1, 2, 3]) == [1, 3]
    assert unmeasured_steps(store, RUN, [GRAPH, other], [1, 2, 3]) == [1, 2, 3]
    # What is derived opens nothing; its graph does.
    assert unmeasured_steps(store, RUN, [NETWORK], [1, 2, 3]) == [1, 3]
    store.put_failure(a_task(RUN, 3).key, "not finite")
    assert unmeasured_steps(store, RUN, [GRAPH], None) == [0, 1, 4, 5, 6, 7, 8]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_nobody_can_tell_the_time_before_anything_was_measured():
    assert Pace(Clock()).eta({"graph": 3}) is None
    assert Pace(Clock()).eta({"graph": 0}) == 0.0


def test_two_busy_workers_halve_the_time_that_is_left():
    clock = Clock()
    pace = Pace(clock)
    for _ in range(10):
        clock.now += 1.0
        pace.note("graph", 2.0)
    assert pace.eta({"graph": 30}) == pytest.approx(30.0)


def test_each_kind_has_its_own_pace_and_one_slow_measurement_does_not_matter():
    clock = Clock()
    pace = Pace(clock)
    for seconds in (1.0, 1.0, 100.0, 1.0, 1.0):
        clock.now += seconds + 9.0
        pace.note("llc", 9.0)
        pace.note("graph", seconds)
    assert pace.eta({"graph": 10, "llc": 0}) == pytest.approx(10.0, rel=0.02)
    assert pace.eta({"graph": 0, "llc": 10}) == pytest.approx(90.0, rel=0.02)
    assert pace.eta({"unknown": 10}) == pytest.approx(50.0, rel=0.02)


def test_the_start_of_the_workers_does_not_count():
    clock = Clock()
    pace = Pace(clock)
    clock.now = 100.0
    pace.note("graph", 1.0)
    assert pace.eta({"graph": 10}) == pytest.approx(10.0)
