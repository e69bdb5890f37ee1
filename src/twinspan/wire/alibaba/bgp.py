"""BGP groups, peers and networks in the compatible API.

In: the kinds BgpGroup, BgpPeer, BgpNetwork. Out: their shapes, `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from typing import Any

from twinspan.model.resource import Resource
from twinspan.wire.alibaba.action import Action, Call, Create, Delete, List, Update
from twinspan.wire.alibaba.decide import by_id
from twinspan.wire.alibaba.fault import Fault, missing, not_found
from twinspan.wire.alibaba.listing import by_ids, by_reference, where
from twinspan.wire.alibaba.shape import shape
from twinspan.wire.alibaba.spelling import as_text, choice, revealed, spelled, switch, words_of
from twinspan.wire.alibaba.view import View
from twinspan.wire.alibaba.virtual_border_router import VBR
from twinspan.wire.alibaba.words import BGP as WORDS
from twinspan.wire.alibaba.words import second

_FAMILIES = {"IPv4": "ipv4", "IPv6": "ipv6"}
_IS_DEFAULT = {"IsDefault": "every group is one that somebody made"}

GROUP = shape(
    "BgpGroup",
    id="BgpGroupId",
    absent="InvalidBgpGroupId.NotFound",
    tags="",
    reply_tags="",
    words=WORDS,
    differ=(
        spelled("ip_version", "IpVersion", choice(_FAMILIES), words_of(_FAMILIES)),
        spelled("is_fake_asn", "IsFakeAsn", switch, as_text, reply="IsFake"),
        spelled("hold_time_s", "", write=as_text, reply="Hold"),
        spelled("keepalive_interval_s", "", write=as_text, reply="Keepalive"),
    ),
    without=("resource_group",),
    as_texts=("PeerAsn", "LocalAsn", "RouteLimit"),
    renamed={"RouteQuota": "RouteLimit"},
    more={"RegionId": lambda _, view: view.region},
)


def _with_asn(spec: dict[str, Any], _: Call, __: View) -> dict[str, Any] | Fault:
    """0 leaves the ASN open in a site; here somebody has to say it."""
    if spec.get("peer_asn", 1) == 0:
        return Fault(
            code="InvalidPeerAsn.ValueNotSupported",
            message="PeerAsn: 0 is no ASN (write 1 to 4294967295).",
        )
    return spec


def _changed(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """ClearAuthKey takes the key away."""
    ready = _with_asn(spec, call, view)
    if isinstance(ready, Fault):
        return ready
    return {**spec, "auth_key": None} if call.text("ClearAuthKey").lower() == "true" else spec


def group_of(resource: Resource, view: View) -> Any:
    """The spec of a peer's group; None: it is gone."""
    group = view.get("BgpGroup", getattr(resource.spec, "bgp_group", ""))
    return None if group is None else group.spec


def of_group(field: str, write: Any = as_text) -> Any:
    """A part of a peer's answer that its group says."""

    def tell(resource: Resource, view: View) -> Any:
        group = group_of(resource, view)
        return None if group is None else write(getattr(group, field))

    return tell


def session(key: str, default: Any) -> Any:
    """A part of a peer's answer that was seen, not declared."""
    return lambda resource, _: resource.status.get(key, default)


def bgp_status(resource: Resource, _: View) -> str:
    """Established or UnEstablished."""
    return "Established" if str(resource.status.get("bgp_state", "")).lower() == "established" else "UnEstablished"


PEER = shape(
    "BgpPeer",
    id="BgpPeerId",
    absent="InvalidBgpPeerId.NotFound",
    tags="",
    reply_tags="",
    words=WORDS,
    without=("resource_group", "description"),
    more={
        "RegionId": lambda _, view: view.region,
        "RouterId": of_group("virtual_border_router"),
        "PeerAsn": of_group("peer_asn"),
        "LocalAsn": of_group("local_asn"),
        "AuthKey": of_group("auth_key", revealed),
        "Hold": of_group("hold_time_s"),
        "Keepalive": of_group("keepalive_interval_s"),
        "RouteLimit": of_group("route_quota"),
        "IpVersion": of_group("ip_version", words_of(_FAMILIES)),
        "IsFake": of_group("is_fake_asn", bool),
        "BgpStatus": bgp_status,
        "ReceivedRouteCount": session("received_routes", 0),
        "AdvertisedRouteCount": session("advertised_routes", 0),
        "GmtModified": lambda resource, _: second(resource.updated_ns),
    },
)


def _address_given(spec: dict[str, Any], call: Call, view: View) -> dict[str, Any] | Fault:
    """The peer's address may be left out: then it is the customer side of the VBR, of the group's family."""
    group = by_id(GROUP, "BgpGroupId", call.parameters.get("BgpGroupId"), view)
    if isinstance(group, Fault):
        return group
    if spec.get("peer_ip"):
        return spec
    router = view.get("VirtualBorderRouter", getattr(group.spec, "virtual_border_router", ""))
    side = "peer_ipv6_gateway_ip" if getattr(group.spec, "ip_version", "") == "ipv6" else "peer_gateway_ip"
    address = getattr(router.spec, side, "") if router is not None else ""
    return {**spec, "peer_ip": address} if address else missing("PeerIpAddress")


NETWORK = shape(
    "BgpNetwork",
    id="",
    absent="InvalidBgpNetwork.NotFound",
    name="",
    tags="",
    reply_tags="",
    words=WORDS,
    without=("resource_group", "description"),
)


def _network(call: Call, view: View) -> Resource | Fault:
    """A BGP network has no id there: the router and the prefix name it."""
    router = by_id(VBR, "RouterId", call.parameters.get("RouterId"), view)
    if isinstance(router, Fault):
        return router
    prefix = call.text("DstCidrBlock")
    for network in view.users("BgpNetwork", router.id):
        if getattr(network.spec, "prefix", "") == prefix:
            return network
    return not_found(NETWORK.absent, NETWORK.label, prefix)


ACTIONS: tuple[Action, ...] = (
    Action(name="CreateBgpGroup", does=Create(GROUP, prepare=_with_asn), needs=("PeerAsn", "RouterId")),
    Action(
        name="DescribeBgpGroups",
        does=List(GROUP, into="BgpGroups.BgpGroup", by={"BgpGroupId": by_ids(), "RouterId": by_reference()}),
        ignored=_IS_DEFAULT,
    ),
    Action(
        name="ModifyBgpGroupAttribute",
        does=Update(GROUP, prepare=_changed),
        reads=("ClearAuthKey",),
        never=("IpVersion",),
    ),
    Action(name="DeleteBgpGroup", does=Delete(GROUP)),
    Action(
        name="CreateBgpPeer",
        does=Create(PEER, prepare=_address_given),
        needs=("BgpGroupId",),
        never=("Name",),
        ignored={"IpVersion": "a peer is of its group's family"},
    ),
    Action(
        name="DescribeBgpPeers",
        does=List(
            PEER,
            into="BgpPeers.BgpPeer",
            by={
                "BgpPeerId": by_ids(),
                "BgpGroupId": by_reference(),
                "RouterId": where(of_group("virtual_border_router")),
            },
        ),
        ignored=_IS_DEFAULT,
    ),
    Action(
        name="ModifyBgpPeerAttribute",
        does=Update(PEER),
        never=("Name", "BgpGroupId"),
        refused={"BgpGroupId": "a peer stays in its group; make another peer in the other one"},
    ),
    Action(name="DeleteBgpPeer", does=Delete(PEER)),
    Action(name="AddBgpNetwork", does=Create(NETWORK), needs=("DstCidrBlock", "RouterId")),
    Action(
        name="DescribeBgpNetworks",
        does=List(NETWORK, into="BgpNetworks.BgpNetwork", by={"RouterId": by_reference()}),
    ),
    Action(
        name="DeleteBgpNetwork",
        does=Delete(NETWORK, find=_network, found_by=("RouterId", "DstCidrBlock")),
        needs=("RouterId", "DstCidrBlock"),
    ),
)
