"""Drawn site files: small and large, with and without what `expand` would add."""

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from twinspan.engine.expand import expand
from twinspan.model.decode import decode
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site, SiteFile

NAMES = st.from_regex(r"[a-z][a-z0-9-]{1,10}", fullmatch=True)


def _vpcs(roles: list[str]) -> dict[str, Any]:
    return {
        f"{role}-{number}": {"cidr_block": f"172.{16 + number}.0.0/16", "role": role}
        for number, role in enumerate(roles)
    }


@st.composite
def sites(draw: st.DrawFn) -> Site:
    """A complete site; admission need not let it pass."""
    users = draw(st.integers(1, 2))
    vpcs = _vpcs(draw(st.permutations(["office", *["user"] * users])))
    prefixes = [f"192.168.{number}.0/24" for number in range(draw(st.integers(1, 3)))]
    gateway_home = next(name for name, vpc in vpcs.items() if vpc["role"] == "user")
    plain: dict[str, Any] = {
        "site": draw(NAMES.map(lambda text: text.strip("-")).filter(lambda text: len(text) > 1)),
        "profile": draw(st.sampled_from(["edge", "cloud"])),
        "data_center": {"prefixes": prefixes},
        "gateway": {"public_address": "203.0.113.2", "local_asn": 65001, "trunk_ports": ["circuit"]},
        "vpcs": vpcs,
        "vpn_gateways": {draw(NAMES): {"vpc": gateway_home}},
    }
    plain |= {"ipsec_connections": draw(_connections())} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        plain["virtual_border_routers"] = {draw(NAMES): {"vlan_id": draw(st.integers(0, 2999))}}
        if draw(st.booleans()):
            plain["virtual_border_routers"]["other"] = {
                "vlan_id": 77,
                "account": "1234",
                "local_gateway_ip": "10.9.0.1",
            }
    if draw(st.booleans()):
        plain["route_tables"] = {
            "transit": {
                "transit_router": "transit-router",
                "entries": [{"destination": "10.77.0.0/16", "next_hop_kind": "attachment", "next_hop": "mine"}],
            }
        }
        plain["transit_routers"] = {"transit-router": {}}
        plain["attachments"] = {"mine": {"vpc": gateway_home, "tags": {"team": draw(NAMES)}}}
    decoded = decode(SiteFile, plain, profile=plain["profile"])
    assert decoded.value is not None, decoded.findings
    return expand(_with_key(decoded.value) if draw(st.booleans()) else decoded.value)


@st.composite
def _connections(draw: st.DrawFn) -> dict[str, Any]:
    sort = draw(st.sampled_from(["one", "two", "tunnels", "bgp"]))
    if sort == "tunnels":
        return {"vpn": {"tunnels": [{"role": "master"}, {"role": "slave"}]}}
    if sort == "bgp":
        return {"vpn": {"bgp": {"tunnel_cidr": "169.254.10.0/30"}}}
    return {name: {"health_check": {"interval_s": 1}} for name in (["a", "b"] if sort == "two" else ["a"])}


def _with_key(site: SiteFile) -> SiteFile:
    keyed = {
        name: replace(spec, psk=SecretSource(value=Secret("a-key"))) for name, spec in site.ipsec_connections.items()
    }
    return replace(site, ipsec_connections=keyed)
