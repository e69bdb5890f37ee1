"""Furnishes the namespaces of the cloud server and of the NAT, and says what runs in them.

In: the lab's paths and names, its managed nodes. Out: addresses, a masquerade, what DHCP and DNS behind the NAT say;
`WORK`, which the keeper runs and starts again. Next: `cloud_server.py`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from twinspan.lab import namespace
from twinspan.lab.build import run_ip
from twinspan.lab.cloud import (
    DOMAIN,
    LEASE_FIRST,
    LEASE_LAST,
    NAT,
    NAT_ADDRESS,
    NAT_INNER,
    NAT_INSIDE,
    NAT_OUTER,
    NETMASK,
    SERVER,
    SERVER_ADDRESS,
    SERVER_LINK,
    Managed,
)
from twinspan.lab.state import LabPaths, write_private
from twinspan.model.device_config import DeviceConfig, DhcpServer
from twinspan.model.errors import Unavailable
from twinspan.wire.dnsmasq import DHCP_INSTANCE, render_dhcp_options, render_dnsmasq

DNSMASQ = "/usr/sbin/dnsmasq"
_CONF, _OPTIONS = "dnsmasq.conf", "options"
# proxy_arp: the gateway asks on its own link for the server's address, and the NAT answers, without the usual delay.
_NAT_SYSCTLS = {
    "ipv4/ip_forward": "1",
    f"ipv4/conf/{NAT_INNER}/proxy_arp": "1",
    f"ipv4/neigh/{NAT_INNER}/proxy_delay": "0",
}
_NAT_RULES = f"""
table ip twinspan_nat {{
  chain out {{ type nat hook postrouting priority 100; oifname "{NAT_OUTER}" masquerade; }}
  chain pass {{
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "{NAT_INNER}" oifname "{NAT_OUTER}" accept
  }}
}}
"""
"""From inside to outside; of what comes from outside only answers."""


def furnish(paths: LabPaths, parts: Mapping[str, str], gateway: Managed) -> None:
    """Everything but the processes. Raises Unavailable if the kernel refuses a step."""
    for part in parts:
        paths.part(part).mkdir(mode=0o700, parents=True, exist_ok=True)
    run_ip([f"addr add {SERVER_ADDRESS}/24 dev {SERVER_LINK}"], netns=parts[SERVER])
    inside, outside = f"addr add {NAT_INSIDE}/24 dev {NAT_INNER}", f"addr add {NAT_ADDRESS}/24 dev {NAT_OUTER}"
    run_ip([inside, outside], netns=parts[NAT])
    namespace.call_inside(parts[NAT], _masquerade)
    write_dhcp(paths.part(NAT), gateway)


def write_dhcp(part_dir: Path, gateway: Managed) -> None:
    """What the NAT's DHCP and DNS service shall say. One that runs reads the options again at SIGHUP."""
    service = DeviceConfig(
        node=NAT,
        role="services",
        site="",
        dhcp=DhcpServer(
            link=NAT_INNER,
            range_start=LEASE_FIRST,
            range_end=LEASE_LAST,
            netmask=NETMASK,
            router=NAT_INSIDE,
            dns_servers=(NAT_INSIDE,),
            cloud_domain=DOMAIN,
            cloud_password=gateway.password,
        ),
    )
    # It stays root: so it may read the file with the password again, which is nobody else's to read.
    own = {
        "user=nobody": "user=root",
        "group=nogroup": "group=root",
        "port=0": f"host-record={DOMAIN},{SERVER_ADDRESS}",
    }
    lines = [own.get(line, line) for line in render_dnsmasq(service)[DHCP_INSTANCE].splitlines()]
    text = "".join(f"{line}\n" for line in (*lines, f"dhcp-optsfile={part_dir / _OPTIONS}"))
    write_private(part_dir / _CONF, text.encode())
    write_private(part_dir / _OPTIONS, render_dhcp_options(service).encode())


def run_nat(part_dir: Path, _netns: str | None) -> int:
    """Becomes the NAT's DHCP and DNS service."""
    os.chdir(part_dir)
    os.execv(DNSMASQ, [DNSMASQ, f"--conf-file={part_dir / _CONF}", "--pid-file="])


def run_cloud_server(part_dir: Path, _netns: str | None) -> int:
    """Becomes the server. Its code is loaded here: no node needs it."""
    from twinspan.lab.cloud_server import serve  # noqa: PLC0415

    return serve(part_dir)


WORK: dict[str, Callable[[Path, str | None], int]] = {SERVER: run_cloud_server, NAT: run_nat}


def _masquerade() -> None:
    for key, value in _NAT_SYSCTLS.items():
        Path("/proc/sys/net", key).write_text(value, encoding="ascii")
    done = subprocess.run(["nft", "-f", "-"], input=_NAT_RULES, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"the kernel refused the NAT: {' '.join(done.stderr.split())}",
            remedy="load nf_nat and nft_masq, or bring the lab up with --no-cloud",
        )
