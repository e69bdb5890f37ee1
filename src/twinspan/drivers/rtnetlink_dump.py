"""Asks the kernel for counters, hardware addresses, neighbors and other people's routes, without any process.

In: nothing. Out: `KernelFacts` of the network namespace of the calling process. The kernel answers a dump while it is
asked, in some tens of microseconds, so this does not wait. Next: `agent.report`.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from twinspan.wire.rtnetlink_dump import (
    GET_LINKS,
    GET_NEIGHBORS,
    GET_ROUTES,
    KernelFacts,
    decode_foreign_routes,
    decode_links,
    decode_neighbors,
    encode_question,
    is_last,
)

_PIECE = 1 << 17
"""More than the 32 KB that the kernel puts into one piece of a dump."""
_DEADLINE_S = 1.0


def observe_facts() -> KernelFacts:
    """One look; what the kernel does not answer is left out."""
    with contextlib.suppress(OSError), _asking() as asked:
        links = {link.name: link for piece in _dump(asked, GET_LINKS) for link in decode_links(piece)}
        names = {link.ifindex: link.name for link in links.values()}
        neighbors = [n for piece in _dump(asked, GET_NEIGHBORS) for n in decode_neighbors(piece, names)]
        routes = [r for piece in _dump(asked, GET_ROUTES) for r in decode_foreign_routes(piece, names)]
        return KernelFacts(links=links, neighbors=tuple(neighbors), foreign_routes=tuple(routes))
    return KernelFacts(links={})


@contextlib.contextmanager
def _asking() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(_DEADLINE_S)
        asked.bind((0, 0))
        yield asked


def _dump(asked: socket.socket, kind: int) -> Iterator[bytes]:
    """The pieces of the answer."""
    asked.send(encode_question(kind))
    while True:
        piece = asked.recv(_PIECE)
        yield piece
        if is_last(piece):
            return
