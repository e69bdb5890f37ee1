"""One raw ICMP socket, bound to a device and a source: sends echo requests, hands on echo replies.

In: encoded requests of `drivers.icmp`, which shares one such socket among probes of the same family, device and
source. Out: decoded replies with the kernel's time of arrival, to a callback. Next: `drivers.icmp`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterable

from twinspan.wire.icmp import ECHO_REPLY, ECHO_REPLY_V6, EchoReply, IpVersion, decode_reply

_READ_LIMIT = 64
"""Packets read in one go, so that a flood cannot hold the event loop."""
_LARGEST_PACKET = 1 << 14
"""Bytes; larger than any jumbo frame, and cheap to set aside."""
_RECEIVE_BUFFER = 1 << 18
_LEAST_PACKET = 256
"""What the kernel books for the smallest packet at the least; so many fit in the buffer that one look must take."""

# Numbers of linux/in.h, linux/in6.h and linux/icmp.h that the socket module does not name.
_IP_FREEBIND = 15
_IP_MTU_DISCOVER = 10
_IPV6_FREEBIND = 78
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_PROBE = 3  # DF set, the cached path MTU ignored: a mended path is seen with the next packet
_SOL_RAW = 255
_ICMP_FILTER = 1
_SOL_ICMPV6 = 58
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")


class EchoSocket:
    """A raw socket for all probes of one family, device and source. The kernel hands it nothing but echo replies that
    came in over that device for that address."""

    def __init__(
        self,
        key: tuple[IpVersion, str, str],
        ifindex: int,
        on_reply: Callable[[EchoSocket, str, EchoReply, int], None],
    ) -> None:
        self.key = key
        self.ifindex = ifindex
        self.trusted_until_s = 0.0
        """Until this time of the event loop nobody need ask whether `ifindex` is still the device's."""
        self._version, device, source = key
        self._on_reply = on_reply
        self._socket = _open(self._version, device, source, ifindex)
        asyncio.get_running_loop().add_reader(self._socket, self.read)

    def send(self, request: bytes, destination: str) -> None:
        target = (destination, 0) if self._version == 4 else (destination, 0, 0, self.ifindex)
        self._socket.sendto(request, target)

    def read(self, limit: int = _READ_LIMIT) -> None:
        """Deliver what has arrived, up to a limit. Errors that ICMP reported are not answers and are dropped."""
        for _ in range(limit):
            try:
                data, ancillary, _, sender = self._socket.recvmsg(_LARGEST_PACKET, 64)
            except OSError:
                return
            reply = decode_reply(self._version, data)
            if reply is not None:
                self._on_reply(self, sender[0].partition("%")[0], reply, _received_ns(ancillary))
            if self._socket.fileno() < 0:  # closed by the receiver of the reply
                return

    def drain(self) -> None:
        """Deliver all that waits: somebody's flood may stand before an answer."""
        self.read(_RECEIVE_BUFFER // _LEAST_PACKET)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def _open(version: IpVersion, device: str, source: str, ifindex: int) -> socket.socket:
    """A non-blocking raw socket bound to device and source, with Don't Fragment and a filter for echo replies."""
    with contextlib.ExitStack() as undo:
        if version == 4:
            opened = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
            opened.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
            opened.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << ECHO_REPLY) & 0xFFFFFFFF))
        else:
            opened = undo.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
            opened.setsockopt(_SOL_ICMPV6, _ICMP_FILTER, _icmpv6_filter(pass_types=(ECHO_REPLY_V6,)))
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if device:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        scope = ifindex if ipaddress.ip_address(source).is_link_local else 0
        opened.bind((source, 0) if version == 4 else (source, 0, 0, scope))
        undo.pop_all()
        return opened


def _icmpv6_filter(pass_types: Iterable[int]) -> bytes:
    """`struct icmp6_filter` (RFC 3542 3.2): 256 bits, a set bit blocks its type."""
    blocked = [0xFFFFFFFF] * 8
    for kind in pass_types:
        blocked[kind >> 5] &= ~(1 << (kind & 31)) & 0xFFFFFFFF
    return struct.pack("=8I", *blocked)


def _received_ns(ancillary: Iterable[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            return int(seconds * 1_000_000_000 + nanoseconds)
    return time.time_ns()
