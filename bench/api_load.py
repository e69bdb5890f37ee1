"""Load for `make bench-api`: requests that are ready made, over kept TLS connections, closed or open loop.

In: a JSON order on standard input (see `Order`). Out: a JSON `Answer`. A process of its own, so that its work is not
the server's. Next: nothing.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import aiofastnet
import msgspec
import uvloop

END = b"\r\n\r\n"
LENGTH = b"content-length:"
TICK_S = 0.0005
"""How closely an open loop keeps to its times."""


class Order(msgspec.Struct, kw_only=True):
    """What to send."""

    port: int
    file: str
    """MessagePack list of whole HTTP requests."""
    connections: int
    seconds: float = 0.0
    """How long; the list is gone through again and again. 0: once."""
    rate: float = 0.0
    """Requests a second at fixed times, whether answered or not; 0: the next when the one before is answered."""


class Answer(msgspec.Struct, kw_only=True):
    """What came back."""

    done: int
    failed: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_failure: str = ""


SHARED = memoryview(bytearray(64 << 10))
"""Every connection reads into it and takes out at once what is there."""


class Connection(asyncio.BufferedProtocol):
    """One request at a time; whoever asks is called with the answer."""

    def __init__(self) -> None:
        self.buffer = b""
        self.answered: Callable[[bytes], None] | None = None
        self.lost: Callable[[], None] = lambda: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return SHARED

    def buffer_updated(self, nbytes: int) -> None:
        self.buffer += SHARED[:nbytes]
        end = self.buffer.find(END)
        if end < 0:
            return
        head = self.buffer[:end].lower()
        start = head.find(LENGTH) + len(LENGTH)
        stop = head.find(b"\r", start)
        size = int(head[start : stop if stop > 0 else None])
        answered = self.answered
        if len(self.buffer) < end + 4 + size or answered is None:
            return
        answer, self.buffer = self.buffer[: end + 4 + size], self.buffer[end + 4 + size :]
        self.answered = None
        answered(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost()

    def ask(self, request: bytes, answered: Callable[[bytes], None]) -> None:
        self.answered = answered
        self.transport.write(request)  # type: ignore[attr-defined]


class Tally:
    def __init__(self) -> None:
        self.took: list[float] = []
        self.failed, self.first = 0, ""

    def note(self, since: float, answer: bytes) -> None:
        self.took.append(time.perf_counter() - since)
        if answer[9:10] != b"2":
            self.failed += 1
            self.first = self.first or answer[:600].decode("utf-8", "replace")


async def run(order: Order, requests: list[bytes]) -> Answer:
    """Send them all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # our own server on loopback
    loop = asyncio.get_running_loop()
    pool = []
    for _ in range(order.connections):
        _, connection = await aiofastnet.create_connection(
            loop, Connection, "127.0.0.1", order.port, ssl=context, server_hostname="127.0.0.1"
        )
        pool.append(connection)
    tally, begun = Tally(), time.perf_counter()
    if order.rate:
        await _open(order, requests, pool, tally)
    else:
        await _closed(order, requests, pool, tally)
    seconds = time.perf_counter() - begun
    for connection in pool:
        connection.lost = lambda: None
    took = sorted(tally.took)
    return Answer(
        done=len(took) - tally.failed,
        failed=tally.failed,
        seconds=seconds,
        p50_ms=took[len(took) // 2] * 1000,
        p99_ms=took[int(len(took) * 0.99)] * 1000,
        first_failure=tally.first,
    )


async def _closed(order: Order, requests: list[bytes], pool: list[Connection], tally: Tally) -> None:
    """The next request leaves in the moment in which an answer comes."""
    place, busy, done = 0, len(pool), asyncio.Event()
    end = time.perf_counter() + order.seconds if order.seconds else float("inf")

    def next_one(connection: Connection) -> None:
        nonlocal place, busy
        since = time.perf_counter()
        if since >= end or (place >= len(requests) and not order.seconds):
            busy -= 1
            if not busy:
                done.set()
            return
        request = requests[place % len(requests)]
        place += 1

        def answered(answer: bytes) -> None:
            tally.note(since, answer)
            next_one(connection)

        connection.ask(request, answered)

    _fail_if_lost(pool)
    for connection in pool:
        next_one(connection)
    await done.wait()


async def _open(order: Order, requests: list[bytes], pool: list[Connection], tally: Tally) -> None:
    """Each request has its time; one that must wait for a free connection has waited."""
    count = int(order.rate * order.seconds)
    queue: deque[tuple[float, bytes]] = deque()
    free = list(pool)

    def send() -> None:
        while queue and free:
            due, request = queue.popleft()
            connection = free.pop()

            def answered(answer: bytes, due: float = due, connection: Connection = connection) -> None:
                tally.note(due, answer)
                free.append(connection)
                send()

            connection.ask(request, answered)

    _fail_if_lost(pool)
    begun, number = time.perf_counter(), 0
    while number < count or len(free) < len(pool):
        due_now = min(count, int((time.perf_counter() - begun) * order.rate) + 1)
        for n in range(number, due_now):
            queue.append((begun + n / order.rate, requests[n % len(requests)]))
        number = max(number, due_now)
        send()
        await asyncio.sleep(TICK_S)


def _fail_if_lost(pool: list[Connection]) -> None:
    loop = asyncio.get_running_loop()

    def lost() -> None:
        sys.stderr.write("the server has ended a connection\n")
        loop.stop()

    for connection in pool:
        connection.lost = lost


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        found = runner.run(run(wish, msgspec.msgpack.decode(Path(wish.file).read_bytes(), type=list[bytes])))
    sys.stdout.buffer.write(msgspec.json.encode(found))
