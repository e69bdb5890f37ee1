"""pyroute2's DHCP client with a skin against what a network can send: only whole, sensible messages get through.

In: a link's name. Out: `make_client`, whose leases carry a `CloudReading` in place of the two options' raw bytes, so
that no log, representation or saved lease of pyroute2 can show the password. Importing this module costs a tenth of a
second and 10 MB, so it is done late. Next: `drivers.dhcp_link`.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any

from pyroute2.dhcp.client import AsyncDHCPClient, ClientConfig
from pyroute2.dhcp.dhcp4socket import AsyncDHCP4Socket
from pyroute2.dhcp.enums.bootp import MessageType as BootpType
from pyroute2.dhcp.enums.dhcp import MessageType
from pyroute2.dhcp.fsm import State
from pyroute2.dhcp.hooks import Trigger, hook
from pyroute2.dhcp.leases import Lease

from twinspan.wire.dhcp_options import DOMAIN, PASSWORD, CloudReading, read_cloud_options

__all__ = ["FOREIGN", "ClientConfig", "Lease", "Trigger", "cloud_reading", "hook", "is_bound", "make_client"]

FOREIGN = (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError, struct.error)
"""What pyroute2 lets through when a link goes or a server sends nonsense."""
BASE_PARAMETERS = tuple(ClientConfig.requested_parameters)
CLOUD_PARAMETERS = (*BASE_PARAMETERS, PASSWORD, DOMAIN)
"""Servers send the two only to those who ask."""
_MAX_MESSAGE = 1472
"""Bytes of DHCP in an Ethernet frame; without this option a server stops at 548 (RFC 2132 9.10), too few for the
longest name and password."""
_READING = "twinspan_cloud"
_RAW = ("private_proxy_autodiscovery", f"option{DOMAIN}")
"""pyroute2's names of 252 and 253."""
_ETHERNET, _UDP = 14, 8
_GRANTS = (MessageType.OFFER, MessageType.ACK)


class _Socket(AsyncDHCP4Socket):  # type: ignore[misc]  # pyroute2 has no types
    """Says how much it takes, and hands on only what the client can work with: an exception would end it."""

    async def put(self, msg: Any) -> Any:
        msg.dhcp["options"]["max_msg_size"] = _MAX_MESSAGE
        return await super().put(msg)

    async def get(self) -> Any:
        while True:
            raw = await self.loop.sock_recv(self, 4096)
            with contextlib.suppress(*FOREIGN):
                message = self._decode_msg(raw)
                if _is_answer(message.dhcp):
                    return _with_reading(message, raw)

    def shut(self) -> None:
        """Close what pyroute2 leaves open when one of its tasks has failed."""
        if self._l2addr_watcher is not None:
            self._l2addr_watcher.cancel()
        with contextlib.suppress(OSError, AttributeError):
            self.close()


def make_client(config: ClientConfig) -> tuple[AsyncDHCPClient, _Socket]:
    """A client and its socket, which the caller shuts when the client is over."""
    client, socket = AsyncDHCPClient(config), _Socket(config.interface)
    client._sock = socket  # noqa: SLF001  # there is no public way (pyroute2 0.9)
    return client, socket


def cloud_reading(lease: Lease) -> CloudReading:
    """What the acknowledgement of a lease said of the cloud server."""
    found = lease.ack["options"].get(_READING)
    return found if isinstance(found, CloudReading) else CloudReading()


def is_bound(client: AsyncDHCPClient) -> bool:
    """Whether it has a lease and is not asking for anything just now."""
    return bool(client.state is State.BOUND)


def _is_answer(message: Any) -> bool:
    """A server's answer with all that RFC 2131 table 3 demands of it."""
    options = message["options"]
    kind = options.get("message_type")
    if message["op"] != BootpType.BOOTREPLY or kind not in (*_GRANTS, MessageType.NAK) or "server_id" not in options:
        return False
    lease_s = options.get("lease_time")
    return kind is not MessageType.ACK or (isinstance(lease_s, int) and (lease_s > 0 or lease_s == -1))


def _with_reading(message: Any, raw: bytes) -> Any:
    options = message.dhcp["options"]
    for name in _RAW:
        options.pop(name, None)
    payload = _ETHERNET + (raw[_ETHERNET] & 15) * 4 + _UDP
    options[_READING] = read_cloud_options(raw[payload:])
    return message
