"""Wanted configs by site, and a change that gives way to a newer one."""

from __future__ import annotations

import json

from tests.unit.server.conftest import ALICE, BOB, add

from twinspan.server.config_store import ConfigTable
from twinspan.server.services import WantedConfig
from twinspan.server.store import DeviceStore


def config(site: str, generation: int = 1) -> WantedConfig:
    text = json.dumps({"node": "gateway", "site": site, "generation": generation}).encode()
    return WantedConfig(generation=generation, digest=f"{site}-{generation}", config=text)


def test_a_site_finds_its_devices_by_what_their_configs_say(store: DeviceStore) -> None:
    table = ConfigTable(store)
    for serial, owner, site in (("S1", ALICE, "paris"), ("S2", ALICE, "rome"), ("S3", BOB, "paris")):
        add(store, serial, owner)
        table.want(serial, config(site))
    assert table.of_site("alice", "paris") == {"S1": config("paris")}
    assert set(table.of_site("alice", "paris", ("S2",))) == {"S1", "S2"}


def test_another_accounts_device_is_not_found_though_it_is_named(store: DeviceStore) -> None:
    add(store, "S3", BOB)
    ConfigTable(store).want("S3", config("paris"))
    assert ConfigTable(store).of_site("alice", "paris", ("S3",)) == {}


def test_a_change_gives_way_to_one_that_it_has_not_seen(store: DeviceStore) -> None:
    table = ConfigTable(store)
    table.want("S1", config("paris", 1))
    assert table.replace("S1", "paris-1", config("paris", 2))
    assert not table.replace("S1", "paris-1", config("paris", 3))
    assert table.wanted("S1") == config("paris", 2)


def test_a_device_of_which_nothing_is_wanted_is_not_given_a_config(store: DeviceStore) -> None:
    assert not ConfigTable(store).replace("S9", "", config("paris"))
    assert ConfigTable(store).wanted("S9") is None
