"""CEN instances, office networks, end users: whatever is asked of those that are there, the answer is one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.test_alibaba_door import ENDINGS, VALUES, Send, open_send, signed, told

from twinspan.wire.alibaba.action import CBN, ECD, EDS_USER, parameters_of
from twinspan.wire.alibaba.table import ACTIONS

FEW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
OURS = sorted(key for key in ACTIONS if key[0] in {CBN, ECD, EDS_USER})
REGION = {"RegionId": "cn-hangzhou"}


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """One request to a door with a store of its own."""
    with open_send(tmp_path_factory.mktemp("networks")) as opened:
        yield opened


@pytest.fixture(scope="module")
def right(send: Send) -> dict[str, list[str]]:
    """Values that are right for a parameter of that name."""

    def ask(version: str, action: str, **query: str) -> dict[str, Any]:
        answer = told(send(*signed(version, action, query)))
        assert "Code" not in answer, answer
        return answer

    cen = ask(CBN, "CreateCen")["CenId"]
    router = ask(CBN, "CreateTransitRouter", CenId=cen, **REGION)["TransitRouterId"]
    tables = ask(CBN, "ListTransitRouterRouteTables", TransitRouterId=router)["TransitRouterRouteTables"]
    office = ask(ECD, "CreateSimpleOfficeSite", CidrBlock="172.16.0.0/16", CenId=cen, **REGION)["OfficeSiteId"]
    (shown,) = ask(ECD, "DescribeOfficeSites", **REGION, **{"OfficeSiteId.1": office})["OfficeSites"]
    (plug,) = ask(CBN, "ListTransitRouterVpcAttachments", CenId=cen)["TransitRouterAttachments"]
    rule = {"CenRegionId": "cn-hangzhou", "TransmitDirection": "RegionIn", "MapResult": "Permit", "Priority": "7"}
    rule_id = ask(CBN, "CreateCenRouteMap", CenId=cen, **rule)["RouteMapId"]
    ask(EDS_USER, "CreateUsers", **{"Users.1.EndUserId": "alice"})
    attachment, table = plug["TransitRouterAttachmentId"], tables[0]["TransitRouterRouteTableId"]
    return {
        "CenId": [cen], "TransitRouterId": [router], "TransitRouterRouteTableId": [table],
        "TransitRouterAttachmentId": [attachment], "VpcId": ["@Vpc", shown["VpcId"]],
        "VbrId": ["@VirtualBorderRouter"], "VpnId": ["@IpsecConnection"], "OfficeSiteId": [office],
        "RouteMapId": [rule_id], "EndUserId": ["alice", "bob_1", "Bob"], "Users": ["alice", "alice,nobody"],
        "ChildInstanceId": ["@Vpc", shown["VpcId"], "@VirtualBorderRouter"], "ChildInstanceType": ["VPC", "VBR", "CCN"],
        "InstanceId": ["@Vpc", "@VirtualBorderRouter"], "InstanceType": ["VPC", "ExpressConnect", "VPN"],
        "ProductType": ["VPC", "VBR"], "ResourceId": [cen, router, attachment, "@Vpc"],
        "ResourceType": ["cen", "TransitRouter", "ALIYUN::GWS::OFFICESITE"], "VbrInstanceId": ["@VirtualBorderRouter"],
        "VbrInstanceRegionId": ["cn-hangzhou"], "ChildInstanceRegionId": ["cn-hangzhou"],
        "CenRegionId": ["cn-hangzhou"], "CidrBlock": ["172.16.0.0/16", "10.0.0.0/12", "10.1.0.0/24"],
        "DestinationCidrBlock": ["10.0.0.0/8", "172.16.0.0/16", "100.64.0.0/10"],
        "TransitRouterRouteEntryDestinationCidrBlock": ["10.0.0.0/8", "100.64.0.0/10"],
        "TransitRouterRouteEntryNextHopType": ["Attachment", "BlackHole"],
        "TransitRouterRouteEntryNextHopId": [attachment], "TransmitDirection": ["RegionIn", "RegionOut"],
        "MapResult": ["Permit", "Deny"], "Priority": ["1", "50", "100"], "Force": ["true", "false"],
        "CenOwnerId": ["other", "acme", "1"], "VerifyCodeAction": ["eds"],
        "ExtraInfo": [f'{{"CenId": "{cen}"}}', f'{{"CenId": "{cen}", "CenOwnerId": "acme"}}', '{"CenId": []}'],
        "Users.1.EndUserId": ["carol", "x", "alice"], "Users.1.Password": ["Correct-Horse-9", "weak"],
    }  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str], list[str]]:
    """An action, parameters at random, and the names of those that shall be right."""
    version, name = draw(st.sampled_from(OURS))
    action = ACTIONS[version, name]
    own = sorted({*parameters_of(action), *action.needs, *action.ignored, "DryRun", "ClientToken"})
    query = dict(REGION)
    for _ in range(draw(st.integers(0, 3))):
        query[draw(st.sampled_from(own)) + draw(ENDINGS)] = draw(VALUES)
    some = [one for one in own if one in action.needs or draw(st.integers(0, 3)) == 0]
    return version, name, query, [*some, *(["Users.1.EndUserId", "Users.1.Password"] if name == "CreateUsers" else [])]


@FEW
@given(requests(), st.data())
def test_every_action_on_networks_that_are_there_is_answered(
    send: Send,
    right: dict[str, list[str]],
    request: tuple[str, str, dict[str, str], list[str]],
    data: st.DataObject,
) -> None:
    version, name, query, some = request
    query |= {one: data.draw(st.sampled_from(right[one])) for one in some if one in right}
    if name == "CreateUsers":
        query.pop("Users", None)

    told(send(*signed(version, name, query)))
