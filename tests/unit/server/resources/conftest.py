"""A resource service on a real database in a temporary directory, with a clock that stands until it is moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twinspan.model.resource import Actor, Resource
from twinspan.server.resources.operations import ServiceSettings
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.service import ResourceService
from twinspan.server.resources.sql_store import SqlStore, open_store

NOW = 1_800_000_000_000_000_000
MS = 1_000_000
DATA_CENTER = {"prefixes": ["192.168.0.0/24"]}
GATEWAY = {"public_address": "203.0.113.2", "local_asn": 65001}
ALICE = Actor(account="alice", label="alice", address="127.0.0.1")
BOB = Actor(account="bob", label="bob", address="127.0.0.1")
CLOUD = Actor(account="alice", label="key", edge="alibaba")


class Clock:
    """Nanoseconds that only a test moves."""

    def __init__(self) -> None:
        self.now_ns = NOW

    def __call__(self) -> int:
        return self.now_ns


class Made:
    """A service, and short words for what tests make."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.service = ResourceService(store, clock, ServiceSettings())

    def make(self, kind: str, actor: Actor = ALICE, name: str = "", site: str = "", **spec: Any) -> Resource:
        return self.service.create(actor, kind, spec, name=name, site=site)

    def vpc(self, actor: Actor = ALICE, name: str = "") -> Resource:
        return self.make("Vpc", actor, name, cidr_block="10.1.0.0/16")

    def site(self, name: str, actor: Actor = ALICE) -> Resource:
        return self.make(
            "Site", actor, name, data_center=DATA_CENTER, gateway={"public_address": "203.0.113.2", "local_asn": 65001}
        )


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    clock = Clock()
    store = open_store(f"sqlite:///{tmp_path}/twinspan.db", SealKey.load_or_create(tmp_path / "seal.key"), clock)
    yield Made(store, clock)
    store.close()
