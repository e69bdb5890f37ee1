"""VlanDriver against the real kernel: two namespaces joined by one cable, VLANs made on its ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from twinspan.drivers import vlan
from twinspan.drivers.vlan import VlanDriver, VlanFailed
from twinspan.model.device_config import DeviceConfig, Link

pytestmark = pytest.mark.topology
PACKET_AUXDATA, SOL_PACKET, ETH_P_ALL, TP_STATUS_VLAN_VALID = 8, 263, 3, 0x10
AUXDATA = struct.Struct("=IIIHHHH")
"""struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid."""

ADDRESS = socket.inet_aton("10.0.0.1")


class End:
    """One end of the cable, with its driver; `driver` may be replaced as a restarted agent would."""

    def __init__(self, bench: Any, namespace: str) -> None:
        self.bench, self.namespace = bench, namespace
        self.driver = VlanDriver()

    def ip(self, *arguments: str) -> str:
        found: str = self.bench.ip("-n", self.namespace, *arguments)
        return found

    def link(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ip("-json", "-details", "link", "show", name))[0]
        return found

    def names(self) -> set[str]:
        return {link["ifname"] for link in json.loads(self.ip("-json", "link", "show")) if link}

    def carrier(self, name: str) -> bool:
        return "LOWER_UP" in self.link(name)["flags"]

    def ensure(self, *links: Link) -> list[str]:
        config = DeviceConfig(node="n", role="gateway", site="s", links=links)
        with self.bench.inside(self.namespace):
            return asyncio.run(self.driver.ensure(config))

    def mirror(self, parent: str = "c0") -> list[str]:
        with self.bench.inside(self.namespace):
            return self.driver.mirror_carrier(parent)

    def up(self, vlan_id: int, address: str) -> None:
        """A working VLAN, as the driver and the reconciler together make it."""
        name = f"c0.{vlan_id}"
        self.ensure(*self.vlans, tagged(vlan_id))
        self.vlans = (*self.vlans, tagged(vlan_id))
        self.ip("addr", "add", address, "dev", name)
        self.ip("link", "set", name, "up")

    vlans: tuple[Link, ...] = ()

    def ping(self, address: str, *options: str, count: int = 1) -> bool:
        argv = ["ip", "netns", "exec", self.namespace, "ping", "-c", str(count), "-W", "1", *options, address]
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def tagged(vlan_id: int, parent: str = "c0") -> Link:
    return Link(name=f"{parent}.{vlan_id}", kind="vlan", parent=parent, vlan_id=vlan_id)


@pytest.fixture
def ends(bench: Any) -> tuple[End, End]:
    return End(bench, bench.a), End(bench, bench.b)


def both_up(ends: tuple[End, End], vlan_a: int, vlan_b: int, net: str = "10.0.0") -> None:
    ends[0].up(vlan_a, f"{net}.1/30")
    ends[1].up(vlan_b, f"{net}.2/30")


@contextlib.contextmanager
def listening(end: End, interface: str) -> Iterator[Callable[[], list[tuple[int, int, bytes]]]]:
    """Yields a function that gives TPID, VLAN ID and bytes of every frame that `interface` has seen."""
    with end.bench.inside(end.namespace):
        handle = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        handle.bind((interface, ETH_P_ALL))
    handle.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    handle.setblocking(False)

    def read() -> list[tuple[int, int, bytes]]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                data, extra, _, _ = handle.recvmsg(2048, socket.CMSG_SPACE(AUXDATA.size))
                status, *_, tci, tpid = AUXDATA.unpack(extra[0][2][: AUXDATA.size])
                tag = (tpid, tci & 0xFFF) if status & TP_STATUS_VLAN_VALID else (0, 0)
                found.append((*tag, data))
        return found

    with handle:
        yield read


def test_the_same_vlan_on_both_ends_talks(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    assert ends[0].ping("10.0.0.2")
    assert ends[1].ping("10.0.0.1")


def test_different_vlans_on_the_ends_do_not_talk(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 101)
    assert not ends[0].ping("10.0.0.2")
    assert not ends[1].ping("10.0.0.1")


def test_a_tagged_end_and_an_untagged_end_do_not_talk(ends: tuple[End, End]) -> None:
    ends[0].up(100, "10.0.0.1/30")
    ends[1].ip("addr", "add", "10.0.0.2/30", "dev", "c0")
    assert not ends[0].ping("10.0.0.2")
    assert not ends[1].ping("10.0.0.1")


def test_untagged_traffic_on_the_parent_goes_on_beside_a_vlan(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    ends[0].ip("addr", "add", "10.9.0.1/30", "dev", "c0")
    ends[1].ip("addr", "add", "10.9.0.2/30", "dev", "c0")
    assert ends[0].ping("10.9.0.2")


def test_the_wire_carries_the_8021q_tag(ends: tuple[End, End]) -> None:
    both_up(ends, 2999, 2999)
    with listening(ends[1], "c0") as frames:
        assert ends[0].ping("10.0.0.2")
        seen = [(tpid, vlan_id) for tpid, vlan_id, data in frames() if ADDRESS in data]
    assert seen
    assert set(seen) == {(0x8100, 2999)}


def test_the_interface_itself_sees_no_tag(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    with listening(ends[1], "c0.100") as frames:
        assert ends[0].ping("10.0.0.2")
        assert {(tpid, vlan_id) for tpid, vlan_id, _ in frames()} == {(0, 0)}


def test_two_vlans_on_one_parent_are_isolated(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    both_up(ends, 200, 200, "10.1.0")
    assert ends[0].ping("10.0.0.2")
    assert ends[0].ping("10.1.0.2")
    with listening(ends[1], "c0.100") as right, listening(ends[1], "c0.200") as wrong:
        assert ends[0].ping("10.0.0.2")
        assert any(ADDRESS in data for _, _, data in right())
        assert not any(ADDRESS in data for _, _, data in wrong())


def test_a_full_size_packet_passes_without_fragments(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    assert ends[0].link("c0")["mtu"] >= 1504
    assert ends[0].ping("10.0.0.2", "-M", "do", "-s", "1472")
    assert not ends[0].ping("10.0.0.2", "-M", "do", "-s", "1473")


def test_a_tcp_stream_arrives_whole(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    payload = os.urandom(1 << 20)
    with ends[1].bench.inside(ends[1].namespace):
        server = socket.create_server(("10.0.0.2", 7000))
    with ends[0].bench.inside(ends[0].namespace):
        client = socket.create_connection(("10.0.0.2", 7000), timeout=5)
    with server, client, server.accept()[0] as accepted:
        client.setblocking(False)
        accepted.settimeout(5)
        sent, got = 0, b""
        while len(got) < len(payload):
            with contextlib.suppress(BlockingIOError):
                sent += client.send(payload[sent:]) if sent < len(payload) else 0
            got += accepted.recv(1 << 16)
    assert got == payload


def test_doing_it_twice_does_it_once(ends: tuple[End, End]) -> None:
    assert ends[0].ensure(tagged(100)) != []
    before = ends[0].link("c0.100")["ifindex"]
    assert ends[0].ensure(tagged(100)) == []
    assert ends[0].link("c0.100")["ifindex"] == before


def test_a_restarted_agent_knows_its_vlan_again(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    ends[0].driver = VlanDriver()
    assert ends[0].ensure(tagged(100)) == []
    assert ends[0].ping("10.0.0.2")


def test_a_restarted_agent_finishes_what_a_dead_one_began(ends: tuple[End, End]) -> None:
    # As after a death right behind the first command: the pair is there, neither marked nor attended to.
    ends[0].ip("link", "add", "c0.100", "type", "veth", "peer", "name", "v100-c0")
    both_up(ends, 100, 100)
    assert ends[0].ping("10.0.0.2")
    ends[0].driver = VlanDriver()
    ends[0].ensure()
    assert "c0.100" not in ends[0].names()


def test_a_vlan_that_the_config_no_longer_names_is_removed(ends: tuple[End, End]) -> None:
    before = ends[0].names()
    ends[0].ensure(tagged(100), tagged(200))
    assert ends[0].ensure(tagged(200)) == ["VLAN 100 removed from c0"]
    assert ends[0].link("c0")["flags"].count("PROMISC") == 1
    ends[0].driver = VlanDriver()
    ends[0].ensure()
    assert ends[0].names() == before
    assert programs(ends[0], "c0") == set()
    assert "PROMISC" not in ends[0].link("c0")["flags"]
    assert ends[0].ensure() == []


def test_another_vlan_id_under_the_same_name_replaces_the_old(ends: tuple[End, End]) -> None:
    name = "port"
    ends[0].ensure(Link(name=name, kind="vlan", parent="c0", vlan_id=100))
    ends[0].ensure(Link(name=name, kind="vlan", parent="c0", vlan_id=200))
    assert ends[0].link(name)["ifalias"] == "twinspan:vlan:200:c0"
    assert {p.partition(">")[0] for p in programs(ends[0], "c0")} == {"vlan200"}


def test_an_interface_of_somebody_else_is_left_alone_and_named(ends: tuple[End, End]) -> None:
    ends[0].ip("link", "add", "c0.100", "type", "veth", "peer", "name", "other")
    with pytest.raises(VlanFailed, match=r"'c0.100' exists and is not VLAN 100 on 'c0'"):
        ends[0].ensure(tagged(100))
    assert "other" in ends[0].names()
    ends[0].ensure()
    assert "other" in ends[0].names()


def test_a_vlan_waits_for_a_parent_that_does_not_exist(ends: tuple[End, End]) -> None:
    assert ends[0].ensure(tagged(100, "c9")) == []
    ends[0].ip("link", "add", "c9", "type", "veth", "peer", "name", "d9")
    assert ends[0].ensure(tagged(100, "c9")) != []
    assert "c9.100" in ends[0].names()


def test_a_detached_program_is_attached_again(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    hidden = ends[0].link("c0.100")["link"]
    for interface in ("c0", hidden):
        subprocess.run(
            ["ip", "netns", "exec", ends[0].namespace, "tc", "qdisc", "del", "dev", interface, "clsact"], check=True
        )
        assert not ends[0].ping("10.0.0.2")
        assert len(ends[0].ensure(tagged(100))) == 1
        eventually(lambda: ends[0].ping("10.0.0.2"))  # ARP may be waiting for its next try


def test_a_replaced_parent_gets_its_programs_again(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    ends[0].ip("link", "del", "c0")
    ends[0].ensure(tagged(100))
    assert not ends[0].carrier("c0.100")
    ends[0].ip("link", "add", "c0", "type", "veth", "peer", "name", "c0", "netns", ends[1].namespace)
    for end in ends:
        end.ip("link", "set", "c0", "up")
    for end in ends:
        eventually(lambda end=end: end.ensure(tagged(100)) == [] and end.carrier("c0.100"))
    assert ends[0].ping("10.0.0.2")


def test_the_carrier_follows_the_parents_cable(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    ends[1].ip("link", "set", "c0", "down")
    eventually(lambda: not ends[0].carrier("c0"))
    assert ends[0].mirror() == ["v100-c0 down like c0"]
    assert not ends[0].carrier("c0.100")
    assert ends[0].mirror() == []
    ends[1].ip("link", "set", "c0", "up")
    assert ends[0].mirror() == ["v100-c0 up like c0"]
    for end in ends:
        eventually(lambda end=end: end.mirror() == [] and end.carrier("c0.100"))
    assert ends[0].ping("10.0.0.2")


def test_the_carrier_follows_a_parent_that_is_shut(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    both_up(ends, 200, 200, "10.1.0")
    ends[0].ip("link", "set", "c0", "down")
    assert len(ends[0].mirror()) == 2
    assert not ends[0].carrier("c0.100")
    assert not ends[0].carrier("c0.200")


def test_a_restarted_agent_finds_out_that_the_cable_was_pulled(ends: tuple[End, End]) -> None:
    both_up(ends, 100, 100)
    ends[1].ip("link", "set", "c0", "down")
    eventually(lambda: not ends[0].carrier("c0"))
    ends[0].driver = VlanDriver()
    assert ends[0].ensure(tagged(100)) == ["v100-c0 down like c0"]
    assert not ends[0].carrier("c0.100")


def test_a_parent_with_a_long_name_works_too(ends: tuple[End, End]) -> None:
    long = "circuit-carrier"
    for end in ends:
        end.ip("link", "set", "c0", "down")
        end.ip("link", "set", "c0", "name", long)
        end.ip("link", "set", long, "up")
        link = Link(name="port.2999", kind="vlan", parent=long, vlan_id=2999)
        end.ensure(link)
        assert end.ensure(link) == []
        end.ip("addr", "add", f"10.0.0.{1 + ends.index(end)}/30", "dev", "port.2999")
        end.ip("link", "set", "port.2999", "up")
    for end in ends:
        end.mirror(long)
    assert ends[0].ping("10.0.0.2")


def test_the_kernels_own_driver_is_preferred(ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = vlan._run

    async def run(*argv: str, text: str = "") -> tuple[int, str, str]:
        asked.append(text)
        return (0, "", "") if "type vlan" in text else await real(*argv, text=text)

    monkeypatch.setattr(vlan, "_run", run)
    config = DeviceConfig(node="n", role="gateway", site="s", links=(tagged(100),))
    with ends[0].bench.inside(ends[0].namespace):
        seen = asyncio.run(vlan._observe())
        asyncio.run(ends[0].driver._make(config.links[0], seen))
    assert "link add link c0 name c0.100 type vlan id 100\nlink set dev c0.100 alias twinspan:vlan:100:c0\n" in asked
    assert not any("veth" in text for text in asked)


def test_a_vlan_of_the_kernels_driver_is_recognised() -> None:
    text = {"ifindex": 7, "link": "c0", "ifname": "c0.100", "flags": [], "mtu": 1500, "ifalias": "twinspan:vlan:100:c0"}
    text["linkinfo"] = {"info_kind": "vlan", "info_data": {"protocol": "802.1Q", "id": 100, "flags": []}}
    found = vlan._seen(text)
    assert vlan._is(found, tagged(100), {})
    assert not vlan._is(found, tagged(101), {})
    assert not vlan._is(found, tagged(100, "c1"), {})


def programs(end: End, interface: str) -> set[str]:
    with end.bench.inside(end.namespace):
        return asyncio.run(vlan._programs(interface))


def eventually(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not what():
        assert time.monotonic() < end, "not within 5 s"
        time.sleep(0.01)
