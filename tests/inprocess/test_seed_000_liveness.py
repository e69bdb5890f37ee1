"""Seed 000: three keepalives without an answer, pings for the NAT's sake, and what follows when a path has died."""

from __future__ import annotations

import asyncio
import time

from tests.inprocess.device import Device, Echo, managed_by
from tests.inprocess.relay import Relay
from tests.inprocess.site import Cloud, Site, until

from twinspan.model.cloud_management import CloudServer
from twinspan.wire.cloud_connection.services import Command

KEEPALIVE_S = 0.4


async def behind_relay(
    site: Site, *, idle_limit_s: float | None = None, modules: tuple[Echo, ...] = (), **fields: object
) -> tuple[Cloud, Relay, Device]:
    cloud = await site.cloud()
    cloud.add("SN1")
    relay = await Relay.start(site, cloud, idle_limit_s)
    fields = {"keepalive_s": KEEPALIVE_S, "ping_s": KEEPALIVE_S, **fields}
    device = Device(site, managed_by(CloudServer(domain="127.0.0.1", port=relay.port), **fields), modules).start()
    await until(lambda: device.reached)
    return cloud, relay, device


async def test_three_keepalives_without_an_answer_lead_to_a_registration_request(site: Site) -> None:
    _, relay, device = await behind_relay(site)
    assert device.said("established")[0].endswith("authenticated")
    silent_at = time.monotonic()
    relay.silent = True
    await until(lambda: device.said("down"))
    took_s = next(at for at, what, _ in device.events if what == "down") - silent_at
    assert took_s >= 2 * KEEPALIVE_S, "the last sign of life may be one interval old, not two"
    assert device.status.last_down == "silent"
    relay.silent = False
    await until(lambda: len(device.said("established")) == 2, 20)
    assert device.said("established")[1].endswith("resumed"), "registration alone, with the ticket"


async def test_a_refused_registration_leads_to_the_authentication(site: Site) -> None:
    cloud, relay, device = await behind_relay(site)
    relay.silent = True
    await until(lambda: device.said("down"))
    cloud.worker.store.hot.execute("UPDATE device SET resume_id = NULL")
    relay.silent = False
    await until(lambda: len(device.said("established")) == 2, 20)
    assert device.said("established")[1].endswith("authenticated")


async def test_a_single_missing_answer_ends_nothing(site: Site) -> None:
    _, _, device = await behind_relay(site)
    for _ in range(3):
        await asyncio.sleep(KEEPALIVE_S)
        assert device.reached
    assert not device.said("down")


async def test_pings_keep_the_nat_entry_of_every_connection_alive(site: Site) -> None:
    service = Echo("diagnostics")
    cloud, relay, device = await behind_relay(site, idle_limit_s=1.0, modules=(service,), keepalive_s=600, ping_s=0.3)
    await until(lambda: service.link)
    before = relay.connections
    await asyncio.sleep(2.5)  # the NAT forgets what was idle for a second
    connection = cloud.worker.hub.tunnels["SN1"].services["diagnostics"]
    connection.send(Command(id="c1", epoch=1, ttl_ms=1000, name="echo"))
    await until(lambda: service.got, 2, "the command arrives on the sub-connection that was idle")
    assert relay.connections == before
    assert not device.said("down")


async def test_without_pings_the_nat_would_forget_and_the_device_finds_that_out(site: Site) -> None:
    _, _, device = await behind_relay(site, idle_limit_s=0.5, keepalive_s=0.8, ping_s=600)
    await until(lambda: device.said("down"))
    assert device.status.last_down == "silent"


async def test_a_sub_connection_whose_path_has_died_is_opened_anew_and_the_others_stay(site: Site) -> None:
    service, other = Echo("diagnostics"), Echo("log")
    cloud, relay, device = await behind_relay(site, modules=(service, other))
    await until(lambda: service.link and other.link)
    link = service.link
    assert link is not None
    relay.lose(link.websocket._transport.underlying_transport.get_extra_info("sockname")[1])
    await until(lambda: service.link is not link, 15)
    connections = cloud.worker.hub.tunnels["SN1"].services
    await until(lambda: "diagnostics" in connections)
    connections["diagnostics"].send(Command(id="c1", epoch=1, ttl_ms=1000, name="echo"))
    await until(lambda: service.got)
    assert not device.said("down")


async def test_dead_after_finds_a_dead_path_sooner_than_three_keepalives(site: Site) -> None:
    _, relay, device = await behind_relay(site, keepalive_s=180, ping_s=60, dead_after_s=0.6)
    silent_at = time.monotonic()
    relay.silent = True
    await until(lambda: device.said("down"), 5)
    assert next(at for at, what, _ in device.events if what == "down") - silent_at < 3


async def test_the_unbinding_code_that_somebody_types_on_the_device_reaches_the_server(site: Site) -> None:
    cloud, _, device = await behind_relay(site)
    result = await device.manager.unbinding_code("NO-SUCH-CODE")
    assert result is not None
    assert not result.accepted
    assert result.detail
    assert cloud.worker.store.find("SN1").owner == "alice"
