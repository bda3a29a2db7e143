"""Starts Ontogeny: ``python app.py`` is ``ontogeny serve``; ``gunicorn app:server`` serves too.

Under gunicorn there are only pages: the settings come from the environment and ``ontogeny.toml``,
and measuring is up to ``ontogeny service``, which runs beside it.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the WSGI application as ``server``, made when it is first asked for."""
    if name == "server":
        return _server()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.cache
def _server() -> Any:
    from compute import commands, settings

    return commands.open_application(settings.resolve()).server


if __name__ == "__main__":
    from compute.cli import main

    sys.exit(main(["serve", *sys.argv[1:]]))
