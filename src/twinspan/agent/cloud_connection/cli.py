"""The cli service of the device: many terminals on one sub-connection, told apart by their session's id.

In: `CliOpen`, `CliData`, `CliClose` of the server. Out: `CliData`, `CliClose`. Whoever may open one is the server's to
say; here each is an administrator by the name it gives. A terminal that is not read holds its own session and no other
service. Next: `agent.shell`.
"""

from __future__ import annotations

import asyncio
import codecs
from typing import TYPE_CHECKING

from twinspan.agent.cloud_connection.services import Link
from twinspan.agent.command_line import CommandLine
from twinspan.model.errors import Rejected
from twinspan.wire.cloud_connection.messages import CloseCode
from twinspan.wire.cloud_connection.services import CLI, CliClose, CliData, CliOpen, CliResize, ServiceMessage

if TYPE_CHECKING:
    from twinspan.agent.shell import Shell

MAX_SESSIONS = 16
"""At once, as the server has it."""
MAX_QUEUED_BYTES = 256 << 10
"""Waiting on the sub-connection; beyond it the sessions hold."""


class CliModule:
    """Opens shells for the server."""

    name = CLI

    def __init__(self, desk: CommandLine) -> None:
        self._desk = desk
        self._terminals: dict[str, _Terminal] = {}

    async def run(self, link: Link) -> None:
        link.websocket.on_writable = self._writable
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for terminal in tuple(self._terminals.values()):
                terminal.gone()
            self._terminals.clear()

    def received(self, link: Link, message: ServiceMessage) -> None:
        if isinstance(message, CliOpen):
            self._open(link, message)
            return
        if not isinstance(message, CliData | CliResize | CliClose):
            link.websocket.close(CloseCode.PROTOCOL, "no message of this service")
            return
        terminal = self._terminals.get(message.session)
        if terminal is None:
            return  # of a session that was just closed
        if isinstance(message, CliData):
            terminal.shell.typed(message.text.encode("utf-8", "replace"))
        elif isinstance(message, CliResize):
            terminal.shell.resize(message.rows)
        else:
            self.forget(message.session)
            terminal.gone()

    def _open(self, link: Link, message: CliOpen) -> None:
        from twinspan.agent.shell import REMOTE_IDLE_S, User  # noqa: PLC0415  late: it loads the whole language

        if message.session in self._terminals:
            return
        if len(self._terminals) >= MAX_SESSIONS:
            link.send(CliClose(session=message.session, detail=f"{MAX_SESSIONS} sessions are open already"))
            return
        terminal, user = _Terminal(self, link, message.session), User(name=message.user, way="cloud server")
        try:
            terminal.shell = self._desk.open(terminal, user, idle_s=REMOTE_IDLE_S)
        except Rejected as error:
            link.send(CliClose(session=message.session, detail=str(error)))
            return
        self._terminals[message.session] = terminal
        terminal.shell.resize(message.rows)
        terminal.shell.start()

    def forget(self, session: str) -> None:
        """It is over."""
        self._terminals.pop(session, None)

    def _writable(self) -> None:
        for terminal in tuple(self._terminals.values()):
            terminal.shell.writable()


class _Terminal:
    """The other end of one session."""

    shell: Shell

    def __init__(self, module: CliModule, link: Link, session: str) -> None:
        self._module, self._link, self._session = module, link, session
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._gone = False

    def write(self, data: bytes) -> bool:
        if self._gone:
            return True
        if self._link.websocket.waiting_bytes > MAX_QUEUED_BYTES:
            return False
        text = self._decoder.decode(data)
        if text:
            self._link.send(CliData(session=self._session, text=text))
        return True

    def close(self, why: str) -> None:
        if not self._gone:
            self._gone = True
            self._module.forget(self._session)
            self._link.send(CliClose(session=self._session, detail=why))

    def gone(self) -> None:
        """The other end, or the sub-connection, is gone: nobody is told."""
        self._gone = True
        self.shell.close()
