"""Seed 000, "Unbinding the device from the cloud server": the device itself passes the code on, over its connection."""

from __future__ import annotations

import json
import time

import pytest
from tests.inprocess.peer import Peer
from tests.inprocess.site import ALICE, BOB, Site, until

from twinspan.model.secret import Secret
from twinspan.server.accounts import Accounts, Principal
from twinspan.server.registry import NewDevice, Refused, Registry, make_credentials
from twinspan.server.unbinding import Unbinding
from twinspan.server.worker import Worker


def ask_for_code(worker: Worker, serial: str, by: Principal) -> str:
    """As `twinspan device unbind-code` does."""
    unbinding: Unbinding = worker.hub.admin._admin.office.unbinding
    return unbinding.issue(serial, by, time.time_ns())[0].reveal()


async def test_a_registered_device_goes_to_another_user_by_a_code_that_it_sends_itself(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", by=ALICE)
    Accounts(cloud.worker.store).add("bob", "", time.time_ns())
    peer = Peer(site, cloud)
    main = await peer.connect()

    wanted = [NewDevice(serial="SN1", password=Secret("of-bob-alone"))]
    made = make_credentials(wanted, time.time_ns())
    with pytest.raises(Refused, match="another account"):
        Registry(cloud.worker.store).add(wanted, made, BOB, time.time_ns())

    code = ask_for_code(cloud.worker, "SN1", BOB)
    main.send({"type": "unbinding-code", "id": "u1", "code": code})
    result = await main.receive("unbinding-result")
    assert (result["id"], result["accepted"]) == ("u1", True)
    assert (await main.end()).code == 4004
    row = cloud.worker.store.find("SN1")
    assert row is not None
    assert row.owner is None

    Registry(cloud.worker.store).add(wanted, made, BOB, time.time_ns())
    await Peer(site, cloud, password="of-bob-alone").connect()
    assert "unbound" in cloud.kinds("SN1")


async def test_a_device_that_belongs_to_nobody_is_not_let_in_with_what_its_old_owner_knows(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", by=ALICE)
    Accounts(cloud.worker.store).add("bob", "", time.time_ns())
    peer = Peer(site, cloud)
    main = await peer.connect()
    main.send({"type": "unbinding-code", "id": "u", "code": ask_for_code(cloud.worker, "SN1", BOB)})
    await main.receive("unbinding-result")
    await main.end()
    status, body = await peer.register_again(await peer.wire())
    assert (status, body["reason"]) == (401, "ticket")
    status, body = await peer.authenticate(await peer.wire())
    assert (status, body["reason"]) == (401, "not_admitted")


async def test_a_wrong_code_is_refused_with_a_sentence_and_nothing_changes(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", by=ALICE)
    Accounts(cloud.worker.store).add("bob", "", time.time_ns())
    main = await Peer(site, cloud).connect()
    code = ask_for_code(cloud.worker, "SN1", BOB)
    for tries in range(5):
        main.send({"type": "unbinding-code", "id": f"u{tries}", "code": "2" * len(code)})
        result = await main.receive("unbinding-result")
        assert not result["accepted"]
        assert result["detail"]
        assert code not in json.dumps(result)
    main.send({"type": "unbinding-code", "id": "right", "code": code})
    assert not (await main.receive("unbinding-result"))["accepted"], "five wrong tries use a code up"
    row = cloud.worker.store.find("SN1")
    assert row is not None
    assert row.owner == "alice"
    await until(lambda: "unbinding-failed" in cloud.kinds("SN1"))


async def test_a_code_of_another_device_unbinds_nothing(site: Site) -> None:
    cloud = await site.cloud()
    cloud.add("SN1", "SN2", by=ALICE)
    Accounts(cloud.worker.store).add("bob", "", time.time_ns())
    main = await Peer(site, cloud).connect()
    main.send({"type": "unbinding-code", "id": "u", "code": ask_for_code(cloud.worker, "SN2", BOB)})
    assert not (await main.receive("unbinding-result"))["accepted"]
    assert {cloud.worker.store.find(serial).owner for serial in ("SN1", "SN2")} == {"alice"}
