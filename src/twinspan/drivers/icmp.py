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
import ipaddress
import math
import secrets
import socket
import time
from collections.abc import Callable

import msgspec

from twinspan.drivers.icmp_socket import EchoSocket
from twinspan.model.device_config import Probe
from twinspan.wire.icmp import EchoReply, IpVersion, encode_request, payload_size

COOKIE_SIZE = 8
"""Random bytes at the head of every payload: a reply without them is not ours. Smaller packets are sent this large."""

_LEAST_WAIT = 0.5
"""Intervals from a request to the next, when the event loop was late."""
_GOLDEN = 0.618
"""Multiples of it modulo 1 spread any number of first packets evenly over the interval."""
_GRID_S = 0.02
"""Series begin on multiples of it: what leaves together wakes the loop once for many probes, not once for each."""
_TRUST_S = 1.0
"""For so long a socket that sends without error is believed to be bound to the device of that name."""


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
        self._sockets: dict[tuple[IpVersion, str, str], EchoSocket] = {}
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
        self.close_unused()

    def close(self) -> None:
        """Stop all probes and close their sockets; nothing is reported afterwards."""
        self.update(())

    def device_of(self, probe: Probe) -> str | None:
        """Device to bind to now: "" for a probe that is not pinned to any, None if its device is missing."""
        if probe.link is None and probe.tunnel is None:
            return ""
        return self._devices(probe)

    def socket_for(self, version: IpVersion, device: str, source: str) -> EchoSocket:
        """The shared socket, opened anew if the device was replaced by another of its name. Raises OSError."""
        key = (version, device, source)
        found = self._sockets.get(key)
        if found is not None and asyncio.get_running_loop().time() < found.trusted_until_s:
            return found
        ifindex = socket.if_nametoindex(device) if device else 0
        if found is not None and found.ifindex == ifindex:
            found.trusted_until_s = asyncio.get_running_loop().time() + _TRUST_S
            return found
        if found is not None:
            self._sockets.pop(key).close()
        self._sockets[key] = EchoSocket(key, ifindex, self._on_reply)
        return self._sockets[key]

    def close_unused(self) -> None:
        """Close the sockets that no probe used for its last request."""
        used = {series.socket for series in self._series.values()}
        for unused in [s for s in self._sockets.values() if s not in used]:
            self._sockets.pop(unused.key).close()

    def report(self, result: ProbeResult) -> None:
        self._on_result(result)

    def _free_identifier(self) -> int:
        taken = {series.identifier for series in self._series.values()}
        while self._next_identifier in taken:
            self._next_identifier = (self._next_identifier + 1) & 0xFFFF
        chosen = self._next_identifier
        self._next_identifier = (chosen + 1) & 0xFFFF
        return chosen

    def _on_reply(self, on: EchoSocket, sender: str, reply: EchoReply, at_ns: int) -> None:
        for series in self._series.values():
            if series.identifier == reply.identifier:
                series.on_reply(on, sender, reply, at_ns)
                return


class _Series:
    """The requests of one probe. At most one is in flight."""

    def __init__(self, probe: Probe, identifier: int, runner: ProbeRunner) -> None:
        self.probe = probe
        self.identifier = identifier
        self.socket: EchoSocket | None = None
        """What the last request left by; None if none could leave."""
        self._runner = runner
        destination = ipaddress.ip_address(probe.destination)
        self._destination = str(destination)
        self._version: IpVersion = 4 if destination.version == 4 else 6
        self._payload = _payload(payload_size(self._version, probe.packet_size))
        self._seq = 0
        self._sent_ns: int | None = None
        """When the request in flight left; None when none is."""
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._due = math.ceil((loop.time() + delay_s) / _GRID_S) * _GRID_S
        self._timer = loop.call_at(self._due, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._sent_ns = self.socket = None

    def on_reply(self, on: EchoSocket, sender: str, reply: EchoReply, at_ns: int) -> None:
        """Take an answer if it is the awaited one, from the right neighbour, over the right socket."""
        if self._sent_ns is None or on is not self.socket or reply.sequence != self._seq & 0xFFFF:
            return
        if sender != self._destination or reply.payload != self._payload:
            return
        rtt_ms = max(0.0, (at_ns - self._sent_ns) / 1e6)
        self._sent_ns = None
        self._report(answered=True, rtt_ms=rtt_ms)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self.probe.interval_ms / 1000
        # A late loop skips slots: the answer to a request that leaves late has half an interval at the least.
        slots = math.ceil((loop.time() - self._due) / interval_s + _LEAST_WAIT)
        self._due += max(1, slots) * interval_s
        self._timer = loop.call_at(self._due, self._tick)
        if self._sent_ns is not None and self.socket is not None:
            self.socket.drain()  # an answer that waits in the buffer because the loop was late is no loss
        if self._sent_ns is not None:
            self._sent_ns = None
            self._report(answered=False)
        if self._timer is not None:  # the report may have stopped this series
            self._send()

    def _send(self) -> None:
        self._seq += 1
        self._use(self._find_socket())
        if self.socket is not None:
            request = encode_request(self._version, self.identifier, self._seq, self._payload)
            self._sent_ns = time.time_ns()
            try:
                self.socket.send(request, self._destination)
            except OSError:  # link down, no route, larger than the device's MTU: nothing left
                self.socket.trusted_until_s = 0.0
                self._sent_ns = None
        if self._sent_ns is None:
            self._report(answered=False)

    def _find_socket(self) -> EchoSocket | None:
        device = self._runner.device_of(self.probe)
        if device is None:
            return None
        try:
            return self._runner.socket_for(self._version, device, self.probe.source)
        except OSError:  # the device went away a moment ago
            return None

    def _use(self, found: EchoSocket | None) -> None:
        before, self.socket = self.socket, found
        if before is not None and before is not found:
            self._runner.close_unused()

    def _report(self, *, answered: bool, rtt_ms: float | None = None) -> None:
        self._runner.report(
            ProbeResult(name=self.probe.name, seq=self._seq, answered=answered, rtt_ms=rtt_ms, at_ns=time.time_ns())
        )


def _payload(size: int) -> bytes:
    size = max(size, COOKIE_SIZE)
    return secrets.token_bytes(COOKIE_SIZE) + bytes(size - COOKIE_SIZE)
