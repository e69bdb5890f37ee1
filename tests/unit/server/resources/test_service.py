"""The resource service: what it makes, what it refuses, and that what it refuses changes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from tests.unit.server.resources.conftest import ALICE, BOB, CLOUD, MS, NOW, Made

from twinspan.model.customer_gateway import CustomerGatewaySpec
from twinspan.model.fields import Profile
from twinspan.model.resource import Actor, Resource
from twinspan.model.secret import MASK, Secret
from twinspan.server.resources.error import NotFound, ServiceError
from twinspan.server.resources.operations import ServiceSettings
from twinspan.server.resources.port import Query, StaleWrite
from twinspan.server.resources.service import Once, ResourceService
from twinspan.server.resources.spec_text import shown

VIEWER = Actor(account="alice", label="viewer", role="viewer")
ROOT = Actor(account="", label="administrator", role="administrator")


@dataclass
class Refused:
    why: str
    code: str
    field: str


def refused(work: object) -> Refused:
    with pytest.raises(ServiceError) as raised:
        work()  # type: ignore[operator]
    first = raised.value.refusals[0]
    assert first.remedy
    return Refused(raised.value.why, first.code, first.field)


def test_an_id_begins_as_its_kind_does(made: Made) -> None:
    assert re.fullmatch(r"vpc-[a-z0-9]{20}", made.vpc().id)
    assert made.vpc().id != made.vpc().id


def test_an_office_network_says_its_region(made: Made) -> None:
    office = made.make("OfficeNetwork", vpc=made.vpc().id)
    assert re.fullmatch(r"cn-hangzhou\+dir-[0-9]{10}", office.id)


def test_a_name_stands_for_the_id_that_is_stored(made: Made) -> None:
    vpc = made.vpc(name="user")
    switch = made.make("Vswitch", vpc="user", cidr_block="10.1.1.0/24")
    assert switch.spec.vpc == vpc.id  # type: ignore[attr-defined]
    assert made.service.get(ALICE, "Vpc", "user").id == vpc.id


def test_at_the_compatible_edge_only_ids_count(made: Made) -> None:
    made.vpc(name="user")
    with pytest.raises(NotFound):
        made.service.get(CLOUD, "Vpc", "user")


def test_a_name_that_fits_two_is_refused(made: Made) -> None:
    made.vpc(name="user"), made.vpc(name="user")
    found = refused(lambda: made.make("Vswitch", vpc="user", cidr_block="10.1.1.0/24"))
    assert found == Refused("invalid", "reference.absent", "vpc")


def test_a_reference_to_nothing_names_the_field(made: Made) -> None:
    found = refused(lambda: made.make("Vswitch", vpc="vpc-nothing", cidr_block="10.1.1.0/24"))
    assert found == Refused("invalid", "reference.absent", "vpc")


def test_a_reference_to_another_kind_is_refused(made: Made) -> None:
    cen = made.make("Cen")
    found = refused(lambda: made.make("Vswitch", vpc=cen.id, cidr_block="10.1.1.0/24"))
    assert found.code == "reference.absent"


def test_anothers_resource_is_as_if_it_were_not_there(made: Made) -> None:
    vpc = made.vpc()
    absent = refused(lambda: made.make("Vswitch", BOB, vpc="vpc-nothing", cidr_block="10.1.1.0/24"))
    assert refused(lambda: made.make("Vswitch", BOB, vpc=vpc.id, cidr_block="10.1.1.0/24")) == absent
    for work in (
        lambda: made.service.get(BOB, "Vpc", vpc.id),
        lambda: made.service.patch(BOB, "Vpc", vpc.id, {"name": "mine"}),
        lambda: made.service.delete(BOB, "Vpc", vpc.id),
        lambda: made.service.uses(BOB, "Vpc", vpc.id),
    ):
        assert refused(work).why == "absent"
    assert made.service.list(BOB, Query(kind="Vpc", account="alice")).resources == ()


def test_the_whole_server_sees_all_accounts_and_creates_in_one_it_names(made: Made) -> None:
    mine, theirs = made.vpc(), made.vpc(BOB)
    found = made.service.list(ROOT, Query(kind="Vpc", account=None)).resources
    assert {one.id for one in found} == {mine.id, theirs.id}
    assert refused(lambda: made.vpc(ROOT)).code == "account.missing"
    assert made.vpc(replace(ROOT, account="bob")).account == "bob"


def test_a_viewer_reads_and_changes_nothing(made: Made) -> None:
    vpc = made.vpc()
    assert made.service.get(VIEWER, "Vpc", vpc.id).id == vpc.id
    for work in (
        lambda: made.vpc(VIEWER),
        lambda: made.service.patch(VIEWER, "Vpc", vpc.id, {"name": "x"}),
        lambda: made.service.delete(VIEWER, "Vpc", vpc.id),
    ):
        assert refused(work).why == "forbidden"


def test_all_that_is_wrong_with_a_spec_is_said_at_once(made: Made) -> None:
    with pytest.raises(ServiceError) as raised:
        made.make("Vpc", cidr_block="10.1.0.1/16", colour="red")
    assert {refusal.field for refusal in raised.value.refusals} == {"cidr_block", "colour"}


def test_a_spec_can_be_sent_back_as_it_was_shown(made: Made) -> None:
    import json  # noqa: PLC0415 - what a client does

    circuit = made.make("PhysicalConnection", name="line")
    border = made.make("VirtualBorderRouter", physical_connection="line")
    for one in (circuit, border, made.vpc()):
        again = made.service.patch(ALICE, one.kind, one.id, {"spec": json.loads(shown(one))["spec"]})
        assert again == one


def test_a_patch_takes_null_as_the_default_and_counts_a_generation(made: Made) -> None:
    vpc = made.vpc()
    changed = made.service.patch(ALICE, "Vpc", vpc.id, {"spec": {"description": "one"}, "tags": {"a": "b"}})
    assert (changed.generation, changed.spec.description, changed.spec.tags) == (2, "one", {"a": "b"})
    back = made.service.patch(ALICE, "Vpc", vpc.id, {"spec": {"description": None, "tags": {"a": None}}})
    assert (back.generation, back.spec.description, back.spec.tags) == (3, "", {})


def test_a_patch_that_changes_nothing_is_no_generation(made: Made) -> None:
    vpc = made.vpc(name="user")
    assert made.service.patch(ALICE, "Vpc", vpc.id, {"name": "user"}).generation == 1
    assert len(made.store.read(lambda view: view.changes(after=0, account=None))) == 1


def test_a_stale_write_is_refused_with_what_is_stored(made: Made) -> None:
    vpc = made.vpc()
    made.service.patch(ALICE, "Vpc", vpc.id, {"name": "one"}, generation=1)
    with pytest.raises(StaleWrite) as raised:
        made.service.patch(ALICE, "Vpc", vpc.id, {"name": "two"}, generation=1)
    assert raised.value.resource.generation == 2
    assert made.service.get(ALICE, "Vpc", vpc.id).name == "one"


def test_what_is_immutable_stays(made: Made) -> None:
    vpc = made.vpc()
    found = refused(lambda: made.service.patch(ALICE, "Vpc", vpc.id, {"spec": {"cidr_block": "10.2.0.0/16"}}))
    assert found == Refused("conflict", "field.immutable", "cidr_block")


def test_what_is_used_is_not_deleted_and_who_uses_it_is_said(made: Made) -> None:
    vpc = made.vpc()
    switch = made.make("Vswitch", vpc=vpc.id, cidr_block="10.1.1.0/24")
    with pytest.raises(ServiceError) as raised:
        made.service.delete(ALICE, "Vpc", vpc.id)
    assert raised.value.refusals[0].value == switch.id
    assert [use.source_id for use in made.service.uses(ALICE, "Vpc", vpc.id)] == [switch.id]
    made.service.delete(ALICE, "Vswitch", switch.id)
    made.service.delete(ALICE, "Vpc", vpc.id)
    with pytest.raises(NotFound):
        made.service.get(ALICE, "Vpc", vpc.id)


def test_a_dry_run_decides_all_and_writes_nothing(made: Made) -> None:
    tried = made.service.create(ALICE, "Vpc", {"cidr_block": "10.1.0.0/16"}, dry_run=True)
    assert tried.spec.cidr_block == "10.1.0.0/16"  # type: ignore[attr-defined]
    assert refused(lambda: made.service.create(ALICE, "Vpc", {}, dry_run=True)).field == "cidr_block"
    assert made.store.read(lambda view: view.newest_change()) == 0


def test_with_a_key_a_request_happens_once(made: Made) -> None:
    spec = {"ip_address": "198.51.100.7", "asn": 65001, "auth_key": "very-secret"}
    first = made.service.create(ALICE, "CustomerGateway", spec, key="k1")
    again = made.service.create(ALICE, "CustomerGateway", spec, key="k1")
    assert (again.id, again.created_ns) == (first.id, first.created_ns)
    assert made.service.list(ALICE, Query(kind="CustomerGateway", account="alice")).total == 1
    assert isinstance(again.spec, CustomerGatewaySpec)
    assert again.spec.auth_key is not None
    assert again.spec.auth_key.value == Secret(MASK)


def test_a_key_with_another_request_is_a_mistake(made: Made) -> None:
    made.service.create(ALICE, "Vpc", {"cidr_block": "10.1.0.0/16"}, key="k1")
    found = refused(lambda: made.service.create(ALICE, "Vpc", {"cidr_block": "10.2.0.0/16"}, key="k1"))
    assert found.why == "key_reused"
    assert made.service.create(BOB, "Vpc", {"cidr_block": "10.2.0.0/16"}, key="k1").account == "bob"


def test_a_request_that_failed_is_not_remembered(made: Made) -> None:
    refused(lambda: made.service.create(ALICE, "Vswitch", {"vpc": "user", "cidr_block": "10.1.1.0/24"}, key="k"))
    made.vpc(name="user")
    assert made.service.create(ALICE, "Vswitch", {"vpc": "user", "cidr_block": "10.1.1.0/24"}, key="k").id


def test_several_operations_happen_together_or_not_at_all(made: Made) -> None:
    def both(tx):  # type: ignore[no-untyped-def]
        vpc = tx.create("Vpc", {"cidr_block": "10.1.0.0/16"}, name="user")
        tx.create("Vswitch", {"vpc": vpc.id, "cidr_block": "10.1.1.0/24"})
        return tx.create("Vswitch", {"vpc": "nothing", "cidr_block": "10.1.1.0/24"})

    assert refused(lambda: made.service.run(ALICE, both)).field == "vpc"
    assert made.store.read(lambda view: view.newest_change()) == 0


def test_an_answer_of_several_is_remembered_too(made: Made) -> None:
    def two(tx):  # type: ignore[no-untyped-def]
        return [tx.create("Vpc", {"cidr_block": "10.1.0.0/16"}).id for _ in range(2)]

    once = Once(key="k", request=["two"])
    assert made.service.run(ALICE, two, once=once) == made.service.run(ALICE, two, once=once)


def test_the_compatible_edge_takes_its_time(made: Made) -> None:
    vpc = made.vpc(CLOUD)
    assert vpc.phase == "creating"
    assert made.service.get(ALICE, "Vpc", vpc.id).phase == "creating"
    made.clock.now_ns += 1001 * MS
    assert made.service.get(ALICE, "Vpc", vpc.id).phase == "ready"
    assert made.service.delete(CLOUD, "Vpc", vpc.id).phase == "deleting"
    assert made.service.list(CLOUD, Query(kind="Vpc", account="alice")).total == 1
    made.clock.now_ns += 1001 * MS
    assert made.service.list(CLOUD, Query(kind="Vpc", account="alice")).resources == ()
    with pytest.raises(NotFound):
        made.service.get(CLOUD, "Vpc", vpc.id)


def test_tags_and_resource_groups_keep_nobody_waiting(made: Made) -> None:
    vpc = made.vpc(CLOUD)
    for n in range(3):
        tagged = made.service.patch(CLOUD, "Vpc", vpc.id, {"tags": {f"k{n}": "v"}})
        assert (tagged.phase, tagged.phase_until_ns) == ("creating", vpc.phase_until_ns)
    made.clock.now_ns += 1001 * MS
    assert made.service.patch(CLOUD, "Vpc", vpc.id, {"spec": {"resource_group": "rg"}}).phase == "ready"
    assert made.service.patch(CLOUD, "Vpc", vpc.id, {"spec": {"description": "d"}}).phase == "changing"
    made.clock.now_ns += 1001 * MS
    made.service.delete(CLOUD, "Vpc", vpc.id)
    found = refused(lambda: made.service.patch(CLOUD, "Vpc", vpc.id, {"tags": {"late": "v"}}))
    assert (found.why, found.code) == ("conflict", "IncorrectStatus.Vpc")


def test_what_is_deleted_for_good_is_cleared_away(made: Made) -> None:
    vpc = made.vpc(CLOUD)
    made.clock.now_ns += 1001 * MS
    made.service.delete(CLOUD, "Vpc", vpc.id)
    assert made.service.clear_away() == 0
    made.clock.now_ns += 1001 * MS
    assert made.service.clear_away() == 1
    assert made.store.read(lambda view: view.get(vpc.id)) is None


def test_what_was_being_deleted_when_a_server_ended_is_found_at_the_next_start(made: Made) -> None:
    vpcs = [made.vpc(CLOUD) for _ in range(3)]
    made.clock.now_ns += 1001 * MS
    for vpc in vpcs:
        made.service.delete(CLOUD, "Vpc", vpc.id)
    later = ResourceService(made.store, made.clock)
    assert later.find_leaving() == 3
    made.clock.now_ns += 1001 * MS
    assert later.clear_away() == 3
    assert made.service.clear_away() == 0  # the other one was faster


def test_two_of_one_name_in_a_site_are_refused(made: Made) -> None:
    made.site("kiel")
    made.make("Cen", name="net", site="kiel")
    found = refused(lambda: made.make("Cen", name="net", site="kiel"))
    assert found == Refused("conflict", "name.taken", "name")
    assert made.make("Cen", name="net").site == ""


def test_a_site_that_is_named_exists(made: Made) -> None:
    assert refused(lambda: made.make("Cen", site="kiel")).field == "site"


def test_a_site_with_something_in_it_is_not_deleted(made: Made) -> None:
    site = made.site("kiel")
    cen = made.make("Cen", name="net", site="kiel")
    with pytest.raises(ServiceError) as raised:
        made.service.delete(ALICE, "Site", site.id)
    assert raised.value.refusals[0].value == cen.id
    assert refused(lambda: made.service.patch(ALICE, "Site", site.id, {"name": "bonn"})).code == "field.immutable"


def test_a_quota_is_refused_by_its_name_and_can_be_raised(made: Made) -> None:
    made.service.store.change(lambda work: work.set_quota("alice", "customer_gateways_per_account", 1))
    made.make("CustomerGateway", ip_address="198.51.100.7")
    found = refused(lambda: made.make("CustomerGateway", ip_address="198.51.100.8"))
    assert (found.why, found.code) == ("quota", "QuotaExceeded.customer_gateways_per_account")
    assert made.make("CustomerGateway", BOB, ip_address="198.51.100.7").account == "bob"


def test_a_verb_moves_the_phase_and_an_unknown_one_says_which_there_are(made: Made) -> None:
    line = made.make("PhysicalConnection", CLOUD)
    assert line.phase == "initial"
    assert made.service.perform(ALICE, "PhysicalConnection", line.id, "enable", {}).phase == "ready"
    found = refused(lambda: made.service.perform(ALICE, "PhysicalConnection", line.id, "explode", {}))
    assert found.code == "UnsupportedOperation"


def test_a_secret_comes_back_as_it_was_when_its_mask_is_sent(made: Made) -> None:
    gate = made.make("CustomerGateway", ip_address="198.51.100.7", auth_key="very-secret")
    assert b"very-secret" not in shown(gate)
    after = made.service.patch(
        ALICE, "CustomerGateway", gate.id, {"spec": {"auth_key": MASK, "description": "changed"}}
    )
    assert isinstance(after.spec, CustomerGatewaySpec)
    assert after.spec.auth_key is not None
    assert after.spec.auth_key.value == Secret("very-secret")
    assert after.spec.description == "changed"


def test_a_key_is_never_read_from_the_servers_own_files(made: Made) -> None:
    found = refused(lambda: made.make("CustomerGateway", ip_address="198.51.100.7", auth_key={"file": "/etc/shadow"}))
    assert found.why == "invalid"


def test_every_change_is_in_the_audit_with_who_and_where(made: Made) -> None:
    vpc = made.vpc()
    made.service.patch(ALICE, "Vpc", vpc.id, {"name": "one"})
    made.service.delete(ALICE, "Vpc", vpc.id)
    changes = made.store.read(lambda view: view.changes(after=0, account="alice", resource_id=vpc.id))
    assert [change.action for change in changes] == ["create", "update", "delete"]
    assert {(change.by, change.origin) for change in changes} == {("alice", "native 127.0.0.1")}
    assert changes[0].at_ns == NOW


def test_what_clashes_with_a_neighbour_is_refused_by_its_rule(made: Made) -> None:
    vpc = made.vpc()
    made.make("Vswitch", vpc=vpc.id, cidr_block="10.1.1.0/24")
    found = refused(lambda: made.make("Vswitch", vpc=vpc.id, cidr_block="10.1.1.128/25"))
    assert found.why == "invalid"
    assert found.code.startswith("R-")
    outside = refused(lambda: made.make("Vswitch", vpc=vpc.id, cidr_block="10.2.1.0/24"))
    assert outside.field == "cidr_block"


def _vpn_route(made: Made) -> tuple[Resource, Resource]:
    """A destination-based route and a policy-based one to the same destination, on one gateway."""
    vpc = made.vpc()
    switch = made.make("Vswitch", vpc=vpc.id, cidr_block="10.1.1.0/24")
    gateway = made.make("VpnGateway", vpc=vpc.id, vswitch=switch.id, internet_ip="198.51.100.1")
    customer = made.make("CustomerGateway", ip_address="203.0.113.2", asn=65001)
    tunnel = made.make(
        "IpsecConnection",
        vpn_gateway=gateway.id,
        customer_gateway=customer.id,
        local_subnets=["10.1.0.0/16"],
        remote_subnets=["192.168.0.0/24"],
    )
    spec = {"ipsec_connection": tunnel.id, "destination": "192.168.0.0/24"}
    return made.make("DestinationRoute", **spec), made.make("PolicyRoute", route_source="10.1.0.0/16", **spec)


def test_a_withdrawn_route_takes_its_twin_along(made: Made) -> None:
    route, twin = _vpn_route(made)
    assert twin.spec.advertise_to_vpc is True  # type: ignore[attr-defined]
    made.service.perform(ALICE, "DestinationRoute", route.id, "withdraw", {})
    after = made.service.get(ALICE, "PolicyRoute", twin.id)
    assert after.spec.advertise_to_vpc is False  # type: ignore[attr-defined]
    assert after.generation == 2
    changes = made.store.read(lambda view: view.changes(after=0, account="alice", resource_id=twin.id))
    assert [change.action for change in changes] == ["create", "withdraw"]


@pytest.mark.parametrize("profile", ["edge", "cloud"])
def test_a_peer_may_bring_as_many_routes_as_the_accounts_quota_allows(made: Made, profile: Profile) -> None:
    service = ResourceService(made.store, made.clock, ServiceSettings(profile=profile))
    line = made.make("PhysicalConnection")
    router = made.make(
        "VirtualBorderRouter", physical_connection=line.id, local_gateway_ip="10.0.0.1", peer_gateway_ip="10.0.0.2"
    )
    spec = {"virtual_border_router": router.id, "peer_asn": 65001, "local_asn": 45104, "route_quota": 111}
    with pytest.raises(ServiceError) as raised:
        service.create(CLOUD, "BgpGroup", spec)
    assert raised.value.refusals[0].field == "route_quota"
    assert "routes_per_bgp_peer" in raised.value.refusals[0].remedy
    made.service.store.change(lambda work: work.set_quota("alice", "routes_per_bgp_peer", 111))
    assert service.create(CLOUD, "BgpGroup", spec).phase in {"ready", "creating"}
    with pytest.raises(ServiceError):
        service.create(CLOUD, "BgpGroup", spec | {"route_quota": 112})


def test_a_logon_name_stands_once_in_an_account(made: Made) -> None:
    first = made.make("EndUser", end_user_id="li_4")
    assert first.name == "li_4"
    for actor in (ALICE, CLOUD):
        assert refused(lambda actor=actor: made.make("EndUser", actor, end_user_id="li_4")).code == "ExistedEndUserId"  # type: ignore[misc]
    assert refused(lambda: made.make("EndUser", name="wang", end_user_id="li_5")).code == "R-USER-003"
    assert refused(lambda: made.service.patch(ALICE, "EndUser", first.id, {"name": "x"})).code == "R-USER-003"
    assert made.make("EndUser", BOB, end_user_id="li_4").account == "bob"
    assert made.service.patch(ALICE, "EndUser", first.id, {"spec": {"remark": "on leave"}}).name == "li_4"
    made.service.delete(ALICE, "EndUser", first.id)
    assert made.make("EndUser", end_user_id="li_4").id != first.id
