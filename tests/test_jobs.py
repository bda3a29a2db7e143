from __future__ import annotations

import dataclasses
import multiprocessing
import os
import socket
import subprocess
import sys
import time

import pytest

from compute.errors import JobError, RunNotFound
from compute.jobs import STALE_SECONDS, Jobs, process_identity
from compute.store import Store
from tests.samples import BEHAVIOUR, GRAPH, a_run, a_task

ELSEWHERE = "another-host:1:1"
ME = process_identity()


@pytest.fixture
def jobs(store):
    store.put_run(a_run())
    return Jobs(store)


@pytest.fixture
def dead():
    """The identity of a process that is no more."""
    child = subprocess.run(
        [sys.executable, "-c", "import compute.jobs as j; print(j.process_identity())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return child.stdout.strip()


def test_a_job_is_queued_as_it_was_submitted(jobs):
    job = jobs.submit("small", [GRAPH, BEHAVIOUR], [3, 1])
    assert jobs.list() == [job]
    assert job.state == "queued"
    assert job.measurements() == [GRAPH, BEHAVIOUR]
    assert job.steps == (1, 3)


def test_the_same_request_is_one_job_while_it_is_open(jobs):
    first = jobs.submit("small", [GRAPH])
    assert jobs.submit("small", [GRAPH]) == first
    assert jobs.submit("small", [BEHAVIOUR]) != first
    assert jobs.submit("small", [GRAPH], [1]) != first
    jobs.cancel(first.id)
    assert jobs.submit("small", [GRAPH]).id != first.id


def test_jobs_are_refused_that_could_never_run(jobs, store):
    with pytest.raises(RunNotFound):
        jobs.submit("unknown", [GRAPH])
    with pytest.raises(JobError, match="no measurement"):
        jobs.submit("small", [])
    with pytest.raises(JobError, match="step 99"):
        jobs.submit("small", [GRAPH], [0, 99])
    store.put_run(dataclasses.replace(a_run("theirs"), source="shipped", location="theirs"))
    with pytest.raises(JobError, match="ontogeny add"):
        jobs.submit("theirs", [GRAPH])
    assert jobs.list() == []


def test_the_oldest_job_is_claimed_first(jobs):
    first, second = jobs.submit("small", [GRAPH]), jobs.submit("small", [BEHAVIOUR])
    jobs.heartbeat(ELSEWHERE)
    assert jobs.claim(ME).id == first.id
    assert jobs.claim(ELSEWHERE).id == second.id
    assert jobs.claim("a-third-host:1:1") is None


def test_a_job_that_was_asked_for_is_claimed_first(jobs):
    jobs.submit("small", [GRAPH])
    second = jobs.submit("small", [BEHAVIOUR])
    assert jobs.claim(ME, second.id).id == second.id


def test_a_job_of_a_living_process_is_not_claimed(jobs):
    jobs.submit("small", [GRAPH])
    jobs.claim(ME)
    assert jobs.claim(ELSEWHERE) is None


def test_a_job_of_a_dead_process_is_resumed(jobs, dead):
    job = jobs.submit("small", [GRAPH])
    jobs.claim(dead)
    jobs.progress(job.id, done=2, total=5, failed=0, eta_seconds=9.0)
    resumed = jobs.claim(ME)
    assert (resumed.id, resumed.owner, resumed.done) == (job.id, ME, 2)


def test_a_process_elsewhere_lives_as_long_as_its_heart_beats(jobs, store):
    jobs.submit("small", [GRAPH])
    jobs.heartbeat(ELSEWHERE)
    jobs.claim(ELSEWHERE)
    assert jobs.claim(ME) is None
    store.put_document(f"heartbeat/{ELSEWHERE}", {"time": time.time() - STALE_SECONDS - 1})
    assert jobs.claim(ME) is not None


def test_a_process_that_reuses_a_dead_ones_number_is_another(jobs):
    assert jobs.is_alive(ME)
    assert not jobs.is_alive(f"{socket.gethostname()}:{os.getpid()}:12345")


def test_progress_shows_and_a_finished_job_is_closed(jobs):
    job = jobs.submit("small", [GRAPH])
    jobs.claim(ME)
    jobs.progress(job.id, done=1, total=5, failed=2, eta_seconds=3.5)
    shown = jobs.get(job.id)
    assert (shown.done, shown.total, shown.failed, shown.eta_seconds) == (1, 5, 2, 3.5)
    jobs.finish(job.id, "failed", "the disk is full")
    closed = jobs.get(job.id)
    assert (closed.state, closed.reason, closed.owner, closed.open) == (
        "failed",
        "the disk is full",
        "",
        False,
    )
    assert closed.created <= closed.started <= closed.finished


def test_a_cancelled_job_stays_cancelled(jobs):
    job = jobs.submit("small", [GRAPH])
    jobs.claim(ME)
    jobs.cancel(job.id)
    jobs.progress(job.id, done=1, total=5, failed=0, eta_seconds=None)
    assert jobs.finish(job.id, "done").state == "cancelled"
    with pytest.raises(JobError, match="cancelled already"):
        jobs.cancel(job.id)
    assert jobs.claim(ME) is None


def test_a_released_job_waits_again(jobs):
    job = jobs.submit("small", [GRAPH])
    jobs.claim(ME)
    jobs.release(job.id)
    assert jobs.claim(ELSEWHERE).id == job.id


def test_retry_queues_a_closed_job_and_forgets_its_failures(jobs, store):
    job = jobs.submit("small", [GRAPH])
    with pytest.raises(JobError, match="cancel it first"):
        jobs.retry(job.id)
    store.put_failure(a_task(a_run()).key, "not finite")
    jobs.finish(job.id, "failed", "all failed")
    again = jobs.retry(job.id)
    assert (again.state, again.reason, again.failed) == ("queued", "", 0)
    assert store.failures("small") == {}


def test_an_unknown_job_is_refused(jobs):
    with pytest.raises(JobError, match="no job 'x'"):
        jobs.get("x")


def test_a_job_of_another_version_is_left_out(jobs, store):
    job = jobs.submit("small", [GRAPH])
    store.put_document("job/0", {"id": "0", "colour": "red"})
    store.put_document("job/1", dataclasses.asdict(job) | {"colour": "red"})
    assert jobs.list() == [job]
    with pytest.raises(JobError):
        jobs.get("1")


def test_one_service_a_store(jobs, dead):
    jobs.claim_service(dead)
    assert jobs.service() is None
    jobs.claim_service(ME)
    jobs.claim_service(ME)
    assert jobs.service() == ME
    with pytest.raises(JobError, match=f"process {os.getpid()} on"):
        jobs.claim_service(ELSEWHERE)
    jobs.release_service(ELSEWHERE)
    assert jobs.service() == ME
    jobs.release_service(ME)
    jobs.claim_service(ELSEWHERE)


def _claim(folder, barrier, results):
    store = Store(folder)
    barrier.wait()
    job = Jobs(store).claim(process_identity())
    results.put(None if job is None else job.owner)
    barrier.wait()  # a loser must not see the winner dead
    store.close()


def test_of_two_processes_that_claim_one_job_one_gets_it(store, jobs):
    jobs.submit("small", [GRAPH])
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.SimpleQueue()
    claimants = [
        context.Process(target=_claim, args=(store.folder, barrier, results)) for _ in range(2)
    ]
    for process in claimants:
        process.start()
    owners = [results.get(), results.get()]
    for process in claimants:
        process.join()
    assert owners.count(None) == 1
    assert jobs.list()[0].owner in owners
