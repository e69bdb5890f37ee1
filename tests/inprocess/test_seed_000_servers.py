"""Seed 000, "Restrictions and guidelines": which of its servers a device is connected to, and when it changes."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from tests.inprocess.device import Device, managed_by
from tests.inprocess.site import PASSWORD, Cloud, Site, free_port, until

from twinspan.model.cloud_management import CloudManagement, CloudServer
from twinspan.model.secret import Secret
from twinspan.wire.dhcp_options import CloudOptions


def tunnels(*clouds: Cloud) -> int:
    """How many of these servers hold a connection of the device."""
    return sum("SN1" in cloud.worker.hub.tunnels for cloud in clouds)


async def two_clouds(site: Site) -> tuple[Cloud, Cloud]:
    one, other = await site.cloud("127.0.0.2"), await site.cloud("127.0.0.3")
    one.add("SN1")
    other.add("SN1")
    return one, other


async def test_the_primary_is_dialled_first_then_backups_by_name_and_descending_port(site: Site) -> None:
    cloud = await site.cloud("127.0.0.4")
    cloud.add("SN1")
    dead = sorted(free_port("127.0.0.3") for _ in range(2))
    entries = [CloudServer(domain="127.0.0.3", port=port) for port in dead]
    device = Device(site, managed_by(CloudServer(domain="127.0.0.9", port=9), cloud, *entries)).start()
    await device.connected_to(cloud)
    tried = [re.match(r"(\S+) port (\d+)", detail) for detail in device.said("attempt failed")]
    assert [match.groups() for match in tried if match] == [
        ("127.0.0.9", "9"),
        ("127.0.0.3", str(dead[1])),
        ("127.0.0.3", str(dead[0])),
    ]


async def test_each_server_shows_how_often_it_failed_and_why_until_it_works(site: Site) -> None:
    cloud = await site.cloud("127.0.0.4")
    cloud.add("SN1")
    primary = free_port("127.0.0.2")
    device = Device(site, managed_by(CloudServer(domain="127.0.0.2", port=primary), cloud)).start()
    await device.connected_to(cloud)
    assert [(s.port, s.attempts, s.failure) for s in device.status.servers] == [
        (primary, 1, "refused"),
        (cloud.port, 0, None),
    ]
    assert "failed once: The server's port refused" in (await device.manager.examine())[0].detail
    other = await site.cloud("127.0.0.2", port=primary)
    other.add("SN1")
    await cloud.stop()
    await device.connected_to(other)
    assert device.status.servers[0].attempts == 0


async def test_when_its_server_fails_the_device_switches_and_does_not_switch_back(site: Site) -> None:
    one, other = await two_clouds(site)
    device = Device(site, managed_by(one, other)).start()
    await device.connected_to(one)
    assert tunnels(one, other) == 1
    await one.stop()
    await device.connected_to(other)
    one.worker = one._new_worker()
    await one.start()
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        assert (tunnels(one), device.reached) == (0, other.netloc)
        await asyncio.sleep(0.02)
    await other.stop()
    await device.connected_to(one)


async def test_the_device_is_connected_to_one_server_at_a_time(site: Site) -> None:
    one, other = await two_clouds(site)
    device = Device(site, managed_by(one, other)).start()
    for cloud in (one, other):
        await device.connected_to(cloud)
        assert tunnels(one, other) == 1
        await cloud.stop()


async def test_one_name_may_have_several_ports_for_servers_behind_one_public_address(site: Site) -> None:
    ports = sorted(free_port("127.0.0.2") for _ in range(3))
    clouds = {port: await site.cloud("127.0.0.2", port=port) for port in ports}
    for cloud in clouds.values():
        cloud.add("SN1")
    entries = [CloudServer(domain="127.0.0.2", port=port) for port in ports]
    device = Device(site, managed_by(entries[0], *entries[1:])).start()
    for port in (ports[0], ports[2], ports[1]):  # the primary, then descending
        await device.connected_to(clouds[port])
        await clouds[port].stop()


async def test_without_a_port_of_its_own_a_server_is_dialled_on_the_common_one(site: Site) -> None:
    cloud = await site.cloud("127.0.0.2")
    cloud.add("SN1")
    assert CloudManagement().port == 19443
    device = Device(site, managed_by(CloudServer(domain="127.0.0.2"), port=cloud.port)).start()
    await device.connected_to(cloud)


async def test_a_source_address_is_dialled_from(site: Site) -> None:
    cloud = await site.cloud("127.0.0.2")
    cloud.add("SN1")
    entry = CloudServer(domain="127.0.0.2", port=cloud.port, source_ip="127.0.0.77")
    device = Device(site, managed_by(entry)).start()
    await device.connected_to(cloud)
    row = cloud.worker.store.find("SN1")
    assert row is not None
    assert row.address == "127.0.0.77"


async def test_without_a_password_nothing_is_sent_and_the_state_says_so(site: Site) -> None:
    cloud = await site.cloud("127.0.0.2")
    cloud.add("SN1")
    device = Device(site, managed_by(cloud, password=None)).start()
    await until(lambda: device.status.failure == "no_password")
    assert device.status.password_source == "none"
    assert cloud.kinds("SN1") == ["added"]


async def test_settings_that_do_not_concern_the_connection_count_for_the_next_one(
    site: Site,
) -> None:
    one, other = await two_clouds(site)
    device = Device(site, managed_by(one)).start()
    await device.connected_to(one)
    device.manager.configure(managed_by(one, other, switch_back=True, dhcp_trust="never"))
    await stays(device, one)
    assert [server.role for server in device.status.servers] == ["primary", "backup"]
    await one.stop()
    await device.connected_to(other)
    device.manager.configure(managed_by(other))
    await stays(device, other)
    assert [server.role for server in device.status.servers] == ["primary"]


@pytest.mark.parametrize("changed", [{"keepalive_s": 170}, {"fingerprint": "0" * 64}, {"password": Secret("another")}])
async def test_settings_that_the_connection_rests_on_make_it_anew(site: Site, changed: dict[str, object]) -> None:
    cloud = await site.cloud("127.0.0.2")
    cloud.add("SN1")
    device = Device(site, managed_by(cloud)).start()
    await device.connected_to(cloud)
    device.manager.configure(managed_by(cloud, **changed))
    await until(lambda: device.status.last_down == "configuration")


async def test_a_server_that_is_taken_out_of_the_settings_is_left(site: Site) -> None:
    one, other = await two_clouds(site)
    device = Device(site, managed_by(one, other)).start()
    await device.connected_to(one)
    device.manager.configure(managed_by(other))
    await device.connected_to(other)


async def test_a_refused_device_names_the_step_and_comes_back_once_its_serial_is_added(site: Site) -> None:
    cloud = await site.cloud("127.0.0.2")
    device = Device(site, managed_by(cloud)).start()
    await until(lambda: device.status.failure == "not_admitted")
    cloud.add("SN1")
    await device.connected_to(cloud)
    assert device.status.failure is None


# ------------------------------------------------------------------------------------------------ DHCP


async def test_a_name_from_dhcp_that_is_the_manual_one_keeps_the_connection(site: Site) -> None:
    one, _ = await two_clouds(site)
    device = Device(site, managed_by(one))
    agent = device.start_agent()
    await device.connected_to(one)
    agent.dhcp_heard(options(domain="127.0.0.2"))
    agent.dhcp_heard(options(domain="127.0.0.2", password=Secret(PASSWORD)))
    await stays(device, one)


async def test_another_name_from_dhcp_tears_the_connection_down_and_wins(site: Site) -> None:
    one = await site.cloud("127.0.0.2")
    other = await site.cloud("127.0.0.3", port=one.port)
    one.add("SN1")
    other.add("SN1")
    device = Device(site, managed_by(one, port=one.port))
    agent = device.start_agent()
    await device.connected_to(one)
    agent.dhcp_heard(options(domain="127.0.0.3"))
    await device.connected_to(other)
    assert tunnels(one) == 0
    assert device.status.domain_source == "dhcp"
    assert (device.status.last_down, device.said("down")[0].partition(":")[0]) == ("dhcp", "dhcp")


async def test_a_name_from_dhcp_that_was_there_first_is_dialled_before_the_manual_one(site: Site) -> None:
    one = await site.cloud("127.0.0.2")
    other = await site.cloud("127.0.0.3", port=one.port)
    one.add("SN1")
    other.add("SN1")
    device = Device(site, managed_by(one, port=one.port))
    agent = device.start_agent()
    agent.dhcp_heard(options(domain="127.0.0.3"))
    await device.connected_to(other)


async def test_the_same_password_from_dhcp_keeps_the_connection_and_another_one_ends_it(site: Site) -> None:
    one, _ = await two_clouds(site)
    device = Device(site, managed_by(one))
    agent = device.start_agent()
    await device.connected_to(one)
    agent.dhcp_heard(options(password=Secret(PASSWORD)))
    await stays(device, one)
    agent.dhcp_heard(options(password=Secret("another-password")))
    await until(lambda: device.status.last_down == "dhcp")
    assert device.status.password_source == "dhcp"


async def test_a_device_without_settings_of_its_own_finds_server_and_password_by_dhcp(site: Site) -> None:
    cloud = await site.cloud("127.0.0.2")
    cloud.add("SN1")
    device = Device(site, CloudManagement(port=cloud.port))
    agent = device.start_agent()
    agent.dhcp_heard(options(domain="127.0.0.2", password=Secret(PASSWORD)))
    await device.connected_to(cloud)
    assert (device.status.domain_source, device.status.password_source) == ("dhcp", "dhcp")


def options(domain: str | None = None, password: Secret | None = None) -> CloudOptions:
    """What the DHCP client has heard."""
    return CloudOptions(domain=domain, password=password, link="Vlan-interface1", at_ns=time.time_ns())


async def stays(device: Device, cloud: Cloud) -> None:
    """The same connection, for a while in which a new one would long have come."""
    epoch, end = device.status.epoch, time.monotonic() + 0.5
    while time.monotonic() < end:
        assert (device.reached, device.status.epoch) == (cloud.netloc, epoch)
        await asyncio.sleep(0.01)


def test_the_defaults_are_those_of_the_seed() -> None:
    unset = CloudManagement()
    assert (unset.primary, unset.backups, unset.password) == (None, (), None)
    assert (unset.keepalive_s, unset.ping_s, unset.port) == (180, 60, 19443)
