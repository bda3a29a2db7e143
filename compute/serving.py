"""The server of the pages, and the compute service beside it, which lives as long as it does."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from waitress.server import create_server

from compute.errors import SettingsError
from compute.settings import Settings

# Each open page may hold a few slow downloads; scrubbing itself asks for nothing.
THREADS = 16
PORTS_TRIED = 100
RESTART_SECONDS = 2.0
STOP_SECONDS = 15.0

# What `ontogeny` exits with when it refuses; starting again would not help.
REFUSED = 2


def listen(application: Any, settings: Settings) -> Any:
    """Return a server that has its port; its ``run`` serves until interrupted.

    Raises
    ------
    SettingsError
        If the port is taken or not allowed, or the host is not this machine's.
    """
    try:
        bound = _bound(settings.host, settings.port)
    except OSError as error:
        raise SettingsError(_why_not(error, settings)) from error
    return create_server(application, sockets=[bound], threads=THREADS, ident=None)


def url(settings: Settings) -> str:
    """Return the address that a browser opens; with a token, the address that lets it in."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    elif ":" in host:
        host = f"[{host}]"
    query = f"?{urlencode({'token': settings.token})}" if settings.token else ""
    return f"http://{host}:{settings.port}{settings.path_prefix}{query}"


class ServiceProcess:
    """Runs the compute service as a process of its own, and again if it is killed.

    The service holds the other end of a pipe: it ends when this process does, however that ends.

    Parameters
    ----------
    command
        What starts the service.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._leaving = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="service-keeper")

    def __enter__(self) -> Self:
        """Start the service."""
        self._start()
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the service."""
        self._leaving.set()
        process = self._process
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._keeper.join()

    @property
    def pid(self) -> int:
        """The process id of the service that runs now."""
        return self._process.pid if self._process else 0

    def _start(self) -> None:
        # Its own session: Ctrl-C reaches the service through the pipe only, once, and its
        # workers not at all, so that they are stopped in order.
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, start_new_session=True
        )

    def _keep(self) -> None:
        while not self._leaving.is_set():
            process = self._process
            if process is None or process.wait() == REFUSED:
                return
            if not self._leaving.wait(RESTART_SECONDS):
                if process.stdin is not None:
                    process.stdin.close()
                self._start()


def service_command(settings: Settings) -> list[str]:
    """Return the command that measures for the store of these settings."""
    command = [sys.executable, "-m", "compute.cli", "service", "--with-parent"]
    command += ["--checkpoints", str(settings.checkpoints)]
    command += ["--checkpoint-disk", str(settings.checkpoint_disk / 1e9)]
    if settings.keep_checkpoints:
        command.append("--keep-checkpoints")
    command += ["--data", str(settings.data), "--workers", str(settings.workers)]
    if settings.scheduler is not None:
        command += ["--scheduler", settings.scheduler]
    return command


def stop_with_parent() -> None:
    """Ask this process to stop when its standard input, held open by its parent, is closed."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True, name="parent-watch").start()


def exit_on_sigterm() -> None:
    """Make SIGTERM end this process the way Ctrl-C does: in order, contexts closed."""

    def leave(signum: int, frame: Any) -> None:
        # Once: a second signal during the clean-up would break it off half-way.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(128 + signum)

    signal.signal(signal.SIGTERM, leave)


def _why_not(error: OSError, settings: Settings) -> str:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"port {settings.port} is in use; {_free_port(settings)} is free: --port"
    if error.errno == errno.EACCES:
        return f"no permission to serve on {where}; ports below 1024 are for root: --port 8050"
    return f"cannot serve on {where}: {error.strerror or error}"


def _free_port(settings: Settings) -> str:
    """Return the next port that can be had, for a message."""
    for port in range(settings.port + 1, min(settings.port + PORTS_TRIED, 65_536)):
        with contextlib.suppress(OSError):
            _bound(settings.host, port).close()
            return str(port)
    return "no port near it"


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that has the port."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # Without it, the port stays taken for a minute after a server has stopped.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except OSError:
        found.close()
        raise
    return found
