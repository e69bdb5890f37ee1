"""Where the cloud server is, found by DHCP: the client against dnsmasq, and against a server that lies."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.topology.dhcp_rogue import ACK, COOKIE, NAK, OFFER, REQUEST, RogueServer, option

from twinspan.drivers.dhcp_client import DhcpClientDriver
from twinspan.drivers.dnsmasq import DnsmasqDriver
from twinspan.drivers.netlink import NetlinkMonitor
from twinspan.model.cloud_management import CloudManagement
from twinspan.model.device_config import DeviceConfig, DhcpServer
from twinspan.model.device_report import Event
from twinspan.model.secret import Secret
from twinspan.wire.dhcp_options import CloudOptions, render_cloud_conf, render_cloud_options
from twinspan.wire.rtnetlink import LinkChanged

pytestmark = pytest.mark.topology

DHCP = DhcpServer(
    link="c0",
    range_start="192.168.1.128",
    range_end="192.168.1.199",
    netmask="255.255.255.0",
    router="192.168.1.1",
    dns_servers=("192.168.1.1",),
    cloud_domain="cloud-a.example.com",
    cloud_password=Secret("pw-A-hidden"),
)
SERVER = DeviceConfig(node="services", role="services", site="s", dhcp=DHCP)
DEVICE = DeviceConfig(node="gateway", role="gateway", site="s", dhcp_client="c0", cloud=CloudManagement())
GOOD = option(253, b"cloud-r.example.com") + option(252, b"pw-R")


class Device(DhcpClientDriver):
    """Counts the acknowledgements it has dealt with."""

    reads = 0

    def _read(self, *heard: Any) -> None:
        super()._read(*heard)
        self.reads += 1


class Branch:
    """A DHCP server in namespace a, a device in namespace b."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.events: list[Event] = []
        self.heard: list[CloudOptions] = []
        self.server = self.new_server()
        self.device = self.new_device()
        self.rogue: Any = None
        bench.ip("-n", bench.a, "addr", "add", "192.168.1.1/24", "dev", "c0")

    def new_server(self) -> DnsmasqDriver:
        return DnsmasqDriver(self.bench.directory / "dns", lambda _: None, "services")

    def new_device(self) -> Device:
        return Device(self.bench.directory / "dhcp", self.events.append, "gateway", self.heard.append)

    async def serve(self, **changes: Any) -> list[str]:
        with self.bench.inside(self.bench.a):
            return await self.server.ensure(replace(SERVER, dhcp=replace(DHCP, **changes)))

    def lie(self, cloud: bytes = GOOD) -> Any:
        self.rogue = RogueServer(self.bench)
        self.rogue.cloud = cloud
        self.rogue.start()
        return self.rogue

    async def ensure(self, config: DeviceConfig = DEVICE) -> list[str]:
        with self.bench.inside(self.bench.b):
            return await self.device.ensure(config)

    async def until(self, what: Any) -> None:
        with self.bench.inside(self.bench.b):
            await self.bench.eventually(what)

    async def bound(self, config: DeviceConfig = DEVICE) -> None:
        await self.ensure(config)
        await self.until(lambda: self.device.reads > 0)

    async def renew(self) -> None:
        """Until the server has answered."""
        with self.bench.inside(self.bench.b):
            before = self.device.reads
            assert await self.device.renew_now() == ("c0",)
            await self.bench.eventually(lambda: self.device.reads > before)

    def told(self, what: str) -> list[str]:
        return [e.detail for e in self.events if e.what == what]

    def values(self) -> list[tuple[str | None, str | None, bool]]:
        return [(o.domain, o.password.reveal() if o.password else None, o.stale) for o in self.heard]

    def watch_links(self) -> NetlinkMonitor:
        """As the agent does."""
        with self.bench.inside(self.bench.b):
            monitor = NetlinkMonitor(
                lambda event: self.device.link_changed(event) if isinstance(event, LinkChanged) else None, lambda: None
            )
        monitor.start()
        return monitor

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        async def whole() -> None:
            try:
                await scenario
            finally:
                await self.device.close()
                await self.server.stop()
                if self.rogue is not None:
                    self.rogue.close()

        asyncio.run(whole())


@pytest.fixture
def branch(bench: Any) -> Branch:
    return Branch(bench)


# ------------------------------------------------------------------------------------------------ an honest server


def test_a_bound_device_knows_server_and_password(branch: Branch) -> None:
    async def scenario() -> None:
        assert await branch.serve() == ["dnsmasq dhcp started"]
        await branch.bound()
        assert branch.values() == [("cloud-a.example.com", "pw-A-hidden", False)]
        (heard,) = branch.heard
        assert (heard.link, heard.server) == ("c0", "192.168.1.1")
        assert branch.device.cloud_options == heard

    branch.run(scenario())


@pytest.mark.parametrize("password", ["12345678", "10.9.8.7", "de:ad:be:ef", 'q"\\#,: x', "пароль", "option:router"])
def test_dnsmasq_sends_any_password_as_it_was_given(branch: Branch, password: str) -> None:
    async def scenario() -> None:
        await branch.serve(cloud_domain="192.0.2.7", cloud_password=Secret(password))
        await branch.bound()
        assert branch.values() == [("192.0.2.7", password, False)]

    branch.run(scenario())


def test_the_longest_name_and_password_arrive_whole(branch: Branch) -> None:
    name, password = ".".join(["x" * 62] * 4), "\N{OLD ITALIC LETTER A}" * 63

    async def scenario() -> None:
        await branch.serve(cloud_domain=name, cloud_password=Secret(password))
        await branch.bound()
        assert branch.values() == [(name, password, False)]

    branch.run(scenario())


def test_dnsmasq_reads_what_is_rendered_for_its_own_configuration(branch: Branch) -> None:
    home = branch.bench.directory
    options, conf = home / 'the "cloud" options', home / "conf"
    options.write_text(render_cloud_options("cloud.example.com", Secret('1"2,#')))
    conf.write_text(render_cloud_conf(str(options)))
    argv = ["/usr/sbin/dnsmasq", "--no-daemon", "--port=0", "--dhcp-range=192.168.1.9,192.168.1.9", "--interface=c0"]
    with branch.bench.inside(branch.bench.a):
        process = subprocess.Popen([*argv, f"--conf-file={conf}"], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    said = next((line for line in process.stderr if 'the "cloud"' in line), "")
    process.kill()
    process.communicate()
    assert said.endswith(f": read {options}\n")


def test_changed_options_are_heard_at_the_next_renewal_and_dnsmasq_is_not_restarted(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        pid = branch.server.daemons()[0].pid
        assert await branch.serve(cloud_domain="cloud-b.example.com", cloud_password=Secret("pw-B")) == [
            "dnsmasq dhcp told its options again"
        ]
        assert await branch.serve(cloud_domain="cloud-b.example.com", cloud_password=Secret("pw-B")) == []
        assert branch.server.daemons()[0].pid == pid
        assert len(branch.heard) == 1
        await branch.renew()
        assert branch.values()[1:] == [("cloud-b.example.com", "pw-B", False)]

    branch.run(scenario())


def test_equal_options_are_not_told_again(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        first = branch.heard[0]
        for _ in range(2):
            await branch.renew()
        assert len(branch.heard) == 1
        assert branch.device.cloud_options
        assert branch.device.cloud_options.at_ns > first.at_ns

    branch.run(scenario())


def test_an_option_left_out_does_not_take_back_what_was_said(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        await branch.serve(cloud_password=None)
        await branch.renew()
        assert len(branch.heard) == 1
        await branch.serve(cloud_domain="cloud-b.example.com", cloud_password=None)
        await branch.renew()
        assert branch.values()[1:] == [("cloud-b.example.com", "pw-A-hidden", False)]
        await branch.serve(cloud_domain=None, cloud_password=None)
        await branch.renew()
        assert len(branch.heard) == 2

    branch.run(scenario())


def test_a_new_agent_finds_the_server_as_it_left_it_and_the_device_hears_again(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        await branch.server.close()
        branch.server = branch.new_server()
        assert await branch.serve() == []
        assert await branch.serve(cloud_password=Secret("pw-B")) == ["dnsmasq dhcp told its options again"]
        await branch.device.close()
        branch.device = branch.new_device()
        assert branch.device.cloud_options is None
        await branch.ensure()
        await branch.until(lambda: len(branch.heard) == 2)
        assert branch.values()[1] == ("cloud-a.example.com", "pw-B", False)

    branch.run(scenario())


def test_the_password_stands_nowhere_it_could_be_read(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        await branch.serve(cloud_domain="cloud-b.example.com")
        await branch.renew()
        look_for(b"hidden", branch.bench.directory, branch.server.daemons()[0].pid)
        assert "hidden" not in repr((branch.events, branch.heard, branch.device.describe()))

    branch.run(scenario())


def test_it_asks_for_the_server_only_when_it_is_managed_and_follows_the_config(branch: Branch) -> None:
    async def scenario() -> None:
        rogue = branch.lie()
        await branch.bound(replace(DEVICE, cloud=None))
        assert not any({252, 253} & set(wanted) for _, wanted in rogue.asked)
        assert branch.heard == []
        await branch.ensure()
        await branch.until(lambda: bool(branch.heard))
        assert {252, 253} <= set(rogue.asked[-1][1])
        await branch.ensure(replace(DEVICE, cloud=None))
        assert branch.values() == [("cloud-r.example.com", "pw-R", False), ("cloud-r.example.com", "pw-R", True)]
        assert branch.device.cloud_options is None

    branch.run(scenario())


def test_the_link_named_for_the_cloud_server_brings_its_address_alone(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        alone = replace(DEVICE, dhcp_client=None, cloud=CloudManagement(dhcp_link="c0"))
        resolvers = branch.bench.directory / "dhcp" / "resolv.conf"
        await branch.bound(alone)
        assert branch.values() == [("cloud-a.example.com", "pw-A-hidden", False)]
        assert branch.device.describe() == ["c0 192.168.1.128/24 from 192.168.1.1, the address alone, lease 3600 s"]
        assert "192.168.1.128/24" in branch.bench.ip("-n", branch.bench.b, "addr", "show", "dev", "c0")
        assert (_route(branch), resolvers.exists()) == ("", False)
        both = replace(alone, dhcp_client="c0")
        assert await branch.ensure(both) == ["resolv.conf written", "default route via 192.168.1.1 by DHCP"]
        assert _route(branch) == "default via 192.168.1.1 dev c0 proto dhcp"
        assert await branch.ensure(alone) == ["default route on c0 by DHCP given up"]
        assert (_route(branch), resolvers.exists()) == ("", False)
        assert await branch.ensure(alone) == []
        assert len(branch.heard) == 1

    branch.run(scenario())


# ------------------------------------------------------------------------------------------------ cables and time


def test_a_returning_carrier_makes_it_ask_at_once(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        monitor = branch.watch_links()
        await branch.serve(cloud_domain="cloud-b.example.com")
        branch.bench.ip("-n", branch.bench.a, "link", "set", "c0", "down")
        await branch.until(lambda: branch.device._links["c0"]._carrier is False)
        assert len(branch.heard) == 1
        branch.bench.ip("-n", branch.bench.a, "link", "set", "c0", "up")
        await branch.until(lambda: len(branch.heard) == 2)
        assert branch.values()[1] == ("cloud-b.example.com", "pw-A-hidden", False)
        assert branch.told("DHCP lease lost") == []
        monitor.close()

    branch.run(scenario())


def test_a_link_set_down_and_up_makes_it_ask_at_once(branch: Branch) -> None:
    async def scenario() -> None:
        await branch.serve()
        await branch.bound()
        monitor = branch.watch_links()
        await branch.serve(cloud_domain="cloud-b.example.com")
        branch.bench.ip("-n", branch.bench.b, "link", "set", "c0", "down")
        await branch.until(lambda: bool(branch.told("DHCP problem")))
        branch.bench.ip("-n", branch.bench.b, "link", "set", "c0", "up")
        await branch.until(lambda: len(branch.heard) == 2)
        assert branch.values()[1] == ("cloud-b.example.com", "pw-A-hidden", False)
        monitor.close()

    branch.run(scenario())


def test_it_follows_the_renewals_of_the_lease_by_itself(branch: Branch) -> None:
    async def scenario() -> None:
        rogue = branch.lie()
        rogue.renewal_s = 1
        await branch.bound()
        rogue.cloud = option(253, b"cloud-b.example.com")
        await branch.until(lambda: len(branch.heard) == 2)
        assert branch.values()[1] == ("cloud-b.example.com", "pw-R", False)

    branch.run(scenario())


def test_values_are_stale_once_the_lease_is_gone_and_good_again_when_they_are_said_again(branch: Branch) -> None:
    async def scenario() -> None:
        rogue = branch.lie()
        rogue.lease_s, rogue.renewal_s = 2, 1
        await branch.bound()
        rogue.silent = True
        await branch.until(lambda: len(branch.heard) == 2)
        rogue.silent = False
        await branch.until(lambda: len(branch.heard) == 3)
        assert branch.values() == [("cloud-r.example.com", "pw-R", stale) for stale in (False, True, False)]
        assert len(branch.told("DHCP lease lost")) == 1

    branch.run(scenario())


# ------------------------------------------------------------------------------------------------ a server that lies

NONSENSE = {
    "bytes that are no text": (option(253, b"\xff\xfe\x80"), "option 253 is not UTF-8"),
    "an address sent as bytes": (option(253, bytes((10, 9, 8, 7))), "holds control characters; dnsmasq sends numbers"),
    "a name in pieces of 300 bytes": (option(253, b"a" * 200) + option(253, b"b" * 100), "longer than 255 bytes"),
    "a proxy script": (option(252, b"http://hidden.example/wpad.dat"), "option 252 is a URL"),
    "a URL for a name": (option(253, b"http://hidden.example/"), "neither a host name nor a whole address"),
    "an empty name": (option(253, b"") + option(252, b"\0"), "option 253 is empty; option 252 is empty"),
    "control characters": (option(253, b"hidden\nserver 1"), "control characters"),
    "a packet cut off": (b"\xfd\x40hidden", "cut off"),
}


@pytest.mark.parametrize(("cloud", "why"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused_with_its_reason_and_the_device_lives(branch: Branch, cloud: bytes, why: str) -> None:
    async def scenario() -> None:
        rogue = branch.lie(cloud)
        await branch.bound()
        await branch.renew()
        (said,) = branch.told("DHCP option refused")
        assert why in said
        assert said.startswith("c0, from 192.168.1.1: ")
        assert "hidden" not in repr(branch.events)
        assert branch.heard == []
        rogue.cloud = GOOD
        await branch.renew()
        rogue.cloud = cloud
        await branch.renew()
        assert branch.values() == [("cloud-r.example.com", "pw-R", False)]
        assert len(branch.told("DHCP option refused")) == 2

    branch.run(scenario())


def test_broken_packets_do_not_end_the_client(branch: Branch) -> None:
    async def scenario() -> None:
        rogue = branch.lie()
        await branch.bound()
        session = branch.device._links["c0"]._client
        await branch.device.renew_now()  # while it waits for that answer, the following come
        for broken in (b"", b"\xff" * 300, bytes(236), bytes(236) + COOKIE, b"\x02" + bytes(400)):
            rogue.send(0, message=broken)
        for kind in (0, OFFER, ACK, NAK, 99):
            for options in (b"", option(51, b"\0"), option(54, b"\1"), b"\x36"):
                rogue.send(kind, options)
        rogue.cloud = option(253, b"after.example.com")
        await branch.renew()
        assert branch.values()[-1] == ("after.example.com", "pw-R", False)
        assert branch.device._links["c0"]._client is session
        assert branch.told("DHCP problem") == []

    branch.run(scenario())


@pytest.mark.parametrize(
    ("name", "value"), [("netmask", "255.0.255.0"), ("address", "127.0.0.1"), ("address", "224.0.0.5"), ("lease_s", 0)]
)
def test_a_lease_that_no_host_can_have_is_not_taken(branch: Branch, name: str, value: object) -> None:
    async def scenario() -> None:
        rogue = branch.lie()
        setattr(rogue, name, value)
        await branch.ensure()
        # A lease that is none is said; an acknowledgement that is none is waited for on.
        await branch.until(lambda: [k for k, _ in rogue.asked].count(REQUEST) > 1 or bool(branch.told("DHCP problem")))
        assert branch.heard == []
        assert branch.device.describe() == []

    branch.run(scenario())


def look_for(secret: bytes, directory: Path, pid: int | None) -> None:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert {"lease-c0.json", "dnsmasq.conf", "dnsmasq.out", "loaded"} <= {path.name for path in files}
    for path in (*files, Path(f"/proc/{pid}/cmdline"), Path(f"/proc/{pid}/environ")):
        assert secret not in path.read_bytes(), path
    assert list(Path("/run").glob("twinspan-dhcp-*")) == []


def _route(branch: Branch) -> str:
    return str(branch.bench.ip("-n", branch.bench.b, "route", "show", "default")).strip()
