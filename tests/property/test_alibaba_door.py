"""Whatever is sent to the compatible API, the answer is one of its own: never a 5xx, never a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinspan.model.resource import Actor
from twinspan.model.secret import Secret
from twinspan.server.alibaba.authenticate import AccessKey
from twinspan.server.alibaba.door import AlibabaDoor, DoorAnswer
from twinspan.server.alibaba.nonces import Nonces
from twinspan.server.clock import wall_ns
from twinspan.server.resources.operations import ServiceSettings
from twinspan.server.resources.rate_limit import RateSettings
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.service import ResourceService
from twinspan.server.resources.sql_store import open_store
from twinspan.server.resources.writer import Writer
from twinspan.wire.alibaba.action import parameters_of
from twinspan.wire.alibaba.table import ACTIONS

KEY = AccessKey(id="key-1", secret=Secret("secret"), account="acme", role="administrator")
NOW_NS = 1_800_000_000_000_000_000
STAMP = "2027-01-15T08:00:00Z"
_numbers = itertools.count()
FEW = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


ACTOR = Actor(account=KEY.account, label="test")
THERE: dict[str, dict[str, Any]] = {
    "Vpc": {"cidr_block": "192.168.0.0/24"},
    "Vswitch": {"vpc": "@Vpc", "cidr_block": "192.168.0.0/25"},
    "RouteTable": {"vpc": "@Vpc", "entries": []},
    "PhysicalConnection": {},
    "VirtualBorderRouter": {"physical_connection": "@PhysicalConnection", "vlan_id": 1},
    "BgpGroup": {"virtual_border_router": "@VirtualBorderRouter", "peer_asn": 65001},
    "BgpPeer": {"bgp_group": "@BgpGroup", "peer_ip": "10.0.0.2", "bfd_hop_count": 1},
    "VpnGateway": {"vpc": "@Vpc", "vswitch": "@Vswitch"},
    "CustomerGateway": {"ip_address": "198.18.0.154", "asn": 65001},
    "IpsecConnection": {"vpn_gateway": "@VpnGateway", "customer_gateway": "@CustomerGateway"},
    "DestinationRoute": {"ipsec_connection": "@IpsecConnection", "destination": "10.0.0.0/8"},
    "Cen": {},
    "TransitRouter": {"cen": "@Cen", "region": "cn-hangzhou"},
}
"""What there is when the requests come; they name it by @Kind, now and then rightly."""
IDS: dict[str, str] = {}


class Keys:
    def find_access_key(self, access_key_id: str, now_ns: int) -> AccessKey | None:
        return KEY if access_key_id == KEY.id else None


Send = Callable[..., DoorAnswer]


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """One request to a door with a store of its own."""
    with open_send(tmp_path_factory.mktemp("door")) as opened:
        yield opened


@contextlib.contextmanager
def open_send(folder: Path) -> Iterator[Send]:
    """A door, and what there is when the requests come."""
    store = open_store(f"sqlite:///{folder / 'twinspan.db'}", SealKey.load_or_create(folder / "key"))
    with asyncio.Runner() as runner:

        async def open_door() -> tuple[Writer, AlibabaDoor]:
            service = ResourceService(store, wall_ns, ServiceSettings(async_delay_ms=0))
            writer = Writer(service, reads_inline=True)
            writer.start()
            door = AlibabaDoor(
                writer,
                Keys(),
                region="cn-hangzhou",
                names=lambda: ["acme", "other"],
                nonces=Nonces(buckets=1 << 10),
                rate=RateSettings(per_s=0),
            )
            return writer, door

        writer, door = runner.run(open_door())
        for kind, spec in THERE.items():
            filled = {name: IDS.get(part, part) if isinstance(part, str) else part for name, part in spec.items()}
            IDS[f"@{kind}"] = writer.service.create(ACTOR, kind, filled).id
        yield lambda *request: runner.run(door.handle(*request, NOW_NS))
        runner.run(writer.stop())
    store.close()


def signed(version: str, action: str, query: dict[str, str]) -> tuple[str, str, dict[str, str], bytes]:
    """A request as the SDK signs it."""
    headers = {
        "host": "cloud.test",
        "x-acs-version": version,
        "x-acs-action": action,
        "x-acs-date": STAMP,
        "x-acs-signature-nonce": f"n{next(_numbers)}",
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    query = {name: IDS.get(value, value) for name, value in query.items()}
    request = DaraRequest()
    request.method, request.pathname, request.query, request.headers = "POST", "/", query, headers
    payload = headers["x-acs-content-sha256"]
    secret = KEY.secret.reveal()
    headers["authorization"] = Utils.get_authorization(request, "ACS3-HMAC-SHA256", payload, KEY.id, secret)
    return "POST", f"/?{urlencode(query, quote_via=quote)}", headers, b""


def told(answer: DoorAnswer) -> dict[str, Any]:
    """The body of an answer that is one of ours."""
    assert answer.status < 500, answer.body
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    assert body["RequestId"]
    assert b"Traceback" not in answer.body
    if answer.status != 200:
        assert body["Code"]
        assert body["Message"]
    return body


def test_a_good_request_is_answered(send: Send) -> None:
    made = told(send(*signed("2016-04-28", "CreateVpc", {"RegionId": "cn-hangzhou", "CidrBlock": "10.0.0.0/16"})))

    query = {"RegionId": "cn-hangzhou", "VpcId": made["VpcId"]}
    assert told(send(*signed("2016-04-28", "DescribeVpcs", query)))["TotalCount"] == 1


WORDS = st.sampled_from(
    ["true", "false", "0", "-1", "1", "100", "99999999999999999999", "cn-hangzhou", "10.0.0.0/8", "10.0.0.1", "::1",
     "fd00::/64", "0.0.0.0/0", "", "vpc-1", "[]", "{}", "null", '{"Psk": 1}', '{"IkeVersion": "ikev2"}', '["a"]',
     "[" * 60, "a,b,c", "IPv4", "VPC", "PHYSICALCONNECTION", "255.255.255.252", "active", "name"]
)  # fmt: skip
THERE_WORDS = st.sampled_from([f"@{kind}" for kind in THERE])
VALUES = st.one_of(WORDS, THERE_WORDS, st.text(max_size=20), st.integers().map(str), st.ip_addresses().map(str))
ENDINGS = st.sampled_from(
    [*[""] * 40, ".1", ".2", ".1.Key", ".1.Value", ".1.Value.1", ".Key", ".0", ".1.1.1", ".1.TunnelIkeConfig.Psk",
     ".1.Role", ".1.RouteTableId", ".1.DstCidrBlock", ".1.NextHop", ".x.y.z.a.b.c", ".99999"]
)  # fmt: skip


RIGHT = {
    "VpcId": "@Vpc", "VSwitchId": "@Vswitch", "RouteTableId": "@RouteTable", "VbrId": "@VirtualBorderRouter",
    "PhysicalConnectionId": "@PhysicalConnection", "RouterId": "@VirtualBorderRouter", "BgpGroupId": "@BgpGroup",
    "BgpPeerId": "@BgpPeer", "VpnGatewayId": "@VpnGateway", "CustomerGatewayId": "@CustomerGateway",
    "VpnConnectionId": "@IpsecConnection", "NextHop": "@IpsecConnection", "CenId": "@Cen",
    "TransitRouterId": "@TransitRouter",
}  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, dict[str, str]]:
    """An action with parameters that are its own, nearly its own, or nothing of the kind."""
    version, name = draw(st.sampled_from(sorted(ACTIONS)))
    action = ACTIONS[version, name]
    own = sorted({*parameters_of(action), *action.needs, *action.ignored, "DryRun", "ClientToken", "Filter"})
    query = {"RegionId": "cn-hangzhou"} if draw(st.integers(0, 9)) else {}
    if draw(st.booleans()):
        query |= {needed: draw(VALUES) for needed in action.needs}
    if draw(st.booleans()):
        query |= {name: kind for name, kind in RIGHT.items() if name in parameters_of(action)}
    for _ in range(draw(st.integers(0, 5))):
        query[draw(st.sampled_from(own)) + draw(ENDINGS)] = draw(VALUES)
    if not draw(st.integers(0, 19)):
        query[draw(st.text(min_size=1, max_size=12))] = draw(VALUES)
    return version, name, query


@FEW
@given(requests())
def test_every_action_answers_random_parameters(send: Send, request: tuple[str, str, dict[str, str]]) -> None:
    told(send(*signed(*request)))


@FEW
@given(requests(), st.data())
def test_a_request_that_was_changed_after_signing_is_not_believed(
    send: Send, request: tuple[str, str, dict[str, str]], data: st.DataObject
) -> None:
    method, path, headers, body = signed(*request)
    name = data.draw(st.sampled_from(sorted(headers)))
    flaw = data.draw(st.text(alphabet=st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=30))
    if headers[name].strip() == flaw.strip():
        return

    answer = told(send(method, path, headers | {name: flaw}, body))

    assert "Code" in answer


@FEW
@given(
    st.sampled_from(["GET", "POST", "PUT", "", "💥"]),
    st.text(max_size=60).map(lambda text: f"/?{text}"),
    st.dictionaries(
        st.sampled_from(["authorization", "host", "content-type", "x-acs-action", "x-acs-date"]), st.text()
    ),
    st.binary(max_size=60),
)
def test_anything_at_all_is_answered(send: Send, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    told(send(method, path, headers, body))
