from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compute.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store on the local disk."""
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()
