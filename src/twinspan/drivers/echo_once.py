"""One ICMP echo at a time, without root where the kernel allows it: sent by a device of one's choice, answered by any.

In: a destination, and optionally source and device. Out: the round trip in ms, None, or `TooLarge` with the MTU that
was named. A datagram socket for echoes needs `net.ipv4.ping_group_range`, a raw one needs root, the program `ping`
neither. IPv4 only. Next: `drivers.connection_check`.
"""

from __future__ import annotations

import re
import secrets
import select
import socket
import struct
import subprocess
import time
from types import TracebackType

from twinspan.wire.icmp import ECHO_REPLY, encode_request, payload_size

# Numbers of linux/in.h and linux/errqueue.h that the socket module does not name.
_IP_PKTINFO, _IP_MTU_DISCOVER, _IP_RECVERR = 8, 10, 11
_PMTUDISC_PROBE = 3  # DF set, the cached path MTU ignored
_EMSGSIZE = 90
_ORIGIN_LOCAL = 1
_PKTINFO = struct.Struct("=i4s4s")
_ERROR = struct.Struct("=IBBBBII")
_COOKIE = 16
_LARGEST = 1 << 14
_ANY = bytes(4)


class TooLarge(Exception):
    """This machine or a router refused the size. `mtu`: what it named; None: it named nothing."""

    def __init__(self, mtu: int | None) -> None:
        super().__init__("the packet is too large for the way")
        self.mtu = mtu


class EchoOnce:
    """A context. Raises PermissionError where neither kind of socket is allowed, OSError for a device that is none."""

    def __init__(self, destination: str, source: str | None = None, device: str | None = None) -> None:
        self._destination, self._sequence = destination, 0
        self._cookie, self._identifier = secrets.token_bytes(_COOKIE), secrets.randbits(16)
        index = socket.if_nametoindex(device) if device is not None else 0
        own = socket.inet_aton(source) if source is not None else _ANY
        self._ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(index, own, _ANY))] if index or source else []

        self._socket = _opened()

    def __enter__(self) -> EchoOnce:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, packet_bytes: int, wait_s: float) -> float | None:
        """The round trip of one packet of that size, in ms; None: no answer in time. Raises `TooLarge`; OSError if the
        kernel cannot send at all."""
        self._sequence += 1
        room = max(_COOKIE, payload_size(4, packet_bytes))
        request = encode_request(4, self._identifier, self._sequence, self._cookie.ljust(room, b"\0"))
        self._errors()  # late ones of earlier packets
        began = time.monotonic()
        self._send(request)
        end = began + wait_s
        while (left := end - time.monotonic()) > 0:
            poller = select.poll()
            poller.register(self._socket, select.POLLIN)
            for _, event in poller.poll(left * 1000):
                if event & select.POLLERR and (mtu := self._errors()) is not None:
                    raise TooLarge(mtu or None)
                if event & select.POLLIN and self._answered():
                    return (time.monotonic() - began) * 1000
        return None

    def _send(self, request: bytes) -> None:
        try:
            self._attempt(request)
        except OSError as error:
            mtu = self._errors()
            if mtu is None:  # what the kernel had kept of an earlier packet; telling has removed it
                self._attempt(request)
            elif error.errno == _EMSGSIZE:
                raise TooLarge(mtu or None) from error

    def _attempt(self, request: bytes) -> None:
        self._socket.sendmsg([request], self._ancillary, 0, (self._destination, 0))

    def _answered(self) -> bool:
        try:
            data, sender = self._socket.recvfrom(_LARGEST)
        except OSError:
            return False
        message = data[(data[0] & 15) * 4 :] if self._socket.type == socket.SOCK_RAW and data else data
        if len(message) < 8 + _COOKIE or message[0] != ECHO_REPLY or sender[0] != self._destination:
            return False
        sequence = int.from_bytes(message[6:8], "big")
        return message[8 : 8 + _COOKIE] == self._cookie and sequence == self._sequence & 0xFFFF

    def _errors(self) -> int | None:
        """Empties the error queue. The MTU that an error for size named (0: none named); None: no such error.

        A raw socket hears of everybody's packets: what was sent by others does not begin with our cookie.
        """
        found = None
        while True:
            try:
                quoted, ancillary, _, _ = self._socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return found
            for _, _, data in ancillary:
                if len(data) >= _ERROR.size:
                    number, origin, _, _, _, info, _ = _ERROR.unpack_from(data)
                    own = origin == _ORIGIN_LOCAL or self._cookie in quoted
                    found = info if own and number == _EMSGSIZE else found


def _opened() -> socket.socket:
    try:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    except PermissionError:
        opened = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    opened.setblocking(False)
    opened.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)
    opened.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
    return opened


class ProgramEcho:
    """The same by the program `ping`, for machines on which a user may open neither kind of socket. It goes by the path
    MTU that the kernel remembers, for ten minutes: a way that has become wider since is seen late."""

    def __init__(self, destination: str, source: str | None = None) -> None:
        self._destination, self._source = destination, ["-I", source] if source is not None else []

    def __enter__(self) -> ProgramEcho:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def ask(self, packet_bytes: int, wait_s: float) -> float | None:
        """As `EchoOnce.ask`. Raises OSError if there is no such program, or not one that can do this."""
        size = str(payload_size(4, packet_bytes))
        words = ["ping", "-n", "-c", "1", "-W", f"{wait_s:g}", "-M", "do", "-s", size, *self._source]
        done = subprocess.run([*words, self._destination], capture_output=True, text=True, check=False, timeout=15)
        if answered := re.search(r"time[=<]([\d.]+)", done.stdout):
            return float(answered[1])
        said = done.stdout + done.stderr
        if named := re.search(r"mtu ?= ?(\d+)", said):
            raise TooLarge(int(named[1]))
        if "essage too long" in said:
            raise TooLarge(None)
        if "0 received" not in done.stdout:
            raise OSError(" ".join(done.stderr.split()) or "the program ping cannot do this")
        return None


def open_echo(destination: str, source: str | None = None, device: str | None = None) -> EchoOnce | ProgramEcho:
    """Whatever this user may use. Raises OSError for a device or a source that is none."""
    try:
        return EchoOnce(destination, source, device)
    except PermissionError:
        return ProgramEcho(destination, source)
