from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

from compute.jobs import Jobs
from tests.samples import BEHAVIOUR, GRAPH, a_run

pytestmark = pytest.mark.faults

STEPS = 15


def wait_until(condition, seconds=120.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def job(store, folder):
    store.put_run(a_run(steps=STEPS, location=folder))
    return Jobs(store).submit("small", [GRAPH, BEHAVIOUR])


@pytest.fixture
def start(store):
    """Starts services on the store; whatever is left of them is killed at the end."""
    started = []

    def start():
        command = [sys.executable, "-m", "tests.faults.a_service", str(store.folder)]
        started.append(psutil.Popen(command, stdout=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        if process.is_running():
            process.kill()
        process.wait()


def measured(folder):
    """Return the keys in the order in which workers were done with them."""
    log = folder / "done"
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def kill(process):
    """Kill a service and return the processes that it had started."""
    workers = process.children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return workers


def test_a_killed_service_loses_nothing_and_the_next_one_resumes(store, folder, job, start):
    first = start()
    wait_until(lambda: len(store.keys("small")) >= 5)
    workers = kill(first)
    kept, before = set(store.keys("small")), measured(folder)
    assert len(kept) >= 5
    assert Jobs(store).get(job.id).state == "running"

    start()
    wait_until(lambda: Jobs(store).get(job.id).state == "done")
    after = measured(folder)[len(before) :]
    assert kept.isdisjoint(after), "a finished record was measured again"
    assert kept <= set(store.keys("small"))
    assert len(store.keys("small")) == 2 * STEPS
    assert all(store.get(key).key == key for key in store.keys("small"))
    assert not any(worker.is_running() for worker in workers), "a worker outlived its service"


def test_a_service_that_is_killed_again_and_again_still_finishes(store, folder, job, start):
    for wanted in (3, 8, 16):
        service = start()
        wait_until(lambda wanted=wanted: len(store.keys("small")) >= wanted)
        kill(service)
    start()
    wait_until(lambda: Jobs(store).get(job.id).state == "done")
    assert len(store.keys("small")) == 2 * STEPS
    assert store.failures("small") == {}


def test_a_service_that_is_asked_to_stop_leaves_its_job_waiting(store, job, start):
    service = start()
    wait_until(lambda: len(store.keys("small")) >= 3)
    workers = service.children(recursive=True)
    service.send_signal(signal.SIGINT)
    service.wait(30)
    assert Jobs(store).get(job.id).state == "queued"
    assert Jobs(store).service() is None
    psutil.wait_procs(workers, timeout=5)
    assert not any(worker.is_running() for worker in workers)
