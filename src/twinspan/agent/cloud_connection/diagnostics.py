"""Commands of the server, each carried out at most once: the journal is written before and after.

In: `Command` messages. Out: `CommandResult`, repeated on every new sub-connection until the server has taken it. What
had begun when the agent died is answered `unknown` and never run again. Next: `agent.cloud` names the commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from twinspan.agent.clock import steady_ns
from twinspan.agent.cloud_connection.services import Link
from twinspan.agent.journal import Journal
from twinspan.model.errors import TwinspanError
from twinspan.wire.cloud_connection.services import (
    DIAGNOSTICS,
    Command,
    CommandResult,
    Outcome,
    ResultTaken,
    ServiceMessage,
)

REMEMBERED = 500
"""Finished commands whose ids are kept: a repeated one is answered from here."""
MAX_OUTPUT = 256 << 10
MAX_WAITING = 64
_NS_PER_MS = 1_000_000


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """One command in the journal. `outcome` None: it has begun and is not finished."""

    id: str
    outcome: Outcome | None = None
    output: str = ""
    taken: bool = False
    """The server has recorded the result."""


class CommandFailed(Exception):
    """A command's own failure, in words for whoever asked."""


Action = Callable[[Mapping[str, str]], Awaitable[str]]


class DiagnosticsModule:
    """Runs one command at a time, in the order of their arrival."""

    name = DIAGNOSTICS

    def __init__(self, journal: Journal, actions: Mapping[str, Action], epoch: Callable[[], int | None]) -> None:
        self._journal, self._actions, self._epoch = journal, actions, epoch
        self._done: dict[str, Done] = {d.id: d for d in journal.load_commands(tuple[Done, ...]) or ()}
        self._waiting: asyncio.Queue[tuple[Command, int]] = asyncio.Queue(MAX_WAITING)
        self._link: Link | None = None
        for begun in [d for d in self._done.values() if d.outcome is None]:
            self._remember(msgspec.structs.replace(begun, outcome="unknown", output="the agent died while it ran"))

    async def run(self, link: Link) -> None:
        self._link = link
        try:
            for done in tuple(self._done.values()):
                self._tell(done)
            while True:
                command, deadline_ns = await self._waiting.get()
                await self._carry_out(command, deadline_ns)
        finally:
            self._link = None

    def received(self, link: Link, message: ServiceMessage) -> None:
        if isinstance(message, ResultTaken):
            done = self._done.get(message.id)
            if done is not None and not done.taken:
                self._remember(msgspec.structs.replace(done, taken=True))
        elif isinstance(message, Command):
            self._take(link, message)

    def _take(self, link: Link, command: Command) -> None:
        known = self._done.get(command.id)
        if known is not None:
            self._tell(known)
        elif command.epoch != self._epoch():
            self._answer(link, command.id, "refused", "it is of another connection")
        elif command.name not in self._actions:
            self._answer(link, command.id, "refused", f"no such command; there are {', '.join(sorted(self._actions))}")
        else:
            try:
                self._waiting.put_nowait((command, steady_ns() + command.ttl_ms * _NS_PER_MS))
            except asyncio.QueueFull:
                self._answer(link, command.id, "refused", f"{MAX_WAITING} commands wait already")

    async def _carry_out(self, command: Command, deadline_ns: int) -> None:
        if command.id in self._done:
            return  # it came twice while it waited
        if steady_ns() > deadline_ns:
            self._finish(command.id, "expired", "its time was over before it began")
            return
        self._remember(Done(id=command.id))
        try:
            output = await self._actions[command.name](command.arguments)
        except asyncio.CancelledError:
            self._finish(command.id, "unknown", "the sub-connection ended while it ran")
            raise
        except (CommandFailed, TwinspanError, OSError, TimeoutError) as error:
            self._finish(command.id, "failed", str(error) or type(error).__name__)
        else:
            self._finish(command.id, "done", output)

    def _answer(self, link: Link, identifier: str, outcome: Outcome, output: str) -> None:
        """A refusal, which needs no journal: asked again it is refused again."""
        link.send(CommandResult(id=identifier, outcome=outcome, output=output))

    def _finish(self, identifier: str, outcome: Outcome, output: str) -> None:
        done = Done(id=identifier, outcome=outcome, output=output[:MAX_OUTPUT])
        self._remember(done)
        self._tell(done)

    def _tell(self, done: Done) -> None:
        if self._link is not None and done.outcome is not None and not done.taken:
            self._link.send(CommandResult(id=done.id, outcome=done.outcome, output=done.output))

    def _remember(self, done: Done) -> None:
        """On disk before anything follows from it."""
        self._done[done.id] = done
        taken = [d.id for d in self._done.values() if d.taken]
        for identifier in taken[: max(0, len(self._done) - REMEMBERED)]:
            del self._done[identifier]
        # The server has the output of what it has taken; here the id alone matters.
        kept = tuple(msgspec.structs.replace(d, output="") if d.taken else d for d in self._done.values())
        self._journal.save_commands(kept)
