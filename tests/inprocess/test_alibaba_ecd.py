"""Every action of the office network product, called by the cloud's own SDK over TLS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.inprocess import alibaba_networks as networks
from tests.inprocess.compatible import CloudClient, Refused, Server, made_state

from twinspan.model.cen_verification import CenVerificationSpec
from twinspan.model.resource import Actor, Resource
from twinspan.server.resources.port import Query
from twinspan.wire.alibaba.action import CBN, ECD
from twinspan.wire.alibaba.table import ACTIONS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    """What is created, changed or deleted is so at once."""
    running = Server(made_state(tmp_path_factory.mktemp("ecd") / "state", authority), async_delay_ms=0)
    yield running
    running.close()


def ecd(cloud: CloudClient, action: str, **given: Any) -> Any:
    return cloud.call(ECD, action, **given)


def cbn(cloud: CloudClient, action: str, **given: Any) -> Any:
    return cloud.call(CBN, action, **given)


def office_of(cloud: CloudClient, office: str) -> Any:
    (found,) = ecd(cloud, "DescribeOfficeSites", office_site_id=[office]).office_sites
    return found


@pytest.fixture(scope="module")
def walk(server: Server) -> CloudClient:
    """A client that has called every action once, in an order that makes sense."""
    cloud = server.cloud("walker")
    ecd(cloud, "DescribeRegions")
    ecd(cloud, "DescribeZones")
    cen = cbn(cloud, "CreateCen", name="cen").cen_id
    assert [one.cen_id for one in ecd(cloud, "DescribeCens").cens] == [cen]
    assert ecd(cloud, "VerifyCen", cen_id=cen, cidr_block=networks.OFFICE).status == "Access"
    office = ecd(
        cloud,
        "CreateSimpleOfficeSite",
        office_site_name="office",
        cidr_block=networks.OFFICE,
        desktop_access_type="VPC",
        vpc_type="standard",
        enable_internet_access=False,
    ).office_site_id
    ecd(cloud, "ModifyOfficeSiteAttribute", office_site_id=office, enable_admin_access=False)
    shown = office_of(cloud, office)
    assert (shown.name, shown.status, shown.office_site_type) == ("office", "REGISTERED", "SIMPLE")
    assert (shown.cidr_block, shown.enable_admin_access, shown.cen_attach_status) == (
        networks.OFFICE,
        False,
        "detached",
    )
    ecd(cloud, "AttachCen", office_site_id=office, cen_id=cen)
    assert (office_of(cloud, office).cen_id, office_of(cloud, office).cen_attach_status) == (cen, "attached")
    collision = ecd(cloud, "VerifyCen", cen_id=cen, cidr_block="172.16.8.0/24")
    assert (collision.status, collision.cidr_blocks[0]) == ("Conflict", "10.0.0.0/24")
    ecd(cloud, "DetachCen", office_site_id=office)
    ecd(cloud, "SendVerifyCode", verify_code_action="eds", extra_info=json.dumps({"CenId": cen}))
    _directory(cloud)
    named: dict[str, Any] = {"resource_type": "ALIYUN::GWS::OFFICESITE", "resource_id": [office]}
    ecd(cloud, "TagResources", **named, tag=[{"key": "k", "value": "v"}])
    assert [one.tag_key for one in ecd(cloud, "ListTagResources", **named).tag_resources] == ["k"]
    ecd(cloud, "UntagResources", **named, tag_key=["k"])
    ecd(cloud, "DeleteOfficeSites", office_site_id=[office])
    assert cloud.vpc("DescribeVpcs").total_count == 0
    return cloud


def _directory(cloud: CloudClient) -> None:
    """An office network of an Active Directory waits until somebody says who administers the domain."""
    office = ecd(
        cloud,
        "CreateADConnectorOfficeSite",
        office_site_name="directory",
        cidr_block="10.0.0.0/16",
        domain_name="corp.example",
        dns_address=["192.168.1.5"],
    ).office_site_id
    shown = office_of(cloud, office)
    assert (shown.status, shown.office_site_type, shown.dns_address) == (
        "NEEDCONFIGUSER",
        "AD_CONNECTOR",
        ["192.168.1.5"],
    )
    ecd(
        cloud,
        "ConfigADConnectorUser",
        office_site_id=office,
        domain_user_name="Administrator",
        domain_password="of the domain",
    )
    assert office_of(cloud, office).status == "REGISTERED"
    assert "of the domain" not in json.dumps(cloud.last)
    ecd(cloud, "DeleteOfficeSites", office_site_id=[office])


FROM_SDK = [action for (version, _), action in ACTIONS.items() if version == ECD and not action.ours]


@pytest.mark.parametrize("name", [action.name for action in FROM_SDK])
def test_the_sdk_has_called_the_action_and_its_answer_fits_the_sdk_s_model(walk: CloudClient, name: str) -> None:
    assert (ECD, name) in walk.called


def test_an_office_network_that_is_made_with_a_cen_instance_reaches_it_at_once(server: Server) -> None:
    cloud = server.cloud("alpha")
    cen = cbn(cloud, "CreateCen").cen_id
    office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE, cen_id=cen).office_site_id
    (router,) = cbn(cloud, "ListTransitRouters", cen_id=cen).transit_routers
    (attachment,) = cbn(cloud, "ListTransitRouterVpcAttachments", cen_id=cen).transit_router_attachments
    assert (attachment.vpc_id, attachment.managed_service) == (office_of(cloud, office).vpc_id, "ECD")
    named: dict[str, Any] = {"transit_router_attachment_id": attachment.transit_router_attachment_id}
    (asked,) = cbn(cloud, "ListTransitRouterRouteTableAssociations", **named).transit_router_associations
    (taught,) = cbn(cloud, "ListTransitRouterRouteTablePropagations", **named).transit_router_propagations
    assert asked.transit_router_route_table_id == taught.transit_router_route_table_id
    assert (attachment.transit_router_id, attachment.auto_publish_route_enabled) == (router.transit_router_id, True)


@pytest.mark.parametrize("block", ["192.168.0.0/25", "172.32.0.0/16", "10.16.0.0/16", "172.16.0.1/16", "x", ""])
def test_an_office_network_has_addresses_of_the_three_blocks(server: Server, block: str) -> None:
    cloud = server.cloud("beta")
    with pytest.raises(Refused) as refused:
        ecd(cloud, "CreateSimpleOfficeSite", cidr_block=block)
    assert refused.value.code == ("InvalidCidrBlock.Malformed" if block else "MissingParameter")


def test_the_default_way_to_cloud_computers_is_the_internet_as_in_the_cloud(server: Server) -> None:
    cloud = server.cloud("gamma")
    office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE).office_site_id
    assert office_of(cloud, office).desktop_access_type == "INTERNET"


def codes(server: Server, account: str) -> list[Resource]:
    """What the owner of a CEN instance reads."""
    owner = Actor(account=account, label="owner", role="viewer")
    query = Query(kind="CenVerification", account=account)
    return list(server.inside(lambda worker: worker.resources.service.list(owner, query)).resources)


def _strangers(server: Server, owner: str, guest: str) -> tuple[CloudClient, str, str, int]:
    """A guest with an office network; a CEN instance of somebody else, and that one's number."""
    theirs = server.cloud(owner)
    cen = cbn(theirs, "CreateCen").cen_id
    cbn(theirs, "CreateTransitRouter", cen_id=cen)
    number = int(cbn(theirs, "ListTransitRouters", cen_id=cen).transit_routers[0].ali_uid)
    cloud = server.cloud(guest)
    office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE).office_site_id
    return cloud, office, cen, number


def test_a_cen_instance_of_another_account_needs_the_code_that_its_owner_was_sent(server: Server) -> None:
    cloud, office, cen, number = _strangers(server, "owner", "guest")
    named: dict[str, Any] = {"office_site_id": office, "cen_id": cen, "cen_owner_id": number}
    with pytest.raises(Refused, match="MissingParameter"):
        ecd(cloud, "AttachCen", **named)
    extra = json.dumps({"CenId": cen, "CenOwnerId": number})
    ecd(cloud, "SendVerifyCode", verify_code_action="eds", extra_info=extra)
    (told,) = codes(server, "owner")
    assert isinstance(told.spec, CenVerificationSpec)
    assert (told.spec.asked_by, told.spec.cen) == ("guest", cen)
    with pytest.raises(Refused, match="InvalidVerifyCode"):
        ecd(cloud, "AttachCen", **named, verify_code="guessed")
    fits = ecd(
        cloud, "VerifyCen", cen_id=cen, cen_owner_id=number, cidr_block=networks.OFFICE, verify_code=told.spec.code
    )
    assert fits.status == "Access"
    ecd(cloud, "AttachCen", **named, verify_code=told.spec.code)
    assert (office_of(cloud, office).cen_id, office_of(cloud, office).cen_attach_status) == (cen, "attached")
    theirs = server.cloud("owner")
    (child,) = cbn(theirs, "DescribeCenAttachedChildInstances", cen_id=cen).child_instances.child_instance
    assert (child.child_instance_id, child.child_instance_owner_id) == (
        office_of(cloud, office).vpc_id,
        int(number_of(server, cloud)),
    )
    assert codes(server, "owner") == []
    ecd(cloud, "DetachCen", office_site_id=office)
    with pytest.raises(Refused, match="InvalidVerifyCode"):
        ecd(cloud, "AttachCen", **named, verify_code=told.spec.code)


def number_of(server: Server, cloud: CloudClient) -> str:
    """An account sees its number at what it has."""
    del server
    return str(cloud.vpc("DescribeVpcs").vpcs.vpc[0].owner_id)


def test_only_the_newest_code_is_worth_something(server: Server) -> None:
    cloud, office, cen, number = _strangers(server, "owner2", "guest2")
    extra = json.dumps({"CenId": cen, "CenOwnerId": number})
    seen = []
    for _ in range(2):
        ecd(cloud, "SendVerifyCode", verify_code_action="eds", extra_info=extra)
        seen.append(codes(server, "owner2")[-1].spec)
    old = seen[0]
    assert isinstance(old, CenVerificationSpec)
    with pytest.raises(Refused, match="InvalidVerifyCode"):
        ecd(cloud, "AttachCen", office_site_id=office, cen_id=cen, cen_owner_id=number, verify_code=old.code)


def test_a_cen_instance_of_another_account_is_not_seen_without_its_number(server: Server) -> None:
    cloud, office, cen, _ = _strangers(server, "owner3", "guest3")
    with pytest.raises(Refused, match="ParameterCenInstanceId"):
        ecd(cloud, "AttachCen", office_site_id=office, cen_id=cen)


def test_what_somebody_else_put_into_the_vpc_keeps_the_office_network(server: Server) -> None:
    cloud = server.cloud("delta")
    office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE).office_site_id
    gateway, _ = networks.connection(cloud, office_of(cloud, office).vpc_id)
    with pytest.raises(Refused, match=r"DependencyViolation\.VpnGateway"):
        ecd(cloud, "DeleteOfficeSites", office_site_id=[office])
    assert office_of(cloud, office).status == "REGISTERED"
    assert gateway


def test_registering_attaching_and_leaving_take_their_time(tmp_path: Path, authority: Path) -> None:
    server = Server(made_state(tmp_path / "state", authority), async_delay_ms=60_000)
    try:
        cloud = server.cloud()
        cen = cbn(cloud, "CreateCen").cen_id
        office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE).office_site_id
        assert office_of(cloud, office).status == "REGISTERING"
        assert cbn(cloud, "DescribeCens").cens.cen[0].status == "Creating"
        with pytest.raises(Refused, match="IncorrectStatus"):
            ecd(cloud, "AttachCen", office_site_id=office, cen_id=cen)
    finally:
        server.close()


def until(ask: Any, wanted: Any) -> None:
    end = time.monotonic() + 10
    while ask() != wanted:
        assert time.monotonic() < end, ask()
        time.sleep(0.02)


def test_an_office_network_leaves_with_its_vpc_and_is_seen_leaving(tmp_path: Path, authority: Path) -> None:
    server = Server(made_state(tmp_path / "state", authority), async_delay_ms=300)
    try:
        cloud = server.cloud()
        cen = cbn(cloud, "CreateCen").cen_id
        until(lambda: cbn(cloud, "DescribeCens").cens.cen[0].status, "Active")
        office = ecd(cloud, "CreateSimpleOfficeSite", cidr_block=networks.OFFICE, cen_id=cen).office_site_id
        until(lambda: office_of(cloud, office).status, "REGISTERED")
        ecd(cloud, "DeleteOfficeSites", office_site_id=[office])
        assert office_of(cloud, office).status == "DEREGISTERING"
        until(lambda: ecd(cloud, "DescribeOfficeSites").total_count, 0)
        until(lambda: cloud.vpc("DescribeVpcs").total_count, 0)
        until(lambda: cbn(cloud, "ListTransitRouterVpcAttachments", cen_id=cen).total_count, 0)
    finally:
        server.close()
