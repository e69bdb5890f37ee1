"""Seed 000, "Cloud connection establishment" and "Multiple subconnections": the steps on a real server over TLS."""

from __future__ import annotations

import asyncio
import json
import time
from urllib.parse import urlsplit

import pytest
from tests.inprocess.certificates import client_authority, client_certificate, pem_of
from tests.inprocess.peer import Peer, Wire
from tests.inprocess.site import ALICE, PASSWORD, Cloud, Site, until
from websockets.exceptions import InvalidStatus

from twinspan.server.registry import Registry
from twinspan.server.tunnel import Subconnection
from twinspan.wire.cloud_connection.messages import AUTHENTICATION_PATH, MAX_SERVICES
from twinspan.wire.cloud_connection.scram import ScramClient, make_verifier
from twinspan.wire.cloud_connection.services import Command, ServiceMessage


async def test_the_steps_go_from_authentication_to_the_handshake_on_one_tcp_connection(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    wire = await peer.wire()
    local = wire.writer.get_extra_info("sockname")
    status, success = await peer.authenticate(wire)
    assert (status, success["result"], success["version"]) == (200, "success", 1)
    status, response = await peer.register(wire, success["session"])
    assert (status, response["result"], response["epoch"]) == (200, "success", 1)
    url = urlsplit(response["url"])
    assert (url.scheme, url.netloc, url.path) == ("wss", cloud.netloc, "/cloud/v1/tunnel")
    await wire.upgrade(response["url"])
    wire.send({"type": "keepalive", "sequence": 1})
    assert (await wire.receive("keepalive-reply"))["sequence"] == 1
    assert wire.writer.get_extra_info("sockname") == local
    assert cloud.worker.hub.tunnels["SN1"].epoch == 1
    await until(lambda: cloud.kinds("SN1") == ["added", "connected"])


async def test_a_serial_that_nobody_added_gets_the_failure_packet_and_the_connection_ends(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud, serial="SN2")
    wire = await peer.wire()
    status, failure = await peer.authenticate(wire)
    assert (status, failure["result"], failure["reason"]) == (401, "failure", "not_admitted")
    assert await wire.ended()
    assert "refused" in cloud.kinds("SN2")


async def test_an_unknown_serial_and_a_wrong_password_are_told_apart_by_nothing(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    answers = []
    for serial, password in (("SN2", PASSWORD), ("SN1", "wrong-horse"), ("SN1", "")):
        wire = await Peer(site, cloud).wire()
        scram = ScramClient(serial, password, "0123456789abcdefgh", wire.binding())
        asked = {"versions": [1], "serial": serial, "boot_id": "b", "method": "password", "message": scram.first}
        status, headers, body = await wire.raw(request(AUTHENTICATION_PATH, asked))
        challenge = json.loads(body)["message"]
        salt = challenge.split(",")[1]
        # The nonce of the server is new each time; everything else has one form and length.
        shape = (status, headers, len(challenge), len(salt), challenge.split(",")[2])
        final = await wire.raw(request(AUTHENTICATION_PATH, {"message": scram.final(challenge)}))
        answers.append((shape, final, await wire.ended()))
    assert answers[0] == answers[1] == answers[2]


async def test_adding_the_serial_is_what_lets_the_device_in_and_removing_it_ends_that(site: Site) -> None:
    cloud = await site.cloud()
    peer = Peer(site, cloud)
    status, body = await peer.authenticate(await peer.wire())
    assert (status, body["reason"]) == (401, "not_admitted")
    cloud.add("SN1")
    wire = await peer.connect()
    assert "SN1" in cloud.worker.hub.tunnels
    Registry(cloud.worker.store).remove("SN1", ALICE, time.time_ns())
    status, body = await peer.authenticate(await peer.wire())
    assert (status, body["reason"]) == (401, "not_admitted")
    wire.cut()


async def test_registration_needs_an_authentication_on_the_same_connection(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    first = await peer.wire()
    _, success = await peer.authenticate(first)
    for session in (success["session"], "0" * 32, None):
        other = await peer.wire()
        status, body = await peer.register(other, session)
        assert (status, body["reason"]) == (401, "session")
        assert await other.ended()
    assert (await peer.register(first, success["session"]))[0] == 200


async def test_a_registration_for_another_serial_than_the_proved_one_is_refused(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", "SN2")
    peer = Peer(site, cloud)
    wire = await peer.wire()
    _, success = await peer.authenticate(wire)
    peer.serial = "SN2"
    status, body = await peer.register(wire, success["session"])
    assert (status, body["reason"]) == (401, "session")


async def test_the_url_is_good_once(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    assert await refused(site, cloud, peer.registered["url"]) == 401
    url = await peer.service_url(main, "telemetry")
    for wrong in (
        url.replace("/service/telemetry", "/service/config"),
        url.replace("/service/telemetry", "/tunnel"),
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        url.partition("?")[0],
    ):
        assert await refused(site, cloud, wrong) == 401
    sub = await Wire.connect(site, cloud)
    url = await peer.service_url(main, "telemetry")
    await sub.upgrade(url)
    assert await refused(site, cloud, url) == 401
    main.send({"type": "keepalive", "sequence": 9})
    assert (await main.receive("keepalive-reply"))["sequence"] == 9


async def test_a_client_certificate_replaces_the_password(site: Site) -> None:
    authority = client_authority()
    cloud = await site.cloud()
    await cloud.stop()
    (cloud.folder / "client-authority.pem").write_bytes(pem_of(authority))
    await cloud.restart()
    cloud.add("SN1", credential="certificate")
    cloud.add("SN2", credential="certificate")
    chain = client_certificate(site.new_folder("device"), authority, "SN1")
    wire = await Wire.connect(site, cloud, certificate=chain)
    asked = {"versions": [1], "serial": "SN1", "boot_id": "boot-1", "method": "certificate"}
    status, success = await wire.ask(AUTHENTICATION_PATH, asked)
    assert (status, success["result"]) == (200, "success")
    peer = Peer(site, cloud)
    assert (await peer.register(wire, success["session"]))[0] == 200
    for serial, certificate in (("SN2", chain), ("SN1", None)):
        wire = await Wire.connect(site, cloud, certificate=certificate)
        status, failure = await wire.ask(AUTHENTICATION_PATH, {**asked, "serial": serial})
        assert (status, failure["reason"]) == (401, "not_admitted")


async def test_a_one_time_token_enrols_once_and_the_devices_own_secret_follows(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", credential="token")
    peer = Peer(site, cloud, method="token")
    verifier = make_verifier("secret-of-the-device", b"0123456789abcdef")
    enrolment = {name: getattr(verifier, name) for name in ("salt", "iterations", "stored_key", "server_key")}
    await peer.log_in(enrolment=enrolment)
    status, body = await peer.authenticate(await peer.wire())
    assert (status, body["reason"]) == (401, "not_admitted")
    own = Peer(site, cloud, password="secret-of-the-device")
    await own.connect()
    assert "enrolled" in cloud.kinds("SN1")


async def test_hardware_without_support_is_refused_at_registration_and_unknown_hardware_passes_with_a_note(
    site: Site,
) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    wire = await peer.wire()
    _, success = await peer.authenticate(wire)
    status, body = await peer.register(
        wire, success["session"], platform="M9006", module_type="Blade IV firewall module"
    )
    assert (status, body["reason"]) == (403, "incompatible_hardware")
    assert "Blade IV" in body["detail"]
    assert body["retry_after_s"] > 0
    await peer.log_in(platform="M9006", module_type="Blade V firewall module")
    assert peer.registered["note"] == ""
    await peer.log_in(platform="some other box", module_type="")
    assert "some other box" in peer.registered["note"]


# ------------------------------------------------------------------------------------------------ sub-connections


async def test_after_the_handshake_the_device_gets_a_url_per_service_and_opens_one_connection_each(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect(services=["config", "telemetry", "log", "no-such-service"])
    main.send({"type": "subconnections-request"})
    answer = await main.receive("subconnections")
    assert [entry["service"] for entry in answer["services"]] == ["config", "telemetry", "log"]
    assert answer["unknown"] == ["no-such-service"]
    assert len({entry["url"] for entry in answer["services"]}) == 3
    for entry in answer["services"]:
        wire = await peer.wire()
        await wire.upgrade(entry["url"])
    await until(lambda: set(cloud.worker.hub.tunnels["SN1"].services) == {"config", "telemetry", "log"})


async def test_a_sub_connection_that_floods_or_does_not_read_does_not_delay_another(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    telemetry = await peer.open_service(main, "telemetry")
    diagnostics = await peer.open_service(main, "diagnostics")
    report = b'{"type":"report","sequence":1,"report":{"x":"%s"}}' % (b"x" * 2000)
    stop = asyncio.Event()

    async def flood() -> None:
        while not stop.is_set():  # and it never reads a receipt
            telemetry.send(report)
            await telemetry.writer.drain()

    flooding = asyncio.get_running_loop().create_task(flood())
    await until(lambda: "SN1" in cloud.worker.telemetry.reports)
    service = cloud.worker.hub.tunnels["SN1"].services["diagnostics"]
    delays = []
    for number in range(50):
        began = time.monotonic()
        service.send(Command(id=f"c{number}", epoch=1, ttl_ms=1000, name="echo"))
        assert (await diagnostics.receive("command"))["id"] == f"c{number}"
        main.send({"type": "keepalive", "sequence": number})
        await main.receive("keepalive-reply")
        delays.append(time.monotonic() - began)
    stop.set()
    telemetry.cut()
    await asyncio.gather(flooding, return_exceptions=True)
    assert sorted(delays)[25] < 0.25, delays


async def test_what_a_device_does_not_read_is_bounded_and_counted(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    await peer.open_service(main, "diagnostics")  # and nobody reads it
    await until(lambda: "diagnostics" in cloud.worker.hub.tunnels["SN1"].services)
    service = cloud.worker.hub.tunnels["SN1"].services["diagnostics"]
    big = Command(id="c", epoch=1, ttl_ms=1000, name="echo", arguments={"text": "x" * 10_000})
    taken = 0
    for _ in range(2000):
        taken += service.send(big)
        await asyncio.sleep(0)
    assert service.socket.refused == 2000 - taken > 0
    assert service.socket.waiting_bytes <= 1 << 20
    main.send({"type": "keepalive", "sequence": 1})
    await main.receive("keepalive-reply")


async def test_a_hundred_thousand_requests_for_urls_are_bounded_and_hurt_nobody_else(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", "SN2")
    greedy, other = Peer(site, cloud), Peer(site, cloud, serial="SN2")
    main, quiet = await greedy.connect(), await other.connect()
    request = json.dumps({"type": "subconnections-request", "services": ["config"] * MAX_SERVICES}).encode()

    async def ask_too_much() -> None:
        for _ in range(100_000):
            main.send(request)
            await main.writer.drain()

    asking = asyncio.get_running_loop().create_task(ask_too_much())
    tunnel = cloud.worker.hub.tunnels["SN1"]
    await until(lambda: tunnel.socket.refused, 30, "answers that the device does not read are dropped and counted")
    assert tunnel.socket.waiting_bytes <= 1 << 20
    quiet.send({"type": "keepalive", "sequence": 1})
    began = time.monotonic()
    await quiet.receive("keepalive-reply")
    assert time.monotonic() - began < 1
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    main.send(json.dumps({"type": "subconnections-request", "services": ["config"] * (MAX_SERVICES + 1)}).encode())
    many = await main.receive("subconnections")
    assert len(many["services"]) == 1


async def test_the_end_of_one_sub_connection_is_its_own(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    telemetry, log = await peer.open_service(main, "telemetry"), await peer.open_service(main, "log")
    await until(lambda: len(cloud.worker.hub.tunnels["SN1"].services) == 2)
    telemetry.send(b'{"type":"no-such-message"}')
    assert (await telemetry.end()).code == 4006
    await until(lambda: set(cloud.worker.hub.tunnels["SN1"].services) == {"log"})
    log.send({"type": "log-lines", "sequence": 3, "lines": []})
    assert (await log.receive("log-taken"))["sequence"] == 3
    log.cut()
    await until(lambda: not cloud.worker.hub.tunnels["SN1"].services)
    main.send({"type": "keepalive", "sequence": 1})
    await main.receive("keepalive-reply")


async def test_a_service_opened_again_replaces_its_older_sub_connection(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    old = await peer.open_service(main, "telemetry")
    new = await peer.open_service(main, "telemetry")
    assert (await old.end()).code == 4001
    new.send({"type": "report", "sequence": 5, "report": {}})
    assert (await new.receive("report-taken"))["sequence"] == 5


async def test_with_the_main_connection_all_sub_connections_end(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    log = await peer.open_service(main, "log")
    url = await peer.service_url(main, "telemetry")
    main.cut()
    assert (await log.end()).code == 4007
    await until(lambda: "SN1" not in cloud.worker.hub.tunnels)
    assert await refused(site, cloud, url) == 401


async def test_adding_a_service_is_one_registration(site: Site) -> None:
    class Echo:
        """A service that somebody else wrote."""

        def opened(self, connection: Subconnection) -> None: ...

        def received(self, connection: Subconnection, message: ServiceMessage) -> None:
            connection.send(message)

        def closed(self, connection: Subconnection) -> None: ...

    cloud = await site.cloud()
    cloud.worker.hub.services["echo"] = Echo()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect(services=["echo"])
    echo = await peer.open_service(main, "echo")
    echo.send({"type": "cli-data", "session": "s", "text": "hello"})
    assert (await echo.receive("cli-data"))["text"] == "hello"


def request(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


async def refused(site: Site, cloud: Cloud, url: str) -> int:
    """The status of an upgrade that must not succeed."""
    wire = await Wire.connect(site, cloud)
    with pytest.raises(InvalidStatus) as answer:
        await wire.upgrade(url)
    return int(answer.value.response.status_code)
