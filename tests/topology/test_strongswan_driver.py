"""StrongswanDriver against real charons: a gateway and a VPN gateway, in two network namespaces joined by one cable."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from twinspan.drivers.daemon import DaemonFailed
from twinspan.drivers.strongswan import StrongswanDriver
from twinspan.model.device_config import DeviceConfig, IpsecTunnel
from twinspan.model.device_report import Event
from twinspan.model.secret import Secret

pytestmark = pytest.mark.topology
SO_RCVBUFFORCE = 33


class Node:
    """One namespace with a StrongswanDriver; it gives the devices their addresses as the agent would."""

    def __init__(self, bench: Any, namespace: str, run_dir: Path) -> None:
        self.bench, self.namespace, self.run_dir = bench, namespace, run_dir
        self.events: list[Event] = []
        self.driver = self.new_driver()
        self.config = DeviceConfig(node="n", role="gateway", site="s")

    def new_driver(self) -> StrongswanDriver:
        return StrongswanDriver(self.run_dir, self.events.append, "n")

    async def ensure(self, *tunnels: IpsecTunnel) -> list[str]:
        if tunnels:
            self.config = DeviceConfig(node="n", role="gateway", site="s", tunnels=tunnels)
        with self.bench.inside(self.namespace):
            done = await self.driver.ensure(self.config)
        devices = self.driver.devices()
        for tunnel in self.config.tunnels:
            device = devices[tunnel.name]
            if tunnel.inner_addresses[0] not in self.bench.ip("-n", self.namespace, "addr", "show", "dev", device):
                self.bench.ip("-n", self.namespace, "addr", "add", tunnel.inner_addresses[0], "dev", device)
                self.bench.ip("-n", self.namespace, "link", "set", device, "up")
        return done

    async def up(self) -> bool:
        states = await self.driver.observe(self.config)
        return all((s.ike_state, s.child_state) == ("ESTABLISHED", "INSTALLED") for s in states)

    async def ping(self, address: str) -> bool:
        done = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", self.namespace, "ping", "-c1", "-W1", address, stdout=subprocess.DEVNULL
        )
        return await done.wait() == 0

    def saw(self, what: str) -> list[str]:
        return [e.detail for e in self.events if e.what == what]


class Pair:
    def __init__(self, bench: Any, gateway: Node, vpn: Node) -> None:
        self.bench, self.gateway, self.vpn = bench, gateway, vpn

    async def up(self, *tunnels: tuple[IpsecTunnel, IpsecTunnel]) -> None:
        await self.vpn.ensure(*(b for _, b in tunnels))
        await self.gateway.ensure(*(a for a, _ in tunnels))
        await self.bench.eventually(self.gateway.up)
        await self.bench.eventually(self.vpn.up)

    async def down(self) -> None:
        for node in (self.gateway, self.vpn):
            await node.driver.stop()
            assert node.driver.devices() == {}
            assert "ipsec" not in self.bench.ip("-n", node.namespace, "link")


@pytest.fixture
def pair(bench: Any) -> Pair:
    for number, namespace in enumerate((bench.a, bench.b), start=1):
        bench.ip("-n", namespace, "addr", "add", f"198.18.0.{number}/24", "dev", "c0")
    run = bench.directory
    return Pair(bench, Node(bench, bench.a, run / "gw"), Node(bench, bench.b, run / "vpn"))


def both(number: int = 1, **fields: object) -> tuple[IpsecTunnel, IpsecTunnel]:
    """The two ends of tunnel `number`; the second and later ones on ports of their own."""
    gateway = IpsecTunnel(
        name=f"t{number}",
        local_address="198.18.0.1",
        remote_address="198.18.0.2",
        local_id="198.18.0.1",
        remote_id="198.18.0.2",
        psk=Secret(f"Cloud-PSK-{number}"),
        inner_addresses=(f"169.254.{number}.1/30",),
        initiate=True,
    )
    if number > 1:
        gateway = msgspec.structs.replace(gateway, ike_port=500 + number, nat_t_port=4500 + number)
    gateway = msgspec.structs.replace(gateway, **fields)
    vpn = msgspec.structs.replace(
        gateway,
        local_address=gateway.remote_address,
        remote_address=gateway.local_address,
        local_id=gateway.remote_id,
        remote_id=gateway.local_id,
        inner_addresses=(f"169.254.{number}.2/30",),
        initiate=False,
    )
    return gateway, vpn


@pytest.mark.parametrize(
    "fields",
    [
        {"ike_version": "ikev2"},
        {"ike_version": "ikev1", "ike_proposal": "aes128-sha1-modp1024", "esp_proposal": "aes128-sha1-modp1024"},
        {"ike_version": "ikev1", "ike_mode": "aggressive", "local_id": "gw.example", "remote_id": "vpn.example"},
    ],
    ids=["ikev2", "ikev1 main", "ikev1 aggressive with names"],
)
def test_a_tunnel_comes_up_and_carries_data(pair: Pair, fields: dict[str, object]) -> None:
    async def scenario() -> None:
        await pair.up(both(**fields))
        assert await pair.gateway.ping("169.254.1.2")
        (status,) = await pair.gateway.driver.observe(pair.gateway.config)
        assert (status.device, status.bytes_in > 0, status.bytes_out > 0) == ("ipsec0", True, True)
        assert await pair.gateway.ensure() == []
        assert pair.gateway.saw("IKE up") == ["t1"]
        assert pair.gateway.saw("CHILD up") == ["t1"]
        await pair.down()

    asyncio.run(scenario())


def test_two_tunnels_between_the_same_addresses_each_carry_their_own_data(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up(both(1), both(2))
        assert set(pair.gateway.driver.devices().values()) == {"ipsec0", "ipsec1"}
        for number in (1, 2):
            assert await pair.gateway.ping(f"169.254.{number}.2")
        first, second = await pair.vpn.driver.observe(pair.vpn.config)
        assert first.bytes_in == second.bytes_in == 84
        # The rest of the namespace's traffic is untouched by charon's routes.
        assert "dev c0" in pair.bench.ip("-n", pair.gateway.namespace, "route", "get", "198.18.0.2")
        assert await pair.gateway.ensure(both(2)[0]) == ["charon of tunnel t1 ended"]
        assert await pair.gateway.ping("169.254.2.2")
        await pair.down()

    asyncio.run(scenario())


@pytest.mark.parametrize("end", ["gateway", "vpn"])
def test_a_killed_charon_is_noticed_and_the_tunnel_comes_back(pair: Pair, end: str) -> None:
    async def scenario() -> None:
        await pair.up(both())
        node = pair.gateway if end == "gateway" else pair.vpn
        pid = node.driver.daemons()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await pair.bench.eventually(lambda: node.saw("charon died") == ["t1"], 1.0)
        assert node.driver.devices() == {}
        assert (await node.driver.observe(node.config))[0].ike_state == "down"
        assert await node.ensure() == ["charon of tunnel t1 restarted", "tunnel t1 loaded"]
        await pair.bench.eventually(lambda: pair.gateway.ping("169.254.1.2"))
        assert node.driver.daemons()[0].restarts == 1
        await pair.down()

    asyncio.run(scenario())


def test_a_pause_of_charon_delays_packets_and_loses_none(pair: Pair) -> None:
    """Half a second of users' packets waits in its socket; the default buffer holds some 160."""
    sent = 500

    async def scenario() -> None:
        await pair.up(both())
        with pair.bench.inside(pair.vpn.namespace):
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
            receiver.bind(("169.254.1.2", 0))
        with pair.bench.inside(pair.gateway.namespace):
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with receiver, sender:
            await pair.bench.eventually(lambda: pair.gateway.ping("169.254.1.2"))
            pid = pair.vpn.driver.daemons()[0].pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                for number in range(sent):
                    sender.sendto(number.to_bytes(4, "big") + bytes(60), receiver.getsockname())
                    await asyncio.sleep(0.001)
            finally:
                os.kill(pid, signal.SIGCONT)
            got: set[bytes] = set()

            def all_here() -> bool:
                with contextlib.suppress(BlockingIOError):
                    while len(got) < sent:
                        got.add(receiver.recv(100, socket.MSG_DONTWAIT))
                return len(got) == sent

            await pair.bench.eventually(all_here)
        await pair.down()

    asyncio.run(scenario())


def test_the_next_agent_adopts_the_running_charon_and_hears_of_its_events(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up(both())
        pid = pair.gateway.driver.daemons()[0].pid
        await pair.gateway.driver.close()
        pair.gateway.driver = pair.gateway.new_driver()
        pair.gateway.events.clear()
        assert await pair.gateway.ensure() == []
        assert pair.gateway.driver.daemons()[0].pid == pid
        assert await pair.gateway.ping("169.254.1.2")
        await pair.gateway.driver.terminate("t1")
        await pair.bench.eventually(lambda: pair.gateway.saw("IKE down") == ["t1"], 1.0)
        await pair.gateway.driver.initiate("t1")
        assert await pair.gateway.up()
        await pair.down()

    asyncio.run(scenario())


def test_the_log_of_charon_stays_bounded_while_it_keeps_writing(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up(both())
        log = pair.gateway.run_dir / "t1" / "charon.log"
        append(log, b"x" * 1_100_000)
        assert await pair.gateway.ensure() == []
        assert size(log) < 100_000
        before = size(log)
        await pair.gateway.driver.terminate("t1")
        await pair.bench.eventually(lambda: before < size(log) < 100_000)
        await pair.down()

    asyncio.run(scenario())


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def size(path: Path) -> int:
    return path.stat().st_size


def test_files_with_secrets_lie_where_only_their_owner_can_look(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up(both())
        directory = pair.gateway.run_dir
        for path in (directory, directory / "t1", directory / "t1" / "run"):
            assert path.stat().st_mode & 0o777 == 0o700
        await pair.down()

    asyncio.run(scenario())


def test_a_wrong_key_names_the_reason_without_the_key_and_a_new_key_brings_the_tunnel_up(pair: Pair) -> None:
    async def scenario() -> None:
        (gateway, vpn), (wrong, _) = both(), both(psk=Secret("Wrong-PSK"))
        await pair.vpn.ensure(vpn)
        await pair.gateway.ensure(wrong)
        with pytest.raises(DaemonFailed, match="charon refused 'initiate'") as failed:
            await pair.gateway.driver.initiate("t1")
        assert "Wrong-PSK" not in str(failed.value)
        assert await pair.gateway.ensure(gateway) == ["tunnel t1 loaded"]
        await pair.bench.eventually(pair.gateway.up)
        for path in pair.gateway.run_dir.rglob("*"):
            assert not path.is_file() or "Cloud-PSK" not in path.read_text(errors="replace")
        await pair.down()

    asyncio.run(scenario())


def test_a_silent_path_takes_the_tunnel_down_and_its_return_brings_it_back(pair: Pair) -> None:
    async def scenario() -> None:
        await pair.up(both())
        pair.bench.ip("-n", pair.vpn.namespace, "link", "set", "c0", "down")
        cut = time.monotonic()
        await pair.bench.eventually(lambda: bool(pair.gateway.saw("IKE down")), 6.0)
        assert time.monotonic() - cut < 4.0
        pair.bench.ip("-n", pair.vpn.namespace, "link", "set", "c0", "up")
        await pair.bench.eventually(lambda: pair.gateway.ping("169.254.1.2"), 6.0)
        await pair.down()

    asyncio.run(scenario())


def test_a_peer_that_loads_its_connection_late_is_asked_again_soon(pair: Pair) -> None:
    """Its charon runs and refuses: charon itself would leave it at that."""

    async def scenario() -> None:
        gateway, vpn = both()
        with pair.bench.inside(pair.vpn.namespace):
            await pair.vpn.driver.ensure(msgspec.structs.replace(pair.vpn.config, tunnels=(STRANGER,)))
        await pair.gateway.ensure(gateway)
        refusals = pair.gateway.run_dir / "t1/charon.log"
        await pair.bench.eventually(lambda: "NO_PROP" in refusals.read_text())
        await pair.vpn.ensure(vpn)
        loaded = time.monotonic()
        await pair.bench.eventually(pair.gateway.up, 3.0)
        assert time.monotonic() - loaded < 2.0
        await pair.down()

    asyncio.run(scenario())


STRANGER = msgspec.structs.replace(both()[1], remote_address="198.18.0.9", remote_id="198.18.0.9")
"""The VPN gateway's charon with a connection for somebody else."""
