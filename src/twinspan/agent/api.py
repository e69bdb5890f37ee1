"""The node's local socket: config in, report and events out. One JSON object per line, 0600, root only.

In: {"op": "apply" | "report" | "events" | "clock" | "drill" | "order" | "order-end" | "cloud-reset" |
"unbinding-code" | "cloud-examine", ...}. Out: {"ok": true, ...} or {"ok": false, "error": "..."}; whatever comes in,
there is an answer and the agent lives. The cloud connection's sub-connections carry the same. Next: `agent.node`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from twinspan.agent.orders import MAX_ORDER_S, OrderRefused
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.drivers.private_socket import serve_private
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected, TwinspanError
from twinspan.model.secret import decode_hook

if TYPE_CHECKING:
    from twinspan.agent.node import Node

LINE_LIMIT = 4 << 20
"""A whole config is a few kilobytes; anything larger than this is not one."""


class Apply(msgspec.Struct, frozen=True, kw_only=True):
    config: DeviceConfig


class Since(msgspec.Struct, frozen=True, kw_only=True):
    since_ns: int = 0


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    for_s: float


class OrderLink(msgspec.Struct, frozen=True, kw_only=True):
    link: str
    expires_s: float


class OpenLink(msgspec.Struct, frozen=True, kw_only=True):
    link: str


class Code(msgspec.Struct, frozen=True, kw_only=True):
    code: str


class Examine(msgspec.Struct, frozen=True, kw_only=True):
    """Try every step of a cloud connection."""


class Nothing(msgspec.Struct, frozen=True, kw_only=True):
    """The op says it all."""


_REQUESTS: Mapping[str, type[msgspec.Struct]] = {
    "apply": Apply,
    "report": Nothing,
    "events": Since,
    "clock": Nothing,
    "drill": Drill,
    "order": OrderLink,
    "order-end": OpenLink,
    "cloud-reset": Nothing,
    "unbinding-code": Code,
    "cloud-examine": Examine,
}


async def serve(node: Node, path: Path) -> None:
    """Serve the socket at `path` until cancelled."""

    def start(listening: socket.socket) -> Awaitable[asyncio.Server]:
        return asyncio.start_unix_server(lambda r, w: _connection(node, r, w), sock=listening, limit=LINE_LIMIT)

    await serve_private(path, start, lambda why: node.events.record("config", "socket not served", why))


async def _connection(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                # What follows in the stream is the rest of that line: nothing after it could be told apart.
                writer.write(_encode(_refusal(f"a line of more than {LINE_LIMIT} bytes is no request")))
                await writer.drain()
                return
            if not line:
                return
            writer.write(_encode(await _answer(node, line)))
            await writer.drain()
    except ConnectionError:  # the client went away
        return
    finally:
        writer.close()


def _encode(answer: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(answer) + b"\n"


def _refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


async def _answer(node: Node, line: bytes) -> dict[str, Any]:
    try:
        return {"ok": True, **await _dispatch(node, _decode(line))}
    except RecursionError:
        return _refusal("the request is nested too deeply")
    except (msgspec.DecodeError, UnicodeDecodeError, OrderRefused, NetlinkFailed, TwinspanError, OSError) as error:
        return _refusal(str(error) or type(error).__name__)


def _decode(line: bytes) -> tuple[str, Any]:
    """(op, its typed request). Raises msgspec's errors, which name the field and never its value, and `Rejected`."""
    request = msgspec.json.decode(line, type=dict[str, Any])
    op = request.pop("op", None)
    kind = _REQUESTS.get(op) if isinstance(op, str) else None
    if kind is None:
        raise Rejected(f"op {str(op)[:40]!r}: unknown", remedy=f"use one of {', '.join(_REQUESTS)}")
    return str(op), msgspec.convert(request, kind, dec_hook=decode_hook)


async def _dispatch(node: Node, request: tuple[str, Any]) -> dict[str, Any]:
    match request:
        case "apply", Apply(config=config):
            node.apply(config)
            return {"generation": config.generation}
        case "report", _:
            return {"report": await node.report()}
        case "events", Since(since_ns=since_ns):
            return {"events": node.events.since(since_ns)}
        case "drill", Drill(for_s=for_s):
            node.failover.expect_drill(max(0.0, min(for_s, MAX_ORDER_S)))
            return {}
        case "order", OrderLink(link=link, expires_s=expires_s):
            before, after = await node.orders.shut(link, expires_s, node.data_links())
            return {"before_ns": before, "after_ns": after}
        case "order-end", OpenLink(link=link):
            await node.orders.open(link)
            return {}
        case (("cloud-reset" | "unbinding-code" | "cloud-examine"), order):
            return await _cloud_order(node, order)
        case _:
            return {"now_ns": time.time_ns()}


async def _cloud_order(node: Node, order: Code | Examine | Nothing) -> dict[str, Any]:
    """Orders to the cloud connection: look at every step, begin anew, or pass a verification code on."""
    if isinstance(order, Examine):
        return {"checks": await node.cloud.examine()}
    if isinstance(order, Code):
        return {"detail": await node.cloud.unbinding_code(order.code)}
    node.cloud.reset()
    return {}
