"""One link's address by DHCP (RFC 2131): a client that runs as long as it is wanted, and what it was granted.

In: the link, and its role: whether router and resolvers of the lease become the node's, and whether to ask for the
cloud server. Out: the address on the link, what the role adds, a lease file, and the calls in `Ears`. When the carrier
returns or the role changes, a new session asks for the same lease at once (INIT-REBOOT, RFC 2131 4.4.2): the cable may
lead elsewhere by now. Next: `drivers.dhcp_client`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from twinspan.drivers.clock import until
from twinspan.drivers.daemon import make_private_dir, write_private
from twinspan.drivers.dhcp_install import DhcpLeaseRefused, install, uninstall, unroute
from twinspan.drivers.dhcp_lease import Lease, from_pyroute2, to_pyroute2
from twinspan.wire.dhcp_options import CloudReading

_RETRY_FIRST_S, _RETRY_MAX_S = 0.5, 8.0
"""RFC 2131 4.1 begins at 4 s and says that it shall fit the network's speed: here an answer takes milliseconds."""
_END_S = 2.0
"""A client that has not ended by then is left to the end of the process."""
_FILE = "lease-{}.json"


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a link's lease is for."""

    routed: bool = False
    """Its router and resolvers become the node's; otherwise the address alone."""
    asks: bool = False
    """Ask for the cloud server (options 252 and 253)."""


@dataclass(frozen=True, kw_only=True)
class Ears:
    """Who hears of what."""

    tell: Callable[[str, str], None]
    """An event: what, and its detail."""
    read: Callable[[Lease, CloudReading], None]
    """At every acknowledgement: the lease it grants and what it says of the cloud server."""
    lost: Callable[[str], None]
    """The lease of the link is gone."""


class DhcpLink:
    """The client of `link`, as a task of the agent's loop in the network namespace of the calling process."""

    def __init__(self, link: str, directory: Path, node: str, ears: Ears) -> None:
        self.link, self._dir, self._node, self._ears = link, directory, node, ears
        self.lease = _load(self._file)
        self._role = Role()
        self._task: asyncio.Task[None] | None = None
        self._client: Any = None
        self._carrier: bool | None = None
        self._lock = asyncio.Lock()
        self._problem = ""
        self._hurry = asyncio.Event()
        """Set at every look at the node: what made the client fail may be gone."""
        self._again = asyncio.Event()
        """The running session shall end and another begin at once."""

    async def ensure(self, role: Role) -> list[str]:
        """Keep the client running and what it was granted in place; what was done in words.

        Says nothing while a lease is still being asked for. Raises `DhcpLeaseRefused` if the kernel refuses a lease.
        """
        if role.asks != self._role.asks:
            self._again.set()
        self._role = role
        if self.lease is not None and self.lease.expired(time.time()):
            await self._lost(f"{self.lease.address} expired, and no server has answered")
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"dhcp {self.link}")
        self._hurry.set()
        async with self._lock:
            return await self._take_role() + (await install(self.lease, self._dir) if self.lease is not None else [])

    async def renew_now(self) -> bool:
        """Ask the server for the same lease again; False without one, and then the next try begins at once."""
        client = self._client
        if client is None or self.lease is None:
            self._hurry.set()
            return False
        await client._renew()  # noqa: SLF001  # public is only a signal to the whole process; ignored unless bound
        return True

    def carrier(self, up: bool) -> None:
        """The link's carrier came or went."""
        was, self._carrier = self._carrier, up
        if up and was is False:
            self._again.set()
            self._hurry.set()

    async def give_up(self) -> list[str]:
        """End the client and take back what it, or an earlier agent's, had got."""
        await self.close()
        async with self._lock:
            old, self.lease = self.lease, None
            self._file.unlink(missing_ok=True)
            if old is None:
                return []
            await uninstall(old)
        return [f"DHCP lease {old.prefix} on {old.link} given up"]

    async def close(self) -> None:
        """End the client; the address stays."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,), timeout=_END_S)

    async def _run(self) -> None:
        """A client until this task is cancelled; a new one, after a while, whenever one fails."""
        from twinspan.drivers.dhcp_protocol import FOREIGN  # noqa: PLC0415  # see its head

        delay_s = _RETRY_FIRST_S
        while True:
            began = time.monotonic()
            self._again.clear()
            try:
                await self._session()
                if not self._again.is_set():
                    self._note(f"client on {self.link} ended: the link is down")
            except FOREIGN as error:
                if _being_cancelled():
                    # pyroute2 trips over its own end now and then; that must not keep this task alive.
                    raise asyncio.CancelledError from error
                self._note(f"client on {self.link} failed: {error!r}")
            lasted_s = time.monotonic() - began
            if self._again.is_set():
                # A carrier that comes and goes must not make a flood of requests.
                await until(lambda: False, max(0.0, _RETRY_FIRST_S - lasted_s))
                continue
            delay_s = _RETRY_FIRST_S if lasted_s > _RETRY_MAX_S else min(2 * delay_s, _RETRY_MAX_S)
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._hurry.wait()

    async def _session(self) -> None:
        """One life of pyroute2's client: until the link goes down or another session is wanted."""
        from twinspan.drivers import dhcp_protocol as protocol  # noqa: PLC0415  # see its head

        client, socket = protocol.make_client(
            protocol.ClientConfig(
                interface=self.link,
                lease_type=self._kept(protocol),
                hooks=self._hooks(protocol),
                requested_parameters=protocol.CLOUD_PARAMETERS if self._role.asks else protocol.BASE_PARAMETERS,
                retransmission=_retry_intervals,
                release=False,
                handle_signals=False,
                vendor_id="twinspan",
                host_name=self._node,
            )
        )
        again = asyncio.get_running_loop().create_task(self._again.wait(), name=f"dhcp {self.link} again")
        try:
            async with client:
                self._client = client
                await client.bootstrap()
                # Its two tasks end with the link; there is no public way to hear of it (pyroute2 0.9).
                ends = (client._receiver_task, client._sender_task, again)  # noqa: SLF001
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._client = None
            again.cancel()
            socket.shut()

    def _kept(self, protocol: Any) -> Any:
        owner = self

        class Kept(protocol.Lease):  # type: ignore[misc]
            """pyroute2's view of a lease; the driver keeps it."""

            def dump(self) -> None:
                """Kept when it is bound, by the hook below."""

            @classmethod
            def load(cls, _: str) -> Kept | None:
                return cls(**to_pyroute2(owner.lease)) if owner.lease is not None else None

        return Kept

    def _hooks(self, protocol: Any) -> tuple[Any, ...]:
        when = protocol.Trigger

        @protocol.hook(when.BOUND, when.RENEWED, when.REBOUND)  # type: ignore[untyped-decorator]
        async def granted(lease: Any) -> None:
            try:
                grant = from_pyroute2(lease)
            except (ValueError, LookupError, TypeError) as error:
                self._note(f"a server granted what is no lease: {error!r}")
                return
            try:
                await self._granted(grant)
            finally:
                self._ears.read(grant, protocol.cloud_reading(lease))

        @protocol.hook(when.UNBOUND, when.EXPIRED)  # type: ignore[untyped-decorator]
        async def lost(lease: Any) -> None:
            await self._lost(f"{lease.ip} expired or was withdrawn")

        return granted, lost

    async def _granted(self, lease: Lease) -> None:
        async with self._lock:
            lease = msgspec.structs.replace(lease, routed=self._role.routed)
            old, self._problem = self.lease, ""
            self._keep(lease)
            try:
                if old is not None and old.prefix != lease.prefix:
                    await uninstall(old)
                done = await install(lease, self._dir)
            except DhcpLeaseRefused as error:
                self._note(str(error))
                return
        if done or old is None or old.prefix != lease.prefix:
            self._ears.tell("DHCP bound", lease.describe())

    async def _lost(self, why: str) -> None:
        async with self._lock:
            old, self.lease = self.lease, None
            self._file.unlink(missing_ok=True)
            if old is not None:
                await uninstall(old)
        if old is not None:
            self._ears.tell("DHCP lease lost", why)
            self._ears.lost(self.link)

    async def _take_role(self) -> list[str]:
        """A lease that was routed by an older config and no longer shall be, or the other way round."""
        old = self.lease
        if old is None or old.routed == self._role.routed:
            return []
        self._keep(msgspec.structs.replace(old, routed=self._role.routed))
        return await unroute(old) if old.routed else []

    @property
    def _file(self) -> Path:
        return self._dir / _FILE.format(self.link)

    def _keep(self, lease: Lease) -> None:
        self.lease = lease
        make_private_dir(self._dir)
        write_private(self._file, msgspec.json.encode(lease).decode())

    def _note(self, problem: str) -> None:
        """Tell a problem once, not at every retry."""
        if problem != self._problem:
            self._problem = problem
            self._ears.tell("DHCP problem", problem)


def saved_links(directory: Path) -> set[str]:
    """Links with a saved lease: those an earlier agent had."""
    before, after = _FILE.split("{}")
    return {path.name.removeprefix(before).removesuffix(after) for path in directory.glob(_FILE.format("*"))}


def _load(path: Path) -> Lease | None:
    try:
        lease = msgspec.json.decode(path.read_bytes(), type=Lease)
        return lease if lease.prefix else None
    except (FileNotFoundError, msgspec.MsgspecError, ValueError):
        return None


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _retry_intervals() -> Iterator[float]:
    """Seconds to the next retransmission, for ever."""
    delay_s = _RETRY_FIRST_S
    while True:
        yield delay_s
        delay_s = min(2 * delay_s, _RETRY_MAX_S)
