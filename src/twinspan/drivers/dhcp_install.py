"""What a DHCP lease means for the kernel: its address on the link, and a default route if it is routed.

In: a `Lease`. Out: the link and `resolv.conf` are as it says; what was done in words. Next: `drivers.dhcp_link`.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from twinspan.drivers.command import run_command
from twinspan.drivers.daemon import make_private_dir, write_private
from twinspan.drivers.dhcp_lease import Lease
from twinspan.model.errors import Retryable

ROUTE_PROTOCOL = "dhcp"
"""Not Twinspan's own number: the reconciler removes those that no config asks for."""

_RESOLV_CONF = "resolv.conf"


class DhcpLeaseRefused(Retryable):
    """The kernel did not take the leased address or route."""


async def install(lease: Lease, directory: Path) -> list[str]:
    """Put what of the lease is missing on the link; nothing while the link is down, for routes would not stay.

    Raises `DhcpLeaseRefused`.
    """
    found = json.loads(await _ip("-json", "addr", "show", "dev", lease.link) or "[]")
    if not any("UP" in link.get("flags", []) for link in found):
        return []
    done = write_resolvers(directory, lease.dns_servers) if lease.routed else []
    here = {f"{a['local']}/{a['prefixlen']}" for link in found for a in link.get("addr_info", [])}
    if lease.prefix not in here:
        await _ip("addr", "replace", lease.prefix, "dev", lease.link)
        done.append(f"address {lease.prefix} on {lease.link} by DHCP")
    router = lease.routers[0] if lease.routed and lease.routers else None
    if router is None:
        return done
    routes = json.loads(await _ip("-json", "-4", "route", "show", "default", "proto", ROUTE_PROTOCOL) or "[]")
    if not any(r.get("gateway") == router and r.get("dev") == lease.link for r in routes):
        await _ip("route", "replace", "default", "via", router, "dev", lease.link, "proto", ROUTE_PROTOCOL)
        done.append(f"default route via {router} by DHCP")
    return done


async def uninstall(lease: Lease) -> None:
    """The route goes with its address; what is gone already need not go."""
    with contextlib.suppress(DhcpLeaseRefused):
        await _ip("addr", "del", lease.prefix, "dev", lease.link)
    if lease.routed:
        await unroute(lease)


async def unroute(lease: Lease) -> list[str]:
    """Take back the default route alone."""
    try:
        await _ip("route", "del", "default", "dev", lease.link, "proto", ROUTE_PROTOCOL)
    except DhcpLeaseRefused:
        return []
    return [f"default route on {lease.link} by DHCP given up"]


def write_resolvers(directory: Path, servers: tuple[str, ...]) -> list[str]:
    """The node's `resolv.conf`; without servers it stays as it is. What was done in words."""
    path, text = directory / _RESOLV_CONF, "".join(f"nameserver {server}\n" for server in servers)
    if not text or (path.exists() and path.read_text() == text):
        return []
    make_private_dir(directory)
    write_private(path, text)
    return ["resolv.conf written"]


def forget_resolvers(directory: Path) -> list[str]:
    """Those of a lease that is no longer used; nothing to tell."""
    (directory / _RESOLV_CONF).unlink(missing_ok=True)
    return []


async def _ip(*arguments: str) -> str:
    finished = await run_command("ip", *arguments)
    if finished.returncode:
        raise DhcpLeaseRefused(f"ip {' '.join(arguments)}: {finished.errors.strip()}", delay_s=1.0)
    return finished.output
