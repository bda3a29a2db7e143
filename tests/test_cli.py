from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from compute.bundle import bundled_run, export_run
from compute.cli import build_parser, main
from compute.jobs import Jobs
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.training import train
from compute.records import to_bytes
from compute.serving import service_command
from compute.settings import resolve
from compute.store import Store
from tests.samples import GRAPH, a_measured, a_run, a_task

ROOT = Path(__file__).resolve().parent.parent
RUN = a_run()


@pytest.fixture
def data(store):
    """The option that names the store."""
    store.put_run(RUN)
    return ["--data", str(store.folder)]


def refused(capsys, *arguments):
    """Run a command that must be refused and return its one line."""
    assert main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("ontogeny: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    return captured.err


def test_every_command_has_help(capsys):
    with pytest.raises(SystemExit) as leave:
        main(["--help"])
    assert leave.value.code == 0
    text = capsys.readouterr().out
    for command in ("serve", "add", "compute", "train", "export", "import", "check", "service"):
        assert f"\n    {command} " in text
        with pytest.raises(SystemExit):
            build_parser().parse_args([command, "--help"])


def test_help_starts_at_once_and_loads_nothing_heavy():
    script = "import sys, compute.cli; compute.cli.build_parser(); print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "numpy", "dash", "rich", "distributed"} & set(modules)


@pytest.mark.parametrize("keep", ["yes", "no"])
def test_the_service_beside_the_pages_has_their_settings(tmp_path, keep):
    environment = {
        "ONTOGENY_DATA": str(tmp_path / "store"),
        "ONTOGENY_WORKERS": "3",
        "ONTOGENY_CHECKPOINTS": str(tmp_path / "fetched"),
        "ONTOGENY_CHECKPOINT_DISK": "0.123456789",
        "ONTOGENY_KEEP_CHECKPOINTS": keep,
    }
    chosen = resolve(environment=environment)
    program, *arguments = service_command(chosen)[2:]
    assert program == "compute.cli"
    assert resolve(build_parser().parse_args(arguments), environment={}) == chosen


def test_version(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("ontogeny 0.")


def test_unknown_names_are_refused(capsys, data, tmp_path):
    assert "no run named 'x'" in refused(capsys, "compute", "x", *data)
    assert "no run named 'x'" in refused(capsys, "export", "x", tmp_path / "b", *data)
    assert "no run named 'x'" in refused(capsys, "check", "x", *data)
    assert "no development 'x'" in refused(capsys, "train", "x", *data)
    assert "no bundle" in refused(capsys, "import", tmp_path, *data)
    assert "no job 'x'" in refused(capsys, "jobs", "cancel", "x", *data)
    assert "which job?" in refused(capsys, "jobs", "cancel", *data)


def test_a_wrong_choice_of_measurements_is_refused(capsys, data):
    assert "no kind 'soup'" in refused(capsys, "compute", "small", "--kinds", "graph,soup", *data)
    assert "no checkpoint at step 77" in refused(
        capsys, "compute", "small", "--steps", "0,77", *data
    )
    assert "give numbers" in refused(capsys, "compute", "small", "--steps", "a", *data)


def test_a_store_that_cannot_be_used_is_refused(capsys, tmp_path):
    (tmp_path / "file").touch()
    assert "cannot use the store" in refused(capsys, "jobs", "--data", tmp_path / "file")


def test_a_missing_and_an_empty_folder_cannot_be_added(capsys, data, tmp_path):
    assert "no such folder" in refused(capsys, "add", tmp_path / "nowhere", *data)
    (tmp_path / "empty").mkdir()
    refused(capsys, "add", tmp_path / "empty", *data)


def test_two_runs_of_one_name_are_not_mixed(capsys, data, store, tmp_path):
    for place in ("a", "b"):
        train(IclRegression(), tmp_path / place / "icl", until=0)
    assert main(["add", str(tmp_path / "a" / "icl"), *data]) == 0
    assert main(["add", str(tmp_path / "a" / "icl"), *data]) == 0
    capsys.readouterr()
    assert "another name" in refused(capsys, "add", tmp_path / "b" / "icl", *data)
    assert main(["add", str(tmp_path / "b" / "icl"), "--name", "second", *data]) == 0
    shutil.rmtree(tmp_path / "a")
    assert main(["add", str(tmp_path / "b" / "icl"), *data]) == 0


def test_shipped_records_cannot_be_measured_on(capsys, data, store):
    store.put_run(dataclasses.replace(RUN, source="shipped", location="small"))
    assert "ontogeny add" in refused(capsys, "compute", "small", *data)


def test_import_check_and_jobs(capsys, data, store, tmp_path):
    store.put(a_measured(a_task(RUN)))
    export_run(store, RUN, tmp_path / "bundle")
    other = ["--data", str(tmp_path / "other")]
    assert main(["import", str(tmp_path / "bundle"), *other]) == 0
    assert main(["import", str(tmp_path / "bundle"), *other]) == 0
    assert capsys.readouterr().out == (
        "small: 1 records\nsmall: nothing new: it was imported before\n"
    )
    assert main(["check", *other]) == 0
    assert "small: 1 records read, 0 damaged, 0 failed" in capsys.readouterr().out
    job = Jobs(store).submit("small", [GRAPH])
    assert main(["jobs", "cancel", job.id, *data]) == 0
    assert "cancelled" in capsys.readouterr().out
    assert main(["jobs", "retry", job.id, *data]) == 0
    assert main(["jobs", *data]) == 0
    assert "queued" in capsys.readouterr().out


def test_check_finds_a_damaged_record_and_repairs(capsys, data, store):
    bad = a_measured(a_task(RUN))
    store.put_many({bad.key: to_bytes(bad)[:50]}, "small")
    assert main(["check", *data]) == 1
    assert f"damaged: {bad.key}" in capsys.readouterr().out
    assert main(["check", "--repair", *data]) == 0
    assert main(["check", *data]) == 0


def test_train_compute_export_from_nothing(capsys, tmp_path):
    data = ["--data", str(tmp_path / "store"), "--workers", "1"]
    folder = ["--runs-folder", str(tmp_path / "runs")]
    assert main(["train", "icl_regression", "--until", "2", *folder, *data[:2]]) == 0
    assert "3 checkpoints, steps 0 to 2" in capsys.readouterr().out
    with contextlib.closing(Store(tmp_path / "store")) as store:
        shipped = bundled_run(ROOT / "data" / "icl_regression")
        assert store.run("icl_regression").llc == shipped.llc
    truncated = tmp_path / "runs" / "icl_regression" / "step1" / "model.safetensors"
    truncated.write_bytes(truncated.read_bytes()[:1000])

    compute = ["compute", "icl_regression", "--kinds", "graph,network", *data]
    assert main(compute) == 1
    out = capsys.readouterr().out
    assert "4 of 6 measurements in the store" in out
    assert out.count("step 1  ") == 2

    bundle = tmp_path / "bundle"
    assert main(["export", "icl_regression", str(bundle), *data[:2]]) == 0
    about = json.loads((bundle / "run.json").read_text())
    assert about["records"] == {"graph": 2, "network": 2}
    assert about["recipe"]["name"] == "icl_regression"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(tmp_path, *arguments):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "--data", str(tmp_path / "served"), *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_the_server_prints_its_address_and_answers(tmp_path, port):
    server = serve(tmp_path, "--port", str(port), "--no-compute")
    try:
        line = server.stdout.readline()
        assert f"http://127.0.0.1:{port}/" in line
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.status == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        server.stdout.close()


def test_the_server_measures_in_a_process_of_its_own_that_stops_with_it(tmp_path, port, store):
    server = serve(tmp_path, "--port", str(port), "--workers", "1")
    server.stdout.readline()
    from compute.store import Store

    beside = Store(tmp_path / "served")
    deadline = time.monotonic() + 60
    while Jobs(beside).service() is None:
        assert time.monotonic() < deadline, "no service came up"
        time.sleep(0.1)
    server.send_signal(signal.SIGINT)
    server.wait(30)
    server.stdout.close()
    assert Jobs(beside).service() is None
    beside.close()
