"""DhcpClientDriver against a real dnsmasq at the other end of the cable."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from twinspan.drivers.dhcp_client import DhcpClientDriver
from twinspan.drivers.dnsmasq import DnsmasqDriver
from twinspan.model.device_config import DeviceConfig, DhcpServer
from twinspan.model.device_report import Event

pytestmark = pytest.mark.topology
DHCP = DhcpServer(
    link="c0",
    range_start="192.168.1.128",
    range_end="192.168.1.199",
    netmask="255.255.255.0",
    router="192.168.1.1",
    dns_servers=("100.100.2.136", "100.100.2.138"),
)
GATEWAY = DeviceConfig(node="gateway", role="gateway", site="s", dhcp=DHCP)
PC = DeviceConfig(node="pc", role="pc", site="s", dhcp_client="c0")
LEASE = "c0 192.168.1.128/24 from 192.168.1.1, router 192.168.1.1, DNS 100.100.2.136, 100.100.2.138, lease 3600 s"


class Office:
    """A DHCP server in namespace a, a PC in namespace b."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.events: list[Event] = []
        self.server = DnsmasqDriver(bench.directory / "dns", lambda _: None, "gateway")
        self.pc = self.new_pc()
        bench.ip("-n", bench.a, "addr", "add", "192.168.1.1/24", "dev", "c0")

    def new_pc(self) -> DhcpClientDriver:
        return DhcpClientDriver(self.bench.directory / "dhcp", self.events.append, "pc")

    async def serve(self, config: DeviceConfig = GATEWAY) -> None:
        with self.bench.inside(self.bench.a):
            await self.server.ensure(config)

    async def ensure(self, config: DeviceConfig = PC) -> list[str]:
        with self.bench.inside(self.bench.b):
            return await self.pc.ensure(config)

    async def eventually(self, what: Any) -> None:
        """The client's sockets and helpers must be made in the PC's namespace, as an agent's are."""
        with self.bench.inside(self.bench.b):
            await self.bench.eventually(what)

    def address(self) -> list[str]:
        shown = self.bench.ip("-n", self.bench.b, "-4", "-o", "addr", "show", "dev", "c0")
        return [line.split()[3] for line in shown.splitlines()]

    def route(self) -> str:
        return str(self.bench.ip("-n", self.bench.b, "route", "show", "default")).strip()

    def saw(self, what: str) -> list[Event]:
        return [e for e in self.events if e.what == what]

    async def bound(self, config: DeviceConfig = PC) -> None:
        await self.ensure(config)
        await self.eventually(lambda: bool(self.saw("DHCP bound")))


@pytest.fixture
def office(bench: Any) -> Office:
    return Office(bench)


async def _end(office: Office) -> None:
    await office.pc.close()
    await office.server.stop()


def test_the_pc_gets_address_route_and_resolvers_and_then_says_nothing(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        assert office.pc.describe() == []
        assert await office.ensure() == []
        await office.bound()
        assert office.pc.describe() == [LEASE]
        assert office.address() == ["192.168.1.128/24"]
        assert office.route() == "default via 192.168.1.1 dev c0 proto dhcp"
        resolv = office.bench.directory / "dhcp" / "resolv.conf"
        assert resolv.read_text() == "nameserver 100.100.2.136\nnameserver 100.100.2.138\n"
        assert await office.ensure() == []
        await _end(office)

    asyncio.run(scenario())


def test_it_asks_again_once_the_link_is_up(office: Office) -> None:
    async def scenario() -> None:
        # The server first: this process can be in one namespace at a time, and the client's sockets belong in the PC's.
        await office.serve()
        office.bench.ip("-n", office.bench.b, "link", "set", "c0", "down")
        await office.ensure()
        await office.eventually(lambda: bool(office.saw("DHCP problem")))
        assert await office.ensure() == []
        office.bench.ip("-n", office.bench.b, "link", "set", "c0", "up")
        await office.bound()
        assert office.pc.describe() == [LEASE]
        await _end(office)

    asyncio.run(scenario())


def test_what_vanishes_behind_its_back_is_put_back_and_said(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        await office.bound()
        office.bench.ip("-n", office.bench.b, "addr", "del", "192.168.1.128/24", "dev", "c0")
        assert await office.ensure() == [
            "address 192.168.1.128/24 on c0 by DHCP",
            "default route via 192.168.1.1 by DHCP",
        ]
        assert await office.ensure() == []
        await _end(office)

    asyncio.run(scenario())


def test_a_lease_survives_the_agent_even_while_the_server_is_away(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        await office.bound()
        await office.pc.close()
        assert office.address() == ["192.168.1.128/24"]
        await office.server.stop()
        office.pc = office.new_pc()
        assert await office.ensure() == []
        assert office.pc.describe() == [LEASE]
        assert office.route() == "default via 192.168.1.1 dev c0 proto dhcp"
        await _end(office)

    asyncio.run(scenario())


def test_an_address_the_server_no_longer_gives_is_replaced(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        await office.bound()
        await office.pc.close()
        moved = msgspec.structs.replace(DHCP, range_start="192.168.1.150", lease_s=600)
        await office.server.stop()
        (office.bench.directory / "dns" / "dhcp" / "leases").unlink()
        await office.serve(msgspec.structs.replace(GATEWAY, dhcp=moved))
        office.pc = office.new_pc()
        await office.ensure()
        await office.eventually(lambda: len(office.saw("DHCP bound")) == 2)
        assert [e.what for e in office.events] == ["DHCP bound", "DHCP lease lost", "DHCP bound"]
        assert office.address() == ["192.168.1.150/24"]
        assert office.pc.describe()[0].endswith("lease 600 s")
        await _end(office)

    asyncio.run(scenario())


def test_a_lease_whose_time_is_over_is_not_used_again(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        await office.bound()
        await _end(office)
        file = office.bench.directory / "dhcp" / "lease-c0.json"
        saved = msgspec.json.decode(file.read_bytes())
        file.write_bytes(msgspec.json.encode(saved | {"obtained_s": saved["obtained_s"] - 3601}))
        office.pc = office.new_pc()
        await office.ensure()
        assert office.pc.describe() == []
        await _end(office)

    asyncio.run(scenario())


def test_a_config_without_dhcp_gives_the_lease_up(office: Office) -> None:
    async def scenario() -> None:
        await office.serve()
        await office.bound()
        await office.pc.close()
        office.pc = office.new_pc()
        fixed = msgspec.structs.replace(PC, dhcp_client=None, resolvers=("192.0.2.53",))
        assert await office.ensure(fixed) == [
            "DHCP lease 192.168.1.128/24 on c0 given up",
            "resolv.conf written",
        ]
        assert (office.address(), office.route(), office.pc.describe()) == ([], "", [])
        assert (office.bench.directory / "dhcp" / "resolv.conf").read_text() == "nameserver 192.0.2.53\n"
        assert await office.ensure(fixed) == []
        await _end(office)

    asyncio.run(scenario())
