"""One terminal at the node's command line: what is typed goes in, what is shown comes out, what is ordered is done.

In: bytes of a terminal (local socket, SSH, cli sub-connection), the running config. Out: bytes for that terminal, new
configs, errands. The language is `wire.comware.session`; here is who may do what, in which order and how much at once:
a long paste is worked on line by line, so that failover has its turn in between, and nothing grows without a bound.
Next: `agent.errands`.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec

from twinspan.agent.errands import Errand, errand_for
from twinspan.agent.password import new_passwords, with_verifiers
from twinspan.model.device_access import LocalUser
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import TwinspanError
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.effects import WAITING, ChangeConfig, Effect, EffectOrOutput, Interrupt, Output, Quit
from twinspan.wire.comware.line_editor import MAX_LINE
from twinspan.wire.comware.mistakes import MistakeCount
from twinspan.wire.comware.session import Session
from twinspan.wire.comware.words import help_asked

if TYPE_CHECKING:
    from twinspan.agent.command_line import CommandLine

MAX_TYPED = 64 << 10
"""Bytes typed ahead of what is worked on; a terminal that sends more at once is cut off."""
MAX_WAITING = 4 << 20
"""Bytes shown ahead of a terminal that does not read; then it is cut off."""
REMOTE_IDLE_S = 600.0
"""Without a key for so long a session over a network ends, as this family of devices has it."""
_PIECE = 16 << 10
_LINE_END = re.compile(rb"[\r\n]")
_CTRL_C = b"\x03"
DENIED = b" % Permission denied: your role may look and not change.\r\n"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who sits there."""

    name: str
    way: str
    """How they came, for the audit: "local socket", "ssh from 192.0.2.7", "cloud server"."""
    may_change: bool = True


class Terminal(Protocol):
    """The other end."""

    def write(self, data: bytes) -> bool:
        """False: not now, the same bytes again when `Shell.writable` is called."""

    def close(self, why: str) -> None:
        """The session is over; `why` is empty when the user left."""


class Shell:
    """`start` it, hand it what is typed, `close` it when the terminal is gone.

    `patient`: nothing is read ahead while an errand runs, as scripts want it, and a line that asks for help is not
    carried out; a person's keys go to the session at once, which knows what they mean while something runs.
    """

    def __init__(
        self,
        desk: CommandLine,
        terminal: Terminal,
        user: User,
        *,
        patient: bool = False,
        idle_s: float | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        """`cipher`: another one than the device's, for text that is to leave it."""
        self._desk, self._terminal, self.user, self._patient = desk, terminal, user, patient
        self._draft_is_ours = cipher is None
        self._idle_s = idle_s
        self._left_alone: asyncio.TimerHandle | None = None
        self._settling: asyncio.Task[None] | None = None
        if cipher is None:
            self._session = Session(desk.running(), desk.cipher, draft=desk.draft)
        else:
            self._session = Session(desk.running(), cipher)
        self._typed = bytearray()
        self._shown: deque[bytes] = deque()
        self._shown_bytes = 0
        self._again: asyncio.Handle | None = None
        self._errand: Errand | None = None
        self._closed = False
        self._last = False
        self._idle = asyncio.Event()
        self._mistakes = MistakeCount()

    @property
    def mistakes(self) -> int:
        """Lines that were refused, as far as the text shows it."""
        return self._mistakes.count

    @property
    def may_save(self) -> bool:
        """Not in a script of which a line was refused: nobody is there to see that it is half of what was meant."""
        return not (self._patient and self.mistakes)

    @property
    def prompt(self) -> str:
        """Of the present view."""
        return self._session.prompt

    @property
    def full(self) -> bool:
        """Whoever can keep the terminal from sending should."""
        return len(self._typed) > MAX_TYPED // 2 or bool(self._shown)

    def start(self, *, paging: bool = True) -> None:
        """Show the first prompt. Without `paging` no output ever waits for a key."""
        if not paging:
            self._session.feed(b"screen-length disable\r")
        self._carry_out(self._session.start())
        self._note_life()
        self._note_idle()

    def typed(self, data: bytes) -> None:
        """What the user typed or pasted, in pieces of any size."""
        if self._closed or self._last:
            return
        at = data.rfind(_CTRL_C)
        if at >= 0 and self._is_busy():
            self._typed.clear()
            self._carry_out(self._session.feed(_CTRL_C))
            data = data[at + 1 :]
        if len(self._typed) + len(data) > MAX_TYPED:
            self.close("more was typed at once than is taken")
            return
        self._typed += data
        self._note_life()
        self._work()

    def resize(self, rows: int) -> None:
        """The terminal has so many lines now."""
        self._session.resize(rows)

    def no_more(self) -> None:
        """Nothing will be typed any more: what was is done to its end, then the session is over."""
        self._last = True
        self._work()

    def writable(self) -> None:
        """The terminal takes bytes again."""
        while self._shown and self._terminal.write(self._shown[0]):
            self._shown_bytes -= len(self._shown.popleft())
        self._work()

    def update(self, config: DeviceConfig) -> None:
        """Somebody changed the running config."""
        self._session.update(config)

    def close(self, why: str = "") -> None:
        """End it from this side; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        if self._errand is not None:
            self._errand.cancel()
        for handle in (self._again, self._settling, self._left_alone):
            if handle is not None:
                handle.cancel()
        self._desk.left(self)
        self._idle.set()
        self._terminal.close(why)

    @property
    def draft(self) -> tuple[DeviceConfig, str] | None:
        """All lines of this session, and the config that they make; None: others could not read them."""
        return (self._session.config, self._session.draft) if self._draft_is_ours else None

    async def idle(self) -> None:
        """Until everything typed so far is done."""
        await self._idle.wait()

    # ------------------------------------------------------------------------------------------------ in order

    def _is_busy(self) -> bool:
        return self._errand is not None

    def _can_work(self) -> bool:
        held = self._settling is not None or (self._patient and self._is_busy())
        return not self._closed and not self._shown and not held

    def _work(self) -> None:
        """One line now; the next ones have their turn after everybody else had theirs."""
        if self._again is None and self._typed and self._can_work():
            end = _LINE_END.search(self._typed)
            if end is None and self._patient and not self._last and len(self._typed) < MAX_LINE:
                return  # a script's line is looked at as a whole
            line = bytes(self._typed[: end.end() if end else len(self._typed)])
            del self._typed[: len(line)]
            asked = help_asked(line.decode("utf-8", "replace")) if self._patient else None
            self._carry_out(self._session.feed(line) if asked is None else self._session.help(asked))
            if self._typed and not self._closed:
                self._again = asyncio.get_running_loop().call_soon(self._work_again)
        self._note_idle()

    def _work_again(self) -> None:
        self._again = None
        self._work()

    def _note_idle(self) -> None:
        if self._typed or self._is_busy() or self._shown or self._settling is not None:
            self._idle.clear()
        elif self._last and not self._closed:
            self.close()
        else:
            self._idle.set()

    def _note_life(self) -> None:
        if self._left_alone is not None:
            self._left_alone.cancel()
        if self._idle_s is not None:
            loop = asyncio.get_running_loop()
            self._left_alone = loop.call_later(self._idle_s, self.close, "nothing was typed for too long")

    # ------------------------------------------------------------------------------------------------ effects

    def _carry_out(self, what: list[EffectOrOutput]) -> None:
        for item in what:
            if self._closed:
                return
            if isinstance(item, Output):
                self._show(item.data)
            elif isinstance(item, ChangeConfig):
                self._change(item)
            elif isinstance(item, Quit):
                self.close()
            elif isinstance(item, Interrupt):
                if self._errand is not None:
                    self._errand.interrupt()
            else:
                self._begin(item)

    def _show(self, data: bytes) -> None:
        self._mistakes.take(data.decode("utf-8", "replace"))
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            if self._shown or not self._terminal.write(piece):
                self._shown.append(piece)
                self._shown_bytes += len(piece)
        if self._shown_bytes > MAX_WAITING:
            self.close("what is shown is not read")

    def _change(self, change: ChangeConfig) -> None:
        if not self.user.may_change:
            self._refuse(DENIED)
            return
        typed = new_passwords(change.config, self._desk.running())
        if not typed:
            self._make(change)
            return
        loop = asyncio.get_running_loop()
        self._settling = loop.create_task(self._make_without_passwords(change, typed), name="password")
        self._settling.add_done_callback(self._settled)

    def _make(self, change: ChangeConfig) -> None:
        try:
            self._desk.change(self, change)
        except (TwinspanError, OSError) as error:
            self._refuse(f" % {error}\r\n".encode())

    async def _make_without_passwords(self, change: ChangeConfig, typed: tuple[LocalUser, ...]) -> None:
        """What runs and is saved has verifiers in the place of passwords."""
        before = self._desk.running()
        config = await with_verifiers(change.config, typed)
        if self._desk.running() != before:
            self._refuse(b" % The configuration was changed by somebody else meanwhile; type the line again.\r\n")
        else:
            self._make(msgspec.structs.replace(change, config=config))

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settling = None
        if not self._closed and not task.cancelled():
            task.result()
            self._work()

    def _refuse(self, sentence: bytes) -> None:
        self._show(sentence)
        self._session.update(self._desk.running())

    def _begin(self, effect: Effect) -> None:
        assert isinstance(effect, WAITING)
        errand = errand_for(self._desk, self, effect)
        self._errand = errand
        self._idle.clear()
        errand.start(self._answered, self._done)

    def _answered(self, text: str) -> None:
        self._carry_out(self._session.answer(text, last=False))

    def _done(self, text: str) -> None:
        self._errand = None
        if not self._closed:
            self._carry_out(self._session.answer(text, last=True))
            self._work()
