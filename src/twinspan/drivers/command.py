"""Runs a short command to its end, without blocking the loop and without being hurt by cancellation.

In: arguments and what to say on standard input. Out: exit code and what it said. It stands in for asyncio's own
subprocesses, which on Python 3.11 take a thread each and were seen to wait for ever when cancelled at their start.
Next: `drivers.nftables`, `drivers.dhcp_client`.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a command ended."""

    returncode: int
    output: str
    errors: str


async def run_command(*argv: str, text: str = "") -> Finished:
    """Run `argv` and wait for its end; cancelling kills it. Raises FileNotFoundError if there is no such program."""
    with _memory("in") as given, _memory("out") as output, _memory("err") as errors:
        given.write(text.encode())
        given.seek(0)
        process = _start(argv, given, output, errors)
        try:
            await _ended(process.pid)
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            process.wait()  # it has ended or is being killed: this reaps it
        return Finished(returncode=process.returncode, output=_said(output), errors=_said(errors))


def _start(argv: Sequence[str], given: BinaryIO, output: BinaryIO, errors: BinaryIO) -> subprocess.Popen[bytes]:
    """It takes as long as fork and exec do, in asyncio's way as well."""
    return subprocess.Popen(argv, stdin=given, stdout=output, stderr=errors)


async def _ended(pid: int) -> None:
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    descriptor = os.pidfd_open(pid)
    try:
        loop.add_reader(descriptor, end.set)
        await end.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _memory(name: str) -> BinaryIO:
    """A file that no disk ever sees; a pipe could fill up while nobody reads."""
    return os.fdopen(os.memfd_create(name), "w+b")


def _said(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
