"""One live connection per serial number: takeovers, late closes, duplicates and quarrels on a real server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.inprocess.peer import Peer, Wire
from tests.inprocess.relay import Relay
from tests.inprocess.site import ALICE, Cloud, Site, until
from websockets.exceptions import InvalidStatus

from twinspan.engine import epoch as epochs
from twinspan.server import hub, registration
from twinspan.server.registry import Registry


def live(cloud: Cloud, serial: str = "SN1") -> int | None:
    """The epoch of the tunnel that counts, if the store says that there is one."""
    row = cloud.worker.store.find(serial)
    tunnel = cloud.worker.hub.tunnels.get(serial)
    if row is None or row.worker is None or tunnel is None:
        return None
    assert tunnel.epoch == row.epoch
    return tunnel.epoch


async def test_the_same_boot_id_takes_over_at_once_and_the_late_close_of_the_old_socket_changes_nothing(
    site: Site,
) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    relay = await Relay.start(site, cloud)
    old = Peer(site, cloud, port=relay.port)
    old_main = await old.connect()
    await until(lambda: live(cloud) == 1)
    relay.silent = True  # the old path is half-open: neither end knows
    new_main = await Peer(site, cloud).connect()
    assert live(cloud) == 2
    relay.cut()
    new_main.send({"type": "keepalive", "sequence": 1})
    await new_main.receive("keepalive-reply")
    assert live(cloud) == 2
    assert cloud.kinds("SN1") == ["added", "connected", "down", "connected"]
    old_main.cut()


async def test_the_replaced_connection_is_told_why(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    old_main = await Peer(site, cloud).connect()
    await Peer(site, cloud).connect()
    assert (await old_main.end()).code == 4001


async def test_a_device_that_lives_keeps_its_place_and_the_duplicate_is_refused_with_an_alarm(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    main = await Peer(site, cloud, boot_id="boot-1").connect()
    reading = asyncio.get_running_loop().create_task(main.receive("keepalive-reply"))  # it answers pings meanwhile
    clone = Peer(site, cloud, boot_id="boot-2")
    wire = await clone.wire()
    _, success = await clone.authenticate(wire)
    status, body = await clone.register(wire, success["session"])
    assert (status, body["reason"], body["retry_after_s"]) == (409, "duplicate", 60.0)
    assert live(cloud) == 1
    assert "duplicate" in cloud.kinds("SN1")
    main.send({"type": "keepalive", "sequence": 1})
    await reading


async def test_a_restarted_device_takes_the_place_of_one_that_does_not_answer_within_five_seconds(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert epochs.PROBE_S == 5
    monkeypatch.setattr(registration, "PROBE_S", 0.3)
    cloud = await site.cloud()
    cloud.add("SN1")
    relay = await Relay.start(site, cloud)
    await Peer(site, cloud, port=relay.port, boot_id="boot-1").connect()
    relay.silent = True
    began = time.monotonic()
    await Peer(site, cloud, boot_id="boot-2").connect()
    assert time.monotonic() - began >= 0.3
    assert live(cloud) == 2


async def test_a_restart_whose_old_connection_was_closed_is_let_in_at_once(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    main = await Peer(site, cloud, boot_id="boot-1").connect()
    main.cut()
    await until(lambda: "SN1" not in cloud.worker.hub.tunnels)
    down = cloud.history("SN1")[-1]
    assert (down.kind, bool(down.detail), down.epoch) == ("down", True, 1)
    await Peer(site, cloud, boot_id="boot-2").connect()
    assert live(cloud) == 2


async def test_clones_that_push_each_other_out_are_quarantined_until_somebody_settles_it(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    answers: list[tuple[int, dict[str, Any]]] = []
    for turn in range(5):
        clone = Peer(site, cloud, boot_id=f"boot-{turn % 2}")
        wire = await clone.wire()
        _, success = await clone.authenticate(wire)
        answers.append(await clone.register(wire, success["session"]))
        if answers[-1][0] == 200:
            await wire.upgrade(clone.registered["url"])
            wire.cut()
            await until(lambda: "SN1" not in cloud.worker.hub.tunnels)
    assert [status for status, _ in answers] == [200, 200, 200, 200, 409]
    assert answers[-1][1]["reason"] == "quarantined"
    for boot_id in ("boot-0", "boot-1", "boot-new"):
        clone = Peer(site, cloud, boot_id=boot_id)
        wire = await clone.wire()
        _, success = await clone.authenticate(wire)
        status, body = await clone.register(wire, success["session"])
        assert (status, body["reason"]) == (409, "quarantined")
        assert 0 < body["retry_after_s"] <= 600
    assert "quarantined" in cloud.kinds("SN1")
    Registry(cloud.worker.store).lift_quarantine("SN1", ALICE, time.time_ns())
    await Peer(site, cloud, boot_id="boot-0").connect()


async def test_a_url_of_an_older_epoch_opens_nothing(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    old_url = await peer.service_url(main, "telemetry")
    await peer.connect()
    with pytest.raises(InvalidStatus):
        await (await Wire.connect(site, cloud)).upgrade(old_url)


async def test_of_two_registrations_the_later_one_counts_and_the_url_of_the_earlier_one_is_refused(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    first, second = Peer(site, cloud), Peer(site, cloud)
    early, late = await first.log_in(), await second.log_in()
    with pytest.raises(InvalidStatus):
        await early.upgrade(first.registered["url"])
    await late.upgrade(second.registered["url"])
    await until(lambda: live(cloud) == 2)


async def test_what_an_older_connection_still_says_counts_for_nothing_once_a_newer_one_is_registered(
    site: Site,
) -> None:
    cloud = await site.cloud()
    cloud.add("SN1")
    peer = Peer(site, cloud)
    main = await peer.connect()
    telemetry = await peer.open_service(main, "telemetry")
    telemetry.send({"type": "report", "sequence": 1, "report": {"of": "epoch 1"}})
    await telemetry.receive("report-taken")
    await Peer(site, cloud).log_in()  # epoch 2 is granted; its WebSocket is not open yet
    telemetry.send({"type": "report", "sequence": 2, "report": {"of": "epoch 1, too late"}})
    await telemetry.end()
    assert cloud.worker.telemetry.reports["SN1"] == b'{"of": "epoch 1"}'
    down = cloud.history("SN1")[-1]
    assert (down.kind, down.epoch) == ("down", 1)


async def test_a_device_that_registers_and_never_comes_is_not_shown_as_connected_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "URL_TTL_NS", 200_000_000)
    cloud = await site.cloud()
    cloud.add("SN1")
    wire = await Peer(site, cloud).log_in()
    wire.cut()
    await until(lambda: cloud.worker.store.presence() == {}, 5, "nobody came with the URL, so nobody is connected")
    assert cloud.history("SN1")[-1].kind == "down"
