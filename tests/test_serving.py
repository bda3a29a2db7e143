from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from compute.errors import SettingsError
from compute.serving import ServiceProcess, listen, service_command, url
from compute.settings import resolve


def settings(**values):
    environment = {f"ONTOGENY_{name.upper()}": str(value) for name, value in values.items()}
    return resolve(environment=environment)


def nothing(environ, start_response):
    return []


def wait_until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use_is_refused_with_one_that_is_free(taken):
    with pytest.raises(SettingsError, match=rf"port {taken} is in use; (\d+) is free") as refusal:
        listen(nothing, settings(port=taken))
    free = int(str(refusal.value).split("; ")[1].split()[0])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free))


def test_a_host_that_is_not_this_machine_is_refused():
    with pytest.raises(SettingsError, match=r"cannot serve on 192\.0\.2\.200"):
        listen(nothing, settings(host="192.0.2.200", token="t"))


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "http://127.0.0.1:8050/"),
        ({"host": "::1", "port": 1}, "http://[::1]:1/"),
        ({"path_prefix": "lab"}, "http://127.0.0.1:8050/lab/"),
        ({"token": "a b"}, "http://127.0.0.1:8050/?token=a+b"),
        ({"host": "0.0.0.0", "token": "t"}, f"http://{socket.gethostname()}:8050/?token=t"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(values, address):
    assert url(settings(**values)) == address


def test_the_service_gets_the_settings_that_matter_to_it():
    command = service_command(settings(data="/d", workers=3, scheduler="tcp://h:1"))
    assert command[-6:] == ["--data", "/d", "--workers", "3", "--scheduler", "tcp://h:1"]


SLEEPER = "import sys; from compute.serving import *; exit_on_sigterm(); stop_with_parent()"
SLEEPER += "; import time; print('up', flush=True); time.sleep(60)"


@pytest.mark.faults
def test_a_service_that_is_killed_is_started_again():
    with ServiceProcess([sys.executable, "-c", SLEEPER]) as service:
        first = service.pid
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: service.pid != first)
        assert psutil.pid_exists(service.pid)
    assert not psutil.pid_exists(service.pid)


def test_a_service_that_refuses_to_start_is_left_alone():
    with ServiceProcess([sys.executable, "-c", "raise SystemExit(2)"]) as service:
        first = service.pid
        service._keeper.join(10)
        assert service.pid == first


@pytest.mark.faults
def test_the_service_ends_when_its_server_is_killed():
    parent = f"""
import sys, time
from compute.serving import ServiceProcess
with ServiceProcess([sys.executable, "-c", {SLEEPER!r}]) as service:
    print(service.pid, flush=True)
    time.sleep(60)
"""
    server = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    pid = int(server.stdout.readline())
    assert server.stdout.readline() == "up\n"
    server.kill()
    server.wait()
    server.stdout.close()
    wait_until(lambda: not psutil.pid_exists(pid))
