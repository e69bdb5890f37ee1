"""The resolver against dnsmasq at the other end of the cable, and against servers that are dead, mute or odd."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from twinspan.drivers import resolver
from twinspan.drivers.dnsmasq import DnsmasqDriver
from twinspan.drivers.resolver import ResolveFailed, resolve
from twinspan.model.device_config import DeviceConfig, DnsServer

pytestmark = pytest.mark.topology
MANY = tuple(f"198.51.100.{last}" for last in range(1, 61))
DNS = DnsServer(
    listen_addresses=("10.1.0.3", "fd00:1::3"),
    records=(
        ("cloud.example", "192.0.2.7"),
        ("cloud.example", "192.0.2.8"),
        ("cloud.example", "2001:db8::7"),
        ("four.example", "192.0.2.4"),
        *(("many.example", address) for address in MANY),
    ),
    local_suffixes=("example",),
)
ALONE, DEAD, MUTE = "10.1.0.3", "10.1.0.4", "10.1.0.5"
"""A server, an address where nobody listens, and one where somebody only listens."""


class Cable:
    """DNS servers in namespace a, the one who asks in namespace b."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.driver = DnsmasqDriver(bench.directory / "dns", lambda _: None, "services")
        self.sockets: list[socket.socket] = []
        for address in (ALONE, DEAD, MUTE):
            bench.ip("-n", bench.a, "addr", "add", f"{address}/24", "dev", "c0")
        bench.ip("-n", bench.a, "addr", "add", "fd00:1::3/64", "dev", "c0", "nodad")
        bench.ip("-n", bench.b, "addr", "add", "10.1.0.1/24", "dev", "c0")
        bench.ip("-n", bench.b, "addr", "add", "fd00:1::1/64", "dev", "c0", "nodad")

    async def serve(self) -> None:
        with self.bench.inside(self.bench.a):
            await self.driver.ensure(DeviceConfig(node="services", role="services", site="s", dns=DNS))

    def script(self, address: str, reply: Callable[[bytes], bytes | None]) -> None:
        """A server by UDP that answers with `reply(question)`."""
        with self.bench.inside(self.bench.a):
            handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            handle.bind((address, 53))
        handle.setblocking(False)
        self.sockets.append(handle)

        def answer() -> None:
            question, client = handle.recvfrom(512)
            said = reply(question)
            if said is not None:
                handle.sendto(said, client)

        asyncio.get_running_loop().add_reader(handle, answer)

    async def ask(self, domain: str, *servers: str, **more: Any) -> tuple[str, ...]:
        with self.bench.inside(self.bench.b):
            return await resolve(domain, servers, **more)

    async def fails(self, domain: str, *servers: str, **more: Any) -> ResolveFailed:
        with pytest.raises(ResolveFailed) as raised:
            await self.ask(domain, *servers, **more)
        return raised.value

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        async def whole() -> None:
            try:
                await scenario
            finally:
                await self.driver.stop()
                for handle in self.sockets:
                    asyncio.get_running_loop().remove_reader(handle)
                    handle.close()

        asyncio.run(whole())


@pytest.fixture
def cable(bench: Any) -> Cable:
    return Cable(bench)


def test_all_addresses_of_both_families_come_in_turn(cable: Cable) -> None:
    async def scenario() -> None:
        await cable.serve()
        found = await cable.ask("cloud.example", ALONE)
        assert set(found) == {"192.0.2.7", "192.0.2.8", "2001:db8::7"}
        assert found[1] == "2001:db8::7"
        assert (await cable.ask("Cloud.Example.", ALONE, families=("ipv6", "ipv4")))[0] == "2001:db8::7"
        assert await cable.ask("cloud.example", ALONE, families=("ipv6",)) == ("2001:db8::7",)
        assert await cable.ask("four.example", "fd00:1::3") == ("192.0.2.4",)

    cable.run(scenario())


def test_more_addresses_than_fit_are_fetched_by_tcp(cable: Cable) -> None:
    async def scenario() -> None:
        await cable.serve()
        assert set(await cable.ask("many.example", ALONE)) == set(MANY)

    cable.run(scenario())


def test_an_address_needs_no_server() -> None:
    assert asyncio.run(resolve("192.0.2.7", ("10.255.255.1",))) == ("192.0.2.7",)
    assert asyncio.run(resolve("2001:DB8::7")) == ("2001:db8::7",)
    with pytest.raises(ResolveFailed, match="it is an IPv4 address") as raised:
        asyncio.run(resolve("192.0.2.7", families=("ipv6",)))
    assert raised.value.kind == "no_address"


def test_the_kinds_of_failure_are_told_apart(cable: Cable) -> None:
    async def scenario() -> None:
        await cable.serve()
        cable.script(MUTE, lambda _: None)
        assert (await cable.fails("unknown.example", ALONE)).kind == "unknown_name"
        assert (await cable.fails("not a name", ALONE)).kind == "unknown_name"
        assert (await cable.fails("four.example", ALONE, families=("ipv6",))).kind == "no_address"
        refused = await cable.fails("www.elsewhere.net", ALONE)
        assert (refused.kind, "10.1.0.3: response code 5" in str(refused)) == ("server_failure", True)
        dead = await cable.fails("cloud.example", DEAD, "10.99.0.1", "nonsense")
        assert dead.kind == "no_server"
        assert all(server in str(dead) for server in (DEAD, "10.99.0.1", "nonsense"))
        mute = await cable.fails("cloud.example", MUTE, deadline_s=0.3)
        assert (mute.kind, "waited 0.3 s for 10.1.0.5" in str(mute)) == ("timeout", True)

    cable.run(scenario())


def test_dead_and_mute_and_clueless_servers_cost_nothing_while_one_knows(cable: Cable) -> None:
    async def scenario() -> None:
        await cable.serve()
        cable.script(MUTE, lambda _: None)
        cable.script("10.1.0.4", lambda question: question[:2] + b"\x81\x82" + question[4:])
        began = time.monotonic()
        assert len(await cable.ask("cloud.example", MUTE, "10.1.0.4", "10.99.0.1", ALONE)) == 3
        assert (await cable.fails("unknown.example", MUTE, "10.1.0.4", ALONE)).kind == "unknown_name"
        assert time.monotonic() - began < 0.7, "nobody was waited for"

    cable.run(scenario())


def test_a_server_that_is_mute_about_ipv6_delays_ipv4_by_a_second_at_most(cable: Cable) -> None:
    def only_ipv4(question: bytes) -> bytes | None:
        if question[-4:] != struct.pack("!HH", 1, 1):
            return None
        record = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 60, 4, b"\xc0\0\2\1")
        return question[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) + question[12:] + record

    async def scenario() -> None:
        cable.script(MUTE, only_ipv4)
        began = time.monotonic()
        assert await cable.ask("cloud.example", MUTE) == ("192.0.2.1",)
        assert time.monotonic() - began < 2 * resolver._OTHER_FAMILY_S

    cable.run(scenario())


def test_a_lost_question_is_asked_again_and_a_forged_answer_is_not_believed(cable: Cable) -> None:
    seen: list[bytes] = []

    def second_time(question: bytes) -> bytes:
        seen.append(question)
        first = len(seen) == 1
        query_id = struct.pack("!H", struct.unpack("!H", question[:2])[0] ^ first)
        return query_id + b"\x81\x83" + question[4:]

    async def scenario() -> None:
        cable.script(MUTE, second_time)
        assert (await cable.fails("cloud.example", MUTE, families=("ipv4",))).kind == "unknown_name"
        assert len(seen) == 2

    cable.run(scenario())


def test_the_socket_may_be_the_callers(cable: Cable) -> None:
    made: list[int] = []

    def from_loopback(family: int, kind: int) -> socket.socket:
        made.append(kind)
        handle = socket.socket(family, kind)
        handle.bind(("10.1.0.1", 0))
        return handle

    async def scenario() -> None:
        await cable.serve()
        assert await cable.ask("four.example", ALONE, families=("ipv4",), open_socket=from_loopback) == ("192.0.2.4",)
        assert made == [socket.SOCK_DGRAM]

    cable.run(scenario())


def test_the_system_knows_its_hosts_file() -> None:
    assert "127.0.0.1" in asyncio.run(resolve("localhost", families=("ipv4",)))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "unknown_name"),
        (socket.gaierror(socket.EAI_NODATA, "empty"), "no_address"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "no_server"),
        (socket.gaierror(socket.EAI_FAIL, "broken"), "server_failure"),
        (OSError("broken"), "server_failure"),
    ],
)
def test_what_the_system_says_is_of_the_same_kinds(monkeypatch: Any, error: OSError, kind: str) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(resolver.socket, "getaddrinfo", failing)
    with pytest.raises(ResolveFailed) as raised:
        asyncio.run(resolve("cloud.example"))
    assert raised.value.kind == kind


def test_a_system_that_does_not_come_back_holds_nobody_up(monkeypatch: Any) -> None:
    slow = threading.Event()
    monkeypatch.setattr(resolver.socket, "getaddrinfo", lambda *_: [] if slow.wait(20) else None)
    began = time.monotonic()
    with pytest.raises(ResolveFailed, match=r"waited 0\.2 s for the system") as raised:
        asyncio.run(resolve("cloud.example", deadline_s=0.2))
    assert raised.value.kind == "timeout"
    assert time.monotonic() - began < 5
    slow.set()
