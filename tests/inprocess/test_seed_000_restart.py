"""A server that goes and comes back, and tickets that somebody shows again."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import signal
import sys
import time

import pytest
from tests.inprocess.device import Device, managed_by
from tests.inprocess.peer import Peer, Wire
from tests.inprocess.relay import Relay
from tests.inprocess.site import ALICE, Cloud, Site, until

from twinspan.model.errors import Unavailable
from twinspan.model.secret import Secret
from twinspan.server.credentials import make_credential
from twinspan.server.registry import Registry
from twinspan.server.store import FILE_NAME, DeviceStore
from twinspan.server.worker import ServerOptions, Worker
from twinspan.wire.cloud_connection.messages import REGISTRATION_PATH
from twinspan.wire.cloud_connection.ticket import resume_proof, server_proof

SERVER = """
import sys
from pathlib import Path
from twinspan.server.run import run_server
from twinspan.server.worker import ServerOptions
options = ServerOptions(state_dir=Path(sys.argv[1]), listen=("127.0.0.1",), port=int(sys.argv[2]))
run_server(options, lambda: print("up", flush=True))
"""


async def test_after_a_restart_of_the_server_the_ticket_replaces_the_authentication(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    restart = asyncio.get_running_loop().create_task(cloud.restart())
    assert (await main.end()).code == 4005
    await restart
    assert cloud.worker.store.presence() == {}
    status, body = await peer.register_again(await peer.wire())
    assert (status, body["epoch"]) == (200, 2)
    assert cloud.history("SN1")[-1].detail


async def test_the_server_proves_that_it_knows_the_ticket(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    await peer.log_in()
    ticket, key = peer.resume["ticket"], base64.b64decode(peer.resume["key"])
    wire = await peer.wire()
    nonce = "a-nonce-of-the-device"
    resume = {"ticket": ticket, "nonce": nonce, "proof": resume_proof(ticket, nonce, key, wire.binding())}
    status, body = await peer.register(wire, resume=resume)
    assert status == 200
    assert body["message"] == server_proof(ticket, nonce, key, wire.binding())


async def test_a_spent_ticket_is_refused_and_the_full_authentication_follows_on_the_same_connection(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    await peer.log_in()
    first = peer.resume
    assert (await peer.register_again(await peer.wire(), first))[0] == 200
    wire = await peer.wire()
    status, body = await peer.register_again(wire, first)
    assert (status, body["reason"]) == (401, "ticket")
    status, success = await peer.authenticate(wire)
    assert status == 200
    assert (await peer.register(wire, success["session"]))[0] == 200


async def test_a_recorded_registration_is_worth_nothing_on_another_connection(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", "SN2")
    peer = Peer(site, cloud)
    await peer.log_in()
    wire = await peer.wire()
    ticket, key = peer.resume["ticket"], base64.b64decode(peer.resume["key"])
    nonce = "a-nonce-of-the-device"
    recorded = {
        "serial": "SN1",
        "boot_id": "boot-1",
        "resume": {"ticket": ticket, "nonce": nonce, "proof": resume_proof(ticket, nonce, key, wire.binding())},
    }
    for wrong in (
        {**recorded, "serial": "SN2"},
        {**recorded, "resume": {**recorded["resume"], "nonce": "another-nonce-of-it"}},
        {**recorded, "resume": {**recorded["resume"], "proof": resume_proof(ticket, nonce, key, b"x" * 32)}},
        {**recorded, "resume": {**recorded["resume"], "ticket": ticket[:-2] + "AA"}},
    ):
        status, body = await (await peer.wire()).ask(REGISTRATION_PATH, wrong)
        assert (status, body["reason"]) == (401, "ticket"), wrong
    assert (await wire.ask(REGISTRATION_PATH, recorded))[0] == 200
    assert (await (await peer.wire()).ask(REGISTRATION_PATH, recorded))[0] == 401


async def test_with_a_new_password_the_ticket_is_worth_nothing(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    await peer.log_in()
    made = make_credential("password", Secret("another-password"), time.time_ns())
    Registry(cloud.worker.store).set_credential("SN1", made, ALICE, time.time_ns())
    status, body = await peer.register_again(await peer.wire())
    assert (status, body["reason"]) == (401, "ticket")


async def test_a_server_that_was_killed_forgets_nobody_and_nobody_is_shown_as_connected_after_it(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    await cloud.stop()
    process = await _start(cloud)
    try:
        peer = Peer(site, cloud)
        main = await peer.connect()
        process.kill()
        await process.wait()
        assert (await main.end()).code == 1006
        store = DeviceStore(cloud.folder / FILE_NAME)
        assert store.presence() == {"SN1": ("worker-0", 1)}, "the killed server could not write its end"
        store.close()
        process = await _start(cloud)
        store = DeviceStore(cloud.folder / FILE_NAME)
        assert store.presence() == {}
        row = store.find("SN1")
        store.close()
        assert row is not None
        assert row.last_down_reason
        status, body = await peer.register_again(await peer.wire())
        assert (status, body["epoch"]) == (200, 2)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_a_second_server_on_the_same_state_is_refused_and_leaves_presence_alone(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    await cloud.stop()
    process = await _start(cloud)
    try:
        await Peer(site, cloud).connect()
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, str(cloud.folder), str(cloud.port + 1), stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        async with asyncio.timeout(20):
            _, said = await second.communicate()
        assert second.returncode
        assert f"process {process.pid}" in said.decode()
        store = DeviceStore(cloud.folder / FILE_NAME)
        assert store.presence() == {"SN1": ("worker-0", 1)}
        store.close()
        assert (cloud.folder / "worker-0.sock").exists()
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def test_an_address_that_is_none_is_named_with_the_way_out(site: Site) -> None:
    cloud = await site.cloud()
    await cloud.stop()
    nowhere = ServerOptions(state_dir=cloud.folder, listen=("300.1.1.1",), port=cloud.port)
    with pytest.raises(Unavailable) as refused:
        await Worker(nowhere).serve(lambda: None)
    assert "300.1.1.1" in refused.value.message
    assert "Unknown error" not in refused.value.message
    assert "--listen" in refused.value.remedy


async def _start(cloud: Cloud) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVER, str(cloud.folder), str(cloud.port), stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert await process.stdout.readline() == b"up\n"
    return process


async def test_a_drained_server_tells_its_devices_when_to_come_back(site: Site) -> None:
    cloud = await site.cloud(drain_s=0.2)
    cloud.add("SN1")
    main = await Peer(site, cloud).connect()
    stopping = asyncio.get_running_loop().create_task(cloud.stop())
    drain = await main.receive("drain")
    assert drain["after_ms"] > 200, "not before the server has gone"
    assert drain["within_ms"] == 50
    assert (await main.end()).code == 4005
    await stopping


async def test_drained_devices_are_told_one_after_the_other_over_the_whole_window(site: Site) -> None:
    cloud = await site.cloud(drain_s=1.0)
    serials = [f"SN{number}" for number in range(1, 6)]
    cloud.add(*serials)
    mains = [await Peer(site, cloud, serial).connect() for serial in serials]
    told: list[float] = []

    async def wait_for_it(main: Wire) -> None:
        await main.receive("drain")
        told.append(time.monotonic())

    waiting = [asyncio.get_running_loop().create_task(wait_for_it(main)) for main in mains]
    await cloud.stop()
    await asyncio.gather(*waiting)
    gaps = [later - earlier for earlier, later in itertools.pairwise(told)]
    assert max(gaps) < 0.5, "none of them together with most others"
    assert told[-1] - told[0] > 0.7


async def test_a_drained_device_comes_back_when_the_server_has_and_not_before(site: Site) -> None:
    cloud = await site.cloud(drain_s=1.0)
    cloud.add("SN1")
    device = Device(site, managed_by(cloud)).start()
    await device.connected_to(cloud)
    await cloud.restart()
    await until(lambda: device.status.epoch == 2, 10)
    assert device.said("attempt failed") == []
    assert device.status.last_down == "draining"


async def test_a_half_open_connection_is_found_by_the_server_and_the_event_says_why(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    relay = await Relay.start(site, cloud)
    peer = Peer(site, cloud, port=relay.port)
    await peer.connect(keepalive_s=0.2, ping_s=0.2)
    relay.silent = True
    await until(lambda: "SN1" not in cloud.worker.hub.tunnels)
    down = cloud.history("SN1")[-1]
    assert down.kind == "down"
    assert down.detail.startswith("keepalive expired")
    assert cloud.worker.store.presence() == {}


async def test_a_ping_alone_is_life_enough_for_the_server(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    main = await Peer(site, cloud).connect(keepalive_s=0.4, ping_s=0.2)
    tunnel = cloud.worker.hub.tunnels["SN1"]
    limit_s = tunnel.limit_ns / 1e9
    end = time.monotonic() + 2.5 * limit_s
    while time.monotonic() < end:
        main.ping()
        await asyncio.sleep(0.2)
    assert cloud.worker.hub.tunnels["SN1"] is tunnel


async def test_life_on_a_sub_connection_is_life_of_the_device(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect(keepalive_s=0.4, ping_s=0.2)
    log: Wire = await peer.open_service(main, "log")
    tunnel = cloud.worker.hub.tunnels["SN1"]
    end = time.monotonic() + 2.5 * tunnel.limit_ns / 1e9
    while time.monotonic() < end:
        log.ping()
        await asyncio.sleep(0.2)
    assert cloud.worker.hub.tunnels["SN1"] is tunnel
