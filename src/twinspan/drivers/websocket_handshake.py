"""A server's side of the WebSocket handshake (RFC 6455 4.2), as small as picows lets it be.

In: the key of a request that was checked, the first message. Out: what picows is given instead of the request, and the
response that it sends. Both would else be kept, with all their headers, as long as the connection lives.
Next: `websocket`.
"""

from __future__ import annotations

import http
from typing import Any, cast

from picows import WSListener, WSUpgradeResponse, WSUpgradeResponseWithListener

from twinspan.wire.cloud_connection.messages import SUBPROTOCOL

_REQUEST = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
)


def bare_request(key: str) -> bytes:
    """A handshake request that was checked already, with nothing in it but its key, for `take_over` as a server.

    picows reads it once more, and keeps it.
    """
    return b"%s%s\r\n\r\n" % (_REQUEST, key.encode("ascii"))


class Switching(WSUpgradeResponse):
    """The handshake response of a server; one for all, since picows fills it in and renders it in one go, and keeps it.

    Its own one costs a multidict for as long as each connection lives.
    """

    _HEAD = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n".encode()
    _REST = b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "

    def __init__(self) -> None:
        self.status = http.HTTPStatus.SWITCHING_PROTOCOLS
        self.headers = cast("Any", {})  # picows sets one item in it
        self._greeting = b""

    def answer(self, listener: WSListener, greeting: bytes) -> WSUpgradeResponseWithListener:
        """The next response that is rendered is this one; `greeting` is the first message, empty for none."""
        self._greeting = greeting
        return WSUpgradeResponseWithListener(self, listener)

    def to_bytes(self) -> bytearray:
        """With the one header that differs, and the greeting behind it: one packet instead of two."""
        accept = self.headers["Sec-WebSocket-Accept"].encode()
        greeting = text_frame(self._greeting) if self._greeting else b""
        return bytearray(b"%s%s%s\r\n\r\n%s" % (self._HEAD, self._REST, accept, greeting))


def text_frame(message: bytes) -> bytes:
    """As a server sends it (RFC 6455 5.2)."""
    size = len(message)
    if size < 126:
        return bytes((0x81, size)) + message
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + message
    return b"\x81\x7f" + size.to_bytes(8, "big") + message
