"""`twinspan device shell`: a terminal on a device, through the server, as if one sat there.

In: keys of a person, or text from a pipe. Out: what the device shows. The server records both and notes who it was.
Ctrl-] ends it from this side, whatever the device does. Next: nothing; this is the edge.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import shutil
import signal
import sys

import click

from twinspan.cli.admin_client import AdminClient, refusal, segment, unreachable
from twinspan.cli.device_login import ServerOptions, open_client, server_options
from twinspan.cli.raw_terminal import raw_terminal
from twinspan.drivers.websocket import WebSocket
from twinspan.drivers.websocket_client import UpgradeRefused, open_websocket
from twinspan.model.errors import Unavailable
from twinspan.wire.cloud_connection.messages import MAX_CONTROL_BYTES, encode
from twinspan.wire.cloud_connection.services import CliClose, CliData, CliResize, decode_service_message
from twinspan.wire.comware.mistakes import MistakeCount
from twinspan.wire.comware.words import help_asked

ESCAPE = "\x1d"
"""Ctrl-], as telnet has it."""
IDLE_S = 2.0
"""After the end of piped input: so long without any output, and the session is over."""
_SESSION = "-"
"""The server knows which session this WebSocket is."""
_NORMAL = 1000
_ERASE_LINE = "\x15"
"""Ctrl-U."""


@click.command()
@click.argument("serial")
@server_options
def shell(serial: str, where: ServerOptions) -> int:
    """Open the command line of a device. Ctrl-] ends it. The session is recorded on the server.

    From a pipe the exit code is 1 if the device refused a line.

    \b
    Examples:
      twinspan device shell 210235A1K9B1234567
      echo "display cloud-management state" | twinspan device shell 210235A1K9B1234567
    """
    client = open_client(where)
    if sys.stdin.isatty():
        click.echo(f"Connecting to {serial}; Ctrl-] ends it. This session is recorded.", err=True)
    with raw_terminal():
        terminal = _Terminal()
        code, reason = asyncio.run(terminal.run(client, serial))
    if code == _NORMAL or reason:
        click.echo(f"\n{reason or 'The session ended.'}", err=True)
        return 0 if code == _NORMAL and not terminal.failed else 1
    raise Unavailable(f"the connection to {client.address} broke (code {code})", remedy="try again")


class _Terminal:
    """One session between this terminal and a WebSocket."""

    def __init__(self) -> None:
        self._socket = WebSocket(MAX_CONTROL_BYTES)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._person = sys.stdin.isatty()
        self._line = ""
        """Begun, in a pipe."""
        self._mistakes = MistakeCount()
        self._ended: asyncio.Future[tuple[int, str]] | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._input_over = False

    async def run(self, client: AdminClient, serial: str) -> tuple[int, str]:
        """Until either side ends it: the close code and a reason."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        self._socket.on_message, self._socket.on_closed = self._shown, self._closed
        columns, rows = shutil.get_terminal_size()
        path = f"/api/v1/devices/{segment(serial)}/shell?columns={columns}&rows={rows}"
        try:
            await open_websocket(f"wss://{client.address}{path}", self._socket, client.context, client.authorization())
        except UpgradeRefused as refused:
            raise refusal(client.address, refused.status, refused.body) from refused
        except OSError as error:
            raise unreachable(client.address, error) from error
        loop.add_signal_handler(signal.SIGWINCH, self._resized)
        try:
            loop.add_reader(sys.stdin.fileno(), self._typed)
        except PermissionError:  # a file, which is always readable and which epoll does not take
            while not self._input_over:
                self._typed()
        try:
            return await self._ended
        finally:
            loop.remove_reader(sys.stdin.fileno())
            loop.remove_signal_handler(signal.SIGWINCH)

    def _typed(self) -> None:
        data = os.read(sys.stdin.fileno(), 4096)
        text = self._decoder.decode(data, final=not data)
        if not data:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._input_over = True
            self._wait_for_output()
        if ESCAPE in text and self._person:
            self._socket.close(_NORMAL, "ended here")
            return
        text = text if self._person else self._lines(text, last=not data)
        if text:
            self._socket.send(encode(CliData(session=_SESSION, text=text)))

    def _lines(self, text: str, *, last: bool) -> str:
        """Whole lines of a pipe as keys: one that asks for help is taken back, since nobody will finish it."""
        *lines, self._line = re.split(r"(?<=[\r\n])", self._line + text)
        if last:
            lines, self._line = [*lines, self._line], ""
        keys = ((line, help_asked(line)) for line in lines)
        return "".join(line if asked is None else f"{asked}?{_ERASE_LINE}" for line, asked in keys)

    @property
    def failed(self) -> bool:
        """Whether a line of a pipe was refused. A person has seen it."""
        return not self._person and self._mistakes.count > 0

    def _shown(self, data: str) -> None:
        message = decode_service_message(data)
        if isinstance(message, CliData):
            self._mistakes.take(message.text)
            sys.stdout.buffer.write(message.text.encode("utf-8", "replace"))
            sys.stdout.buffer.flush()
        elif isinstance(message, CliClose):
            self._socket.close(_NORMAL, message.detail)
        if self._input_over:
            self._wait_for_output()

    def _wait_for_output(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._socket.close, _NORMAL, "the input is over")

    def _resized(self) -> None:
        columns, rows = shutil.get_terminal_size()
        self._socket.send(encode(CliResize(session=_SESSION, columns=columns, rows=rows)))

    def _closed(self, code: int, reason: str) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result((code, reason))
