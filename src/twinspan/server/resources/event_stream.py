"""Changes as they happen, as server-sent events: GET /api/v1/changes.

Each event is a line of the audit with its number as id; who comes back with `Last-Event-ID` misses nothing. What a
client is sent is read from the store, so it does not matter which server of several made the change.

In: the resource service. Out: pieces of an event stream. Next: `door.py` sends them, and drops whoever does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from twinspan.model.errors import Retryable
from twinspan.server.admin_route import Call, Result, Route
from twinspan.server.clock import pause, steady_ns
from twinspan.server.problem import ProblemRaised, problem
from twinspan.server.resources.api import actor_of, service_of
from twinspan.server.resources.port import Change
from twinspan.server.resources.writer import Writer

LOOK_S = 0.2
"""Between two looks at the newest change."""
KEEP_ALIVE_S = 15.0
"""So often something comes, also when nothing happens: proxies and clients notice a dead connection."""
LIFE_S = 3600.0
"""Then a stream ends; the client comes back with its token, which may have ended meanwhile."""
RETRY_MS = 2000
PAGE = 200
MAX_FOLLOWERS = 200
"""Of one worker."""


class Followers:
    """One per worker; `watch` runs as long as it does."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._news = asyncio.Event()
        self.count = 0
        """Who follows now."""

    async def watch(self) -> None:
        """For ever: wake the followers when there is something new."""
        newest = -1
        while True:
            try:
                found = await self._writer.ask(
                    lambda: self._writer.service.store.read(lambda view: view.newest_change())
                )
            except Retryable:
                found = newest
            if found != newest:
                newest = found
                news, self._news = self._news, asyncio.Event()
                news.set()
            await pause(LOOK_S)

    async def newest(self) -> int:
        """Number of the newest change."""
        store = self._writer.service.store
        return await self._writer.ask(lambda: store.read(lambda view: view.newest_change()))

    async def follow(self, account: str | None, after: int) -> AsyncIterator[bytes]:
        """What comes after that change, of one account or of all (None), until the client goes."""
        self.count += 1
        try:
            end_ns = steady_ns() + int(LIFE_S * 1e9)
            yield f"retry: {RETRY_MS}\n\n".encode()
            while steady_ns() < end_ns:
                news = self._news
                changes = await self._read(account, after)
                if changes:
                    after = changes[-1].seq
                    yield b"".join(map(_event, changes))
                if len(changes) < PAGE and not await _within(news, KEEP_ALIVE_S):
                    yield b": nothing new\n\n"
        except Retryable:
            return  # the database is away: the client comes back, and is told then
        finally:
            self.count -= 1

    async def _read(self, account: str | None, after: int) -> tuple[Change, ...]:
        store = self._writer.service.store
        return await self._writer.ask(
            lambda: store.read(lambda view: view.changes(after=after, account=account, limit=PAGE))
        )


async def _within(news: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await news.wait()
    except TimeoutError:
        return False
    return True


def _event(change: Change) -> bytes:
    return b"id: %d\nevent: change\ndata: %s\n\n" % (change.seq, msgspec.json.encode(change))


async def follow_changes(call: Call) -> Result:
    """GET /changes?after=, as server-sent events; without `after` and Last-Event-ID from now on"""
    followers, actor = call.office.followers, actor_of(call)
    service_of(call)
    if followers is None or followers.count >= MAX_FOLLOWERS:
        raise Retryable("too many follow the changes", delay_s=30.0, remedy="ask again later")
    given = call.headers.get("last-event-id", call.query.get("after", ""))
    if given and not (given.isascii() and given.isdecimal() and len(given) <= 18):
        remedy = "send the id of the last event, or leave it out"
        raise ProblemRaised(problem(422, "header", "There is no such event", field="Last-Event-ID", remedy=remedy))
    after = int(given) if given else await followers.newest()
    stream = followers.follow(actor.account or None, after)
    return Result(value=None, headers={"content-type": "text/event-stream"}, stream=stream)


ROUTES = (Route(method="GET", path="/changes", function=follow_changes),)
