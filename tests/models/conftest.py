"""The stand-in for a hub, and a process that is its client."""

from __future__ import annotations

import pytest

from tests.models.hub_stand_in import Client, serving


@pytest.fixture(scope="module")
def server():
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    with Client(server.url, tmp_path_factory.mktemp("home")) as client:
        yield client


@pytest.fixture
def repository(server, folders):
    """The checkpoints of the module's ``folders``, on the server, for one test."""
    return server.add(folders)
