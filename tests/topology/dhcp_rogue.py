"""A DHCP server that says whatever a test wants, on the cable of `bench`: for what no honest server would send."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
SERVER, CLIENT = "192.168.1.1", "192.168.1.140"
COOKIE = b"\x63\x82\x53\x63"


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


class RogueServer:
    """Answers every request at once with `cloud` added; `silent` answers nothing."""

    def __init__(self, bench: Any) -> None:
        self.cloud = b""
        self.lease_s, self.renewal_s = 3600, 1800
        self.address, self.netmask = CLIENT, "255.255.255.0"
        self.silent = False
        self.asked: list[tuple[int, bytes]] = []
        """(message type, requested parameters) of every request."""
        self._last_xid = b"\0\0\0\0"
        with bench.inside(bench.a):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"c0\0")
            self._socket.setblocking(False)
            self._socket.bind(("", 67))

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, kind: int, options: bytes | None = None, *, message: bytes | None = None) -> None:
        """An answer to the last request, or any bytes at all."""
        if message is None:
            head = struct.pack("!4B", 2, 1, 6, 0) + self._last_xid + bytes(8)
            head += socket.inet_aton(self.address) + bytes(8 + 16 + 192)
            message = head + COOKIE + option(53, bytes([kind])) + (self._options() if options is None else options)
        self._socket.sendto(message + b"\xff", ("255.255.255.255", 68))

    def _options(self) -> bytes:
        times = option(51, struct.pack("!i", self.lease_s)) + option(58, struct.pack("!I", self.renewal_s))
        server = option(54, socket.inet_aton(SERVER))
        network = option(1, socket.inet_aton(self.netmask)) + option(3, socket.inet_aton(SERVER))
        return server + times + network + self.cloud

    def _read(self) -> None:
        request = self._socket.recv(2048)
        self._last_xid = request[4:8]
        found, at = {}, 240
        while at < len(request) and request[at] != 255:
            found[request[at]] = request[at + 2 : at + 2 + request[at + 1]]
            at += 2 + request[at + 1]
        kind = found[53][0]
        self.asked.append((kind, found.get(55, b"")))
        if not self.silent and kind in (DISCOVER, REQUEST):
            self.send(OFFER if kind == DISCOVER else ACK)
