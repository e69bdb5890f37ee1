"""A TCP relay between device and server: the NAT, the cable, and what can happen to them."""

from __future__ import annotations

import asyncio
import time

from tests.inprocess.site import Cloud, Site, free_port


class Relay:
    """Forwards until it is told otherwise. `silent`: swallows everything, both ways, and both ends see an open
    connection. `idle_limit_s`: forgets a connection that was idle for longer, as the table of a NAT does."""

    def __init__(self, target: Cloud, idle_limit_s: float | None = None) -> None:
        self._target, self._idle_limit_s = target, idle_limit_s
        self.port = free_port("127.0.0.1")
        self.silent = False
        self.connections = 0
        self.sent_at: list[float] = []
        """When the device sent something."""
        self._lost: set[int] = set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(cls, site: Site, target: Cloud, idle_limit_s: float | None = None) -> Relay:
        relay = cls(target, idle_limit_s)
        relay._server = await asyncio.start_server(relay._accept, "127.0.0.1", relay.port)
        site.keep(relay)
        return relay

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            onward = await asyncio.open_connection(self._target.address, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, onward[1]}
        last, port = [time.monotonic()], writer.get_extra_info("peername")[1]
        loop = asyncio.get_running_loop()
        for source, sink, device in ((reader, onward[1], True), (onward[0], writer, False)):
            task = loop.create_task(self._pump(source, sink, device, last, port))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, device: bool, last: list[float], port: int
    ) -> None:
        lost = False
        try:
            while data := await source.read(65536):
                now = time.monotonic()
                lost = lost or self.silent or port in self._lost
                if self._idle_limit_s is not None and now - last[0] > self._idle_limit_s:
                    lost = True
                last[0] = now if not lost else last[0]
                if device:
                    self.sent_at.append(now)
                if not lost and not self.silent:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            if not self.silent and not lost:
                sink.transport.abort()

    def lose(self, port: int) -> None:
        """Swallow what belongs to the connection that the device opened from that port."""
        self._lost.add(port)

    def cut(self) -> None:
        """Reset every connection."""
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.transport.abort()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in tuple(self._tasks):
            task.cancel()
