"""Probes on the wire: paced ICMP echo requests, each pinned to one source and one device.

In: the config's `Probe`s and a way to learn a probe's device. Out: one `ProbeResult` per request. Counting them up to
up or down is `engine.health`, deciding is `engine.failover`.

A request is lost if its answer is not here when the next one is due. A path that dies right after an answer is thus
known to have lost `lost_threshold` requests within `interval_ms * (lost_threshold + 1)`; the price is that an interval
must be longer than the round trip. Everything runs in timers and readers of the caller's event loop, no task. Sends
keep to an absolute schedule; slots the loop slept through are skipped, not sent in a burst and not counted as lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterable

import msgspec

from twinspan.model.device_config import Probe
from twinspan.wire.icmp import (
    ECHO_REPLY,
    ECHO_REPLY_V6,
    EchoReply,
    IpVersion,
    decode_reply,
    encode_request,
    payload_size,
)

COOKIE_SIZE = 8
"""Random bytes at the head of every payload: a reply without them is not ours. Smaller packets are sent this large."""

_GOLDEN = 0.618
"""Multiples of it modulo 1 spread any number of first packets evenly over the interval."""
_READ_LIMIT = 64
"""Packets read in one go, so that a flood cannot hold the event loop."""
_RECEIVE_BUFFER = 1 << 18

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


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request."""

    name: str
    seq: int
    """Counts up from 1 per probe since it began."""
    answered: bool
    rtt_ms: float | None
    """None when lost. The kernel's receive time minus the time of sending."""
    at_ns: int
    """Wall clock, when this became known."""


class ProbeRunner:
    """Runs probes from construction to `close()`. Must be made inside the running event loop.

    `devices` names the interface a probe is bound to now, or None while it does not exist (then the request counts as
    lost and nothing is sent). It is not asked for probes with neither link nor tunnel; those follow the route.
    """

    def __init__(
        self,
        probes: tuple[Probe, ...],
        devices: Callable[[Probe], str | None],
        on_result: Callable[[ProbeResult], None],
    ) -> None:
        self._devices = devices
        self._on_result = on_result
        self._next_identifier = secrets.randbits(16)
        self._series: dict[str, _Series] = {}
        self._sockets: dict[tuple[IpVersion, str, str], _EchoSocket] = {}
        self.update(probes)

    def update(self, probes: tuple[Probe, ...]) -> None:
        """Make `probes` the whole set. Unchanged ones go on undisturbed, changed ones begin anew."""
        wanted = {probe.name: probe for probe in probes}
        for name, series in list(self._series.items()):
            if wanted.get(name) != series.probe:
                series.stop()
                del self._series[name]
        for position, probe in enumerate(probes):
            if probe.name not in self._series:
                series = _Series(probe, self._free_identifier(), self)
                self._series[probe.name] = series
                series.start((position * _GOLDEN) % 1 * probe.interval_ms / 1000)
        self._close_sockets(keep={series.socket for series in self._series.values() if series.socket})

    def close(self) -> None:
        """Stop all probes and close their sockets; nothing is reported afterwards."""
        self.update(())

    def device_of(self, probe: Probe) -> str | None:
        """Device to bind to now: "" for a probe that is not pinned to any, None if its device is missing."""
        if probe.link is None and probe.tunnel is None:
            return ""
        return self._devices(probe)

    def socket_for(self, version: IpVersion, device: str, source: str) -> _EchoSocket:
        """The shared socket, opened anew if the device was replaced by another of its name. Raises OSError."""
        key = (version, device, source)
        ifindex = socket.if_nametoindex(device) if device else 0
        found = self._sockets.get(key)
        if found is not None and found.ifindex == ifindex:
            return found
        self.discard(found)
        self._sockets[key] = _EchoSocket(key, ifindex, self._on_reply)
        return self._sockets[key]

    def discard(self, broken: _EchoSocket | None) -> None:
        """Close a socket that failed; the next request opens another."""
        if broken is not None and self._sockets.get(broken.key) is broken:
            broken.close()
            del self._sockets[broken.key]

    def report(self, result: ProbeResult) -> None:
        self._on_result(result)

    def _close_sockets(self, keep: set[_EchoSocket]) -> None:
        for unused in [s for s in self._sockets.values() if s not in keep]:
            self.discard(unused)

    def _free_identifier(self) -> int:
        taken = {series.identifier for series in self._series.values()}
        while self._next_identifier in taken:
            self._next_identifier = (self._next_identifier + 1) & 0xFFFF
        chosen = self._next_identifier
        self._next_identifier = (chosen + 1) & 0xFFFF
        return chosen

    def _on_reply(self, on: _EchoSocket, sender: str, reply: EchoReply, at_ns: int) -> None:
        for series in self._series.values():
            if series.identifier == reply.identifier:
                series.on_reply(on, sender, reply, at_ns)
                return


class _Series:
    """The requests of one probe. At most one is in flight."""

    def __init__(self, probe: Probe, identifier: int, runner: ProbeRunner) -> None:
        self.probe = probe
        self.identifier = identifier
        self.socket: _EchoSocket | None = None
        """Where the request in flight left."""
        self._runner = runner
        self._version: IpVersion = 4 if ipaddress.ip_address(probe.destination).version == 4 else 6
        self._payload = _payload(payload_size(self._version, probe.packet_size))
        self._seq = 0
        self._sent_ns: int | None = None
        """When the request in flight left; None when none is."""
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + delay_s
        self._timer = loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._sent_ns = self.socket = None

    def on_reply(self, on: _EchoSocket, sender: str, reply: EchoReply, at_ns: int) -> None:
        """Take an answer if it is the awaited one, from the right neighbour, over the right socket."""
        if self._sent_ns is None or on is not self.socket or reply.sequence != self._seq & 0xFFFF:
            return
        if sender != self.probe.destination or reply.payload != self._payload:
            return
        rtt_ms = max(0.0, (at_ns - self._sent_ns) / 1e6)
        self._sent_ns = None
        self._report(answered=True, rtt_ms=rtt_ms)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self.probe.interval_ms / 1000
        self._due += interval_s
        if self._due < loop.time():  # slept through whole slots
            self._due += ((loop.time() - self._due) // interval_s + 1) * interval_s
        self._timer = loop.call_at(self._due, self._tick)
        if self._sent_ns is not None and self.socket is not None:
            self.socket.read()  # an answer that waits in the buffer because the loop was late is no loss
        if self._sent_ns is not None:
            self._sent_ns = None
            self._report(answered=False)
        if self._timer is not None:  # the report may have stopped this series
            self._send()

    def _send(self) -> None:
        self._seq += 1
        try:
            device = self._runner.device_of(self.probe)
            if device is None:
                raise OSError
            self.socket = self._runner.socket_for(self._version, device, self.probe.source)
            request = encode_request(self._version, self.identifier, self._seq, self._payload)
            self._sent_ns = time.time_ns()
            self.socket.send(request, self.probe.destination)
        except OSError:
            self._runner.discard(self.socket)
            self.socket = self._sent_ns = None
            self._report(answered=False)

    def _report(self, *, answered: bool, rtt_ms: float | None = None) -> None:
        self._runner.report(
            ProbeResult(name=self.probe.name, seq=self._seq, answered=answered, rtt_ms=rtt_ms, at_ns=time.time_ns())
        )


class _EchoSocket:
    """A raw socket for all probes of one family, device and source. The kernel hands it nothing but echo replies that
    came in over that device for that address."""

    def __init__(
        self,
        key: tuple[IpVersion, str, str],
        ifindex: int,
        on_reply: Callable[[_EchoSocket, str, EchoReply, int], None],
    ) -> None:
        self.key = key
        self.ifindex = ifindex
        self._version, device, source = key
        self._on_reply = on_reply
        self._socket = _open(self._version, device, source, ifindex)
        asyncio.get_running_loop().add_reader(self._socket, self.read)

    def send(self, request: bytes, destination: str) -> None:
        target = (destination, 0) if self._version == 4 else (destination, 0, 0, self.ifindex)
        self._socket.sendto(request, target)

    def read(self) -> None:
        """Deliver what has arrived, up to a limit. Errors that ICMP reported are not answers and are dropped."""
        for _ in range(_READ_LIMIT):
            try:
                data, ancillary, _, sender = self._socket.recvmsg(1 << 16, 64)
            except BlockingIOError:
                return
            except OSError:
                return
            reply = decode_reply(self._version, data)
            if reply is not None:
                self._on_reply(self, sender[0].partition("%")[0], reply, _received_ns(ancillary))
            if self._socket.fileno() < 0:  # closed by the receiver of the reply
                return

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


def _payload(size: int) -> bytes:
    size = max(size, COOKIE_SIZE)
    return secrets.token_bytes(COOKIE_SIZE) + bytes(size - COOKIE_SIZE)
