"""Checks what the store holds of a run: every record read, what is damaged, failed or missing."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

from compute.errors import BadRecord
from compute.plan import Failed, known_failures
from compute.runs import Run
from compute.specs import standard_measurements
from compute.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found.

    Attributes
    ----------
    records
        How many records could be read.
    damaged
        Why the others could not, by key.
    missing
        By kind, how many standard measurements have neither a record nor a failure.
    """

    run: str
    records: int
    damaged: dict[str, str]
    failed: tuple[Failed, ...]
    missing: Counter[str]

    def lines(self) -> Iterator[str]:
        """Yield the findings, one line each."""
        missing = sum(self.missing.values())
        yield (
            f"{self.run}: {self.records} records read, {len(self.damaged)} damaged, "
            f"{len(self.failed)} failed, {missing} missing"
        )
        for key, reason in self.damaged.items():
            yield f"  damaged: {key}: {reason}"
        for failed in self.failed:
            yield f"  failed: step {failed.step:,}  {failed.kind}: {failed.reason}"
        for kind, count in sorted(self.missing.items()):
            yield f"  missing: {count} {kind}"


def check_run(store: Store, run: Run, *, repair: bool = False) -> Checked:
    """Read every record of a run and return what was found.

    Parameters
    ----------
    repair
        Remove damaged records, so that they are measured again.
    """
    damaged: dict[str, str] = {}
    seen = set()
    keys = store.keys(run.name)
    for key in keys:
        try:
            measured = store.get(key)
            if measured is None or measured.key != key:
                raise BadRecord("its content is gone, or is not what its name says")
            if measured.data_digest == run.data_digest:
                seen.add((measured.spec, measured.step))
        except BadRecord as error:
            damaged[key] = str(error)
            if repair:
                store.drop(key)
    failed = tuple(known_failures(store, run.name))
    missing = Counter(
        spec.kind
        for spec in standard_measurements(run)
        for step in run.steps
        if (spec, step) not in seen
    )
    missing.subtract(Counter(failure.kind for failure in failed))
    return Checked(
        run=run.name,
        records=len(keys) - len(damaged),
        damaged=damaged,
        failed=failed,
        missing=+missing,
    )
