"""A local stand-in for the hub, which can be told to misbehave, and a process that is its client.

It speaks what the hub's real client speaks: the API's refs and files with their digests, a file's
facts in the headers of HEAD, large files by a redirect to another host, ranges.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
LARGE = (".safetensors", ".bin")


@dataclasses.dataclass
class Fault:
    """What goes wrong with one kind of request.

    Attributes
    ----------
    times
        How often it still does; None for always.
    status, headers
        An answer in place of the right one.
    stop_after
        Send so many bytes of the body, then wait for ``hold`` if given, else break off.
    reset
        Break off with a reset, not an orderly end.
    damage
        Send a body of the right length with one byte changed.
    """

    times: int | None = None
    status: int = 0
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    stop_after: int | None = None
    hold: threading.Event | None = None
    reset: bool = False
    damage: bool = False


class Repository:
    """One repository of the stand-in: a branch for every folder.

    Requests are called ``refs``, ``step1`` (a revision's list of files) and
    ``step1/model.safetensors``.
    """

    def __init__(self, name: str, folders: dict[str, Path], *, sizes: bool = True) -> None:
        self.name, self.folders, self.sizes = name, folders, sizes
        self.requests: list[str] = []
        self.faults: dict[str, Fault] = {}
        self._lock = threading.Lock()

    def count(self, request: str) -> int:
        return self.requests.count(request)

    def bodies(self, file: str) -> dict[str, int]:
        """How often each revision's file was asked for."""
        return {name: self.count(f"{name}/{file}") for name in self.folders}

    def take_fault(self, request: str) -> Fault:
        """Note a request, and return what is to go wrong with it."""
        with self._lock:
            self.requests.append(request)
            fault = self.faults.get(request)
            if fault is None or fault.times == 0:
                return Fault()
            if fault.times is not None:
                fault.times -= 1
            return fault

    def commit(self, revision: str) -> str:
        text = f"{self.name} {revision}"
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def refs(self) -> dict[str, Any]:
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": self.commit(name)}
            for name in ["main", *self.folders]
        ]
        return {"branches": branches, "tags": [], "converts": []}

    def info(self, revision: str) -> dict[str, Any]:
        files = sorted(self.folders[revision].iterdir())
        return {
            "id": self.name,
            "sha": self.commit(revision),
            "siblings": [self._sibling(file) for file in files],
        }

    def _sibling(self, file: Path) -> dict[str, Any]:
        if not self.sizes:
            return {"rfilename": file.name}
        data = file.read_bytes()
        found = {"rfilename": file.name, "size": len(data), "blobId": blob_name(data)}
        if file.suffix in LARGE:
            pointer = f"version https://git-lfs\noid sha256:{sha256(data)}\n".encode()
            found |= {
                "blobId": blob_name(pointer),
                "lfs": {"sha256": sha256(data), "size": len(data), "pointerSize": len(pointer)},
            }
        return found


class StandIn(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.to_reset: list[socket.socket] = []

    def shutdown_request(self, request: Any) -> None:
        if request in self.to_reset:
            # Without the orderly goodbye of the base class, and with nothing left to wait for.
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.close_request(request)
        return super().shutdown_request(request)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def storage_url(self) -> str:
        """Where large files are; another name of this machine stands for another host."""
        return f"http://localhost:{self.server_address[1]}/storage"

    def add(self, folders: dict[str, Path], *, sizes: bool = True) -> Repository:
        """Serve one more repository."""
        name = f"lab/small{len(self.repositories)}"
        self.repositories[name] = Repository(name, folders, sizes=sizes)
        return self.repositories[name]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client was killed
            super().handle()

    def _answer(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self._api("/".join(parts[2:4]), parts[4:])
        if parts[0] == "storage":
            return self._file("/".join(parts[1:3]), parts[3], parts[4], storage=True)
        if len(parts) == 5 and parts[2] == "resolve":
            return self._file("/".join(parts[:2]), parts[3], parts[4], storage=False)
        return self._send(404, b"{}")

    def _api(self, name: str, what: list[str]) -> None:
        repository = self.server.repositories.get(name)
        if repository is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        request = what[-1]
        fault = repository.take_fault(request)
        if fault.status:
            return self._send(fault.status, b"{}", fault.headers)
        if what != ["refs"] and request not in repository.folders:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        answer = repository.refs() if what == ["refs"] else repository.info(request)
        return self._send(200, json.dumps(answer).encode(), fault=fault)

    def _file(self, name: str, revision: str, file: str, *, storage: bool) -> None:
        repository = self.server.repositories[name]
        by_commit = {repository.commit(known): known for known in repository.folders}
        revision = by_commit.get(revision, revision)
        path = repository.folders.get(revision, Path("/nowhere")) / file
        if not path.is_file():
            return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        data = path.read_bytes()
        headers = {"X-Repo-Commit": repository.commit(revision), "ETag": f'"{blob_name(data)}"'}
        if path.suffix in LARGE and not storage:
            headers |= {
                "Location": f"{self.server.storage_url}/{name}/{revision}/{file}",
                "X-Linked-ETag": f'"{sha256(data)}"',
                "X-Linked-Size": str(len(data)),
            }
            return self._send(302, b"", headers)
        if self.command == "HEAD":
            return self._send(200, data, headers)
        fault = repository.take_fault(f"{revision}/{file}")
        if fault.status:
            return self._send(fault.status, b"{}", fault.headers)
        if fault.damage:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if start := self.headers.get("Range", "").removeprefix("bytes=").rstrip("-"):
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self._send(206, data[int(start) :], headers, fault=fault)
        return self._send(200, data, headers, fault=fault)

    def _send(
        self,
        status: int,
        data: bytes,
        headers: dict[str, str] | None = None,
        *,
        fault: Fault | None = None,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault is None or fault.stop_after is None:
            self.wfile.write(data)
            return
        self.wfile.write(data[: fault.stop_after])
        self.wfile.flush()
        if fault.hold is not None:
            assert fault.hold.wait(60)
            self.wfile.write(data[fault.stop_after :])
            return
        if fault.reset:
            self.server.to_reset.append(self.connection)
        self.close_connection = True


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def blob_name(data: bytes) -> str:
    """Return what git calls a file of these contents."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def serving() -> Iterator[StandIn]:
    """Serve while the context lasts."""
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(url: str, home: Path) -> dict[str, str]:
    """Return the environment of a process whose hub is at ``url``."""
    return {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
    }


CLIENT = """
import contextlib, dataclasses, io, json, sys, threading, time
from pathlib import Path
from compute import cli
from compute.errors import OntogenyError
from compute.models import (
    CheckpointCache, checkpoint_folder, describe_run, open_checkpoint, weights_digest,
)
from compute.models.hub import Patience, checkpoint_size, find_listing, find_revisions
from compute.runs import Run
from compute.specs import GraphMeasurement, TaskSpec
from compute.worker import Failure, Success, Task, perform

def hub_run(repository, steps=(0, 1, 2, 3), text=""):
    return Run(name="small", source="hub", location=repository, family="language",
               steps=tuple(steps), data_digest="text", text=text)

QUICK = Patience(attempts=3, first_seconds=0.01)

def cache(folder, budget=None, **options):
    return CheckpointCache(Path(folder), budget, patience=QUICK, **options)

def lend(cache, repository, step):
    digest = find_listing(repository, step, QUICK).digest
    return cache.lent(repository, step, digest)

for line in sys.stdin:
    asked, out = json.loads(line), {}
    try:
        exec(asked["code"], {**globals(), **asked["given"], "out": out})
    except OntogenyError as error:
        out.update(error=type(error).__name__, reason=str(error))
    print(json.dumps(out), flush=True)
"""


class Client:
    """A process that runs pieces of code with the hub's real client, and tells what came of them.

    What a piece puts into ``out`` comes back; an error of the project as ``error`` and ``reason``.
    """

    def __init__(self, url: str, home: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            env=environment(url, home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    def start(self, code: str, **given: Any) -> None:
        """Have a piece of code run; paths may be given as they are."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"code": code, "given": given}, default=str) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """Return what came of the piece that was started."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the client has died"
        return json.loads(line)

    def run(self, code: str, **given: Any) -> dict[str, Any]:
        """Run a piece of code."""
        self.start(code, **given)
        return self.finish()

    def kill(self) -> None:
        """Kill it, with signal 9."""
        self._process.kill()
        self._process.wait()


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another process or thread brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
