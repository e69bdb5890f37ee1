"""Load for `make bench-api`: requests that are ready made, over kept TLS connections, closed or open loop.

In: a JSON order on standard input (see `Order`). Out: a JSON `Answer`. A process of its own, so that its work is not
the server's. Next: nothing.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from pathlib import Path

import msgspec
import uvloop

END = b"\r\n\r\n"
LENGTH = b"content-length:"


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


class Connection(asyncio.Protocol):
    """One answer at a time."""

    def __init__(self) -> None:
        self.buffer = b""
        self.waiting: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(END)
        if end < 0:
            return
        head = self.buffer[:end].lower()
        start = head.find(LENGTH) + len(LENGTH)
        stop = head.find(b"\r", start)
        size = int(head[start : stop if stop > 0 else None])
        if len(self.buffer) < end + 4 + size or self.waiting is None:
            return
        answer, self.buffer = self.buffer[: end + 4 + size], self.buffer[end + 4 + size :]
        waiting, self.waiting = self.waiting, None
        if not waiting.done():
            waiting.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(exc or ConnectionResetError("closed"))

    async def ask(self, request: bytes) -> bytes:
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        return await self.waiting


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
        _, connection = await loop.create_connection(Connection, "127.0.0.1", order.port, ssl=context)
        pool.append(connection)
    tally, begun = Tally(), time.perf_counter()
    if order.rate:
        await _open(order, requests, pool, tally)
    else:
        await _closed(order, requests, pool, tally)
    seconds = time.perf_counter() - begun
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
    place = 0
    end = time.perf_counter() + order.seconds if order.seconds else float("inf")

    async def one(connection: Connection) -> None:
        nonlocal place
        while time.perf_counter() < end:
            if place >= len(requests) and not order.seconds:
                return
            request, since = requests[place % len(requests)], time.perf_counter()
            place += 1
            tally.note(since, await connection.ask(request))

    await asyncio.gather(*(one(connection) for connection in pool))


async def _open(order: Order, requests: list[bytes], pool: list[Connection], tally: Tally) -> None:
    """Each request has its time; one that must wait for a free connection has waited."""
    queue: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

    async def one(connection: Connection) -> None:
        while (item := await queue.get()) is not None:
            tally.note(item[0], await connection.ask(item[1]))

    workers = [asyncio.ensure_future(one(connection)) for connection in pool]
    begun = time.perf_counter()
    for number in range(int(order.rate * order.seconds)):
        due = begun + number / order.rate
        ahead = due - time.perf_counter()
        if ahead > 0.001:
            await asyncio.sleep(ahead)
        queue.put_nowait((due, requests[number % len(requests)]))
    for _ in workers:
        queue.put_nowait(None)
    await asyncio.gather(*workers)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        wish = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        found = runner.run(run(wish, msgspec.msgpack.decode(Path(wish.file).read_bytes(), type=list[bytes])))
    sys.stdout.buffer.write(msgspec.json.encode(found))
