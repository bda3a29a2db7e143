"""What a hub has, and getting it: runs whose checkpoints are revisions, as Pythia's ``step1000``.

The hub's client does not compare what it has fetched with the digests that the hub states; here
that is done.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import re
import shutil
import statistics
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download

from compute.errors import CheckpointUnreadable, EmptyRun, HubRefused, HubUnreachable
from compute.models.patience import ANSWER_SECONDS, PATIENT, Patience, patiently

_REVISION = re.compile(r"(?:step|checkpoint)[-_]?(\d+)")
_WANTED = ("config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "*.model")
_PICKLED = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
_REMEMBER_SECONDS = 600


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a revision, as the hub describes it; None is what it does not say.

    Attributes
    ----------
    size
        Bytes.
    sha256
        Digest of the contents; None for a file that is in git itself.
    blob
        Git's name of it: of the contents, or of the pointer that stands for them.
    """

    name: str
    size: int | None
    sha256: str | None
    blob: str | None

    def damage(self, path: Path) -> str:
        """Return how the file at ``path`` differs from this one, in a few words; "" if not."""
        if self.sha256 is None and self.blob is None:
            return "" if self.size in (None, path.stat().st_size) else f"it is not {self.size} B"
        if self.sha256 is not None:
            kind, expected = "sha256", self.sha256
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            kind, expected = "git digest", str(self.blob)
            data = path.read_bytes()
            found = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        if found == expected:
            return ""
        return f"its {kind} is {found[:12]}.. and should be {expected[:12]}.."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """What a revision holds, at the commit that it named when the hub was asked."""

    repository: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...]

    @property
    def digest(self) -> str:
        """The identity of the revision's weights and config."""
        chosen = sorted(
            (file.name, file.sha256 or file.blob)
            for file in self.files
            if file.name == "config.json" or file.name.endswith((".safetensors", ".bin"))
        )
        return hashlib.sha256(repr(chosen).encode()).hexdigest()

    @property
    def wanted(self) -> tuple[RemoteFile, ...]:
        """The files that measuring needs; pickled weights only where there are no others."""
        found = self._matching(_WANTED)
        pickled = not any(file.name.endswith(".safetensors") for file in found)
        return found + (self._matching(_PICKLED) if pickled else ())

    @property
    def size(self) -> int | None:
        """Bytes of the wanted files; None if the hub does not say."""
        sizes = [file.size for file in self.wanted]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _matching(self, patterns: tuple[str, ...]) -> tuple[RemoteFile, ...]:
        return tuple(
            file
            for file in self.files
            if "/" not in file.name and any(fnmatch.fnmatch(file.name, p) for p in patterns)
        )


def find_revisions(repository: str, patience: Patience = PATIENT) -> dict[int, str]:
    """Return the revisions of ``owner/name`` that are checkpoints, by step, ascending.

    Raises
    ------
    HubRefused
        If the hub cannot be reached or does not give the repository.
    EmptyRun
        If no branch or tag is named like a step.
    """
    refs = patiently(repository, lambda: HfApi().list_repo_refs(repository), patience)
    found = {
        int(match[1]): ref.name
        for ref in [*refs.tags, *refs.branches]
        if (match := _REVISION.fullmatch(ref.name))
    }
    if not found:
        raise EmptyRun(
            f"{repository}: no branch or tag named like step1000; this repository has no "
            "training checkpoints"
        )
    return dict(sorted(found.items()))


def find_listing(repository: str, step: int, patience: Patience = PATIENT) -> Listing:
    """Return what the revision of ``step`` holds.

    Raises
    ------
    CheckpointUnreadable
        If the repository has no such revision any more.
    HubRefused
        If the hub does not give the revision.
    """
    revision = _revision(repository, step, patience)
    what = f"{repository} at {revision}"

    def ask() -> Listing:
        info = HfApi().model_info(
            repository, revision=revision, files_metadata=True, timeout=ANSWER_SECONDS
        )
        files = (
            RemoteFile(
                name=found.rfilename,
                size=found.size,
                sha256=found.lfs.sha256 if found.lfs else None,
                blob=found.blob_id,
            )
            for found in info.siblings or []
        )
        commit = info.sha or revision
        return Listing(repository=repository, revision=revision, commit=commit, files=tuple(files))

    return patiently(what, ask, patience)


def checkpoint_size(
    repository: str, steps: Sequence[int], patience: Patience = PATIENT
) -> int | None:
    """Return about how many bytes are fetched for one of ``steps``; None if the hub does not say.

    It is the mean of the first and the last of them that the hub gives.

    Raises
    ------
    HubUnreachable
        If the hub does not answer.
    """
    sizes = []
    for step in sorted({steps[0], steps[-1]}):
        try:
            size = find_listing(repository, step, patience).size
        except HubUnreachable:
            raise
        except (HubRefused, CheckpointUnreadable):
            continue
        if size is not None:
            sizes.append(size)
    return round(statistics.fmean(sizes)) if sizes else None


def download(listing: Listing, folder: Path, patience: Patience = PATIENT) -> None:
    """Fetch the wanted files of a revision into ``folder``, and compare them with their digests.

    What is there already and undamaged, from an attempt that broke off, is not fetched again.

    Raises
    ------
    HubRefused
        If the hub does not give a file, or gives it damaged twice.
    NoRoom
        If the disk is full.
    """
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    for file in listing.wanted:
        path = folder / file.name
        if path.is_file() and file.damage(path):
            path.unlink()
        if not path.is_file():
            _fetch(listing, file, folder, patience)
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def size_text(size: float) -> str:
    """Return a size for people.

    >>> size_text(53_100_000), size_text(10e9), size_text(900)
    ('53.1 MB', '10 GB', '0.9 kB')
    """
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6)):
        if size >= bytes_:
            return f"{size / bytes_:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size / 1e3:.1f}".removesuffix(".0") + " kB"


def fetching_text(name: str, count: int, size: int | None) -> str:
    """Return what is to be fetched for a run, for people.

    Parameters
    ----------
    size
        Bytes of one checkpoint; None where the hub does not say.
    """
    line = f"{name}: {count} checkpoint{'' if count == 1 else 's'} to fetch"
    if size is None:
        return f"{line}; the hub does not say how large they are"
    return f"{line}, {size_text(size)} each, {size_text(size * count)} in all"


def _fetch(listing: Listing, file: RemoteFile, folder: Path, patience: Patience) -> None:
    what, path, damage = f"{listing.repository} at {listing.revision}", folder / file.name, ""
    for _ in range(2):
        patiently(
            what,
            lambda: hf_hub_download(
                listing.repository, file.name, revision=listing.commit, local_dir=folder
            ),
            patience,
        )
        damage = file.damage(path)
        if not damage:
            return
        path.unlink()
    raise HubRefused(
        f"{what}: {file.name} came damaged, twice: {damage}; try again later, or tell its owner"
    )


def _revision(repository: str, step: int, patience: Patience) -> str:
    """Return the revision of a step; the hub is asked for the list only now and then."""
    period = int(time.monotonic() // _REMEMBER_SECONDS)
    revisions = _remembered(repository, period, patience)
    if step not in revisions:
        _remembered.cache_clear()
        revisions = _remembered(repository, period, patience)
    if step not in revisions:
        raise CheckpointUnreadable(f"{repository}: the revision of step {step:,} is gone")
    return revisions[step]


@lru_cache(maxsize=8)
def _remembered(repository: str, period: int, patience: Patience) -> dict[int, str]:
    return find_revisions(repository, patience)
