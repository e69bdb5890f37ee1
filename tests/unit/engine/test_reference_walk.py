"""References of a spec: what it mentions, and renaming it."""

import pytest
from tests.unit.engine.resource_samples import resource

from twinspan.engine.reference_walk import Mention, references, rename
from twinspan.model.attachment import AttachmentSpec
from twinspan.model.failover_test_job import FailoverTestJobSpec
from twinspan.model.ike import TunnelBgpSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, TunnelSpec
from twinspan.model.kinds import STORED_KINDS
from twinspan.model.route_table import RouteEntry, RouteTableSpec

CONNECTION = IpsecConnectionSpec(
    vpn_gateway="vpn",
    tunnels=(
        TunnelSpec(role="master", customer_gateway="one", bgp=TunnelBgpSpec(tunnel_cidr="169.254.10.0/30")),
        TunnelSpec(role="slave"),
    ),
)


def test_nested_fields_are_mentions_with_their_place() -> None:
    assert references(CONNECTION) == (
        Mention("vpn_gateway", "VpnGateway", "vpn"),
        Mention("tunnels[0].customer_gateway", "CustomerGateway", "one"),
    )


def test_the_kind_of_a_next_hop_stands_beside_it() -> None:
    table = RouteTableSpec(
        transit_router="tr",
        entries=(
            RouteEntry(destination="10.0.0.0/8", next_hop_kind="attachment", next_hop="a"),
            RouteEntry(destination="11.0.0.0/8", next_hop_kind="blackhole"),
            RouteEntry(destination="12.0.0.0/8", next_hop_kind="vpn_gateway", next_hop="v"),
        ),
    )
    assert references(table) == (
        Mention("transit_router", "TransitRouter", "tr"),
        Mention("entries[0].next_hop", "Attachment", "a"),
        Mention("entries[2].next_hop", "VpnGateway", "v"),
    )


def test_a_job_mentions_what_it_takes_out() -> None:
    job = FailoverTestJobSpec(resource_kind="vbr", resources=("x", "y"))
    assert references(job) == (
        Mention("resources[0]", "VirtualBorderRouter", "x"),
        Mention("resources[1]", "VirtualBorderRouter", "y"),
    )


@pytest.mark.parametrize("association", ["", None])
def test_what_is_empty_or_switched_off_mentions_nothing_and_stays(association: str | None) -> None:
    spec = AttachmentSpec(vpc="v", route_table_association=association, route_table_propagation=("t",))
    assert [mention.path for mention in references(spec)] == ["vpc", "route_table_propagation[0]"]
    assert rename(spec, lambda kind, text: f"{kind}:{text}") == AttachmentSpec(
        vpc="Vpc:v", route_table_association=association, route_table_propagation=("RouteTable:t",)
    )


def test_renaming_reaches_every_mention_and_nothing_else() -> None:
    renamed = rename(CONNECTION, lambda kind, text: f"{text}-2")
    assert [mention.target for mention in references(renamed)] == ["vpn-2", "one-2"]
    assert renamed.tunnels[0].bgp == CONNECTION.tunnels[0].bgp
    assert rename(renamed, lambda kind, text: text.removesuffix("-2")) == CONNECTION


def test_renaming_to_the_same_gives_the_same_value() -> None:
    assert rename(CONNECTION, lambda kind, text: text) is CONNECTION


def test_every_kind_that_is_stored_can_be_walked() -> None:
    assert references(resource("Vpc", "vpc-1", cidr_block="10.0.0.0/8").spec) == ()
    for kind in STORED_KINDS.values():
        assert kind.id_prefix
