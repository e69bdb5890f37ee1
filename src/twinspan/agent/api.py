"""The node's local socket: config in, report and events out. One JSON object per line, 0600, root only.

In: {"op": "apply" | "report" | "events" | "clock" | "drill" | "order" | "order-end", ...}. Out: {"ok": true, ...} or
{"ok": false, "error": "..."}. It is what the cloud connection's sub-connections will carry later. Next: `agent.node`.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from twinspan.agent.orders import MAX_ORDER_S, OrderRefused
from twinspan.drivers.netlink import NetlinkFailed
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import TwinspanError
from twinspan.model.secret import decode_hook

if TYPE_CHECKING:
    from twinspan.agent.node import Node

LINE_LIMIT = 4 << 20
"""A whole config is a few kilobytes; anything larger than this is not one."""


async def serve(node: Node, path: Path) -> None:
    """Serve the socket at `path` until cancelled."""
    path.unlink(missing_ok=True)  # noqa: ASYNC240  once, before serving
    old = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(lambda r, w: _connection(node, r, w), str(path), limit=LINE_LIMIT)
    finally:
        os.umask(old)
    async with server:
        await server.serve_forever()


async def _connection(node: Node, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(msgspec.json.encode(await _answer(node, line)) + b"\n")
            await writer.drain()
    except (ValueError, ConnectionError):  # a line over the limit, or the client went away
        pass
    finally:
        writer.close()


async def _answer(node: Node, line: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(line, type=dict[str, Any])
        return {"ok": True, **await _dispatch(node, request)}
    except (msgspec.DecodeError, msgspec.ValidationError, OrderRefused, NetlinkFailed, TwinspanError) as error:
        return {"ok": False, "error": str(error)}


async def _dispatch(node: Node, request: dict[str, Any]) -> dict[str, Any]:
    match request.get("op"):
        case "apply":
            config = msgspec.convert(request.get("config"), DeviceConfig, dec_hook=decode_hook)
            if config.node != node.events.node:
                raise OrderRefused(f"config is for node {config.node!r}, this is {node.events.node!r}: send it there")
            node.apply(config)
            return {"generation": config.generation}
        case "report":
            return {"report": await node.report()}
        case "events":
            return {"events": node.events.since(int(request.get("since_ns", 0)))}
        case "clock":
            return {"now_ns": time.time_ns()}
        case "drill":
            node.failover.expect_drill(time.time_ns() + int(min(float(request.get("for_s", 0)), MAX_ORDER_S) * 1e9))
            return {}
        case "order":
            config_now = node.converger.config
            allowed = frozenset(
                link.name
                for link in (config_now.links if config_now else ())
                if link.kind == "physical" and not link.management
            )
            before, after = await node.orders.shut(
                str(request.get("link")), float(request.get("expires_s", 0)), allowed
            )
            return {"before_ns": before, "after_ns": after}
        case "order-end":
            await node.orders.open(str(request.get("link")))
            return {}
        case other:
            raise OrderRefused(f"op {other!r}: unknown; use apply, report, events, clock, drill, order or order-end")
