from __future__ import annotations

import pytest

from compute.engine import InlineEngine
from compute.errors import JobError, StoreError, StoreFull
from compute.jobs import Jobs, process_identity
from compute.service import Service, compute_run
from compute.store import Store
from tests.samples import (
    BEHAVIOUR,
    GRAPH,
    LLC,
    NETWORK,
    a_digest,
    a_measured,
    a_run,
    a_task,
    fail_at_step_2,
    measure,
)

RUN = a_run()


def a_service(store, perform=measure):
    return Service(store, InlineEngine(perform), weights_digest=a_digest)


def run_one(store, job, perform=measure):
    with a_service(store, perform) as service:
        return service.run_next(job.id)


@pytest.fixture
def jobs(store):
    store.put_run(RUN)
    return Jobs(store)


def test_a_job_puts_every_record_into_the_store(store, jobs):
    job = run_one(store, jobs.submit("small", [GRAPH, NETWORK, BEHAVIOUR, LLC]))
    assert (job.state, job.done, job.total, job.failed, job.reason) == ("done", 20, 20, 0, "")
    for spec in (GRAPH, NETWORK, BEHAVIOUR, LLC):
        for step in RUN.steps:
            assert store.has(a_task(RUN, step, spec).key)


def test_the_same_job_again_measures_nothing(store, jobs):
    run_one(store, jobs.submit("small", [GRAPH]))

    def never(task):
        raise AssertionError("measured again")

    job = run_one(store, jobs.submit("small", [GRAPH]), never)
    assert (job.state, job.done) == ("done", 5)


def test_jobs_are_taken_in_the_order_of_their_submission(store, jobs):
    first, second = jobs.submit("small", [GRAPH]), jobs.submit("small", [LLC])
    with a_service(store) as service:
        assert [service.run_next().id, service.run_next().id] == [first.id, second.id]
        assert service.run_next() is None


def test_what_fails_is_told_and_the_rest_goes_on(store, jobs):
    job = run_one(store, jobs.submit("small", [GRAPH]), fail_at_step_2)
    assert (job.state, job.done, job.failed) == ("done", 4, 1)
    assert job.reason == "1 of 5 failed, first: its weights are not finite"


def test_a_job_of_which_nothing_worked_has_failed(store, jobs):
    job = run_one(store, jobs.submit("small", [GRAPH], [2]), fail_at_step_2)
    assert job.state == "failed"


def test_a_retried_job_measures_what_had_failed(store, jobs):
    job = run_one(store, jobs.submit("small", [GRAPH]), fail_at_step_2)
    job = run_one(store, jobs.retry(job.id))
    assert (job.state, job.done, job.failed, job.reason) == ("done", 5, 0, "")


def test_a_job_on_a_run_that_vanished_fails_with_a_reason(store, jobs):
    job = jobs.submit("small", [GRAPH])
    store._drop("run/small")
    assert "no run named 'small'" in run_one(store, job).reason


def test_cancelling_stops_between_two_results(store, jobs):
    job = jobs.submit("small", [GRAPH])
    done = []

    def cancel_after_two(task):
        done.append(task.step)
        if len(done) == 2:
            jobs.cancel(job.id)
        return measure(task)

    closed = run_one(store, job, cancel_after_two)
    assert (closed.state, len(done), len(store.keys("small"))) == ("cancelled", 2, 2)


def test_an_interrupted_job_waits_for_the_next_service(store, jobs):
    job = jobs.submit("small", [GRAPH])

    def interrupt(task):
        if task.step == 2:
            raise KeyboardInterrupt
        return measure(task)

    with pytest.raises(KeyboardInterrupt):
        run_one(store, job, interrupt)
    assert jobs.get(job.id).state == "queued"
    assert jobs.service() is None
    kept = len(store.keys("small"))
    assert 0 < kept < 5
    assert run_one(store, job).done == 5


def test_progress_reaches_whoever_watches(store, jobs):
    seen = []
    job = jobs.submit("small", [GRAPH, LLC])
    with a_service(store) as service:
        service.run_next(job.id, lambda progress: seen.append((progress.done, progress.total)))
    assert seen[0] == (0, 10)
    assert seen[-1] == (10, 10)


def test_a_second_service_is_refused_and_a_third_after_the_first_is_not(store, tmp_path):
    with a_service(store):
        Jobs(store).claim_service(process_identity())
        store.put_document("service", {"owner": "another-host:1:1"})
        Jobs(store).heartbeat("another-host:1:1")
        with pytest.raises(JobError, match="process 1 on another-host"), a_service(store):
            pass
    store.drop_document("service")
    with a_service(store):
        assert Jobs(store).service() == process_identity()


class LockedOnce(Store):
    """A store whose database refuses to close a job the first time."""

    locked = True

    def put_document(self, name, value):
        if value.get("state") == "done" and self.locked:
            self.locked = False
            raise StoreError("the database is locked")
        super().put_document(name, value)


def test_a_service_outlives_a_database_that_refuses(tmp_path):
    locked = LockedOnce(tmp_path)
    locked.put_run(RUN)
    Jobs(locked).submit("small", [GRAPH])
    said = []

    def say(line):
        said.append(line)
        if len(said) == 2:
            raise KeyboardInterrupt

    service = Service(
        locked, InlineEngine(measure), weights_digest=a_digest, sleep=lambda seconds: None
    )
    with service, pytest.raises(KeyboardInterrupt):
        service.run_forever(say)
    assert "the database is locked" in said[0]
    assert "done, 5 of 5 measurements" in said[1]
    locked.close()


class FullStore(Store):
    """A store whose disk is full after two records."""

    def put(self, measured):
        if len(self.keys(measured.run)) == 2:
            raise StoreFull("the disk of the store is full")
        super().put(measured)


def test_on_a_full_disk_the_job_fails_keeps_what_it_has_and_can_be_resumed(tmp_path):
    full = FullStore(tmp_path)
    full.put_run(RUN)
    job = run_one(full, Jobs(full).submit("small", [GRAPH]))
    assert (job.state, job.reason) == ("failed", "the disk of the store is full")
    assert len(full.keys("small")) == 2
    full.close()
    roomy = Store(tmp_path)
    job = run_one(roomy, Jobs(roomy).retry(job.id))
    assert (job.state, job.done) == ("done", 5)
    roomy.close()


def test_compute_run_needs_no_queue(store):
    store.put(a_measured(a_task(RUN, 1)))
    progress = compute_run(
        store, RUN, [GRAPH, LLC], InlineEngine(measure), steps=[1, 3], weights_digest=a_digest
    )
    assert {kind: count.done for kind, count in progress.kinds.items()} == {"graph": 2, "llc": 2}
    assert progress.eta_seconds == 0.0
