"""Every error that Ontogeny raises on purpose.

::

    OntogenyError
    ├── SettingsError             a setting is wrong or unsafe
    ├── RunError                  a run cannot be read
    │   ├── RunNotFound             no run of that name, or no folder at that place
    │   ├── EmptyRun                a folder or a repository without checkpoints
    │   ├── CheckpointUnreadable    one checkpoint is missing, truncated or not finite
    │   ├── ShapesDiffer            one checkpoint's shapes are not the run's
    │   ├── UnknownArchitecture     no anatomy is known for this model
    │   ├── HubRefused              the hub did not give a revision
    │   │   └── HubUnreachable        it does not answer now; later it may
    │   └── NoRoom                  a fetched checkpoint has no room on the disk
    ├── MeasurementError          a measurement cannot be made
    │   └── ChainsDiverged          too few SGLD chains stayed finite
    ├── StoreError                the store cannot be used
    │   ├── UnsafeFileSystem        its folder is on a network file system
    │   ├── StoreFull               its disk is full
    │   └── BadRecord               bytes that are not a record of ours
    ├── JobError                  a job cannot be queued, cancelled or found
    └── AskedError                what was asked of a run cannot be given
        ├── UnknownName             it has no graph, curve, component, step or table of that name
        ├── NotMeasured             it is not measured
        └── TooMuch                 it would be too large

The text of each is one line for a person: what is wrong, where, and what to do.
"""

from __future__ import annotations


class OntogenyError(Exception):
    """Whatever Ontogeny says is wrong; its text is shown to people as it is."""


class SettingsError(OntogenyError):
    """A setting is wrong or unsafe."""


class RunError(OntogenyError):
    """A run cannot be read."""


class RunNotFound(RunError):
    """No run of that name, or no folder at that place."""


class EmptyRun(RunError):
    """A folder or a repository without checkpoints."""


class CheckpointUnreadable(RunError):
    """One checkpoint is missing, truncated or not finite."""


class ShapesDiffer(RunError):
    """The shapes of one checkpoint are not the shapes of the run."""


class UnknownArchitecture(RunError):
    """No anatomy is known for this model."""


class HubRefused(RunError):
    """The hub did not give a revision."""


class HubUnreachable(HubRefused):
    """The hub does not answer now; later it may."""


class NoRoom(RunError):
    """A fetched checkpoint has no room on the disk."""


class MeasurementError(OntogenyError):
    """A measurement cannot be made."""


class ChainsDiverged(MeasurementError):
    """Too few SGLD chains stayed finite for an estimate."""


class StoreError(OntogenyError):
    """The store cannot be used."""


class UnsafeFileSystem(StoreError):
    """The store's folder is on a network file system, where SQLite's locks fail."""


class StoreFull(StoreError):
    """The store's disk is full."""


class BadRecord(StoreError):
    """Bytes that are not a record of ours."""


class JobError(OntogenyError):
    """A job cannot be queued, cancelled or found."""


class AskedError(OntogenyError):
    """What was asked of a run cannot be given."""


class UnknownName(AskedError):
    """The run has no graph, curve, component, step or table of that name."""


class NotMeasured(AskedError):
    """What was asked for is not measured."""


class TooMuch(AskedError):
    """What was asked for would be too large."""


def require(condition: bool, reason: str) -> None:
    """Raise `SettingsError` with ``reason`` unless ``condition`` holds."""
    if not condition:
        raise SettingsError(reason)


def require_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `SettingsError` unless ``value`` is one of ``choices``; ``name`` is what it is of."""
    require(value in choices, f"{name} {value!r} is unknown; use one of {', '.join(choices)}")
