"""Phases: what begins, what is over, what is refused."""

import pytest
from tests.unit.engine.resource_samples import resource

from twinspan.engine.lifecycle import begin, may, settled, verbs_of
from twinspan.model.destination_route import DestinationRouteSpec
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.physical_connection import PhysicalConnectionSpec
from twinspan.model.resource import Resource
from twinspan.model.route_table import RouteEntry
from twinspan.model.virtual_border_router import VirtualBorderRouterSpec

MINUTE_NS = 60_000_000_000


def gateway(phase: str = "ready", until_ns: int = 0) -> Resource:
    return resource("VpnGateway", "vpn-1", phase=phase, until_ns=until_ns, vpc="vpc-1")


def connection(phase: str = "ready", until_ns: int = 0, resource_id: str = "vco-1") -> Resource:
    return resource("IpsecConnection", resource_id, phase=phase, until_ns=until_ns, vpn_gateway="vpn-1")


def route(phase: str = "ready", resource_id: str = "dbr-1", via: str = "vco-1") -> Resource:
    return resource("DestinationRoute", resource_id, phase=phase, ipsec_connection=via, destination="192.168.1.0/24")


def vbr(phase: str = "ready", account: str = "current") -> Resource:
    return resource("VirtualBorderRouter", "vbr-1", phase=phase, physical_connection="pc-1", account=account)


@pytest.mark.parametrize(
    ("phase", "after"),
    [("creating", "ready"), ("changing", "ready"), ("deleting", "deleted"), ("terminating", "terminated")],
)
def test_a_phase_on_the_way_ends_at_its_time_and_not_before(phase: str, after: str) -> None:
    passing = resource("VirtualBorderRouter", "vbr-1", phase=phase, until_ns=100)
    assert settled(passing, 99) is passing
    assert (settled(passing, 100).phase, settled(passing, 100).phase_until_ns) == (after, 0)


def test_a_phase_without_an_end_stays() -> None:
    waiting = vbr("unconfirmed")
    assert settled(waiting, 10**19) is waiting


def test_a_job_goes_through_all_its_phases_by_itself() -> None:
    spec = FailoverTestJobSpec(resources=("pc-1",), duration_min=2, job_type="start_now")
    phase, until_ns = begin("FailoverTestJob", "create", 1000, 5, spec=spec)
    job = resource("FailoverTestJob", "ftj-1", phase=phase, until_ns=until_ns, resources=("pc-1",), duration_min=2)
    start_ns = 1000 + 5_000_000
    assert [settled(job, at).phase for at in (1000, start_ns, start_ns + 2 * MINUTE_NS)] == [
        "starting",
        "testing",
        "stopped",
    ]


def test_without_delay_everything_is_there_at_once() -> None:
    assert begin("Vpc", "create", 7, 0) == ("ready", 0)
    assert begin("Vpc", "delete", 7, 0) == ("deleted", 0)
    assert begin("VirtualBorderRouter", "terminate", 7, 0) == ("terminated", 0)


def test_with_delay_the_phase_on_the_way_has_an_end() -> None:
    assert begin("VpnGateway", "update", 7, 2) == ("changing", 2_000_007)


def test_a_vbr_for_another_account_waits_for_its_owner() -> None:
    assert begin("VirtualBorderRouter", "create", 7, 5, spec=VirtualBorderRouterSpec(account="1234")) == (
        "unconfirmed",
        0,
    )
    assert begin("VirtualBorderRouter", "confirm", 7, 0) == ("ready", 0)


def test_a_circuit_is_built_by_its_provider_only_at_the_compatible_edge() -> None:
    spec = PhysicalConnectionSpec()
    assert begin("PhysicalConnection", "create", 7, 5, spec=spec, edge="alibaba") == ("initial", 0)
    assert begin("PhysicalConnection", "create", 7, 0, spec=spec) == ("ready", 0)
    assert begin("PhysicalConnection", "update", 7, 5, spec=spec) == ("", 0)


@pytest.mark.parametrize("busy", ["creating", "changing", "deleting"])
@pytest.mark.parametrize("verb", ["create", "update", "delete"])
def test_a_gateway_that_is_busy_refuses_every_operation_of_its_family(busy: str, verb: str) -> None:
    for asked in (connection(), route()):
        family = [gateway(busy), connection(), route()]
        refusal = may(asked, verb, family)
        assert refusal is not None
        assert refusal.code == "VpnGateway.Configuring"
        assert refusal.value == "vpn-1"
        assert refusal.retry_after_s


def test_a_busy_connection_or_route_holds_its_gateway_too() -> None:
    for family in ([connection("changing")], [connection(), route("creating")]):
        refusal = may(gateway(), "update", family)
        assert refusal is not None
        assert refusal.code == "VpnGateway.Configuring"


def test_another_gateway_does_not_matter() -> None:
    other = resource("VpnGateway", "vpn-2", phase="changing", vpc="vpc-1")
    other_connection = resource("IpsecConnection", "vco-2", phase="changing", vpn_gateway="vpn-2")
    assert may(gateway(), "update", [other, other_connection]) is None


def test_the_wait_is_told() -> None:
    refusal = may(connection(), "update", [gateway("changing", 5_000_000_000)], now_ns=2_000_000_000)
    assert refusal is not None
    assert refusal.retry_after_s == pytest.approx(3.0)


def test_a_connection_needs_a_gateway_that_is_there() -> None:
    refusal = may(connection(), "create", [gateway("deleted")])
    assert refusal is None  # a gateway that is gone is no neighbour: the service says that it does not exist
    refusal = may(connection(), "create", [gateway("creating", 10)])
    assert refusal is not None
    assert refusal.code == "VpnGateway.Configuring"


def test_a_vbr_needs_a_circuit_that_is_enabled() -> None:
    circuit = resource("PhysicalConnection", "pc-1", phase="confirmed")
    refusal = may(vbr(), "create", [circuit])
    assert refusal is not None
    assert (refusal.code, refusal.field) == ("IncorrectStatus.PhysicalConnection", "physical_connection")


@pytest.mark.parametrize(
    ("verb", "good"),
    [
        ("terminate", {"ready"}),
        ("recover", {"terminated"}),
        ("confirm", {"unconfirmed"}),
        ("delete", {"ready", "unconfirmed", "terminated"}),
        ("update", {"ready"}),
    ],
)
def test_a_vbr_does_only_what_its_phase_allows(verb: str, good: set[str]) -> None:
    phases = ("ready", "unconfirmed", "terminating", "terminated", "recovering", "deleting", "changing")
    assert {phase for phase in phases if may(vbr(phase), verb) is None} == good


@pytest.mark.parametrize(
    ("verb", "good"),
    [("start", {"init"}), ("stop", {"testing"}), ("update", {"init"}), ("delete", {"init", "stopped"})],
)
def test_a_job_does_only_what_its_phase_allows(verb: str, good: set[str]) -> None:
    def job(phase: str) -> Resource:
        return resource("FailoverTestJob", "ftj-1", phase=phase, resources=("pc-1",))

    phases = ("init", "starting", "testing", "stopping", "stopped")
    assert {phase for phase in phases if may(job(phase), verb) is None} == good


def test_an_action_that_a_kind_does_not_have_is_refused_with_those_it_has() -> None:
    refusal = may(vbr(), "start")
    assert refusal is not None
    assert refusal.code == "UnsupportedOperation"
    assert all(verb in refusal.remedy for verb in verbs_of("VirtualBorderRouter"))


def test_what_is_used_is_not_deleted() -> None:
    group = resource("BgpGroup", "bgpg-1", name="group", virtual_border_router="vbr-1")
    refusal = may(vbr(), "delete", [group])
    assert refusal is not None
    assert (refusal.code, refusal.value) == ("DependencyViolation.BgpGroup", "bgpg-1")
    assert may(vbr(), "terminate", [group]) is None


def test_the_table_a_vbr_was_born_with_goes_along_while_it_is_empty() -> None:
    empty = resource("RouteTable", "vtb-1", virtual_border_router="vbr-1")
    entry = RouteEntry(destination="10.9.0.0/16", next_hop_kind="circuit", next_hop="pc-1")
    filled = resource("RouteTable", "vtb-1", virtual_border_router="vbr-1", entries=(entry,))
    assert may(vbr(), "delete", [empty]) is None
    refusal = may(vbr(), "delete", [filled])
    assert refusal is not None
    assert refusal.code == "DependencyViolation.RouteTable"


def test_a_test_that_is_over_holds_nothing() -> None:
    circuit = resource("PhysicalConnection", "pc-1")
    over = resource("FailoverTestJob", "ftj-1", phase="stopped", resources=("pc-1",))
    running = resource("FailoverTestJob", "ftj-1", phase="testing", resources=("pc-1",))
    assert may(circuit, "delete", [over]) is None
    assert may(circuit, "delete", [running]) is not None


def test_a_route_without_its_connection_among_the_neighbours_is_not_held() -> None:
    assert may(route(via="vco-9"), "update", [gateway("changing")]) is None
    assert DestinationRouteSpec(destination="10.0.0.0/8").ipsec_connection == ""
