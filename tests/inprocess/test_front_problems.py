"""What is refused before anybody looks at a request: below /api/ a problem (RFC 9457), for devices their own JSON."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any

import pytest
from tests.inprocess.rest import Reply
from tests.inprocess.site import Cloud, Site

API, DEVICES = "/api/v1/vpcs", "/service/authenticate"
LONG = "x" * 9000
REQUESTS = {
    431: "GET {path} HTTP/1.1\r\nHost: a\r\nX-Long: " + LONG + "\r\n\r\n",
    413: "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n",
    411: "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    400: "GET {path} HTTP/1.1\r\nno header\r\n\r\n",
}


async def sent(cloud: Cloud, text: str) -> Reply:
    context = ssl.create_default_context(cafile=str(cloud.folder / "authority.pem"))
    reader, writer = await asyncio.open_connection(cloud.address, cloud.port, ssl=context)
    try:
        writer.write(text.encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode()
        status, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
    finally:
        writer.close()
    return Reply(int(status.split()[1]), headers, body)


def problem_of(reply: Reply) -> dict[str, Any]:
    assert reply.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(reply.body)
    assert found["status"] == reply.status
    assert found["type"].startswith("urn:twinspan:problem:")
    assert found["title"]
    assert found["remedy"]
    return found


@pytest.mark.parametrize("status", REQUESTS)
async def test_below_api_it_is_a_problem(site: Site, status: int) -> None:
    reply = await sent(await site.cloud(), REQUESTS[status].format(path=API))
    assert reply.status == status
    problem_of(reply)


@pytest.mark.parametrize("status", REQUESTS)
async def test_for_devices_it_is_their_own_json(site: Site, status: int) -> None:
    reply = await sent(await site.cloud(), REQUESTS[status].format(path=DEVICES))
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert {"reason", "detail"} <= set(json.loads(reply.body))


async def test_a_shell_without_a_token_or_a_handshake_is_a_problem(site: Site) -> None:
    cloud = await site.cloud()
    asked = "GET /api/v1/devices/S1/shell HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    assert (await sent(cloud, f"{asked}\r\n")).status == 400
    problem_of(await sent(cloud, f"{asked}\r\n"))
    whole = f"{asked}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    reply = await sent(cloud, f"{whole}Sec-WebSocket-Protocol: twinspan\r\n\r\n")
    assert reply.status in {400, 401}
    problem_of(reply)
