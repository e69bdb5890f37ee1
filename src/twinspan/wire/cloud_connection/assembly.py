"""Frames into whole messages (RFC 6455 5.4, 5.6): fragments joined, text checked, sizes bounded.

In: the kind, the end mark and the payload of each data frame. Out: a message, nothing yet, or the close code that says
what was wrong. Control frames do not come here: they may stand between fragments. Next: `drivers.websocket`.
"""

from __future__ import annotations

import codecs

CONTINUATION, TEXT, BINARY = 0, 1, 2
PROTOCOL_ERROR, INVALID_TEXT, MESSAGE_TOO_BIG = 1002, 1007, 1009


class Assembler:
    """State of one connection. `max_bytes`: of a whole message."""

    __slots__ = ("_kind", "_max_bytes", "_parts", "_size", "_utf8")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kind = CONTINUATION
        self._parts: list[bytes] = []
        self._size = 0
        self._utf8: codecs.IncrementalDecoder | None = None

    def receive(self, kind: int, fin: bool, payload: bytes) -> tuple[int, bytes] | int | None:
        """(kind, message) when one is whole, None before, or a close code."""
        if (kind == CONTINUATION) == (self._kind == CONTINUATION):
            return PROTOCOL_ERROR  # a continuation of nothing, or a new message within another
        if kind != CONTINUATION:
            self._kind = kind
            self._utf8 = codecs.getincrementaldecoder("utf-8")() if kind == TEXT else None
        self._size += len(payload)
        if self._size > self._max_bytes:
            return MESSAGE_TOO_BIG
        if self._utf8 is not None:
            try:
                # As each fragment comes: a long message that is no text is not taken in to its end.
                self._utf8.decode(payload, fin)
            except UnicodeDecodeError:
                return INVALID_TEXT
        self._parts.append(payload)
        if not fin:
            return None
        message = (self._kind, b"".join(self._parts))
        self._kind, self._parts, self._size, self._utf8 = CONTINUATION, [], 0, None
        return message


def close_code_allowed(code: int) -> bool:
    """Whether a peer may send it (RFC 6455 7.4)."""
    return (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
