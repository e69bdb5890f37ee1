"""What compile makes of the parts of a site that the examples do not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from twinspan.cli.site_file import check, findings_text
from twinspan.engine.compile import compile_site
from twinspan.engine.compile.keys import keys_from, wanted_keys
from twinspan.model.deployment import Deployment
from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.secret import Secret
from twinspan.model.site import Site

EXAMPLES = Path(__file__).parents[3] / "examples"
DC = "192.168.1.0/24"
OFFICE, USER, SERVICES = "172.16.0.0/12", "192.168.0.0/24", "100.64.0.0/10"


def site_of(example: str = "01-two-spans/site.yaml", **sections: Any) -> Site:
    """An example with sections added."""
    text = yaml.safe_load((EXAMPLES / example).read_text())
    for name, section in sections.items():
        text[name] = {**text.get(name, {}), **section} if isinstance(section, dict) else section
    result = check(yaml.safe_dump(text).encode(), "site.yaml")
    assert result.site is not None, findings_text(result)
    return result.site


def compiled(example: str = "01-two-spans/site.yaml", **sections: Any) -> Deployment:
    return deployment_of(site_of(example, **sections))


def deployment_of(site: Site) -> Deployment:
    return compile_site(site, keys_from({name: Secret(f"key-of-{name}") for name in wanted_keys(site)}))


def peer(config: DeviceConfig, name: str) -> BgpPeer:
    assert config.bgp is not None
    return next(p for p in config.bgp.peers if p.name == name)


def imports(config: DeviceConfig, name: str) -> set[str]:
    return {f.prefix for f in peer(config, name).import_filters}


def exports(config: DeviceConfig, name: str) -> set[str]:
    return {f.prefix for f in peer(config, name).export_filters}


def originated(config: DeviceConfig) -> dict[str, int]:
    assert config.bgp is not None
    return {o.prefix: o.local_pref for o in config.bgp.originate}


def ways(config: DeviceConfig, prefix: str, table: str = "main") -> list[tuple[str | None, str | None]]:
    """(device or tunnel, neighbour) of the static route."""
    found = [r for r in config.routes if (r.prefix, r.table) == (prefix, table)]
    return [(h.link or h.tunnel, h.via) for r in found for h in r.next_hops]


# ------------------------------------------------------------------------------------------- association, propagation


def tables(office: dict[str, Any], **entries: Any) -> dict[str, Any]:
    """A second table of the transit router, and the office VPC's attachment to it."""
    return {
        "transit_routers": {"transit-router": {}},
        "route_tables": {
            "all": {"transit_router": "transit-router"},
            "apart": {"transit_router": "transit-router", "system": False},
        },
        "attachments": {
            "office": {"vpc": "office", **office},
            "user": {"vpc": "user", "route_table_association": "all", "route_table_propagation": ["all"]},
            "circuit": {
                "virtual_border_router": "vbr",
                "route_table_association": "all",
                "route_table_propagation": ["all"],
            },
            **entries,
        },
    }


def test_a_network_learns_what_propagates_into_the_table_it_is_associated_with() -> None:
    together = {"route_table_association": "all", "route_table_propagation": ["all"]}
    router = compiled(**tables(together)).configs["transit-router"]
    assert {OFFICE, USER, SERVICES} <= exports(router, "vbr")
    assert {DC, USER, SERVICES} <= exports(router, "vpc1")


def test_without_propagation_into_its_table_nobody_hears_of_a_network() -> None:
    apart = {"route_table_association": "all", "route_table_propagation": ["apart"]}
    deployment = compiled(**tables(apart))
    router = deployment.configs["transit-router"]
    assert OFFICE not in exports(router, "vbr") | exports(router, "vpc2")
    assert OFFICE not in deployment.cloud_prefixes
    assert OFFICE not in exports(deployment.configs["vbr"], "gateway")


def test_a_network_associated_with_a_table_that_learns_nothing_learns_nothing() -> None:
    apart = {"route_table_association": "apart", "route_table_propagation": ["all"]}
    router = compiled(**tables(apart)).configs["transit-router"]
    assert not exports(router, "vpc1") & {DC, USER, SERVICES}
    assert OFFICE in exports(router, "vbr"), "the other direction is another matter"


def test_a_session_that_may_carry_nothing_has_a_filter_that_nothing_passes() -> None:
    apart = {"route_table_association": "apart", "route_table_propagation": ["all"]}
    router = compiled(**tables(apart)).configs["transit-router"]
    assert exports(router, "vpc1") == {"0.0.0.0/32"}, "an empty tuple would admit everything"


def test_a_vpc_into_which_nothing_is_published_gets_only_the_probes_addresses() -> None:
    site = {"route_table_association": "all", "route_table_propagation": ["all"], "auto_publish_routes": False}
    router = compiled(**tables(site)).configs["transit-router"]
    assert exports(router, "vpc1") == {"198.19.255.1/32", "198.19.255.3/32"}


# ------------------------------------------------------------------------------------------------------ custom entries


def entries_of(owner: dict[str, Any], *entries: dict[str, Any]) -> dict[str, Any]:
    return {"route_tables": {"custom": {**owner, "entries": list(entries)}}}


def test_an_entry_of_the_vbr_leads_to_the_gateway_and_is_published_on_request() -> None:
    entry = {"destination": "10.50.0.0/16", "next_hop_kind": "circuit", "next_hop": "circuit", "advertise": True}
    deployment = compiled(**entries_of({"virtual_border_router": "vbr"}, entry))
    vbr = deployment.configs["vbr"]
    assert ways(vbr, "10.50.0.0/16") == [("circ0", "10.0.0.2")]
    assert "10.50.0.0/16" in originated(vbr)
    assert "10.50.0.0/16" in imports(deployment.configs["transit-router"], "vbr")
    assert "10.50.0.0/16" in exports(deployment.configs["transit-router"], "vpc1")


def test_an_entry_of_the_vbr_towards_a_vpc_leads_to_the_transit_router() -> None:
    entry = {"destination": "172.20.0.0/16", "next_hop_kind": "vpc", "next_hop": "office"}
    vbr = compiled(**entries_of({"virtual_border_router": "vbr"}, entry)).configs["vbr"]
    assert ways(vbr, "172.20.0.0/16") == [("tr0", "198.18.128.2")]


def test_an_entry_of_a_vpc_leads_to_its_vpn_gateway_or_to_the_transit_router() -> None:
    by_vpn = {"destination": DC, "next_hop_kind": "vpn_gateway", "next_hop": "vpn-gateway", "advertise": True}
    by_router = {"destination": "10.60.0.0/16", "next_hop_kind": "attachment", "next_hop": "user-attachment"}
    vpc = compiled(**entries_of({"vpc": "user"}, by_vpn, by_router)).configs["user-vpc"]
    assert ways(vpc, DC) == [("vpn0", "198.18.128.13")]
    assert ways(vpc, "10.60.0.0/16") == [("tr0", "198.18.128.9")]
    assert originated(vpc)[DC] == 50, "what the VPN brings stays behind the circuit"


def test_an_entry_of_the_transit_router_is_announced_and_a_blackhole_refuses() -> None:
    there = {"destination": "10.60.0.0/16", "next_hop_kind": "attachment", "next_hop": "user-attachment"}
    nowhere = {"destination": "10.61.0.0/16", "next_hop_kind": "blackhole"}
    router = compiled(**entries_of({"transit_router": "transit-router"}, there, nowhere)).configs["transit-router"]
    assert ways(router, "10.60.0.0/16") == [("vpc2", "198.18.128.10")]
    assert "10.60.0.0/16" in originated(router)
    refused = next(r for r in router.routes if r.prefix == "10.61.0.0/16")
    assert refused.next_hops == ()


def test_a_bgp_network_is_announced_by_the_vbr_and_admitted_by_the_gateway() -> None:
    deployment = compiled(bgp_networks={"part": {"prefix": "172.18.0.0/16"}})
    assert "172.18.0.0/16" in originated(deployment.configs["vbr"])
    assert "172.18.0.0/16" in exports(deployment.configs["vbr"], "gateway")
    assert "172.18.0.0/16" in imports(deployment.configs["gateway"], "vbr")


# ----------------------------------------------------------------------------------------------------- the VPN's routes


def policy(source: str, **fields: Any) -> dict[str, Any]:
    return {"ipsec_connection": "vpn", "route_source": source, "destination": DC, **fields}


def test_policy_routes_have_tables_that_are_asked_before_main_by_priority_then_by_length() -> None:
    routes = {
        "wide": policy("172.16.0.0/12", priority=5),
        "narrow": policy("172.16.1.0/24", priority=5),
        "late": policy("0.0.0.0/0", priority=50),
    }
    config = compiled(policy_routes=routes).configs["vpn-gateway"]
    assert [r.source for r in config.rules] == ["172.16.1.0/24", "172.16.0.0/12", None]
    assert [r.priority for r in config.rules] == sorted({r.priority for r in config.rules})
    assert all(r.priority < 32766 for r in config.rules)
    assert all(ways(config, DC, r.table) == [("t1", None)] for r in config.rules)
    assert ways(config, DC) == [], "no destination-based route was written"


def test_destination_routes_beat_what_bgp_brings_because_they_are_static() -> None:
    config = compiled(
        "03-vpn-in-office-vpc/site.yaml", destination_routes={"dc": {"ipsec_connection": "vpn", "destination": DC}}
    ).configs["vpn-gateway"]
    assert ways(config, DC) == [("t1", None)]


def test_weights_order_the_tunnels_whatever_the_order_in_the_file() -> None:
    weights = {
        "data-center": {"ipsec_connection": "vpn-a", "destination": DC, "weight": 0},
        "data-center-standby": {"ipsec_connection": "vpn-b", "destination": DC, "weight": 100},
    }
    deployment = compiled("02-two-tunnels/site.yaml", destination_routes=weights)
    route = next(r for r in deployment.configs["vpn-gateway"].routes if r.prefix == DC)
    first = deployment.configs["vpn-gateway"].tunnels[0]
    assert [h.tunnel for h in route.next_hops] == ["t1", "t2"]
    assert all(h.track for h in route.next_hops)
    assert (first.name, first.psk.reveal()) == ("t1", "key-of-psk:vpn-b/0"), "the heavier connection comes first"


def test_reserve_route_keeps_a_connections_routes_whatever_its_health_check_says() -> None:
    check_of = {"interval_s": 1, "retries": 3, "policy": "reserve_route"}
    connections = {"vpn-a": {"health_check": check_of}}
    config = compiled("02-two-tunnels/site.yaml", ipsec_connections=connections).configs["vpn-gateway"]
    route = next(r for r in config.routes if r.prefix == DC)
    assert [h.track for h in route.next_hops] == [None, "tunnel t2"]


def test_a_route_that_is_not_published_to_the_cen_stays_in_its_vpc() -> None:
    route = {"ipsec_connection": "vpn", "destination": DC, "advertise_to_cen": False}
    deployment = compiled(destination_routes={"dc": route})
    assert DC in imports(deployment.configs["user-vpc"], "vpn")
    assert DC not in exports(deployment.configs["user-vpc"], "tr")


def test_a_route_that_is_not_advertised_stays_in_the_vpn_gateway() -> None:
    route = {"ipsec_connection": "vpn", "destination": DC, "advertise_to_vpc": False}
    config = compiled(destination_routes={"dc": route}).configs["vpn-gateway"]
    assert DC not in originated(config)
    assert ways(config, DC) == [("t1", None)]


# ------------------------------------------------------------------------------------------ what has a standby at all


def test_ipv6_is_refused_while_the_circuit_is_left_and_its_session_decides_nothing() -> None:
    failover = compiled("05-dual-stack/site.yaml").configs["gateway"].failover
    assert failover is not None
    assert failover.refused == ("fd00:2::/56",)
    assert failover.spans[0].peers == ("vbr",)
    assert not any(":" in prefix for prefix in failover.prefixes)


def test_a_vlan_watches_its_port_too() -> None:
    failover = compiled("04-vlan/site.yaml").configs["gateway"].failover
    assert failover is not None
    assert failover.spans[0].links == ("circuit.100", "circuit")


def test_probes_of_several_tunnels_follow_the_one_in_use_and_outlast_the_change() -> None:
    gateway = compiled("02-two-tunnels/dual-tunnel.yaml").configs["gateway"]
    ends = [p for p in gateway.probes if p.name.startswith("tunnel ")]
    across = [p for p in gateway.probes if p.name.startswith("vpn: ")]
    assert [p.tunnel for p in ends] == ["t1", "t2"]
    assert all(p.tunnel is None and p.link is None for p in across)
    change_ms = max(p.interval_ms * (p.lost_threshold + 1) for p in ends)
    assert all(p.interval_ms * p.lost_threshold > change_ms for p in across)


# ------------------------------------------------------------------------------------------------------------ services


def test_a_forwarding_resolver_is_what_dhcp_hands_out() -> None:
    config = compiled(dns_services={"dns": {"method": "forward"}}).configs["gateway"]
    assert config.dns is not None
    assert config.dhcp is not None
    assert config.dns.forwarders == ("100.100.2.136", "100.100.2.138")
    assert config.dhcp.dns_servers == config.dns.listen_addresses == ("192.168.1.1",)
