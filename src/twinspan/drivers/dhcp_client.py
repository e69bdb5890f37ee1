"""The node's own address by DHCP (RFC 2131): obtained, renewed, and put on the link.

In: the link's name from the `DeviceConfig`. Out: the address, a default route and `resolv.conf` in the run directory;
`describe` tells the lease. The lease is kept in a file and stays on the link when the agent goes, so that the next
agent asks for the same one (INIT-REBOOT, RFC 2131 4.4.2). pyroute2 speaks the protocol. Next: `agent.converge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from twinspan.drivers.command import run_command
from twinspan.drivers.daemon import make_private_dir, write_private
from twinspan.drivers.dhcp_lease import Lease, from_pyroute2, to_pyroute2
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import Event
from twinspan.model.errors import Retryable

ROUTE_PROTOCOL = "dhcp"
"""Not Twinspan's own number: the reconciler removes those that no config asks for."""
_RETRY_FIRST_S, _RETRY_MAX_S = 0.5, 8.0
"""RFC 2131 4.1 begins at 4 s and says that it shall fit the network's speed: here an answer takes milliseconds."""
_END_S = 2.0
"""A client that has not ended by then is left to the end of the process."""
_FOREIGN = (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)
"""What pyroute2 lets through when a link goes or a server sends nonsense."""


class DhcpLeaseRefused(Retryable):
    """The kernel did not take the leased address or route."""


class DhcpClientDriver:
    """One client at most, as a task of the agent's loop, in the network namespace of the calling process."""

    def __init__(self, run_dir: Path, on_event: Callable[[Event], None], node: str) -> None:
        self._dir, self._on_event, self._node = run_dir, on_event, node
        self._link: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._lease: Lease | None = None
        self._lock = asyncio.Lock()
        self._problem = ""
        self._loaded = False
        self._hurry = asyncio.Event()
        """Set at every look at the node: what made the client fail may be gone."""

    def describe(self) -> list[str]:
        """The lease in words; empty until bound."""
        lease = self._lease
        if lease is None:
            return []
        routers, servers = ", ".join(lease.routers) or "none", ", ".join(lease.dns_servers) or "none"
        granted = f"{lease.link} {lease.prefix} from {lease.server or 'an unnamed server'}"
        return [f"{granted}, router {routers}, DNS {servers}, lease {lease.lease_s} s"]

    async def ensure(self, config: DeviceConfig) -> list[str]:
        """Keep a client running on `config.dhcp_client` and what it was granted on the link; what was done in words.

        Says nothing while a lease is still being asked for. Raises `DhcpLeaseRefused` if the kernel refuses a lease.
        """
        link = config.dhcp_client
        done = await self._leave(link)
        if link is None:
            return done + self._write_resolvers(config.resolvers)
        if self._task is None or self._task.done():
            self._link = link
            self._task = asyncio.get_running_loop().create_task(self._run(link), name=f"dhcp {link}")
        self._hurry.set()
        if self._lease is not None and self._lease.expired(time.time()):
            await self._lost(f"{self._lease.address} expired, and no server has answered")
        async with self._lock:
            return done + (await self._install(self._lease) if self._lease is not None else [])

    async def close(self) -> None:
        """The agent goes, the address stays."""
        await self._end_task()

    # ---------------------------------------------------------------------------------------------------- client

    async def _run(self, link: str) -> None:
        """A client until this task is cancelled; a new one, after a while, whenever one fails."""
        delay_s = _RETRY_FIRST_S
        while True:
            began = time.monotonic()
            try:
                await self._session(link)
                self._note(f"client on {link} ended: the link is down")
            except _FOREIGN as error:
                if _being_cancelled():
                    # pyroute2 trips over its own end now and then; that must not keep this task alive.
                    raise asyncio.CancelledError from error
                self._note(f"client on {link} failed: {error!r}")
            delay_s = _RETRY_FIRST_S if time.monotonic() - began > _RETRY_MAX_S else min(2 * delay_s, _RETRY_MAX_S)
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._hurry.wait()

    async def _session(self, link: str) -> None:
        """One life of pyroute2's client: until the link goes down."""
        # Imported late: one node of a lab needs it, and it costs every agent a tenth of a second and 10 MB.
        from pyroute2.dhcp import client, hooks, leases  # noqa: PLC0415

        owner = self

        class Kept(leases.Lease):  # type: ignore[misc]  # pyroute2 has no types
            """pyroute2's view of a lease; the driver keeps it."""

            def dump(self) -> None:
                """Kept when it is bound, by the hook below."""

            @classmethod
            def load(cls, interface: str) -> Kept | None:
                lease = owner._lease
                return cls(**to_pyroute2(lease)) if lease is not None and lease.link == interface else None

        @hooks.hook(hooks.Trigger.BOUND, hooks.Trigger.RENEWED, hooks.Trigger.REBOUND)  # type: ignore[untyped-decorator]
        async def granted(lease: Any) -> None:
            try:
                grant = from_pyroute2(lease)
            except (ValueError, LookupError, TypeError) as error:
                owner._note(f"a server granted what is no lease: {error!r}")
                return
            await owner._granted(grant)

        @hooks.hook(hooks.Trigger.UNBOUND, hooks.Trigger.EXPIRED)  # type: ignore[untyped-decorator]
        async def lost(lease: Any) -> None:
            await owner._lost(f"{lease.ip} expired or was withdrawn")

        config = client.ClientConfig(
            interface=link,
            lease_type=Kept,
            hooks=(granted, lost),
            retransmission=_retry_intervals,
            release=False,
            handle_signals=False,
            vendor_id="twinspan",
            host_name=self._node,
        )
        async with client.AsyncDHCPClient(config) as running:
            await running.bootstrap()
            # Its two tasks end with the link; there is no public way to hear of it (pyroute2 0.9).
            await asyncio.wait(
                (running._receiver_task, running._sender_task),  # noqa: SLF001
                return_when=asyncio.FIRST_COMPLETED,
            )

    async def _granted(self, lease: Lease) -> None:
        async with self._lock:
            old, self._lease, self._problem = self._lease, lease, ""
            make_private_dir(self._dir)
            write_private(self._file, msgspec.json.encode(lease).decode())
            try:
                if old is not None and old.prefix != lease.prefix:
                    await self._uninstall(old)
                done = await self._install(lease)
            except DhcpLeaseRefused as error:
                self._note(str(error))
                return
        if done or old is None or old.prefix != lease.prefix:
            self._tell("DHCP bound", self.describe()[0])

    async def _lost(self, why: str) -> None:
        async with self._lock:
            if self._lease is not None:
                await self._uninstall(self._lease)
                self._tell("DHCP lease lost", why)
            self._lease = None
            self._file.unlink(missing_ok=True)

    # ---------------------------------------------------------------------------------------------------- kernel

    async def _install(self, lease: Lease) -> list[str]:
        """Put what of the lease is missing on the link; nothing while the link is down, for routes would not stay."""
        found = json.loads(await _ip("-json", "addr", "show", "dev", lease.link) or "[]")
        if not any("UP" in link.get("flags", []) for link in found):
            return []
        done = self._write_resolvers(lease.dns_servers)
        here = {f"{a['local']}/{a['prefixlen']}" for link in found for a in link.get("addr_info", [])}
        if lease.prefix not in here:
            await _ip("addr", "replace", lease.prefix, "dev", lease.link)
            done.append(f"address {lease.prefix} on {lease.link} by DHCP")
        routes = json.loads(await _ip("-json", "-4", "route", "show", "default", "proto", ROUTE_PROTOCOL) or "[]")
        router = lease.routers[0] if lease.routers else None
        if router and not any(r.get("gateway") == router and r.get("dev") == lease.link for r in routes):
            await _ip("route", "replace", "default", "via", router, "dev", lease.link, "proto", ROUTE_PROTOCOL)
            done.append(f"default route via {router} by DHCP")
        return done

    async def _uninstall(self, lease: Lease) -> None:
        """The route goes with its address; what is gone already need not go."""
        with contextlib.suppress(DhcpLeaseRefused):
            await _ip("addr", "del", lease.prefix, "dev", lease.link)
        with contextlib.suppress(DhcpLeaseRefused):
            await _ip("route", "del", "default", "dev", lease.link, "proto", ROUTE_PROTOCOL)

    # ---------------------------------------------------------------------------------------------------- inside

    @property
    def _file(self) -> Path:
        return self._dir / "lease.json"

    async def _leave(self, link: str | None) -> list[str]:
        """End a client on another link, and take back what it or an earlier agent's had got."""
        if not self._loaded:
            self._loaded, self._lease = True, self._load()
        if self._task is not None and self._link != link:
            await self._end_task()
        if self._lease is None or self._lease.link == link:
            return []
        async with self._lock:
            old, self._lease = self._lease, None
            await self._uninstall(old)
            self._file.unlink(missing_ok=True)
            (self._dir / "resolv.conf").unlink(missing_ok=True)
        return [f"DHCP lease {old.prefix} on {old.link} given up"]

    def _load(self) -> Lease | None:
        try:
            lease = msgspec.json.decode(self._file.read_bytes(), type=Lease)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return None if lease.expired(time.time()) else lease

    async def _end_task(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,), timeout=_END_S)

    def _write_resolvers(self, servers: tuple[str, ...]) -> list[str]:
        path, text = self._dir / "resolv.conf", "".join(f"nameserver {server}\n" for server in servers)
        if not text or (path.exists() and path.read_text() == text):
            return []
        make_private_dir(self._dir)
        write_private(path, text)
        return ["resolv.conf written"]

    def _note(self, problem: str) -> None:
        """Tell a problem once, not at every retry."""
        if problem != self._problem:
            self._problem = problem
            self._tell("DHCP problem", problem)

    def _tell(self, what: str, detail: str) -> None:
        self._on_event(Event(at_ns=time.time_ns(), node=self._node, source="config", what=what, detail=detail))


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _retry_intervals() -> Iterator[float]:
    """Seconds to the next retransmission, for ever."""
    delay_s = _RETRY_FIRST_S
    while True:
        yield delay_s
        delay_s = min(2 * delay_s, _RETRY_MAX_S)


async def _ip(*arguments: str) -> str:
    finished = await run_command("ip", *arguments)
    if finished.returncode:
        raise DhcpLeaseRefused(f"ip {' '.join(arguments)}: {finished.errors.strip()}", delay_s=1.0)
    return finished.output
