"""Who is slow, rude or many: cut off, refused and counted by a real server, while others are served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time

import pytest
from tests.inprocess.peer import Peer, Wire
from tests.inprocess.site import Site, until

from twinspan.engine.admission_control import HandshakeBudget
from twinspan.server import hub, worker
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, MAX_CONTROL_BYTES, MAX_SERVICE_BYTES


async def test_a_request_in_drops_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "LOGIN_LIMIT_NS", 700_000_000)
    cloud = await site.cloud()
    cloud.add("SN1")
    wire = await Wire.connect(site, cloud)
    began = time.monotonic()

    async def drip() -> None:
        for letter in b"POST /cloud/v1/authentication HTTP/1.1\r\nX: " + b"x" * 8000:
            wire.writer.write(bytes([letter]))
            await asyncio.sleep(0.02)

    dripping = asyncio.get_running_loop().create_task(drip())
    assert await wire.ended()
    dripping.cancel()
    assert time.monotonic() - began < 3
    await Peer(site, cloud).connect()


async def test_a_login_that_stops_half_way_is_cut_off_and_a_connected_device_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LOGIN_LIMIT_NS", 700_000_000)
    cloud = await site.cloud()
    cloud.add("SN1", "SN2")
    main = await Peer(site, cloud).connect()
    wire = await Peer(site, cloud, serial="SN2").log_in()
    assert await wire.ended()
    main.send({"type": "keepalive", "sequence": 1})
    await main.receive("keepalive-reply")


async def test_a_tls_handshake_that_never_comes_is_cut_off(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TLS_HANDSHAKE_S", 0.5)
    cloud = await site.cloud()
    reader, writer = await asyncio.open_connection(cloud.address, cloud.port)
    async with asyncio.timeout(5):
        with contextlib.suppress(OSError):  # a reset is an end as well
            assert await reader.read(1) == b""
    writer.close()


async def test_of_too_many_connections_that_do_not_log_in_the_oldest_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_LOGINS", 5)
    cloud = await site.cloud()
    cloud.add("SN1")
    idle = [await Wire.connect(site, cloud) for _ in range(8)]
    for wire in idle[:3]:
        assert await wire.ended()
    await Peer(site, cloud).connect()
    status, _ = await idle[7].ask(AUTHENTICATION_PATH, {})
    assert status == 400


async def test_more_logins_than_the_budget_wait_in_line_or_are_told_when_to_come_back(site: Site) -> None:
    cloud = await site.cloud(budget=HandshakeBudget(rate_per_s=20, burst=2, queue_limit=3))
    cloud.add("SN1")
    body = {"versions": [1], "serial": "SN2", "boot_id": "b", "message": "p=tls-server-end-point,,n=SN2,r=" + "r" * 20}
    wires = [await Wire.connect(site, cloud) for _ in range(10)]
    data = json.dumps(body)
    asked = f"POST {AUTHENTICATION_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n{data}".encode()
    answers = await asyncio.gather(*(wire.raw(asked) for wire in wires))
    served = [answer for answer in answers if answer[0] == 200]
    refused = [answer for answer in answers if answer[0] == 503]
    assert len(served) + len(refused) == 10
    assert len(served) >= 5
    assert refused
    for _, headers, text in refused:
        assert int(headers["retry-after"]) >= 1
        assert json.loads(text)["reason"] == "busy"


async def test_a_message_beyond_its_limit_ends_its_own_connection_alone(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    log = await peer.open_service(main, "log")
    log.send(b'{"type":"log-lines","sequence":1,"lines":[],"x":"' + b"x" * MAX_SERVICE_BYTES + b'"}')
    assert (await log.end()).code in (1009, 1006)
    main.send({"type": "keepalive", "sequence": 1})
    await main.receive("keepalive-reply")
    main.send(b'{"type":"keepalive","sequence":1,"x":"' + b"x" * MAX_CONTROL_BYTES + b'"}')
    assert (await main.end()).code in (1009, 1006)


async def test_pings_of_a_peer_that_does_not_read_do_not_fill_the_memory(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    main = await Peer(site, cloud).connect()
    tunnel = cloud.worker.hub.tunnels["SN1"]
    payload = os.urandom(125)

    async def flood() -> None:
        while True:
            for _ in range(200):
                main.ping(payload)
                main.protocol.data_to_send()
            await main.writer.drain()

    flooding = asyncio.get_running_loop().create_task(flood())
    transport = tunnel.socket._transport.underlying_transport
    await until(lambda: tunnel.socket.full_count, 20, "the server's buffer is full: nobody reads its pongs")
    most = 0
    for _ in range(100):
        most = max(most, transport.get_write_buffer_size())
        await asyncio.sleep(0.01)
    flooding.cancel()
    await asyncio.gather(flooding, return_exceptions=True)
    assert most < 1 << 20
