"""Runs on a hub: one revision a step, as Pythia's ``step1000``; fetched, measured, deleted."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from compute.errors import EmptyRun, HubRefused

_REVISION = re.compile(r"(?:step|checkpoint)[-_]?(\d+)")
_WANTED = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "*.model"]
_PICKLED = ["pytorch_model*.bin", "pytorch_model.bin.index.json"]


def find_revisions(repository: str) -> dict[int, str]:
    """Return the revisions of ``owner/name`` that are checkpoints, by step, ascending.

    Raises
    ------
    HubRefused
        If the hub cannot be reached or does not give the repository.
    EmptyRun
        If no branch or tag is named like a step.
    """
    with _refusals(repository):
        refs = HfApi().list_repo_refs(repository)
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


def revision_digest(repository: str, revision: str) -> str:
    """Return a digest of the weights and config that ``revision`` names, without fetching them.

    Raises
    ------
    HubRefused
        If the hub does not give the revision.
    """
    with _refusals(f"{repository} at {revision}"):
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
    files = {f.rfilename: f.lfs.sha256 if f.lfs else f.blob_id for f in info.siblings or []}
    chosen = sorted(
        (name, identity)
        for name, identity in files.items()
        if name == "config.json" or name.endswith((".safetensors", ".bin"))
    )
    return hashlib.sha256(repr(chosen).encode()).hexdigest()


@contextlib.contextmanager
def fetched(repository: str, revision: str) -> Iterator[Path]:
    """Fetch one revision into a temporary folder, and delete it afterwards.

    Pickled weights are fetched only where there are no safetensors.

    Raises
    ------
    HubRefused
        If the hub does not give the revision, or the disk has no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="ontogeny-") as folder:
        with _refusals(f"{repository} at {revision}"):
            _download(repository, revision, folder, _WANTED)
            if not list(Path(folder).glob("*.safetensors")):
                _download(repository, revision, folder, _PICKLED)
        yield Path(folder)


def _download(repository: str, revision: str, folder: str, patterns: list[str]) -> None:
    snapshot_download(repository, revision=revision, local_dir=folder, allow_patterns=patterns)


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turn whatever the hub's client raises into one line for a person."""
    try:
        yield
    except HFValidationError as error:
        raise HubRefused(f"{what}: not a repository name; use owner/name") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        hint = {401: "log in with `hf auth login`", 403: "ask its owner for access"}.get(
            status if isinstance(status, int) else 0, "check the name and the revision"
        )
        raise HubRefused(f"{what}: the hub answered {status}; {hint}") from error
    except (LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        reason = str(error).strip().split("\n")[0][:160]
        raise HubRefused(
            f"{what}: the hub cannot be reached ({reason}); check the network and try again"
        ) from error
