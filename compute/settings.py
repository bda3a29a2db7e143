"""Every setting, once: command line, ``--help``, environment, file and README come from one table.

The command line wins over the environment, the environment over the file ``ontogeny.toml`` in the
current folder, the file over the default.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import ipaddress
import os
import string
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from compute.errors import SettingsError

FILE = Path("ontogeny.toml")

# Pages ask for many small matrices: with two threads these wait for each other, and what takes 15 s
# in one thread takes 77 s of the machine. Read once, when NumPy is imported.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes
    ----------
    default
        As it is written on the command line; None where leaving it out means something.
    parse
        Makes a value of the text, or raises ValueError.
    metavar
        What the value is called; "" for a flag, which on the command line has none.
    """

    name: str
    default: str | None
    parse: Callable[[str], Any]
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "ONTOGENY_" + self.name.upper()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of this process, resolved."""

    data: Path
    host: str
    port: int
    token: str | None
    path_prefix: str
    embed_origins: tuple[str, ...]
    workers: int
    scheduler: str | None
    checkpoints: Path
    checkpoint_disk: int  # bytes
    keep_checkpoints: bool
    runs_folders: tuple[Path, ...]

    def __post_init__(self) -> None:
        """Refuse to show the pages to a network without a token."""
        if not self.token and not is_loopback(self.host):
            raise SettingsError(
                f"host {self.host!r} can be reached from other machines, so it needs a token: "
                'make one with python -c "import secrets; print(secrets.token_urlsafe(24))" '
                "and give it with --token or ONTOGENY_TOKEN"
            )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("it is not a whole number") from None


def _port(text: str) -> int:
    port = _whole(text)
    if not 0 < port < 65_536:
        raise ValueError("a port is a number from 1 to 65535")
    return port


def _count(text: str) -> int:
    count = _whole(text)
    if count < 1:
        raise ValueError("at least 1 worker is needed")
    return count


def _prefix(text: str) -> str:
    inner = text.strip("/")
    return f"/{inner}/" if inner else "/"


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.rstrip("/") for part in text.replace(",", " ").split())
    for origin in origins:
        parts = urlsplit(origin)
        if (
            parts.scheme not in ("http", "https")
            or not parts.netloc
            or f"{parts.scheme}://{parts.netloc}" != origin
        ):
            raise ValueError("an origin is like https://wiki.example: a scheme and a host")
        if not set(parts.netloc) <= _HOST:
            raise ValueError("an origin names one host, of letters, digits, dots and hyphens")
    return origins


def _address(text: str) -> str:
    if not text.startswith(("tcp://", "tls://")):
        raise ValueError("a scheduler's address starts with tcp:// or tls://")
    return text


def _place(text: str) -> Path:
    # Absolute, since workers may have another current folder.
    with contextlib.suppress(RuntimeError):  # a user without a home
        return Path(text).expanduser().absolute()
    return Path(text).absolute()


def _places(text: str) -> tuple[Path, ...]:
    return tuple(_place(part) for part in text.split(os.pathsep) if part)


def _gigabytes(text: str) -> int:
    try:
        size = float(text)
    except ValueError:
        raise ValueError("it is not a number of gigabytes, such as 10 or 0.5") from None
    if not 0 < size < float("inf"):
        raise ValueError("more than 0 GB are needed")
    return round(size * 1e9)


def _yes_or_no(text: str) -> bool:
    answer = text.strip().lower()
    if answer not in (*_YES, *_NO):
        raise ValueError("say yes or no")
    return answer in _YES


_HOST = {*string.ascii_letters, *string.digits, *".-:[]"}
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
SETTINGS: tuple[Setting, ...] = (
    Setting("data", "store", Path, "FOLDER", "the store: records and jobs; on a local disk"),
    Setting(
        "host", "127.0.0.1", str, "ADDRESS", "where pages are served; another host needs a token"
    ),
    Setting("port", "8050", _port, "N", "the port of the pages"),
    Setting("token", None, str, "TEXT", "what visitors must give before they see anything"),
    Setting("path_prefix", "/", _prefix, "PATH", "the path behind a reverse proxy, such as /lab/"),
    Setting(
        "embed_origins",
        "",
        _origins,
        "ORIGINS",
        "sites that may show views in a frame, such as https://wiki.example; the own site may",
    ),
    Setting("workers", None, _count, "N", "measuring processes, one thread each; default: CPUs"),
    Setting("scheduler", None, _address, "URL", "a running Dask scheduler instead of own workers"),
    Setting(
        "checkpoints",
        "~/.cache/ontogeny/checkpoints",
        _place,
        "FOLDER",
        "where fetched revisions are, for all workers of a machine; on a local disk",
    ),
    Setting(
        "checkpoint_disk",
        "10",
        _gigabytes,
        "GB",
        "the disk that fetched revisions may take at once",
    ),
    Setting(
        "keep_checkpoints", "no", _yes_or_no, "", "keep fetched revisions when they are measured"
    ),
    Setting(
        "runs_folders",
        "runs",
        _places,
        "FOLDERS",
        "folders out of which the page Runs may add runs; a colon between two",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Give ``parser`` the options of the named settings, all of them if none is named."""
    for name in names or tuple(_BY_NAME):
        setting = _BY_NAME[name]
        default = f" (default: {setting.default})" if setting.default is not None else ""
        how: dict[str, Any] = {"metavar": setting.metavar}
        if not setting.metavar:
            how = {"action": "store_const", "const": _YES[0]}
        parser.add_argument(
            setting.option,
            dest=f"setting_{name}",
            help=f"{setting.help}{default} [{setting.variable}]",
            **how,
        )


def resolve(
    options: argparse.Namespace | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    file: Path = FILE,
) -> Settings:
    """Return the settings: command line over environment over file over default.

    Parameters
    ----------
    options
        Parsed by a parser that `add_options` completed; None for no command line.
    environment
        This process's if None.

    Raises
    ------
    SettingsError
        If a value is wrong or unsafe, or the file has an unknown name.
    """
    given = vars(options) if options is not None else {}
    environ = os.environ if environment is None else environment
    written = _read(file)
    values: dict[str, Any] = {}
    for setting in SETTINGS:
        candidates = (
            (given.get(f"setting_{setting.name}"), setting.option),
            (environ.get(setting.variable) or None, setting.variable),
            (written.get(setting.name), f"{file}: {setting.name}"),
            (setting.default, "default"),
        )
        text, origin = next((pair for pair in candidates if pair[0] is not None), (None, ""))
        values[setting.name] = None if text is None else _parsed(setting, text, origin)
    if values["workers"] is None:
        values["workers"] = _cpus()
    return Settings(**values)


def calculate_in_one_thread() -> None:
    """Have NumPy, not imported yet, use one thread, unless the environment says how many."""
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)


def settings_table() -> str:
    """Return the table of settings for the README, in Markdown."""
    rows = ["| option | environment, `ontogeny.toml` | default | |", "|---|---|---|---|"]
    for s in SETTINGS:
        default = f"`{s.default}`" if s.default else ""
        option = f"{s.option} {s.metavar}".strip()
        rows.append(f"| `{option}` | `{s.variable}`, `{s.name}` | {default} | {s.help} |")
    return "\n".join(rows)


def _parsed(setting: Setting, text: str, origin: str) -> Any:
    try:
        return setting.parse(text)
    except ValueError as error:
        raise SettingsError(f"{origin}: {text!r} will not do: {error}") from error


def _read(file: Path) -> dict[str, str]:
    """Return the texts of a settings file; an absent one is empty."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read {file}: {error}") from error
    if unknown := sorted(set(values) - set(_BY_NAME)):
        raise SettingsError(
            f"{file}: unknown setting {unknown[0]!r}; there are {', '.join(_BY_NAME)}"
        )
    return {name: str(value) for name, value in values.items()}


def _cpus() -> int:
    """Return the CPUs that this process may use; a container often gives fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
