"""DnsmasqDriver with real dnsmasqs: names on the cable between two network namespaces."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twinspan.drivers.dnsmasq import DnsmasqDriver
from twinspan.model.device_config import DeviceConfig, DhcpServer, DnsServer
from twinspan.model.device_report import Event

pytestmark = pytest.mark.topology
NXDOMAIN, REFUSED = 3, 5
"""RFC 1035 4.1.1."""
CLOUD = DeviceConfig(
    node="services",
    role="services",
    site="s",
    dns=DnsServer(
        listen_addresses=("10.1.0.3", "10.1.0.4"),
        records=(("desk.aliyuncs.com", "100.100.64.10"),),
        local_suffixes=("aliyuncs.com",),
    ),
)
FORWARDER = DeviceConfig(
    node="gateway",
    role="gateway",
    site="s",
    dns=DnsServer(
        listen_addresses=("10.1.0.1",), forward_suffixes=("aliyuncs.com",), forwarders=("10.1.0.3", "10.1.0.4")
    ),
)


class Cloud:
    """Services in namespace b, asked from namespace a."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.events: list[Event] = []
        self.driver = self.new_driver()
        for address in ("10.1.0.3/24", "10.1.0.4/24"):
            bench.ip("-n", bench.b, "addr", "add", address, "dev", "c0")
        bench.ip("-n", bench.a, "addr", "add", "10.1.0.1/24", "dev", "c0")

    def new_driver(self) -> DnsmasqDriver:
        return DnsmasqDriver(self.bench.directory / "cloud", self.events.append, "services")

    async def ensure(self, config: DeviceConfig = CLOUD) -> list[str]:
        with self.bench.inside(self.bench.b):
            return await self.driver.ensure(config)

    def pids(self) -> dict[str, int | None]:
        return {status.name: status.pid for status in self.driver.daemons()}

    def ask(self, server: str, name: str) -> str | int | None:
        """The A record, a response code if there is none, None without an answer."""
        question = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        query = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + question + b"\0" + struct.pack("!HH", 1, 1)
        with self.bench.inside(self.bench.a), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2.0)
            client.connect((server, 53))
            try:
                client.send(query)
                answer = client.recv(512)
            except OSError:
                return None
        if struct.unpack_from("!H", answer, 6)[0]:
            return socket.inet_ntoa(answer[-4:])
        return answer[3] & 15


@pytest.fixture
def cloud(bench: Any) -> Iterator[Cloud]:
    return Cloud(bench)


def test_each_address_answers_the_record_denies_its_suffix_and_refuses_the_rest(cloud: Cloud) -> None:
    async def scenario() -> None:
        assert sorted(await cloud.ensure()) == ["dnsmasq dns-10.1.0.3 started", "dnsmasq dns-10.1.0.4 started"]
        assert await cloud.ensure() == []
        for server in ("10.1.0.3", "10.1.0.4"):
            assert cloud.ask(server, "desk.aliyuncs.com") == "100.100.64.10"
            assert cloud.ask(server, "other.aliyuncs.com") == NXDOMAIN
            assert cloud.ask(server, "www.example.com") == REFUSED
        await cloud.driver.stop()

    asyncio.run(scenario())


def test_one_that_dies_is_told_at_once_and_comes_back_while_the_other_stays(cloud: Cloud) -> None:
    async def scenario() -> None:
        await cloud.ensure()
        before = cloud.pids()
        victim = before["dnsmasq dns-10.1.0.3"]
        assert victim
        os.kill(victim, signal.SIGKILL)
        await cloud.bench.eventually(lambda: bool(cloud.events))
        assert [(e.source, e.what, e.detail) for e in cloud.events] == [("daemon", "dnsmasq died", "dns-10.1.0.3")]
        assert cloud.ask("10.1.0.3", "desk.aliyuncs.com") is None
        assert cloud.ask("10.1.0.4", "desk.aliyuncs.com") == "100.100.64.10"
        assert await cloud.ensure() == ["dnsmasq dns-10.1.0.3 restarted"]
        assert cloud.pids()["dnsmasq dns-10.1.0.4"] == before["dnsmasq dns-10.1.0.4"]
        assert [s.restarts for s in cloud.driver.daemons()] == [1, 0]
        await cloud.driver.stop()

    asyncio.run(scenario())


def test_a_new_agent_takes_over_what_runs_and_sees_a_changed_config(cloud: Cloud) -> None:
    async def scenario() -> None:
        await cloud.ensure()
        before = cloud.pids()
        await cloud.driver.close()
        cloud.driver = cloud.new_driver()
        assert await cloud.ensure() == []
        assert cloud.pids() == before
        assert CLOUD.dns
        moved = msgspec.structs.replace(CLOUD.dns, records=(("desk.aliyuncs.com", "100.100.64.11"),))
        assert len(await cloud.ensure(msgspec.structs.replace(CLOUD, dns=moved))) == 2
        assert cloud.ask("10.1.0.4", "desk.aliyuncs.com") == "100.100.64.11"
        assert cloud.events == []
        await cloud.driver.close()
        cloud.driver = cloud.new_driver()
        done = await cloud.ensure(msgspec.structs.replace(CLOUD, dns=None))
        assert done == ["dnsmasq dns-10.1.0.3 stopped", "dnsmasq dns-10.1.0.4 stopped"]
        assert cloud.ask("10.1.0.4", "desk.aliyuncs.com") is None

    asyncio.run(scenario())


def test_a_gateway_forwards_the_suffix_alone_and_lives_with_one_dead_resolver(cloud: Cloud) -> None:
    async def scenario() -> None:
        await cloud.ensure()
        gateway = DnsmasqDriver(cloud.bench.directory / "gateway", cloud.events.append, "gateway")
        with cloud.bench.inside(cloud.bench.a):
            await gateway.ensure(FORWARDER)
        assert cloud.ask("10.1.0.1", "desk.aliyuncs.com") == "100.100.64.10"
        assert cloud.ask("10.1.0.1", "www.example.com") == REFUSED
        victim = cloud.pids()["dnsmasq dns-10.1.0.3"]
        assert victim
        os.kill(victim, signal.SIGKILL)
        await cloud.bench.eventually(lambda: bool(cloud.events))
        assert cloud.ask("10.1.0.1", "another.aliyuncs.com") == NXDOMAIN
        await gateway.stop()
        await cloud.driver.stop()

    asyncio.run(scenario())


def test_its_files_are_for_their_owner_only(cloud: Cloud) -> None:
    async def scenario() -> None:
        await cloud.ensure(
            msgspec.structs.replace(
                CLOUD,
                dns=None,
                dhcp=DhcpServer(
                    link="c0",
                    range_start="10.1.0.128",
                    range_end="10.1.0.199",
                    netmask="255.255.255.0",
                    router="10.1.0.3",
                    dns_servers=(),
                ),
            )
        )
        conf = Path(cloud.bench.directory) / "cloud" / "dhcp" / "dnsmasq.conf"
        assert conf.stat().st_mode & 0o777 == 0o600
        assert conf.parent.stat().st_mode & 0o777 == 0o700
        await cloud.driver.stop()

    asyncio.run(scenario())
