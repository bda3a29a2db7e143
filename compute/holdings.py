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


@dataclasses.dataclass(frozen=True)
class Head:
    """What is counted of one record: its size in bytes, and of one that is current the rest."""

    size: int
    digest: str = ""
    step: int = 0
    seconds: float = 0.0


def holdings(store: Store, run: Run, heads: dict[str, Head] | None = None) -> Holdings:
    """Return what the store holds of a run.

    Parameters
    ----------
    heads
        What an earlier call found, by key, so that only new records are read, which are added:
        records do not change. Damaged ones may, so they are read each time.
    """
    outdated, keys = store.outdated_keys(run.name), store.keys(run.name)
    heads = {} if heads is None else heads
    for key in heads.keys() - {*outdated, *keys}:
        del heads[key]
    for key in outdated:
        if key not in heads:
            heads[key] = Head(len(store.get_bytes(key) or b""))
    size = sum(heads[key].size for key in outdated)
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    sizes: defaultdict[str, list[int]] = defaultdict(list)
    places: Counter[tuple[str, int]] = Counter()
    damaged = 0
    for key in keys:
        kind = key_parts(key).kind
        head = heads.get(key) or _head(store.get_bytes(key) or b"")
        sizes[kind].append(head.size)
        if not head.digest:
            damaged += 1
            continue
        heads[key] = head
        places[head.digest, head.step] += 1
        seconds[kind].append(head.seconds)
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


def _head(data: bytes) -> Head:
    """Return the head of a record; without a digest if it is damaged."""
    try:
        header = record_header(data)
        digest = spec_digest(spec_from_json(header["spec"]))
        return Head(len(data), digest, int(header["step"]), float(header["seconds"]))
    except (BadRecord, SettingsError, KeyError, TypeError, ValueError):
        return Head(len(data))


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
