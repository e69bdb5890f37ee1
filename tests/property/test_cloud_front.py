"""The server's HTTP front: any bytes in any pieces give the same answers, nothing raises, nothing grows without end."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from twinspan.server.front import MAX_ADMIN_BODY_BYTES, MAX_HEADER_BYTES, Front, HttpRequest
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, MAX_BODY_BYTES
from twinspan.wire.cloud_connection.server import Answer

TOKEN = "Bearer good"


class Transport(asyncio.Transport):
    """Keeps what is written; after the end nothing counts."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.ended = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    abort = close


class Hub:
    """Answers every request at once."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.upgrades: list[str] = []
        self.settings = SimpleNamespace(binding=lambda: b"")
        self.admin = SimpleNamespace(is_known=lambda headers: headers.get("authorization") == TOKEN)

    def arrived(self, front: Front) -> None: ...

    def left(self, front: Front) -> None: ...

    def refused_body(self) -> None: ...

    def request(self, front: Front, request: HttpRequest) -> None:
        self.requests.append(request)
        front.answer(Answer(status=200, body=b"{}"))

    def upgrade(self, front: Front, request: HttpRequest) -> None:
        self.upgrades.append(request.path)
        front.refuse(401, "ticket", "spent")


class Connection:
    def __init__(self) -> None:
        self.hub, self.transport = Hub(), Transport()
        self.front = Front(self.hub)  # type: ignore[arg-type]
        self.front.connection_made(self.transport)

    def feed(self, data: bytes) -> None:
        """As the event loop does, up to the end of the connection."""
        while data and not self.transport.ended:
            room: Any = self.front.get_buffer(-1)
            part, data = data[: len(room)], data[len(room) :]
            room[: len(part)] = part
            self.front.buffer_updated(len(part))

    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.transport.written)]


def post(body: bytes, path: str = AUTHENTICATION_PATH, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"POST {path} HTTP/1.1", "Host: x:1", *headers))
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def in_pieces(data: bytes, cuts: list[int]) -> Connection:
    connection = Connection()
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(places):
        connection.feed(data[begin:end])
    return connection


LINE = st.sampled_from(
    [b"Host: x", b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: 99999999999", b"Content-Length: 3, 3",
     b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: Upgrade", b"Upgrade: websocket", b" folded",
     b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", b"Sec-WebSocket-Version: 13", b"Expect: 100-continue",
     b":", b"\xff: \x80",
     b"Sec-WebSocket-Protocol: twinspan.cloud.v1"]
) | st.binary(max_size=20)  # fmt: skip
FIRST = st.sampled_from(
    [b"POST /cloud/v1/authentication HTTP/1.1", b"GET /cloud/v1/tunnel?ticket=a HTTP/1.1", b"GET /api/ HTTP/1.1",
     b"GET /cloud/v1/tunnel HTTP/1.0", b"CONNECT x:1 HTTP/1.1", b"PRI * HTTP/2.0", b"GET http://[/ HTTP/1.1",
     b"\x16\x03\x01"]
) | st.binary(max_size=30)  # fmt: skip
NEARLY_HTTP = st.lists(
    st.builds(
        lambda first, lines, body: b"\r\n".join((first, *lines)) + b"\r\n\r\n" + body,
        FIRST,
        st.lists(LINE, max_size=6),
        st.binary(max_size=8),
    ),
    max_size=3,
).map(b"".join)


@given(data=NEARLY_HTTP | st.binary(), cuts=st.lists(st.integers(0, 2000), max_size=8))
@example(data=b"GET /cloud/v1/tunnel HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", cuts=[])
def test_any_bytes_in_any_pieces_give_the_same_answers(data: bytes, cuts: list[int]) -> None:
    whole, pieces = in_pieces(data, []), in_pieces(data, cuts)
    assert pieces.transport.written == whole.transport.written
    assert pieces.hub.requests == whole.hub.requests
    assert pieces.hub.upgrades == whole.hub.upgrades
    assert pieces.transport.ended == whole.transport.ended


@given(
    bodies=st.lists(st.binary(max_size=300), min_size=1, max_size=3), cuts=st.lists(st.integers(0, 2000), max_size=8)
)
def test_whole_requests_arrive_once_each_and_in_order(bodies: list[bytes], cuts: list[int]) -> None:
    connection = in_pieces(b"".join(post(body) for body in bodies), cuts)
    assert [request.body for request in connection.hub.requests] == bodies
    assert connection.statuses() == [200] * len(bodies)


@given(length=st.integers(MAX_HEADER_BYTES, MAX_HEADER_BYTES * 3), ended=st.booleans(), cut=st.integers(0, 30000))
def test_a_header_beyond_its_limit_is_431_and_the_end(length: int, ended: bool, cut: int) -> None:
    data = b"GET / HTTP/1.1\r\nX: " + b"x" * length + (b"\r\n\r\n" if ended else b"")
    connection = in_pieces(data, [cut])
    assert connection.statuses() == [431]
    assert connection.transport.ended
    assert connection.hub.requests == []


def test_a_body_beyond_its_limit_is_413_before_any_of_it_is_taken_in() -> None:
    for body, path, headers in (
        (MAX_BODY_BYTES + 1, AUTHENTICATION_PATH, ()),
        (MAX_BODY_BYTES + 1, "/api/v1/devices", ()),
        (MAX_BODY_BYTES + 1, "/api/v1/devices", ("Authorization: Bearer guessed",)),
        (MAX_ADMIN_BODY_BYTES + 1, "/api/v1/devices", (f"Authorization: {TOKEN}",)),
    ):
        connection = Connection()
        connection.feed(post(b"x" * body, path, *headers).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert connection.statuses() == [413], path
        connection.feed(b"x" * body)  # thrown away: ending at once would take the answer with it
        assert connection.statuses() == [413], path
        assert connection.transport.ended
    connection = Connection()
    connection.feed(post(b"x" * (MAX_BODY_BYTES + 1), "/api/v1/devices", f"Authorization: {TOKEN}"))
    assert connection.statuses() == [200]


def test_a_transfer_encoding_is_411() -> None:
    for lines in (("Transfer-Encoding: chunked",), ("Transfer-Encoding: identity", "Content-Length: 1")):
        connection = Connection()
        head = "".join(f"{line}\r\n" for line in (f"POST {AUTHENTICATION_PATH} HTTP/1.1", *lines))
        connection.feed(f"{head}\r\n1\r\nx\r\n0\r\n\r\n".encode())
        assert connection.statuses()[0] in (400, 411)
        assert connection.transport.ended
        assert connection.hub.requests == []


def test_what_comes_while_a_request_is_worked_on_is_bounded() -> None:
    connection = Connection()
    connection.hub.request = lambda *_: None  # type: ignore[method-assign]
    connection.feed(post(b"{}"))
    for _ in range(100):
        connection.feed(b"x" * 1000)
    assert connection.statuses() == [400]
    assert connection.transport.ended


def test_a_handshake_that_is_none_spends_no_ticket() -> None:
    good = {
        "Host": "x:1", "Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "chat, twinspan.cloud.v1",
    }  # fmt: skip
    changes = (
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": ""},
        {"Sec-WebSocket-Version": "8"},
        {"Upgrade": "h2c"},
        {"Sec-WebSocket-Protocol": "chat"},
    )
    for change in ({}, *changes):
        connection = Connection()
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**good, **change}.items())
        connection.feed(f"GET /cloud/v1/tunnel?ticket=t HTTP/1.1\r\n{lines}\r\n".encode())
        assert connection.hub.upgrades == ([] if change else ["/cloud/v1/tunnel?ticket=t"])
        assert connection.statuses() == [400 if change else 401], change
        body = json.loads(connection.transport.written.rpartition(b"\r\n\r\n")[2])
        assert body["result"] == "failure"
