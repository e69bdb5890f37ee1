"""What the service chooses when something is made, and that one failover test runs at a time."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.server.resources.conftest import ALICE, BOB, Made

from twinspan.model.resource import Actor, Resource
from twinspan.server.resources.error import ServiceError


def gateway(made: Made, actor: Actor = ALICE, **fields: Any) -> str:
    vpc = made.vpc(actor)
    made.make("Vswitch", actor, vpc=vpc.id, cidr_block="10.1.1.0/24")
    found: str = made.make("VpnGateway", actor, vpc=vpc.id, **fields).spec.internet_ip  # type: ignore[attr-defined]
    return found


def test_every_vpn_gateway_of_an_account_has_an_address_of_its_own(made: Made) -> None:
    assert [gateway(made), gateway(made)] == ["198.18.1.2", "198.18.1.6"]
    assert gateway(made, BOB) == "198.18.1.2"
    assert gateway(made, internet_ip="203.0.113.77") == "203.0.113.77"


def circuit_with_vbr(made: Made) -> Resource:
    circuit = made.make("PhysicalConnection")
    link = {"local_gateway_ip": "10.0.0.1", "peer_gateway_ip": "10.0.0.2"}
    made.make("VirtualBorderRouter", physical_connection=circuit.id, **link)
    return circuit


def test_one_failover_test_of_an_account_runs_at_a_time(made: Made) -> None:
    circuit = circuit_with_vbr(made)
    one, other = (made.make("FailoverTestJob", resources=[circuit.id], duration_min=1) for _ in range(2))
    assert made.service.perform(ALICE, "FailoverTestJob", one.id, "start", {}).phase == "testing"
    with pytest.raises(ServiceError) as raised:
        made.service.perform(ALICE, "FailoverTestJob", other.id, "start", {})
    assert raised.value.refusals[0].code == "OnlyOneRunningJob"
    made.clock.now_ns += 61 * 10**9
    assert made.service.get(ALICE, "FailoverTestJob", one.id).phase == "stopped"
    assert made.service.perform(ALICE, "FailoverTestJob", other.id, "start", {}).phase == "testing"
