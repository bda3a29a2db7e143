"""Where the browser finds the ways of runs through the space of their outputs."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from flask import Flask, Response, jsonify, request

from compute.behaviour_records import ModelOutputs
from compute.behaviour_specs import OutputsMeasurement
from compute.errors import BadRecord, SettingsError
from compute.runs import Run
from compute.store import Store
from compute.trajectories import trajectory
from dashboard.context import Context
from dashboard.figures.dynamics import AXES, VERSION, encode_trajectories
from dashboard.files import for_ever, keep_last

KEPT = 16
FEWEST = 4
MOST_BESIDE = 4
# The outputs of a run by their settings, and of each the keys and records by step.
Found: TypeAlias = dict[OutputsMeasurement, dict[int, tuple[str, ModelOutputs]]]


def register(server: Flask, context: Context, dynamics: Dynamics) -> None:
    """Add the routes to the server; ``dynamics`` are those that the exported tables ask too."""
    prefix = context.prefix

    @server.get(f"{prefix}api/dynamics/<run>")
    def now(run: str) -> Response:
        asked = [name for name in request.args.get("with", "").split(",") if name]
        state = dynamics.state(run, asked)
        place = "".join(f"{name}," for name in state["beside"])[:-1]
        digest = state.pop("digest")
        where = f"{prefix}data/{run}/dynamics/{place and f'{place}/'}{digest}.bin"
        response: Response = jsonify({**state, "address": where if digest else None})
        response.headers["Cache-Control"] = "no-store"
        return response

    @server.get(f"{prefix}data/<run>/dynamics/<digest>.bin")
    def alone(run: str, digest: str) -> Response:
        return for_ever(dynamics.data(run, (), digest))

    @server.get(f"{prefix}data/<run>/dynamics/<others>/<digest>.bin")
    def joint(run: str, others: str, digest: str) -> Response:
        return for_ever(dynamics.data(run, others.split(","), digest))


class Dynamics:
    """The last few files of trajectories, each computed once in a process, when first asked for.

    Parameters
    ----------
    store
        Where the records are. Of each run only the outputs are read, each once in a process.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._records: dict[str, tuple[OutputsMeasurement, int, ModelOutputs] | None] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def state(self, name: str, asked: Sequence[str] = ()) -> dict[str, Any]:
        """Return what can be drawn of a run, and beside which runs.

        ``digest`` names the file of the run with the runs ``beside`` it, "" where there is none
        and ``reason`` says why; ``left`` are the names that were asked for and are not beside it,
        each with the reason. ``others`` are all other runs, with the reason why one cannot be
        beside this one, or "". ``measured`` counts the checkpoints of the ``setting``.

        Raises
        ------
        RunNotFound
            If the store has no run of that name.
        """
        run = self._store.run(name)
        # One at a time: whoever asks for what is being computed waits for it.
        with self._lock:
            spec, own = self._most_complete(name)
            others = [
                {"name": other.name, "reason": self._obstacle(run, spec, own, other)}
                for other in self._store.runs() if other.name != name
            ]  # fmt: skip
            beside, left = _chosen(others, list(dict.fromkeys(asked)))
            digest, reason = "", ""
            if len(own) < FEWEST:
                measured = f"{len(own)} of {len(run.steps):,} checkpoints"
                reason = f"Outputs are measured at {measured}; a way needs {FEWEST}."
            else:
                try:
                    digest, _ = self._file(run, beside)
                except SettingsError as error:
                    reason = str(error)
            return {
                "digest": digest, "reason": reason, "measured": len(own),
                "checkpoints": len(run.steps), "others": others, "beside": beside, "left": left,
                "setting": "" if spec is None else outputs_text(spec, run),
            }  # fmt: skip

    def data(self, name: str, others: Sequence[str], digest: str) -> bytes | None:
        """Return the file of that digest, or None if the outputs of these runs are others by now.

        Raises
        ------
        RunNotFound
            If the store has no run of one of these names.
        """
        run = self._store.run(name)
        with self._lock:
            if digest in self._kept:
                return self._kept[digest]
            spec, own = self._most_complete(name)
            beside = [self._store.run(other) for other in others]
            if len(own) < FEWEST or any(self._obstacle(run, spec, own, b) for b in beside):
                return None
            try:
                found, data = self._file(run, others)
            except SettingsError:
                return None
            return data if found == digest else None

    def _file(self, run: Run, others: Sequence[str]) -> tuple[str, bytes]:
        """Return the digest and the file of runs that can be compared."""
        spec, _ = self._most_complete(run.name)
        assert spec is not None
        runs = {name: self._store.run(name) for name in (run.name, *sorted(others))}
        found = {name: self._outputs(name)[spec] for name in runs}
        keys = {name: [key for key, _ in at.values()] for name, at in found.items()}
        steps = {name: one.steps for name, one in runs.items()}
        what = json.dumps([VERSION, run.name, sorted(keys.items()), sorted(steps.items())])
        digest = hashlib.sha256(what.encode()).hexdigest()
        if digest not in self._kept:
            rows = {
                name: {step: at[step][1] if step in at else None for step in steps[name]}
                for name, at in found.items()
            }
            ways = trajectory(rows, axes=AXES)
            keep_last(self._kept, digest, encode_trajectories(ways, run.name, run.family), KEPT)
        return digest, self._kept[digest]

    def _obstacle(
        self,
        run: Run,
        spec: OutputsMeasurement | None,
        own: Mapping[int, tuple[str, ModelOutputs]],
        other: Run,
    ) -> str:
        """Return why another run cannot be drawn beside a run, or an empty string."""
        if other.family != run.family:
            return f"a {other.family} run"
        found = self._outputs(other.name)
        if not found:
            return "its outputs are not measured"
        if not own:
            return f"the outputs of {run.name} are not measured"
        theirs = found.get(spec) if spec else None
        if theirs is None:
            return f"measured otherwise: {outputs_text(next(iter(found)), other)}"
        if len(theirs) < FEWEST:
            return f"fewer than {FEWEST} checkpoints are measured"
        (step, (_, one)), (at, (_, another)) = next(iter(own.items())), next(iter(theirs.items()))
        try:
            trajectory({run.name: {step: one}, other.name: {at: another}}, axes=1)
        except SettingsError:
            return "measured on other data"
        return ""

    def _most_complete(
        self, name: str
    ) -> tuple[OutputsMeasurement | None, dict[int, tuple[str, ModelOutputs]]]:
        found = self._outputs(name)
        return max(found.items(), key=lambda item: len(item[1])) if found else (None, {})

    def _outputs(self, name: str) -> Found:
        steps = self._store.run(name).steps
        found: Found = {}
        for key in self._store.keys(name, OutputsMeasurement.kind):
            record = self._record(key)
            if record is not None and record[1] in steps:
                found.setdefault(record[0], {})[record[1]] = (key, record[2])
        return {spec: dict(sorted(at.items())) for spec, at in found.items()}

    def _record(self, key: str) -> tuple[OutputsMeasurement, int, ModelOutputs] | None:
        """Return a record with its settings and step, or None if its bytes are damaged."""
        if key not in self._records:
            try:
                measured = self._store.get(key)
            except BadRecord:
                measured = None
            self._records[key] = None
            if measured is not None and isinstance(measured.record, ModelOutputs):
                assert isinstance(measured.spec, OutputsMeasurement)
                self._records[key] = (measured.spec, measured.step, measured.record)
        return self._records[key]


def outputs_text(spec: OutputsMeasurement, run: Run) -> str:
    """Return on which inputs outputs were measured."""
    if run.family == "regression":
        return f"predictions of every y of {spec.samples:,} sequences"
    return (
        f"{spec.positions} positions of {spec.samples:,} held-out samples of {spec.length} tokens"
    )


def _chosen(
    others: Sequence[Mapping[str, str]], asked: Sequence[str]
) -> tuple[list[str], list[dict[str, str]]]:
    """Return which of the names asked for can be beside a run, sorted, and why others cannot."""
    reasons = {other["name"]: other["reason"] for other in others}
    left = [
        {"name": name, "reason": reasons.get(name, "there is no other run of that name")}
        for name in asked if reasons.get(name, "unknown")
    ]  # fmt: skip
    able = [name for name in asked if not reasons.get(name, "unknown")]
    most = f"at most {MOST_BESIDE} runs are drawn beside one"
    left += [{"name": name, "reason": most} for name in able[MOST_BESIDE:]]
    return sorted(able[:MOST_BESIDE]), left
