"""The node's own addresses by DHCP, and where its cloud server is, as far as DHCP says (seed 000).

In: a `DeviceConfig`. A client runs on `dhcp_client`, whose lease brings address, default route and `resolv.conf`, and
on `cloud.dhcp_link`, which brings its address alone: the link that names the cloud server shall not redirect traffic.
Out: addresses and routes; `CloudOptions` whenever they change; `describe` tells the leases. A lease is kept in a file
and its address stays when the agent goes, so that the next agent asks for the same one; the options are kept in memory
only and come again with that answer. Next: `drivers.dhcp_link`, one client each; `agent.converge` calls `ensure`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from twinspan.drivers.dhcp_install import DhcpLeaseRefused, forget_resolvers, write_resolvers
from twinspan.drivers.dhcp_lease import Lease
from twinspan.drivers.dhcp_link import DhcpLink, Ears, Role, saved_links
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import Event
from twinspan.wire.dhcp_options import CloudOptions, CloudReading
from twinspan.wire.rtnetlink import LinkChanged

__all__ = ["DhcpClientDriver", "DhcpLeaseRefused"]


class DhcpClientDriver:
    """All DHCP clients of one node, in the network namespace of the calling process."""

    def __init__(
        self,
        run_dir: Path,
        on_event: Callable[[Event], None],
        node: str,
        on_cloud_options: Callable[[CloudOptions], None] = lambda _: None,
    ) -> None:
        self._dir, self._on_event, self._node = run_dir, on_event, node
        self._on_cloud_options = on_cloud_options
        self._links: dict[str, DhcpLink] = {}
        self._asking: str | None = None
        self._cloud: CloudOptions | None = None
        self._refused: tuple[str, ...] = ()

    @property
    def cloud_options(self) -> CloudOptions | None:
        """What DHCP says of the cloud server by now; None: nothing yet, or it is not asked for."""
        return self._cloud

    def describe(self) -> list[str]:
        """The leases in words, the routed one first; empty until bound."""
        leases = [client.lease for client in self._links.values() if client.lease is not None]
        return [lease.describe() for lease in sorted(leases, key=lambda lease: (not lease.routed, lease.link))]

    def dns_servers(self) -> tuple[str, ...]:
        """Those that the leases name, of the routed one first."""
        leases = [client.lease for client in self._links.values() if client.lease is not None]
        ordered = sorted(leases, key=lambda lease: not lease.routed)
        return tuple(dict.fromkeys(server for lease in ordered for server in lease.dns_servers))

    async def ensure(self, config: DeviceConfig) -> list[str]:
        """Keep the clients running that `config` wants and what they were granted in place; what was done in words.

        Says nothing while a lease is still being asked for. Raises `DhcpLeaseRefused` if the kernel refuses a lease;
        the other links have had their turn by then.
        """
        roles = _roles(config)
        self._listen(next((link for link, role in roles.items() if role.asks), None))
        done, refused = await self._leave(set(roles)), []
        for link, role in roles.items():
            try:
                done += await self._client(link).ensure(role)
            except DhcpLeaseRefused as error:
                refused.append(error)
        if config.dhcp_client is None:
            done += write_resolvers(self._dir, config.resolvers) if config.resolvers else forget_resolvers(self._dir)
        if refused:
            raise refused[0]
        return done

    async def renew_now(self) -> tuple[str, ...]:
        """Ask for every lease again without waiting for its time (T1); the links whose server is being asked."""
        return tuple([link for link, client in self._links.items() if await client.renew_now()])

    def link_changed(self, event: LinkChanged) -> None:
        """To be told of every link event: a lease whose carrier returns is confirmed at once."""
        client = self._links.get(event.name)
        if client is not None:
            client.carrier(event.exists and event.admin_up and event.carrier)

    async def close(self) -> None:
        """The agent goes, the addresses stay."""
        for client in self._links.values():
            await client.close()

    def _client(self, link: str) -> DhcpLink:
        if link not in self._links:
            ears = Ears(tell=self._tell, read=self._read, lost=self._lost)
            self._links[link] = DhcpLink(link, self._dir, self._node, ears)
        return self._links[link]

    async def _leave(self, wanted: set[str]) -> list[str]:
        """End clients on other links, and give back what they or an earlier agent's had got."""
        done = []
        for link in sorted((saved_links(self._dir) | set(self._links)) - wanted):
            client = self._client(link)
            if client.lease is not None and client.lease.routed:
                forget_resolvers(self._dir)
            done += await client.give_up()
            del self._links[link]
        return done

    # --------------------------------------------------------------------------------------------- the cloud server

    def _listen(self, link: str | None) -> None:
        """What another link said is worth nothing on this one."""
        if link != self._asking:
            self._mark_stale()
            self._asking, self._cloud, self._refused = link, None, ()

    def _read(self, lease: Lease, reading: CloudReading) -> None:
        if lease.link != self._asking:
            return
        if reading.refused and reading.refused != self._refused:
            self._tell("DHCP option refused", f"{lease.link}, from {lease.server}: {'; '.join(reading.refused)}")
        self._refused = reading.refused
        if reading.domain is None and reading.password is None:
            return  # an option left out, or refused, does not take back what was said before
        old = self._cloud
        self._cloud = CloudOptions(
            domain=reading.domain or (old.domain if old else None),
            password=reading.password or (old.password if old else None),
            link=lease.link,
            server=lease.server,
            at_ns=time.time_ns(),
        )
        if old is None or _values(old) != _values(self._cloud):
            self._on_cloud_options(self._cloud)

    def _lost(self, link: str) -> None:
        if link == self._asking:
            self._mark_stale()

    def _mark_stale(self) -> None:
        if self._cloud is not None and not self._cloud.stale:
            self._cloud = msgspec.structs.replace(self._cloud, stale=True)
            self._on_cloud_options(self._cloud)

    def _tell(self, what: str, detail: str) -> None:
        self._on_event(Event(at_ns=time.time_ns(), node=self._node, source="config", what=what, detail=detail))


def _roles(config: DeviceConfig) -> dict[str, Role]:
    """What each link's lease is for. One link at most is asked for the cloud server: the one the config names for it,
    else the one the node has its address from."""
    asking = (config.cloud.dhcp_link or config.dhcp_client) if config.cloud is not None else None
    links = dict.fromkeys(link for link in (config.dhcp_client, asking) if link is not None)
    return {link: Role(routed=link == config.dhcp_client, asks=link == asking) for link in links}


def _values(options: CloudOptions) -> tuple[object, ...]:
    """What a change of is worth telling."""
    return options.domain, options.password, options.stale
