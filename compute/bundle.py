"""Bundles: the records of one run as two files that can be shipped, checked and imported.

``run.json`` says what the records are and where they came from; ``records.zip`` holds each record
as a safetensors file, in the order of the keys, with fixed dates: the same records give the same
bytes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compute.errors import BadRecord, OntogenyError, RunNotFound
from compute.llc_specs import CalibrationMeasurement
from compute.records import from_bytes
from compute.runs import Run
from compute.specs import ImportedMeasurement, key_parts
from compute.store import Store

FORMAT = "ontogeny-bundle/1"
RUN_FILE, RECORDS_FILE = "run.json", "records.zip"

# Of a calibration's cells, those that diverged are results too; why other measurements failed may
# name files of the machine they failed on.
_SHIPPED_FAILURES = CalibrationMeasurement.kind

# No record of ours comes near; a foreign archive must not fill the memory.
LARGEST_RECORD = 1 << 28

# What a bundle says of its run in words, and may say better later.
_TOLD = ("recipe", "seed", "tokens_per_step", "summary", "licence")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WRONG_JSON = (OSError, ValueError, KeyError, TypeError, AttributeError)
_WRONG_ZIP = (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    records
        Records in the bundle; 0 if this bundle had been imported before.
    """

    run: Run
    records: int


def export_run(
    store: Store,
    run: Run,
    folder: Path,
    *,
    recipe: Mapping[str, Any] | None = None,
    weights_digests: Mapping[int, str] | None = None,
) -> Counter[str]:
    """Write the records of a run into ``folder`` and return their number by kind.

    The cells of a calibration that failed go with them.

    Parameters
    ----------
    recipe
        How the run was trained, to go with it.
    weights_digests
        The digest of each checkpoint's weights: records of other weights (an earlier training
        under the same name) stay behind, but not imported curves, which are of no weights known
        here. None takes every record.

    Raises
    ------
    RunNotFound
        If the run has no record to export.
    """
    records: dict[str, bytes] = {}
    environments: set[str] = set()
    for key in sorted(store.keys(run.name)):
        data = store.get_bytes(key)
        measured = from_bytes(data) if data is not None else None
        if data is None or measured is None:
            continue
        if isinstance(measured.spec, ImportedMeasurement):
            records[key] = data
        elif measured.data_digest == run.data_digest and (
            weights_digests is None or weights_digests.get(measured.step) == measured.weights_digest
        ):
            records[key] = data
            environments.add(json.dumps(measured.environment, sort_keys=True))
    if not records:
        raise RunNotFound(f"run {run.name!r} has no records yet; make some: ontogeny compute")
    kinds = Counter(key_parts(key).kind for key in records)
    packed = _pack(records)
    shipped = dataclasses.replace(run, source="shipped", location=run.name, text="")
    about = {
        "format": FORMAT,
        "run": json.loads(shipped.to_bytes()),
        "records": dict(sorted(kinds.items())),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "environments": [json.loads(text) for text in sorted(environments)],
        "failures": {
            key: reason
            for key, reason in sorted(store.failures(run.name).items())
            if key_parts(key).kind == _SHIPPED_FAILURES
        },
        "created": dt.datetime.now(dt.UTC).date().isoformat(),
        "recipe": recipe,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORDS_FILE).write_bytes(packed)
    (folder / RUN_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return kinds


def import_bundle(store: Store, folder: Path) -> Imported:
    """Put a bundle's run and records into the store; a bundle that is there already costs nothing.

    A run of that name whose own checkpoints are here keeps its entry in the catalogue; one that was
    removed is entered again. Of records that are here already, recipe, seed and words are those
    that the bundle has now; the settings that were chosen here stay.

    Raises
    ------
    BadRecord
        If the bundle is damaged, or holds something else than its ``run.json`` says.
    RunNotFound
        If there is no bundle in ``folder``.
    """
    run, digest, failures = _read_about(folder)
    mark = f"imported/{run.name}/{digest}"
    if store.document(mark) is not None:
        _describe_anew(store, run)
        return Imported(run=run, records=0)
    records = _read_records(folder, run, digest)
    if not _has_checkpoints(store, run.name):
        store.put_run(run)
    store.put_many(records, run.name)
    for key, reason in failures.items():
        if not store.has(key):
            store.put_failure(key, reason)
    store.put_document(mark, {"records": len(records)})
    return Imported(run=run, records=len(records))


def bundled_run(folder: Path) -> Run:
    """Return the run of a bundle, without reading its records; raises as `import_bundle`."""
    return _read_about(folder)[0]


def bundles(folder: Path) -> list[Path]:
    """Return the folders of the bundles below ``folder``, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{RUN_FILE}"))


def _pack(records: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of the records whose bytes depend on the records only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for key in sorted(records):
            entry = zipfile.ZipInfo(key, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            archive.writestr(entry, records[key], compresslevel=9)
    return buffer.getvalue()


def _read_about(folder: Path) -> tuple[Run, str, dict[str, str]]:
    """Return the run of a bundle, the digest its records must have, and why cells of it failed."""
    path = folder / RUN_FILE
    if not path.is_file():
        raise RunNotFound(f"no bundle in {folder}: there is no {RUN_FILE}")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise BadRecord(f"{path} is of format {about['format']!r}; this version reads {FORMAT}")
        run = Run.from_bytes(json.dumps(about["run"]).encode())
        failures = {
            str(key): " ".join(str(reason).split())
            for key, reason in about.get("failures", {}).items()
            if _is_cell(str(key), run.name)
        }
        return run, str(about["sha256"]), failures
    except _WRONG_JSON as error:
        raise BadRecord(f"{path} does not describe a bundle: {error}") from error


def _read_records(folder: Path, run: Run, digest: str) -> dict[str, bytes]:
    """Return the records of a bundle by key, every one checked."""
    path = folder / RECORDS_FILE
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise BadRecord(f"cannot read {path}: {error}") from error
    if hashlib.sha256(packed).hexdigest() != digest:
        raise BadRecord(
            f"{path} is damaged: its digest is not the one in {RUN_FILE}; fetch the bundle again"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            entries = archive.infolist()
            if any(entry.file_size > LARGEST_RECORD for entry in entries):
                raise BadRecord(f"{path} holds a record of more than {LARGEST_RECORD} bytes")
            names = [entry.filename for entry in entries if _is_current(entry.filename)]
            records = {name: archive.read(name) for name in names}
    except _WRONG_ZIP as error:
        raise BadRecord(f"{path} is not an archive of records: {error}") from error
    if entries and not records:
        raise BadRecord(f"{path}: an earlier version made all of its records; export it again")
    for key, data in records.items():
        measured = from_bytes(data)
        if measured.key != key or measured.run != run.name:
            raise BadRecord(f"{path}: the record {key} is not what its name says")
    return records


def _is_cell(key: str, run: str) -> bool:
    """Say whether a key is that of a cell of a run's calibration, of this version."""
    parts = key_parts(key)
    return parts.kind == _SHIPPED_FAILURES and parts.run == run and parts.current


def _is_current(key: str) -> bool:
    """Say whether a record is of this version; a name that is no key is left to be refused."""
    try:
        return key_parts(key).current
    except ValueError:
        return True


def _describe_anew(store: Store, run: Run) -> None:
    """Enter a run whose records are here already, or take over what its bundle now says of it.

    Where that is so already, nothing is written and no writer waited for: servers ask at start.
    """
    if _anew(store, run) is None:
        return
    with store.transact():
        fresh = _anew(store, run)
        if fresh is not None:
            store.put_run(fresh)


def _anew(store: Store, run: Run) -> Run | None:
    """Return the entry that a bundle's run should have in the catalogue, None if it has it."""
    try:
        known = store.run(run.name)
    except RunNotFound:
        return run
    fresh = dataclasses.replace(known, **{name: getattr(run, name) for name in _TOLD})
    told = known.source == "shipped" and known.steps == run.steps
    return fresh if told and fresh != known else None


def _has_checkpoints(store: Store, name: str) -> bool:
    """Say whether the store knows checkpoints of that run that can be opened."""
    try:
        run = store.run(name)
    except OntogenyError:
        return False
    return run.source == "hub" or (run.source == "folder" and Path(run.location).is_dir())
