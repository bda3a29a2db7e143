"""What a store holds of a run: how much room it takes, what is out of date, what is left to do.

Only the heads of records are read, never their arrays.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from compute.errors import BadRecord, SettingsError
from compute.records import record_header
from compute.runs import Run
from compute.specs import Measurement, key_parts, spec_digest, spec_from_json
from compute.store import Store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Holdings:
    """What there is of one run.

    Attributes
    ----------
    size
        Of its records, those out of date too, bytes.
    outdated
        How many were measured by an earlier version, in which their kind meant something else.
    superseded
        How many have a twin of the same settings and step on other weights or another text: only
        one of them can be of what is there now.
    damaged
        How many cannot be read.
    seconds, sizes
        By kind, what one record took to measure, the median, and the bytes it takes, the mean.
    done
        The steps that are measured, by the digest of a measurement's settings.
    """

    records: int
    size: int
    outdated: int
    superseded: int
    damaged: int
    seconds: Mapping[str, float]
    sizes: Mapping[str, float]
    done: Mapping[str, frozenset[int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What measuring the rest of a run will take.

    Attributes
    ----------
    missing
        How many measurements, by kind.
    seconds
        Of one worker; None where no record of a kind that is missing is known.
    size
        In the store, bytes; None as for ``seconds``.
    unknown
        The kinds of which nothing is known, and whose share is left out.
    """

    missing: Mapping[str, int]
    seconds: float | None
    size: float | None
    unknown: tuple[str, ...]


def holdings(store: Store, run: Run) -> Holdings:
    """Return what the store holds of a run."""
    outdated = store.outdated_keys(run.name)
    size = sum(len(store.get_bytes(key) or b"") for key in outdated)
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    places: Counter[tuple[str, int]] = Counter()
    damaged = 0
    keys = store.keys(run.name)
    for key in keys:
        data = store.get_bytes(key) or b""
        kind = key_parts(key).kind
        sizes[kind].append(len(data))
        try:
            header = record_header(data)
            places[spec_digest(spec_from_json(header["spec"])), int(header["step"])] += 1
            seconds[kind].append(float(header["seconds"]))
        except (BadRecord, SettingsError, KeyError, TypeError, ValueError):
            damaged += 1
    done: defaultdict[str, set[int]] = defaultdict(set)
    for digest, step in places:
        done[digest].add(step)
    return Holdings(
        records=len(keys),
        size=size + sum(map(sum, sizes.values())),
        outdated=len(outdated),
        superseded=sum(count - 1 for count in places.values()),
        damaged=damaged,
        seconds={kind: statistics.median(each) for kind, each in seconds.items()},
        sizes={kind: statistics.fmean(each) for kind, each in sizes.items()},
        done={digest: frozenset(steps) for digest, steps in done.items()},
    )


def estimate(
    run: Run, specs: Iterable[Measurement], own: Holdings, others: Sequence[Holdings]
) -> Estimate:
    """Return what measuring ``specs`` of every checkpoint that misses them will take.

    Parameters
    ----------
    own
        Of the run itself: its own records say best how long one takes.
    others
        Of other runs, asked in their order about kinds that the run has no record of.
    """
    missing: Counter[str] = Counter()
    for spec in specs:
        left = len(set(run.steps) - own.done.get(spec_digest(spec), frozenset()))
        if left:
            missing[spec.kind] += left
    known = {kind: h for h in (*reversed(others), own) for kind in h.seconds}
    unknown = tuple(sorted(kind for kind in missing if kind not in known))
    counted = {kind: count for kind, count in missing.items() if kind in known}
    if missing and not counted:
        return Estimate(missing=missing, seconds=None, size=None, unknown=unknown)
    return Estimate(
        missing=missing,
        seconds=sum(count * known[kind].seconds[kind] for kind, count in counted.items()),
        size=sum(count * known[kind].sizes[kind] for kind, count in counted.items()),
        unknown=unknown,
    )
