"""A service to be killed: `python -m tests.faults.a_service STORE` works on the queue until then.

Its worker takes a moment for every task and notes each in the run's folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from compute.engine import DaskEngine
from compute.service import Service
from compute.store import Store
from compute.worker import Outcome, Task
from tests.samples import a_digest, note_and_measure


def measure_slowly(task: Task) -> Outcome:
    time.sleep(0.1)
    return note_and_measure(task)


if __name__ == "__main__":
    engine = DaskEngine(1, perform=measure_slowly)
    with Service(Store(Path(sys.argv[1])), engine, weights_digest=a_digest) as service:
        service.run_forever(lambda line: print(line, flush=True))
