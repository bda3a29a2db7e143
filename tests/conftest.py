from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.store import Store


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl-C and so would its children, which these tests stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on the local disk."""
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()
