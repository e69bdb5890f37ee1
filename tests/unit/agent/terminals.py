"""A node without its loops and terminals in memory, for tests of the command line."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from twinspan.agent.command_line import CommandLine
from twinspan.agent.node import Node
from twinspan.agent.shell import Shell, User
from twinspan.model.device_config import DeviceConfig, Link

CONFIG = DeviceConfig(
    node="n1", role="gateway", site="s", forwarding=True, links=(Link(name="eth0", addresses=("10.0.0.2/30",)),)
)
ROOT = User(name="root", way="local socket")
GUEST = User(name="guest", way="ssh from 192.0.2.7", may_change=False)


class FakeTerminal:
    """Takes everything while `reads`, nothing else."""

    def __init__(self) -> None:
        self.shown = b""
        self.reads = True
        self.ended: str | None = None

    @property
    def text(self) -> str:
        return self.shown.decode().replace("\r\n", "\n")

    def write(self, data: bytes) -> bool:
        if self.reads:
            self.shown += data
        return self.reads

    def close(self, why: str) -> None:
        self.ended = why


class Seat:
    """A terminal with its shell at a real node."""

    def __init__(self, node: Node, user: User = ROOT, *, patient: bool = True) -> None:
        self.terminal = FakeTerminal()
        self.shell: Shell = node.command_line.open(self.terminal, user, patient=patient)
        self.shell.start(paging=False)

    async def type(self, *lines: str) -> str:
        """What the lines brought, with prompts and echoes."""
        self.terminal.shown = b""
        for line in lines:
            self.shell.typed(line.encode() + b"\r")
            async with asyncio.timeout(10):
                await self.shell.idle()
        return self.terminal.text

    async def shows(self, text: str, deadline_s: float = 5.0) -> None:
        end = time.monotonic() + deadline_s
        while text not in self.terminal.text:
            assert time.monotonic() < end, f"{text!r} is not in {self.terminal.text!r}"
            await asyncio.sleep(0.005)


def make_node(directory: Path, config: DeviceConfig | None = CONFIG) -> Node:
    """Inside a running event loop. Its loops do not run: nothing of this machine is touched."""
    node = Node(directory, "n1")
    if config is not None:
        node.apply(config)
    return node


def desk_of(node: Node) -> CommandLine:
    return node.command_line
