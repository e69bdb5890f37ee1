"""Opens a WebSocket as a client with headers of its own: the way of a person's shell to a device.

In: an address, a TLS context, headers, a `WebSocket` with its callbacks set. Out: the open WebSocket, or why not. The
device's agent does not use it: its login and its upgrade share one connection (`websocket.take_over`). Next: `cli`.
"""

from __future__ import annotations

import ssl

import picows

from twinspan.drivers.websocket import WebSocket
from twinspan.model.errors import Unavailable
from twinspan.wire.cloud_connection.messages import SUBPROTOCOL


class UpgradeRefused(Exception):
    """The server answered with something else. `body` is what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status, self.body = status, body


async def open_websocket(url: str, socket: WebSocket, context: ssl.SSLContext, headers: dict[str, str]) -> None:
    """Connects `socket`. Raises UpgradeRefused, Unavailable, or OSError as sockets do."""
    try:
        await picows.ws_connect(
            lambda *_: socket,
            url,
            ssl_context=context,
            extra_headers=headers | {"Sec-WebSocket-Protocol": SUBPROTOCOL},
            max_redirects=0,  # the headers carry a token: they go to this server and nowhere else
            proxy=None,
        )
    except picows.WSInvalidStatusError as error:
        status = int(error.response.status) if error.response is not None else 0
        raise UpgradeRefused(status, bytes(error.raw_body or b"")) from error
    except (picows.WSError, TimeoutError) as error:
        raise Unavailable("the server does not answer as a WebSocket should", remedy="check name and port") from error
