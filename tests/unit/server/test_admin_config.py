"""What devices shall be, and are, over the admin API; and how a change finds its device."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.unit.server.conftest import S, add
from tests.unit.server.test_admin import Api

from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.server import services
from twinspan.server.config_store import ConfigTable
from twinspan.server.services import ConfigService, WantedConfig
from twinspan.server.store import DeviceStore
from twinspan.wire.cloud_connection.services import ConfigHave, ConfigTaken, PushConfig

CONFIG = DeviceConfig(node="gateway", role="gateway", site="s", generation=7)
PATH = "/devices/S1/config"


@pytest.fixture
def api(store: DeviceStore) -> Api:
    add(store, "S1")
    return Api(store)


def body(config: DeviceConfig) -> Any:
    return json.loads(msgspec.json.encode(config))


def test_a_config_is_kept_and_shown_without_its_text(api: Api) -> None:
    status, shown = api.ask("alice", "PUT", PATH, body(CONFIG))
    state = {"serial": "S1", "generation": 7, "digest": config_digest(CONFIG), "taken": False, "refusal": ""}
    state |= {"trial_s": 60, "decision": None, "decided_at_ns": None}
    assert (status, shown) == (202, state)
    assert api.ask("alice", "GET", PATH) == (200, state)
    assert ConfigTable(api.store).wanted("S1").generation == 7


def test_a_config_that_is_none_changes_nothing(api: Api) -> None:
    status, shown = api.ask("alice", "PUT", PATH, body(CONFIG) | {"generation": "seven"})
    assert (status, shown["field"]) == (422, "generation")
    assert api.ask("alice", "GET", PATH)[0] == 404


@pytest.mark.parametrize(("method", "path"), [("PUT", PATH), ("GET", PATH), ("GET", "/devices/S1/report")])
def test_another_account_does_not_even_see_the_device(api: Api, method: str, path: str) -> None:
    status, shown = api.ask("bob", method, path, body(CONFIG) if method == "PUT" else None)
    assert (status, shown["type"]) == (404, "urn:twinspan:problem:no-such-device")


def test_the_newest_report_is_given_out_whole(api: Api) -> None:
    assert api.ask("alice", "GET", "/devices/S1/report")[0] == 404
    api.admin.office.reports = {"S1": b'{"node":"gateway"}'}
    assert api.ask("alice", "GET", "/devices/S1/report") == (200, {"node": "gateway"})


class FakeConnection:
    """A device on its config sub-connection."""

    serial = "S1"

    def __init__(self) -> None:
        self.sent: list[PushConfig] = []
        self.some = asyncio.Event()

    def send(self, message: PushConfig) -> bool:
        self.sent.append(message)
        self.some.set()
        return True


def want(store: DeviceStore, serial: str, generation: int) -> WantedConfig:
    config = WantedConfig(generation=generation, digest=f"digest-{generation}", config=b"{}")
    ConfigTable(store).want(serial, config)
    return config


def test_a_change_reaches_its_device_whoever_made_it(store: DeviceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "WATCH_S", 0.01)
    service, device = ConfigService(ConfigTable(store)), FakeConnection()
    want(store, "S1", 1)
    want(store, "S2", 1)

    async def run() -> None:
        watching = asyncio.get_running_loop().create_task(service.watch())
        service.opened(device)  # type: ignore[arg-type]
        service.received(device, ConfigHave(generation=1, digest="digest-1"))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        assert device.sent == []
        want(store, "S2", 2)
        want(store, "S1", 2)
        async with asyncio.timeout(5):
            await device.some.wait()
        watching.cancel()

    asyncio.run(run())
    assert [message.generation for message in device.sent] == [2]


def test_a_changed_config_is_new_again_and_its_old_answer_worth_nothing(store: DeviceStore) -> None:
    table = ConfigTable(store)
    want(store, "S1", 1)
    want(store, "S2", 1)
    newest, serials = table.changed_since(-1)
    assert serials == ("S1", "S2")
    table.taken("S1", ConfigTaken(generation=1, digest="digest-1", accepted=True, detail=""))
    assert table.state("S1").taken
    want(store, "S1", 2)
    assert not table.state("S1").taken
    assert table.changed_since(newest)[1] == ("S1",)
    assert table.changed_since(table.changed_since(newest)[0])[1] == ()


def test_a_refusal_is_shown(store: DeviceStore) -> None:
    table = ConfigTable(store)
    want(store, S, 1)
    table.taken(S, ConfigTaken(generation=1, digest="digest-1", accepted=False, detail="links.0: no such link"))
    state = table.state(S)
    assert (state.taken, state.refusal) == (False, "links.0: no such link")
