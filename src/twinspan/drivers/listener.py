"""A listening port: each connection becomes a transport of aiofastnet at once, without a task of its own.

In: an address, a port, a factory of protocols, a TLS context or none. Out: protocols that hear `connection_made`, with
TLS after the handshake. When the process has no descriptor left, it stops taking connections for a moment; the kernel
keeps those that wait. aiofastnet's own server makes a task for each connection, and does not survive that moment.
The transports' constructors are not its public interface, so its version is pinned. Next: `server.worker`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

import msgspec
from aiofastnet.selector_transport import SelectorSocketTransport  # type: ignore[import-not-found]  # compiled
from aiofastnet.ssl_transport import SSLTransport_Socket  # type: ignore[import-not-found]

BACKLOG = 4096
"""Connections that the kernel keeps while we are busy; it takes no more than net.core.somaxconn."""
AT_ONCE = 64
"""Taken in one round of the event loop: those that are in already are served in between."""
STARVED_S = 0.5
"""Pause after the descriptors have run out."""
_STREAM, _TCP = int(socket.SOCK_STREAM), socket.IPPROTO_TCP
_BUFFER_BYTES = 64 << 10
"""Of each direction with TLS. Only the pages that a message touches are ever there."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """How connections are secured."""

    context: ssl.SSLContext
    handshake_s: float
    """Whoever takes longer is cut off."""
    farewell_s: float
    """So long a peer may take to answer the end of its connection."""


class Listener:
    """One address and port. Raises OSError if it cannot be had."""

    def __init__(
        self, address: str, port: int, protocol: Callable[[], asyncio.BaseProtocol], tls: Tls | None, *, shared: bool
    ) -> None:
        """`shared`: other processes listen there too, and the kernel spreads connections over them."""
        self._loop, self._protocol, self._tls = asyncio.get_running_loop(), protocol, tls
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server(
            (address, port), family=family, backlog=BACKLOG, reuse_port=shared, dualstack_ipv6=False
        )
        self._family = int(family)
        self._socket.setblocking(False)
        self._again: asyncio.TimerHandle | None = None
        self._resume()

    @property
    def port(self) -> int:
        """The one that the kernel chose, if 0 was asked for."""
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        """No more connections; those that are in stay."""
        if self._socket.fileno() < 0:
            return
        if self._again is not None:
            self._again.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _resume(self) -> None:
        self._again = None
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                # What socket.accept() does, without making enums of the family and the kind, twice for each.
                descriptor, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001
                connection = socket.socket(self._family, _STREAM, _TCP, fileno=descriptor)
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # it has gone already
            except OSError:
                # EMFILE, ENFILE, ENOBUFS, ENOMEM: the port would go on saying that somebody waits.
                self._loop.remove_reader(self._socket)
                self._again = self._loop.call_later(STARVED_S, self._resume)
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        try:
            if self._tls is None:
                SelectorSocketTransport(self._loop, connection, self._protocol())
                return
            connection.setblocking(False)
            SSLTransport_Socket(
                self._loop,
                self._protocol(),
                self._tls.context,
                True,  # the server's side
                self._tls.handshake_s,
                self._tls.farewell_s,
                _BUFFER_BYTES,
                _BUFFER_BYTES,
                connection,
            )
        except OSError:
            connection.close()  # it has gone in between
