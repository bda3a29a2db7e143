"""What every page is given."""

from __future__ import annotations

import dataclasses

from compute.jobs import Jobs
from dashboard.library import Library
from dashboard.payloads import Payloads


@dataclasses.dataclass(frozen=True)
class Context:
    """The store's developments, their bytes, its queue, and the path where the server answers."""

    library: Library
    payloads: Payloads
    jobs: Jobs
    prefix: str
