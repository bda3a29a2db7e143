"""The catalogue: which runs there are, where their checkpoints are, and what they are.

Nothing here opens a model. A run is entered by `compute.models` and read by everyone.
"""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, Literal, TypeAlias

from compute.errors import BadRecord, SettingsError

Source: TypeAlias = Literal["folder", "hub", "shipped"]
Family: TypeAlias = Literal["language", "regression"]

_CHECKPOINT = re.compile(r"(?:checkpoint|step|global_step)[-_]?(\d+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One training run.

    Attributes
    ----------
    source, location
        ``folder`` and its absolute path; ``hub`` and ``owner/name``; ``shipped`` and the name of
        a development whose records came with the project and whose weights are not here.
    family
        ``language``: predicts the next token; ``regression``: predicts a number in context.
    steps
        The training steps that have a checkpoint, ascending.
    text
        Path of the text that prompts and losses are drawn from; "" for the run's own corpus or,
        if it has none, Python's standard library.
    data_digest
        Digest of that text.
    llc
        How its LLC is measured, as `compute.specs.spec_to_json` writes it, in JSON: what a
        calibration chose; "" for the standard settings of its family.
    recipe
        What runs that differ in nothing but their seed have in common: they are shown together.
        "" for a run by itself.
    seed
        Of its training; None where nobody said.
    tokens_per_step
        How many tokens one step of training sees; 0 where nobody said.
    summary, licence
        For people; licence is "not stated" where nobody stated one.
    """

    name: str
    source: Source
    location: str
    family: Family
    steps: tuple[int, ...]
    data_digest: str
    text: str = ""
    llc: str = ""
    recipe: str = ""
    seed: int | None = None
    tokens_per_step: int = 0
    summary: str = ""
    licence: str = "not stated"

    def __post_init__(self) -> None:
        """Refuse a name that cannot stand in a key, and steps out of order."""
        check_run_name(self.name)
        if self.recipe:
            check_run_name(self.recipe)
        if self.tokens_per_step < 0:
            raise SettingsError(f"run {self.name}: tokens per step must not be negative")
        if list(self.steps) != sorted(set(self.steps)):
            raise SettingsError(f"run {self.name}: steps must be ascending and distinct")

    def to_bytes(self) -> bytes:
        """Return the run as UTF-8 JSON."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Run:
        """Return the run that `to_bytes` wrote.

        Raises
        ------
        BadRecord
            If the bytes are not a run.
        """
        try:
            value: dict[str, Any] = json.loads(data)
            return cls(**{**value, "steps": tuple(value["steps"])})
        except (ValueError, TypeError, KeyError) as error:
            raise BadRecord(f"the catalogue has an entry that is not a run: {error}") from error


def check_run_name(name: str) -> None:
    """Raise `SettingsError` unless ``name`` can stand in a key, a file name and a URL."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"run name {name!r}: use 1 to 64 letters, digits, dots, dashes or underscores"
        )


def checkpoint_folders(folder: Path) -> dict[int, Path]:
    """Return the sub-folders of a folder that are named like checkpoints, by step, ascending.

    Raises
    ------
    OSError
        If the folder cannot be read.
    """
    found = {
        int(match[1]): child
        for child in folder.iterdir()
        if (match := _CHECKPOINT.fullmatch(child.name)) and child.is_dir()
    }
    return dict(sorted(found.items()))


def coarse_to_fine(steps: tuple[int, ...]) -> list[int]:
    """Return ``steps`` reordered so that every prefix covers the whole run evenly.

    The first pass takes the two ends and every ``2^k``-th checkpoint, the next the ones halfway
    between, and so on.

    >>> coarse_to_fine((0, 1, 2, 3, 4))
    [0, 4, 2, 1, 3]
    """
    if not steps:
        return []
    order = [0, len(steps) - 1]
    stride = 1 << (len(steps) - 1).bit_length()
    while stride >= 1:
        order += range(stride, len(steps) - 1, stride)
        stride //= 2
    return [steps[i] for i in dict.fromkeys(order)]
