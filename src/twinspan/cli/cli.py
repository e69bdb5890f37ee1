"""`twinspan cli`: the command line of a node on this machine, as if one sat at its console.

In: keys of a person, a script from a pipe, or one command. Out: what the node shows, and whether it refused a line. The
agent does the work; here are the terminal and the socket. Next: `wire.cli_socket`.
"""

from __future__ import annotations

import codecs
import os
import select
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import click

from twinspan.cli.raw_terminal import raw_terminal
from twinspan.lab.lab import open_lab
from twinspan.model.errors import Rejected, Unavailable
from twinspan.wire.cli_socket import (
    MAX_KEYS,
    SOCKET_NAME,
    BadMessage,
    Ended,
    ExportKey,
    Open,
    Resize,
    Script,
    ToAgent,
    Typed,
    decode_for_client,
    encode_line,
)

ESCAPE = 0x1D
"""Ctrl-], as telnet has it."""
EXIT_NOT_AS_WISHED = 1


@click.command()
@click.argument("node_dir", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--lab", "lab_name", metavar="NAME", help="A node of this lab. Default: the only one there is.")
@click.option("--node", metavar="NODE", help="Name of the lab's node.  [default: gateway]")
@click.option("--command", "-c", "commands", multiple=True, metavar="LINE", help="Carry it out and leave.")
@click.option("--config", "config", type=click.File(), metavar="FILE", help="Carry its lines out in system view.")
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Its first line protects secrets in what is shown, and opens those in what is carried out.",
)
def cli(
    node_dir: Path | None,
    lab_name: str | None,
    node: str | None,
    commands: tuple[str, ...],
    config: TextIO | None,
    passphrase_file: Path | None,
) -> int:
    """Open the command line of a node: `?` helps, Tab completes, Ctrl-] leaves whatever happens.

    NODE_DIR is the directory of its agent. From a pipe the lines are carried out one by one; the exit code is 1 if one
    of them was refused.

    \b
    Examples:
      twinspan cli /var/lib/twinspan/gateway
      twinspan cli --lab two-spans --node gateway
      twinspan cli -c "display cloud-management state"
      twinspan cli < commands.txt

    \b
    A gateway's configuration with its secrets, to another one:
      twinspan cli -c "display current-configuration" \\
          --passphrase-file pass.txt > gateway.cfg
      twinspan cli --config gateway.cfg --passphrase-file pass.txt -c "save force"
    """
    path = _socket_path(node_dir, lab_name, node)
    if config is None and not commands and sys.stdin.isatty():
        if passphrase_file is not None:
            raise click.UsageError("--passphrase-file goes with --command, --config or lines from a pipe")
        with _connected(path) as connection, raw_terminal():
            return _Terminal(connection).run()
    lines: list[str] = []
    if config is not None:
        lines += ["system-view", *config.read().splitlines(), "return"]
    lines += commands
    if config is None and not commands:
        lines += sys.stdin.read().splitlines()
    script = Script(lines=tuple(lines), transcript=not commands, keys=_keys(passphrase_file, "\n".join(lines)))
    with _connected(path) as connection:
        return _run(connection, script)


def _keys(passphrase_file: Path | None, text: str) -> tuple[ExportKey, ...]:
    """One for each salt in the text; a new one where it has none."""
    if passphrase_file is None:
        return ()
    try:
        passphrase = passphrase_file.read_text("utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Rejected(
            f"--passphrase-file {passphrase_file}: {reason}", remedy="give a file with the passphrase"
        ) from None
    if not passphrase:
        raise Rejected(
            f"--passphrase-file {passphrase_file}: its first line is empty", remedy="write a passphrase there"
        )
    from twinspan.agent.cipher import derive, new_salt, salts_in  # noqa: PLC0415  late: few need it

    salts = salts_in(text)
    if len(salts) > MAX_KEYS:
        raise Rejected(
            f"the text is of {len(salts)} exports", remedy=f"carry it out in parts of {MAX_KEYS} at the most"
        )
    return tuple(ExportKey(salt=salt, key=derive(passphrase, salt)) for salt in salts or (new_salt(),))


def _socket_path(node_dir: Path | None, lab_name: str | None, node: str | None) -> Path:
    if node_dir is not None:
        if lab_name or node:
            raise click.UsageError("give NODE_DIR, or --lab and --node, not both")
        return node_dir / SOCKET_NAME
    lab = open_lab(lab_name)
    chosen = node or "gateway"
    lab.netns(chosen)
    return lab.paths.node(chosen) / SOCKET_NAME


@contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except PermissionError as error:
        connection.close()
        raise Unavailable(f"{path}: not allowed", remedy="run it as the user of the agent, usually root") from error
    except OSError as error:
        connection.close()
        raise Unavailable(
            f"no agent answers at {path} ({error.strerror or error})",
            remedy=f"start it: twinspan agent --node-dir {path.parent}",
        ) from error
    with connection:
        yield connection


def _run(connection: socket.socket, script: Script) -> int:
    """Exit code of a script."""
    with _cut_off():
        connection.sendall(encode_line(script))
        with connection.makefile("rb") as lines:
            for line in lines:
                ended = _take(line)
                if ended is not None:
                    return _code(ended)
    raise Unavailable("the agent hung up in the middle", remedy="run it again; the log of the agent says why")


def _code(ended: Ended) -> int:
    if ended.detail:
        click.echo(f"Error: {ended.detail}", err=True)
    return EXIT_NOT_AS_WISHED if ended.detail or ended.mistakes else 0


def _take(line: bytes) -> Ended | None:
    """Show what is to be shown; the last message."""
    message = decode_for_client(line)
    if isinstance(message, BadMessage):
        raise Rejected(f"the agent's answer is not understood: {message.detail}", remedy="are both of one version?")
    if isinstance(message, Ended):
        return message
    sys.stdout.buffer.write(message.text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    return None


class _Terminal:
    """Between a person's terminal and the agent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._received = b""

    def run(self) -> int:
        """Until the user or the agent ends it; the exit code."""
        size = shutil.get_terminal_size()
        with _cut_off(), _resizes() as resized:
            self._send(Open(columns=size.columns, rows=size.lines))
            while True:
                ready, _, _ = select.select([sys.stdin.fileno(), self._connection, resized], [], [])
                if resized in ready:
                    resized.recv(64)
                    size = shutil.get_terminal_size()
                    self._send(Resize(columns=size.columns, rows=size.lines))
                if sys.stdin.fileno() in ready and not self._type():
                    return 0
                if self._connection in ready:
                    ended = self._show()
                    if ended is not None:
                        sys.stdout.write(f"\r\n{ended.detail}\r\n" if ended.detail else "\r\n")
                        return EXIT_NOT_AS_WISHED if ended.detail else 0

    def _type(self) -> bool:
        """False: the user leaves from this side."""
        data = os.read(sys.stdin.fileno(), 4096)
        if not data or ESCAPE in data:
            return False
        text = self._decoder.decode(data)
        if text:
            self._send(Typed(text=text))
        return True

    def _show(self) -> Ended | None:
        data = self._connection.recv(65536)
        if not data:
            return Ended(detail="the agent hung up")
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            ended = _take(line)
            if ended is not None:
                return ended
        return None

    def _send(self, message: ToAgent) -> None:
        self._connection.sendall(encode_line(message))


@contextmanager
def _cut_off() -> Iterator[None]:
    """The agent may die at any moment."""
    try:
        yield
    except (ConnectionResetError, BrokenPipeError) as error:
        raise Unavailable("the agent hung up", remedy="its supervisor starts it again; try once more") from error


@contextmanager
def _resizes() -> Iterator[socket.socket]:
    """A socket that has a byte to read whenever the terminal changed its size."""
    told, tell = socket.socketpair()
    told.setblocking(False)
    tell.setblocking(False)

    def changed(*_: object) -> None:
        with suppress(BlockingIOError):
            tell.send(b"x")

    before = signal.signal(signal.SIGWINCH, changed)
    try:
        yield told
    finally:
        signal.signal(signal.SIGWINCH, before)
        told.close()
        tell.close()
