"""The VPN span: the gateway's and the VPN gateway's tunnels, next hops and tunnel probes.

In: `Facts` and the keys. Out: parts of the gateway's config, and the VPN gateway's `DeviceConfig`. Next: `cloud.py`.
"""

from __future__ import annotations

from twinspan.engine.compile.cloud import inside, vpn_cable, vpn_routes
from twinspan.engine.compile.facts import (
    IKE_PORT,
    NAT_T_PORT,
    PORT_STEP,
    SMALL_PACKET,
    VPN_GATEWAY,
    VPN_LOCAL_PREF,
    Facts,
    TunnelFacts,
    transit_pair,
    version,
)
from twinspan.engine.compile.keys import Keys
from twinspan.engine.compile.vpn_routing import cloud_hops, destination_routing, policy_routing
from twinspan.model.device_config import (
    Bgp,
    BgpPeer,
    DeviceConfig,
    IpsecTunnel,
    Link,
    NextHop,
    Originate,
    PrefixFilter,
    Probe,
    StaticRoute,
)

_DH = {"group1": "modp768", "group2": "modp1024", "group5": "modp1536", "group14": "modp2048"}
_CIPHER = {"aes": "aes128", "aes192": "aes192", "aes256": "aes256", "des": "des", "3des": "3des"}


TUNNEL_MTU = 1400
"""Bytes: leaves room for ESP in UDP on a path of 1500."""


def gateway_tunnels(facts: Facts, keys: Keys) -> tuple[IpsecTunnel, ...]:
    """The gateway's ends of all tunnels."""
    return tuple(_tunnel(facts, t, keys, at_gateway=True) for t in facts.tunnels)


def tunnel_hops(facts: Facts) -> tuple[NextHop, ...]:
    """Ways through the tunnels, the active one first; with several, each is tracked by its own probe."""
    several = len(facts.tunnels) > 1
    return tuple(NextHop(tunnel=t.name, track=f"tunnel {t.name}" if several else None) for t in facts.tunnels)


def tunnel_probes(facts: Facts, *, at_gateway: bool) -> tuple[Probe, ...]:
    """One probe inside each tunnel, end to end of the tunnel; it decides between several tunnels."""
    return tuple(_tunnel_probe(facts, t, at_gateway) for t in facts.tunnels)


def _tunnel_probe(facts: Facts, t: TunnelFacts, at_gateway: bool) -> Probe:
    policy, check = facts.site.failover.probe, t.connection.health_check
    own, other = (t.gateway_address, t.cloud_address) if at_gateway else (t.cloud_address, t.gateway_address)
    slow = check is not None and not at_gateway
    return Probe(
        name=f"tunnel {t.name}",
        source=own,
        destination=other,
        tunnel=t.name,
        interval_ms=check.interval_s * 1000 if slow and check else policy.interval_ms,
        lost_threshold=check.retries if slow and check else policy.lost_threshold,
        recover_threshold=policy.recover_threshold,
        packet_size=SMALL_PACKET,
    )


def compile_vpn_gateway(facts: Facts, keys: Keys) -> DeviceConfig:
    """The VPN span's cloud end. It asks policy-based routes first, then destination-based ones, then BGP."""
    cloud_end, _ = transit_pair(vpn_cable(facts))
    # While no connection uses it, the gateway has its address all the same.
    publics = sorted({t.cloud_public for t in facts.tunnels} or {facts.vpn_gateway.internet_ip} - {""})
    length = facts.vpn_gateway.internet_prefix_length
    ends = sorted({t.gateway_public for t in facts.tunnels})
    tables, rules, policy = policy_routing(facts)
    return DeviceConfig(
        node=VPN_GATEWAY,
        role="vpn_gateway",
        site=facts.site.site,
        profile=facts.site.profile,
        forwarding=True,
        links=(
            Link(name="wan0", addresses=tuple(f"{p}/{length}" for p in publics)),
            Link(name="vpc0", addresses=cloud_end),
            facts.management(VPN_GATEWAY),
        ),
        tables=tables,
        rules=rules,
        routes=(
            *(StaticRoute(prefix=f"{end}/32", next_hops=(NextHop(link="wan0"),)) for end in ends),
            *(
                StaticRoute(prefix=facts.vpn_pin[0], role="pinned", next_hops=cloud_hops(facts, facts.tunnels))
                for _ in facts.tunnels[:1]
            ),
            *destination_routing(facts),
            *policy,
        ),
        bgp=_bgp(facts),
        tunnels=tuple(_tunnel(facts, t, keys, at_gateway=False) for t in facts.tunnels),
        probes=tunnel_probes(facts, at_gateway=False),
    )


def _bgp(facts: Facts) -> Bgp:
    given = vpn_routes(facts, to_cen=False)
    cloud_side = (*facts.cloud_prefixes, facts.circuit_pin[1], facts.vpn_pin[1])
    sessions = inside(facts, "vpc", "vpc0", vpn_cable(facts), 0, imports=cloud_side, exports=given)
    # The VPN carries IPv4 only.
    peers = [p for p in sessions if p.family == "ipv4"]
    site_side = [p for p in (*facts.site_prefixes, facts.vpn_pin[0]) if version(p) == 4]
    peers += [
        BgpPeer(
            name=f"gateway_{t.name}",
            local_address=t.cloud_address,
            peer_address=t.gateway_address,
            local_asn=t.tunnel.bgp.local_asn,
            peer_asn=facts.site.gateway.local_asn,
            tunnel=t.name,
            span=facts.site.vpn.name,
            import_filters=tuple(PrefixFilter(prefix=p, pinned=p == facts.vpn_pin[0]) for p in site_side),
            export_filters=tuple(PrefixFilter(prefix=p) for p in facts.standby_prefixes),
            local_pref=VPN_LOCAL_PREF - t.index,
        )
        for t in facts.tunnels
        if t.tunnel.bgp is not None
    ]
    static = {r.destination for r in facts.vpn_static_routes if r.advertise_to_vpc}
    originate = [Originate(prefix=p, local_pref=VPN_LOCAL_PREF) for p in (facts.vpn_pin[0], *sorted(static))]
    return Bgp(
        router_id=facts.router_id(VPN_GATEWAY), asn=facts.cloud_asn, peers=tuple(peers), originate=tuple(originate)
    )


def _tunnel(facts: Facts, t: TunnelFacts, keys: Keys, *, at_gateway: bool) -> IpsecTunnel:
    ike, ipsec = t.tunnel.ike, t.tunnel.ipsec
    pfs = "" if ipsec.pfs == "disabled" else f"-{_DH[ipsec.pfs]}"
    local, remote = (t.gateway_public, t.cloud_public) if at_gateway else (t.cloud_public, t.gateway_public)
    ids = (ike.local_id or t.cloud_public, ike.remote_id or t.gateway_public)
    cloud_ts, site_ts = t.connection.local_subnets, t.connection.remote_subnets
    return IpsecTunnel(
        name=t.name,
        ike_version=ike.version,
        ike_mode=ike.mode,
        local_address=local,
        remote_address=remote,
        local_id=ids[1] if at_gateway else ids[0],
        remote_id=ids[0] if at_gateway else ids[1],
        psk=keys.of_tunnel(t.connection_name, t.tunnel.index),
        ike_port=IKE_PORT + PORT_STEP * t.index,
        nat_t_port=NAT_T_PORT + PORT_STEP * t.index,
        ike_proposal=f"{_CIPHER[ike.encryption]}-{ike.integrity}-{_DH[ike.dh_group]}",
        esp_proposal=f"{_CIPHER[ipsec.encryption]}-{ipsec.integrity}{pfs}",
        ike_lifetime_s=ike.lifetime_s,
        ipsec_lifetime_s=ipsec.lifetime_s,
        local_ts=site_ts if at_gateway else cloud_ts,
        remote_ts=cloud_ts if at_gateway else site_ts,
        mtu=TUNNEL_MTU,
        inner_addresses=(t.gateway_inner if at_gateway else t.cloud_inner,),
        initiate=at_gateway,
        dpd_delay_s=t.connection.dpd_delay_s if t.connection.enable_dpd else 0,
    )
