"""The text for BIRD and strongSwan on daemons of the distribution, with nothing of ours on that side."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.wire.test_vendors import written

from twinspan.drivers.bird import BirdDriver
from twinspan.model.device_config import Bfd, Bgp, BgpPeer, DeviceConfig, Originate
from twinspan.model.secret import Secret

pytestmark = pytest.mark.topology
CASE = "ikev2-static-ipv4"
FILES = {file.path: file.text for file in written("bird-strongswan", CASE).files}
CLOUD = ("172.16.0.0/12", "192.168.0.0/24", "100.64.0.0/10")
PEER = BgpPeer(
    name="gateway",
    local_address="10.0.0.1",
    peer_address="10.0.0.2",
    local_asn=45104,
    peer_asn=65001,
    link="c0",
    auth_key=Secret("key-bgp-vbr"),
    bfd=Bfd(min_tx_interval_ms=300, min_rx_interval_ms=300, detect_multiplier=3),
)
VBR = DeviceConfig(
    node="vbr",
    role="vbr",
    site="peer",
    bgp=Bgp(
        router_id="10.0.0.1", asn=45104, peers=(PEER,), originate=tuple(Originate(prefix=prefix) for prefix in CLOUD)
    ),
)


@pytest.fixture
def wires(bench: Any) -> Any:
    """The gateway's ports in namespace a. The kernels here lack XFRM interfaces: a cable's end is the tunnel's."""
    bench.ip("-n", bench.a, "link", "set", "c0", "down")
    bench.ip("-n", bench.a, "link", "set", "c0", "name", "circuit")
    for name in ("lan", "isp", "vpn1"):
        bench.ip("-n", bench.a, "link", "add", name, "type", "veth", "peer", "name", f"{name}-far")
        for end in (name, f"{name}-far"):
            bench.ip("-n", bench.a, "link", "set", end, "up")
    bench.ip("-n", bench.a, "link", "set", "circuit", "up")
    bench.ip("-n", bench.b, "address", "add", "10.0.0.1/30", "dev", "c0")
    for line in FILES["/etc/twinspan-peer/links.sh"].splitlines():
        if line.startswith(("ip address", "ip route", "ip link set")):
            bench.ip("-n", bench.a, *line.split()[1:])
    return bench


@pytest.fixture
def bird(wires: Any) -> Iterator[Path]:
    """BIRD of the distribution with our text; its control socket."""
    configuration, socket = wires.directory / "bird.conf", wires.directory / "bird.ctl"
    configuration.write_text(
        FILES["/etc/bird/bird.conf"].replace("log syslog all;", f'log "{wires.directory}/bird.log" all;')
    )
    with wires.inside(wires.a):
        process = subprocess.Popen(["/usr/sbin/bird", "-f", "-c", configuration, "-s", socket])
    yield socket
    process.terminate()
    process.wait(timeout=10)


def test_bgp_carries_the_traffic_and_the_standby_takes_over_and_gives_back(wires: Any, bird: Path) -> None:
    asyncio.run(_there_and_back(wires, bird))


async def _there_and_back(wires: Any, bird: Path) -> None:
    vbr = BirdDriver(wires.directory / "vbr", lambda _: None, "vbr")

    def way() -> str:
        found = subprocess.run(
            ["ip", "-n", wires.a, "route", "get", "172.16.0.1"], check=False, capture_output=True, text=True
        )
        return next(iter(re.findall(r" dev (\S+)", found.stdout)), "")

    def control(*words: str) -> None:
        subprocess.run(["birdc", "-s", bird, *words], check=True, capture_output=True)

    try:
        await wires.eventually(lambda: way() == "vpn1")
        with wires.inside(wires.b):
            await vbr.ensure(VBR, {})
        await wires.eventually(lambda: way() == "circuit", 30)
        routes = wires.ip("-n", wires.b, "route", "show", "proto", "bird")
        assert "192.168.1.0/24 via 10.0.0.2" in routes
        assert "198.19.255.3" not in routes
        wires.ip("-n", wires.b, "link", "set", "c0", "down")
        await wires.eventually(lambda: way() == "vpn1")
        control("disable", "standby1")
        await wires.eventually(lambda: way() == "")
        control("enable", "standby1")
        await wires.eventually(lambda: way() == "vpn1")
        wires.ip("-n", wires.b, "link", "set", "c0", "up")
        await wires.eventually(lambda: way() == "circuit", 30)
    finally:
        await vbr.stop()


def test_charon_of_the_distribution_loads_the_connection(wires: Any, tmp_path: Path) -> None:
    """Without the interface id, which needs the kernel's XFRM."""
    directory = tmp_path  # not below /run, which is hidden from charon
    (directory / "swanctl.conf").write_text(
        re.sub(r"^ *if_id_.*\n", "", FILES["/etc/swanctl/conf.d/twinspan.conf"], flags=re.MULTILINE)
    )
    plugins = "load = random nonce aes sha1 sha2 hmac kdf openssl kernel-libipsec kernel-netlink socket-default vici"
    own = f"{plugins}\n  plugins {{ vici {{ socket = unix://{directory}/charon.vici }} }}\n"
    (directory / "strongswan.conf").write_text(
        FILES["/etc/strongswan.d/twinspan.conf"].replace("charon {\n", f"charon {{\n  {own}")
    )
    environment = os.environ | {"STRONGSWAN_CONF": str(directory / "strongswan.conf")}
    with wires.inside(wires.a):
        # Its pid file is compiled in; a mount namespace gives it one of its own.
        start = "mount -t tmpfs none /run && exec /usr/lib/ipsec/charon"
        process = subprocess.Popen(["unshare", "-m", "sh", "-c", start], env=environment)
    try:
        asyncio.run(wires.eventually((directory / "charon.vici").exists))
        ask = ["swanctl", "--uri", f"unix://{directory}/charon.vici"]
        load = [*ask[:1], "--load-all", *ask[1:], "--file", str(directory / "swanctl.conf")]
        loaded = subprocess.run(load, capture_output=True, text=True, check=False, env=environment, timeout=20)
        assert loaded.returncode == 0, loaded.stdout + loaded.stderr
        listed = subprocess.run(
            [*ask[:1], "--list-conns", *ask[1:]],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            timeout=20,
        ).stdout
        assert "remote: 198.18.1.2" in listed
        assert "0.0.0.0/0" in listed
    finally:
        process.terminate()
        process.wait(timeout=10)
