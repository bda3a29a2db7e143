"""The real client of the hub against a local stand-in server."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.small_models import save_language_model

REPOSITORY = "lab/small"
PROGRAM = """
import json, sys
from compute.errors import OntogenyError
from compute.models import describe_run, open_checkpoint, weights_digest
from pathlib import Path
try:
    run = describe_run(sys.argv[1], source="hub", text=Path(sys.argv[2]))
    out = {"steps": run.steps, "digests": [], "names": []}
    for step in run.steps:
        out["digests"].append(weights_digest(run, step))
        with open_checkpoint(run, step) as model:
            out["names"].append(model.components[-1].name)
            out["folder"] = str(model.folder)
    out["deleted"] = not Path(out["folder"]).exists()
except OntogenyError as error:
    out = {"error": type(error).__name__, "reason": str(error)}
print(json.dumps(out))
"""


class StandIn(ThreadingHTTPServer):
    """Serves one repository with a branch for every step, as the hub does."""

    daemon_threads = True

    def __init__(self, folders: dict[str, Path], refuse: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folders = folders
        self.refuse = refuse

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        path = self.path.split("?")[0]
        if self.server.refuse:
            return self._send(self.server.refuse, b"{}", body=body)
        if path == f"/api/models/{REPOSITORY}/refs":
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": _commit(name)}
                for name in ["main", *self.server.folders]
            ]
            refs = {"branches": branches, "tags": [], "converts": []}
            return self._send(200, json.dumps(refs).encode(), body=body)
        for name, folder in self.server.folders.items():
            if path == f"/api/models/{REPOSITORY}/revision/{name}":
                return self._send(200, json.dumps(_info(name, folder)).encode(), body=body)
            for revision in (name, _commit(name)):
                prefix = f"/{REPOSITORY}/resolve/{revision}/"
                file = folder / path.removeprefix(prefix)
                if path.startswith(prefix) and file.is_file():
                    return self._send(200, file.read_bytes(), body=body, commit=_commit(name))
                tree = f"/api/models/{REPOSITORY}/tree/{revision}"
                if path.startswith(tree):
                    return self._send(200, json.dumps(_tree(folder)).encode(), body=body)
        return self._send(404, b"{}", body=body)

    def _send(self, status: int, data: bytes, *, body: bool, commit: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if commit:
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.end_headers()
        if body:
            self.wfile.write(data)


def _commit(name: str) -> str:
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def _tree(folder: Path) -> list[dict]:
    return [
        {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": _commit(f.name)}
        for f in sorted(folder.iterdir())
    ]


def _info(name: str, folder: Path) -> dict:
    siblings = [
        {
            "rfilename": f.name,
            "size": f.stat().st_size,
            "blobId": hashlib.sha1(f.read_bytes(), usedforsecurity=False).hexdigest(),
        }
        for f in sorted(folder.iterdir())
    ]
    return {"id": REPOSITORY, "sha": _commit(name), "siblings": siblings}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("hub")
    return {
        f"step{step}": save_language_model("gpt_neox", root / f"step{step}", seed=step)
        for step in (0, 1000)
    }


def ask(server: StandIn, text: Path, repository: str = REPOSITORY) -> dict:
    """Run the program in a process whose hub is the stand-in."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        return ask_at(server.url, text, repository)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask_at(url: str, text: Path, repository: str = REPOSITORY) -> dict:
    environment = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(text.parent / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", PROGRAM, repository, str(text)]
    finished = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return json.loads(finished.stdout)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("some text")
    return path


def test_revisions_named_like_steps_are_fetched_opened_and_deleted(folders, text):
    answer = ask(StandIn(folders), text)
    assert answer["steps"] == [0, 1000]
    assert answer["names"] == ["LOGITS", "LOGITS"]
    assert len(set(answer["digests"])) == 2
    assert answer["deleted"]


@pytest.mark.parametrize(("status", "hint"), [(401, "log in"), (403, "ask its owner"), (404, "")])
def test_a_hub_that_refuses_is_quoted_with_what_to_do(folders, text, status, hint):
    answer = ask(StandIn(folders, refuse=status), text)
    assert answer["error"] == "HubRefused"
    assert REPOSITORY in answer["reason"]
    assert str(status) in answer["reason"]
    assert hint in answer["reason"]
    assert "\n" not in answer["reason"]


def test_a_hub_that_is_not_there(text):
    answer = ask_at("http://127.0.0.1:9", text)
    assert answer["error"] == "HubRefused"
    assert "cannot be reached" in answer["reason"]


def test_a_repository_without_steps(text):
    answer = ask(StandIn({}), text)
    assert answer["error"] == "EmptyRun"
    assert "no branch or tag named like step1000" in answer["reason"]


def test_a_name_that_is_no_repository(text):
    answer = ask_at("http://127.0.0.1:9", text, repository="not/a/name")
    assert answer["error"] == "HubRefused"
    assert "owner/name" in answer["reason"]
