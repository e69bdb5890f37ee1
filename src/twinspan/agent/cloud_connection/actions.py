"""What the server may ask a device to do by a diagnostics command. All of it looks; none of it changes the node.

In: arguments as text. Out: text, or `CommandFailed`. Next: `diagnostics`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from twinspan.agent.cloud_connection.diagnostics import Action, CommandFailed
from twinspan.model.secret import encode_hook

if TYPE_CHECKING:
    from twinspan.agent.node import Node

PING_COUNT_MAX = 20
_PING_S = 30.0


def actions_of(node: Node) -> dict[str, Action]:
    """By name."""

    async def report(_: Mapping[str, str]) -> str:
        found = msgspec.json.encode(await node.report(), enc_hook=encode_hook)
        return msgspec.json.format(found, indent=2).decode()

    async def state(_: Mapping[str, str]) -> str:
        return msgspec.json.format(msgspec.json.encode(node.cloud.status()), indent=2).decode()

    async def events(arguments: Mapping[str, str]) -> str:
        seconds = _number(arguments, "seconds", 600, 1, 86400)
        found = node.events.since(time.time_ns() - seconds * 1_000_000_000)
        return "\n".join(f"{e.at_ns} {e.source}: {e.what} {e.detail}".rstrip() for e in found)

    return {"echo": _echo, "ping": _ping, "report": report, "state": state, "events": events}


async def _echo(arguments: Mapping[str, str]) -> str:
    return arguments.get("text", "")


async def _ping(arguments: Mapping[str, str]) -> str:
    """The machine's own ping, from wherever the node is."""
    destination = arguments.get("destination", "")
    try:
        address = ipaddress.ip_address(destination)
    except ValueError:
        raise CommandFailed("destination: give an IPv4 or IPv6 address") from None
    count = _number(arguments, "count", 3, 1, PING_COUNT_MAX)
    argv = ["ping", "-n", "-c", str(count), "-i", "0.2", "-W", "2", str(address)]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(_PING_S):
            output, _ = await process.communicate()
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    return output.decode(errors="replace")


def _number(arguments: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = arguments.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or len(text) > 9 or not lowest <= int(text) <= highest:
        raise CommandFailed(f"{name}: give a whole number from {lowest} to {highest}")
    return int(text)
