"""One end of the measuring load, a process of its own.

In: `EndOptions` as its argument, "go" on standard input, and that input's end. Out: "ready" (or one line that says why
not), then an `EndLog` as JSON.
One loop does all: sends that are due by the absolute clock, then whatever arrived until the next is due. Arrivals carry
the kernel's own time stamp (SO_TIMESTAMPNS), so a late wake-up of this process is not mistaken for a slow network.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import select
import signal
import socket
import struct
import sys
import time

import msgspec

from twinspan.lab import namespace
from twinspan.model.errors import Unavailable

UDP_PORT, TCP_PORT = 47001, 47002
UDP = struct.Struct("!IQ")
"""Sequence number, send time in ns."""
TCP_RECORD = struct.Struct("!IQ")
LARGE_EVERY, LARGE_BYTES = 10, 1200
"""Every tenth packet is large, so that a path that loses only large ones is seen."""
SLOW_SPACING_NS = 10_000_000
"""TCP records and echoes: a hundred a second."""
RECONNECT_NS = 200_000_000
CONNECT_S = 2.0
DRAIN_NS = 300_000_000
"""Packets that are on their way when the sending ends still count."""
RECEIVE_BUFFER = 8 << 20
SEND_BUFFER = 1 << 20
"""Records wait here through a stall, as an application's data would."""
_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_TIMESPEC = struct.Struct("@qq")
_TCP_INFO_TOTAL_RETRANS = 100
"""Offset of tcpi_total_retrans in struct tcp_info (linux/tcp.h)."""
_PR_SET_PDEATHSIG = 1


class EndOptions(msgspec.Struct, frozen=True, kw_only=True):
    netns: str
    own: str
    peer: str
    rate_hz: int
    limit_s: float


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """What one stream sent; packet number i at sent_ns[i]."""

    sent_ns: tuple[int, ...] = ()
    errors: dict[str, int] = {}
    late_max_us: int = 0


class EndLog(msgspec.Struct, frozen=True, kw_only=True):
    udp: Records = Records()
    tcp: Records = Records()
    icmp: Records = Records()
    udp_received: tuple[tuple[int, int], ...] = ()
    tcp_received: tuple[tuple[int, int], ...] = ()
    icmp_received: tuple[tuple[int, int], ...] = ()
    udp_drops: int = 0
    tcp_reconnects: int = 0
    tcp_retransmits: int = 0


class Pace:
    """An absolute clock for one stream, and the record of its sends."""

    def __init__(self, spacing_ns: int, start_ns: int) -> None:
        self.spacing_ns, self.next_ns = spacing_ns, start_ns
        self.sent_ns: list[int] = []
        self.errors: dict[str, int] = {}
        self.late_max_ns = 0

    def take(self, now_ns: int) -> int:
        """Number of the packet that is sent now."""
        self.late_max_ns = max(self.late_max_ns, now_ns - self.next_ns)
        self.next_ns += self.spacing_ns
        self.sent_ns.append(now_ns)
        return len(self.sent_ns) - 1

    def refused(self, error: OSError) -> None:
        """The kernel would not send it: a user has lost it too."""
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        self.errors[name] = self.errors.get(name, 0) + 1

    def records(self) -> Records:
        """As a value."""
        return Records(sent_ns=tuple(self.sent_ns), errors=self.errors, late_max_us=self.late_max_ns // 1000)


class End:
    def __init__(self, options: EndOptions) -> None:
        self.options = options
        self.udp = _datagram(socket.AF_INET, socket.SOCK_DGRAM, 0)
        self.udp.bind((options.own, UDP_PORT))
        self.echo = _datagram(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.echo.bind((options.own, 0))
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((options.own, TCP_PORT))
        self.listener.listen(4)
        self.listener.setblocking(False)
        self.outgoing: socket.socket | None = None
        self.incoming: dict[socket.socket, bytearray] = {}
        self.identifier = os.getpid() & 0xFFFF
        self.udp_received: list[tuple[int, int]] = []
        self.tcp_received: list[tuple[int, int]] = []
        self.icmp_received: list[tuple[int, int]] = []
        self.udp_drops = self.connects = self.retransmits = 0
        self.retry_ns = 0
        self.padding = bytes(LARGE_BYTES - UDP.size)

    def run(self) -> EndLog:
        """Send and receive until standard input ends or the limit is over."""
        self._connect_first()
        start_ns = time.time_ns()
        end_ns = start_ns + int(self.options.limit_s * 1e9)
        self.paces = (
            Pace(1_000_000_000 // self.options.rate_hz, start_ns),
            Pace(SLOW_SPACING_NS, start_ns),
            Pace(SLOW_SPACING_NS, start_ns),
        )
        stopped = False
        while not stopped and (now_ns := time.time_ns()) < end_ns:
            self._send_due(now_ns)
            stopped = self._receive_for(max(0.0, (min(p.next_ns for p in self.paces) - time.time_ns()) / 1e9), 0)
        last_ns = time.time_ns() + DRAIN_NS
        while (left_ns := last_ns - time.time_ns()) > 0:
            self._receive_for(left_ns / 1e9)
        return self._log()

    def _receive_for(self, wait_s: float, *inputs: int) -> bool:
        """Take in what arrives within `wait_s`; whether one of `inputs` (standard input) has ended."""
        sources: list[int | socket.socket] = [*inputs, self.udp, self.echo, self.listener, *self.incoming]
        ready, _, _ = select.select(sources, [], [], wait_s)
        for source in ready:
            if isinstance(source, socket.socket):
                self._receive(source)
        return any(number in ready for number in inputs)

    def _send_due(self, now_ns: int) -> None:
        udp, tcp, icmp = self.paces
        while udp.next_ns <= now_ns:
            number = udp.take(time.time_ns())
            packet = UDP.pack(number, udp.sent_ns[-1]) + (self.padding if number % LARGE_EVERY == 0 else b"")
            try:
                self.udp.sendto(packet, (self.options.peer, UDP_PORT))
            except OSError as error:
                udp.refused(error)
        while icmp.next_ns <= now_ns:
            self._send_echo(icmp)
        while tcp.next_ns <= now_ns:
            self._send_record(tcp)

    def _send_echo(self, pace: Pace) -> None:
        number = pace.take(time.time_ns())
        head = struct.pack("!BBHHH", 8, 0, 0, self.identifier, number & 0xFFFF)
        body = struct.pack("!I", number)
        head = struct.pack("!BBHHH", 8, 0, _checksum(head + body), self.identifier, number & 0xFFFF)
        try:
            self.echo.sendto(head + body, (self.options.peer, 0))
        except OSError as error:
            pace.refused(error)

    def _send_record(self, pace: Pace) -> None:
        """A record goes into the stream; while it is stuck, the next ones wait behind it as users' data does."""
        connection = self._connection()
        number = pace.take(time.time_ns())
        if connection is None:
            pace.errors["ENOTCONN"] = pace.errors.get("ENOTCONN", 0) + 1
            return
        try:
            connection.send(TCP_RECORD.pack(number, pace.sent_ns[-1]))
        except BlockingIOError as error:
            pace.refused(error)
        except OSError as error:
            pace.refused(error)
            self._drop_outgoing()

    def _connect_first(self) -> None:
        """The other end listens already; the stream shall begin established."""
        connection = self._connection()
        if connection is not None:
            select.select([], [connection], [], CONNECT_S)

    def _connection(self) -> socket.socket | None:
        if self.outgoing is None and time.time_ns() >= self.retry_ns:
            self.retry_ns = time.time_ns() + RECONNECT_NS
            made = socket.socket()
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            made.bind((self.options.own, 0))
            state = made.connect_ex((self.options.peer, TCP_PORT))
            if state in (0, errno.EINPROGRESS):
                self.outgoing = made
                self.connects += 1
            else:
                made.close()
        return self.outgoing

    def _drop_outgoing(self) -> None:
        if self.outgoing is not None:
            self.retransmits += _retransmits(self.outgoing)
            self.outgoing.close()
            self.outgoing = None

    def _receive(self, source: socket.socket) -> None:
        if source is self.udp:
            self._receive_udp()
        elif source is self.echo:
            self._receive_echo()
        elif source is self.listener:
            connection, _ = self.listener.accept()
            connection.setblocking(False)
            self.incoming[connection] = bytearray()
        else:
            self._receive_records(source)

    def _receive_udp(self) -> None:
        while True:
            try:
                data, ancillary, _, address = self.udp.recvmsg(2048, 128)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error from the path; the loss shows by itself
                continue
            if len(data) >= UDP.size and address[0] == self.options.peer:
                at_ns, self.udp_drops = _stamp(ancillary, self.udp_drops)
                self.udp_received.append((UDP.unpack_from(data)[0], at_ns))

    def _receive_echo(self) -> None:
        while True:
            try:
                data, ancillary, _, address = self.echo.recvmsg(2048, 128)
            except BlockingIOError:
                return
            except OSError:
                continue
            head = (data[0] & 15) * 4 if data else 0
            if len(data) < head + 12 or data[head] != 0 or address[0] != self.options.peer:
                continue
            identifier, _, number = struct.unpack_from("!HHI", data, head + 4)
            if identifier == self.identifier:
                self.icmp_received.append((number, _stamp(ancillary, 0)[0]))

    def _receive_records(self, source: socket.socket) -> None:
        try:
            data = source.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.incoming.pop(source, None)
            source.close()
            return
        buffer = self.incoming[source]
        buffer += data
        now_ns = time.time_ns()
        while len(buffer) >= TCP_RECORD.size:
            self.tcp_received.append((TCP_RECORD.unpack_from(buffer)[0], now_ns))
            del buffer[: TCP_RECORD.size]

    def _log(self) -> EndLog:
        self._drop_outgoing()
        udp, tcp, icmp = (pace.records() for pace in self.paces)
        return EndLog(
            udp=udp,
            tcp=tcp,
            icmp=icmp,
            udp_received=tuple(self.udp_received),
            tcp_received=tuple(self.tcp_received),
            icmp_received=tuple(self.icmp_received),
            udp_drops=self.udp_drops,
            tcp_reconnects=max(0, self.connects - 1),
            tcp_retransmits=self.retransmits,
        )


def _datagram(family: int, kind: int, protocol: int) -> socket.socket:
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, 33, RECEIVE_BUFFER)  # SO_RCVBUFFORCE
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    opened.setblocking(False)
    return opened


def _stamp(ancillary: list[tuple[int, int, bytes]], drops: int) -> tuple[int, int]:
    """The kernel's time of arrival, and how many packets this socket has dropped so far."""
    at_ns = 0
    for _, kind, data in ancillary:
        if kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack_from(data)
            at_ns = seconds * 1_000_000_000 + nanoseconds
        elif kind == _SO_RXQ_OVFL:
            drops = struct.unpack("@I", data)[0]
    return at_ns or time.time_ns(), drops


def _retransmits(connection: socket.socket) -> int:
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    except OSError:
        return 0
    return int(struct.unpack_from("@I", info, _TCP_INFO_TOTAL_RETRANS)[0])


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def _excuse(why: str) -> int:
    """Say in place of "ready" why not; the exit code that goes with it."""
    sys.stdout.write(f"{why}\n")
    return 1


def main() -> None:
    """Entry of the child process."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends us
    options = msgspec.json.decode(sys.argv[1], type=EndOptions)
    try:
        namespace.enter(options.netns)
        end = End(options)
    except Unavailable as error:
        sys.exit(_excuse(str(error)))
    except OSError as error:
        sys.exit(_excuse(f"{options.own} in {options.netns}: {error.strerror or error}"))
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        os.nice(-5)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if not sys.stdin.readline():
        return
    gc.disable()
    log = end.run()
    sys.stdout.buffer.write(msgspec.json.encode(log))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
