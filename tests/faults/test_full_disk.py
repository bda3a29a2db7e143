from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from compute.engine import InlineEngine
from compute.errors import StoreFull
from compute.jobs import Jobs
from compute.records import to_bytes
from compute.service import Service
from compute.store import Store
from compute.worker import Success
from tests.samples import GRAPH, a_digest, a_measured, a_run, a_task, measure

pytestmark = pytest.mark.faults

RUN = a_run(steps=20)


def measure_at_length(task):
    """Stands for the worker: a record of some 80 kB."""
    return Success(to_bytes(a_measured(task, prompts=3300)))


def work(store, job, perform=measure_at_length):
    with Service(store, InlineEngine(perform), weights_digest=a_digest) as service:
        return service.run_next(job.id)


LIMITED = """
import resource, sys
from pathlib import Path
from tests.faults.test_full_disk import *
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
store = Store(Path(sys.argv[1]))
store.put_run(RUN)
def too_long_at_step_2(task):
    if task.step == 2:
        return Success(to_bytes(a_measured(task, prompts=150_000)))
    return measure(task)
job = work(store, Jobs(store).submit("small", [GRAPH]), too_long_at_step_2)
print(job.state, job.reason)
store.close()
"""


def test_where_files_may_not_grow_the_job_fails_and_nothing_is_lost(store):
    child = subprocess.run(
        [sys.executable, "-c", LIMITED, str(store.folder)], capture_output=True, text=True
    )
    assert child.stdout.startswith("failed the disk of the store"), child.stderr
    kept = store.keys("small")
    assert kept
    assert all(store.get(key).key == key for key in kept)
    assert not [path for path in store.folder.rglob("*.val") if path.stat().st_size > 1_000_000]
    (job,) = Jobs(store).list()
    assert work(store, Jobs(store).retry(job.id), measure).done == len(RUN.steps)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "ontogeny-test", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk; run the tests as root to see this one")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk, leave):
    """Fill a disk up to ``leave`` bytes."""
    filler = disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk).free - leave))
    return filler


def test_on_a_full_disk_the_job_fails_and_goes_on_once_there_is_room(small_disk):
    store = Store(small_disk / "store")
    store.put_run(RUN)
    store.keep_reserve()
    job = Jobs(store).submit("small", [GRAPH])
    filler = fill(small_disk, leave=500_000)
    job = work(store, job)
    assert job.state == "failed"
    assert "is full" in job.reason
    assert "\n" not in job.reason
    kept = {key: store.get_bytes(key) for key in store.keys("small")}
    assert 1 <= len(kept) < 10
    assert all(store.get(key).key == key for key in kept)

    filler.unlink()
    job = work(store, Jobs(store).retry(job.id))
    assert (job.state, job.done) == ("done", len(RUN.steps))
    assert kept.items() <= {key: store.get_bytes(key) for key in store.keys("small")}.items()
    store.close()


def test_a_disk_that_is_full_to_the_last_byte_is_told_in_our_words(small_disk):
    store = Store(small_disk / "store")
    store.put_run(RUN)
    fill(small_disk, leave=0)

    def put_everything():
        for step in RUN.steps:
            store.put(a_measured(a_task(RUN, step), prompts=3300))

    with pytest.raises(StoreFull, match="free some space"):
        put_everything()
    assert all(store.get(key).key == key for key in store.keys("small"))
    assert store.run("small") == RUN
    store.close()
