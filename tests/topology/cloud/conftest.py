"""Device, NAT and server in namespaces, with real processes; always removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.topology.cloud.network import NAMES, Network

from twinspan.server.authority import create_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with an authority; servers get copies of it."""
    folder = tmp_path_factory.mktemp("authority") / "state"
    create_authority(folder, NAMES, time.time_ns())
    return folder


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of somebody else, for the same names."""
    folder = tmp_path_factory.mktemp("other-authority") / "state"
    create_authority(folder, NAMES, time.time_ns())
    return folder


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    try:
        made.build()
        yield made
    finally:
        made.remove()
