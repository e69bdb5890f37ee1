"""What a command has done outside the session, and what it answers: displays, save, ping, tracert, cloud orders.

In: an effect that the session waits for. Out: an `Errand`, which answers in pieces and ends for certain: by itself, by
Ctrl-C, or with its shell. Next: `agent.displays`, `drivers.command_stream`, `drivers.tracert`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from twinspan.agent.displays import link_of, show
from twinspan.drivers.command_stream import CommandStream
from twinspan.drivers.tracert import trace
from twinspan.model.errors import TwinspanError
from twinspan.wire.comware.effects import Display, Effect, Ping, ResetTunnel, Save, Tracert, UnbindingCode
from twinspan.wire.comware.ping_text import PingText, ping_argv
from twinspan.wire.comware.tracert_text import tracert_head, tracert_line

if TYPE_CHECKING:
    from twinspan.agent.command_line import CommandLine
    from twinspan.agent.shell import Shell

DENIED = " % Permission denied: your role may look and not change.\n"


class Errand:
    """One thing being done. `work` yields pieces of the answer."""

    def __init__(self, work: Callable[[Errand], AsyncIterator[str]]) -> None:
        self._work = work
        self.on_interrupt: Callable[[], None] | None = None
        """How to end it early in good order; None: it is cancelled."""
        self._task: asyncio.Task[None] | None = None
        self._interrupted = False

    def start(self, answer: Callable[[str], None], done: Callable[[str], None]) -> None:
        """Begin. `done` is called once, unless it is cancelled."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(answer), name="errand")
        self._task.add_done_callback(lambda task: self._ended(task, done))

    def interrupt(self) -> None:
        """Ctrl-C: an end in good order; the second time at once."""
        if self.on_interrupt is not None and not self._interrupted:
            self._interrupted = True
            self.on_interrupt()
        elif self._task is not None:
            self._interrupted = True
            self._task.cancel()

    def cancel(self) -> None:
        """Nobody wants the answer any more."""
        self._interrupted = False
        if self._task is not None:
            self._task.cancel()

    async def _run(self, answer: Callable[[str], None]) -> None:
        try:
            async for piece in self._work(self):
                answer(piece)
        except (TwinspanError, OSError, TimeoutError) as error:
            answer(f" % {str(error) or type(error).__name__}\n")

    def _ended(self, task: asyncio.Task[None], done: Callable[[str], None]) -> None:
        if task.cancelled():
            if self._interrupted:
                done("")
            return
        error = task.exception()
        if error is not None:  # a mistake of ours must not leave the terminal waiting for ever
            context = {"message": "an errand of the command line failed", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
        done(f" % The command failed: {type(error).__name__}\n" if error is not None else "")


def errand_for(desk: CommandLine, shell: Shell, effect: Effect) -> Errand:
    """What the effect asks for."""
    if isinstance(effect, Save | ResetTunnel | UnbindingCode) and not shell.user.may_change:
        return Errand(lambda _: _say(DENIED))
    match effect:
        case Save():
            return Errand(lambda _: _save(desk, shell))
        case ResetTunnel():
            return Errand(lambda _: _reset(desk))
        case UnbindingCode():
            return Errand(lambda _: _unbind(desk, effect))
        case Ping():
            return Errand(lambda errand: _ping(desk, effect, errand))
        case Tracert():
            return Errand(lambda _: _tracert(effect))
        case Display():
            return Errand(lambda _: _display(desk, effect))
        case _:
            return Errand(lambda _: _say(""))


async def _say(text: str) -> AsyncIterator[str]:
    yield text


async def _display(desk: CommandLine, effect: Display) -> AsyncIterator[str]:
    yield await show(desk.node, desk.running(), effect.topic, effect.args)


async def _save(desk: CommandLine, shell: Shell) -> AsyncIterator[str]:
    if not shell.may_save:
        refused = "1 line before was" if shell.mistakes == 1 else f"{shell.mistakes} lines before were"
        yield f" % Not saved: {refused} refused. Correct that, or save what runs now by a save of its own.\n"
        return
    desk.save(shell)
    yield "Configuration is saved to device successfully.\n"


async def _reset(desk: CommandLine) -> AsyncIterator[str]:
    desk.node.cloud.reset()
    yield ""


async def _unbind(desk: CommandLine, effect: UnbindingCode) -> AsyncIterator[str]:
    yield await desk.node.cloud.unbinding_code(effect.code) + "\n"


async def _ping(desk: CommandLine, effect: Ping, errand: Errand) -> AsyncIterator[str]:
    link = None
    if effect.interface is not None:
        link = link_of(effect.interface, desk.running(), desk.node.world.devices)
        if link is None:
            yield f" % {effect.interface}: this device has no such interface.\n"
            return
    text = PingText(effect)
    async with CommandStream(ping_argv(effect, link)) as stream:
        errand.on_interrupt = stream.interrupt
        async for line in stream.lines():
            shown = text.line(line)
            if shown:
                yield shown


async def _tracert(effect: Tracert) -> AsyncIterator[str]:
    async for found in trace(effect):
        yield tracert_head(effect, found) if isinstance(found, str) else tracert_line(found)
