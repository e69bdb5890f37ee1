"""NftablesDriver against the kernel, in a network namespace of its own."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from typing import Any

import msgspec
import pytest

from twinspan.drivers.nftables import NftablesDriver
from twinspan.model.device_config import DeviceConfig, IpsecTunnel, Link
from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret

pytestmark = pytest.mark.topology
TUNNEL = IpsecTunnel(
    name="t1",
    local_address="198.18.0.1",
    remote_address="198.18.0.2",
    local_id="a",
    remote_id="b",
    psk=Secret("x"),
    tcp_mss=1300,
)
CONFIG = DeviceConfig(
    node="gateway", role="gateway", site="s", links=(Link(name="mgmt0", management=True),), tunnels=(TUNNEL,)
)
BARE = msgspec.structs.replace(CONFIG, links=(), tunnels=())
DEVICES = {"t1": "ipsec0"}


def nft(bench: Any, *arguments: str) -> str:
    argv = ["ip", "netns", "exec", bench.a, "nft", *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


async def _ensure(bench: Any, driver: NftablesDriver, config: DeviceConfig = CONFIG) -> list[str]:
    with bench.inside(bench.a):
        return await driver.ensure(config, DEVICES)


def test_the_second_look_finds_nothing_to_do(bench: Any) -> None:
    async def scenario() -> None:
        driver = NftablesDriver()
        assert await _ensure(bench, driver) == ["packet filter applied"]
        assert await _ensure(bench, driver) == []
        assert "maxseg size set 1300" in nft(bench, "list", "ruleset")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "harm", [("flush", "chain", "inet", "twinspan", "management"), ("delete", "table", "inet", "twinspan")]
)
def test_a_table_changed_behind_its_back_is_put_right(bench: Any, harm: tuple[str, ...]) -> None:
    async def scenario() -> None:
        driver = NftablesDriver()
        await _ensure(bench, driver)
        before = nft(bench, "list", "ruleset")
        nft(bench, *harm)
        assert await _ensure(bench, driver) == ["packet filter applied"]
        assert nft(bench, "list", "ruleset") == before

    asyncio.run(scenario())


def test_a_config_that_asks_for_nothing_removes_the_table_and_no_other(bench: Any) -> None:
    async def scenario() -> None:
        nft(bench, "add", "table", "inet", "somebodys")
        assert await _ensure(bench, NftablesDriver(), BARE) == []
        await _ensure(bench, NftablesDriver())
        assert await _ensure(bench, NftablesDriver(), BARE) == ["packet filter removed"]
        assert nft(bench, "list", "tables").split() == ["table", "inet", "somebodys"]

    asyncio.run(scenario())


@pytest.fixture
def router(bench: Any) -> Any:
    """Node a forwards what b sends to 10.9.0.9 out of x0, where a counter sees it and nobody answers."""
    a, b = bench.a, bench.b
    for namespace, address in ((a, "10.1.0.1/24"), (b, "10.1.0.2/24")):
        bench.ip("-n", namespace, "addr", "add", address, "dev", "c0")
    bench.ip("-n", b, "route", "add", "10.9.0.9", "via", "10.1.0.1")
    bench.ip("-n", a, "link", "add", "x0", "type", "veth", "peer", "name", "x1")
    for end in ("x0", "x1"):
        bench.ip("-n", a, "link", "set", end, "up")
    bench.ip("-n", a, "neigh", "add", "10.9.0.9", "lladdr", "02:00:00:00:00:09", "dev", "x0")
    bench.ip("-n", a, "route", "add", "10.9.0.9", "dev", "x0")
    subprocess.run(["ip", "netns", "exec", a, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
    nft(bench, "add table ip seen; add chain ip seen out { type filter hook postrouting priority 0; }")
    return bench


def counted(bench: Any, chain: str) -> int:
    """Packets of the chain's only counter."""
    return int(nft(bench, "list", "chain", *chain.split()).partition("counter packets ")[2].split()[0])


def test_packets_from_a_management_link_are_not_forwarded(router: Any) -> None:
    def send() -> None:
        with router.inside(router.b), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("10.9.0.9", 9))

    async def scenario() -> None:
        nft(router, "add rule ip seen out oifname x0 counter")
        send()
        await router.eventually(lambda: counted(router, "ip seen out") == 1)
        config = msgspec.structs.replace(CONFIG, links=(Link(name="c0", management=True),))
        await _ensure(router, NftablesDriver(), config)
        nft(router, "insert rule inet twinspan management iifname c0 counter")
        send()
        await router.eventually(lambda: counted(router, "inet twinspan management") == 1)
        assert counted(router, "ip seen out") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(("asked", "seen"), [(1460, 1300), (900, 900)])
def test_a_tunnels_syn_leaves_with_the_clamp_and_a_smaller_one_as_it_was(router: Any, asked: int, seen: int) -> None:
    async def scenario() -> None:
        nft(router, f"add rule ip seen out oifname x0 tcp option maxseg size {seen} counter")
        with router.inside(router.a):
            await NftablesDriver().ensure(CONFIG, {"t1": "x0"})
        with router.inside(router.b), socket.socket() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, asked)
            client.setblocking(False)
            client.connect_ex(("10.9.0.9", 9))
            await router.eventually(lambda: counted(router, "ip seen out") >= 1)

    asyncio.run(scenario())


def test_without_nft_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="apt-get install nftables"):
        asyncio.run(NftablesDriver().ensure(CONFIG, DEVICES))
    assert asyncio.run(NftablesDriver().ensure(BARE, {})) == []
