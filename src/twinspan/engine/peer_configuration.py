"""From our gateway's `DeviceConfig` to what a foreign gateway in its place must be told.

In: a config, and the provider's router, which a config has no place for. Out: `PeerConfiguration`, with the list of
what only our own device does. Next: a renderer of `wire.vendors`.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

from msgspec import structs

from twinspan.model.device_config import BgpPeer, DeviceConfig, IpsecTunnel, Link, Originate, Probe
from twinspan.model.peer_configuration import NotExpressed, PeerConfiguration, PeerTunnel

IKE_PORT, NAT_T_PORT = 500, 4500


def peer_configuration(config: DeviceConfig, isp_next_hop: str) -> PeerConfiguration:
    """Both spans of the gateway. `isp_next_hop`: the Internet provider's router, `gateway.isp_next_hop` of the site."""
    sessions = tuple(p for p in (config.bgp.peers if config.bgp else ()) if p.tunnel is None)
    circuit = _link(config, next((p.link for p in sessions if p.link), None))
    isp = _isp(config)
    lan = next((x for x in config.links if _is_lan(x, circuit, isp)), None)
    tunnels = tuple(_tunnel(config, t, n) for n, t in enumerate(config.tunnels, 1))
    originate = config.bgp.originate if config.bgp else ()
    return PeerConfiguration(
        site=config.site,
        asn=config.bgp.asn if config.bgp else None,
        router_id=config.bgp.router_id if config.bgp else "",
        lan=lan,
        circuit=circuit,
        isp=isp,
        isp_next_hop=isp_next_hop,
        pins=tuple(dict.fromkeys(f"{t.guard.source}/32" for t in tunnels if t.guard and _on_loopback(t))),
        sessions=sessions,
        networks=_networks(originate, tunnels),
        tunnels=tunnels,
        standby_prefixes=tuple(r.prefix for r in config.routes if r.role == "standby"),
        not_expressed=tuple(_ours_alone(config)),
    )


def _link(config: DeviceConfig, name: str | None) -> Link | None:
    return next((link for link in config.links if link.name == name), None)


def _isp(config: DeviceConfig) -> Link | None:
    """The port from which the tunnel's own packets leave."""
    ends = {t.local_address for t in config.tunnels}
    return next((x for x in config.links if any(str(ip_interface(a).ip) in ends for a in x.addresses)), None)


def _is_lan(link: Link, circuit: Link | None, isp: Link | None) -> bool:
    others = {x.name for x in (circuit, isp) if x} | {circuit.parent if circuit else None}
    return link.kind == "physical" and not link.management and link.name not in others and bool(link.addresses)


def _networks(originate: tuple[Originate, ...], tunnels: tuple[PeerTunnel, ...]) -> tuple[str, ...]:
    """The site's prefixes, and the probe's source where BGP in the tunnel is how the cloud learns it."""
    exported = {f.prefix for t in tunnels if t.session for f in t.session.export_filters}
    sources = [f"{t.guard.source}/32" for t in tunnels if t.guard and _on_loopback(t)]
    own = [o.prefix for o in originate if not o.pinned]
    return tuple(dict.fromkeys([*own, *(s for s in sources if s in exported)]))


def _tunnel(config: DeviceConfig, tunnel: IpsecTunnel, number: int) -> PeerTunnel:
    peers = config.bgp.peers if config.bgp else ()
    session: BgpPeer | None = next((p for p in peers if p.tunnel == tunnel.name), None)
    # Ports of their own tell several daemons of one Linux host apart; other gateways have one daemon, on 500 and 4500.
    plain = structs.replace(tunnel, ike_port=IKE_PORT, nat_t_port=NAT_T_PORT)
    return PeerTunnel(number=number, tunnel=plain, guard=_guard(config, tunnel), session=session)


def _guard(config: DeviceConfig, tunnel: IpsecTunnel) -> Probe | None:
    """An address that the site's owner named, else the span's far end; of several tunnels each its own end."""
    own = next((p for p in config.probes if p.name == f"tunnel {tunnel.name}"), None)
    if len(config.tunnels) > 1:
        return own
    spans = config.failover.spans if config.failover else ()
    asked = [p.probe for span in spans if span.role == "standby" for p in span.probes]
    probes = {p.name: p for p in config.probes}
    named = [probes[name] for name in asked if _is_address(name.partition(": ")[2])]
    return next(iter([*named, *(probes[name] for name in asked)]), own)


def _on_loopback(tunnel: PeerTunnel) -> bool:
    own = {str(ip_interface(a).ip) for a in tunnel.tunnel.inner_addresses}
    return tunnel.guard is not None and tunnel.guard.source not in own


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _ours_alone(config: DeviceConfig) -> list[NotExpressed]:
    found = []
    if config.failover:
        found.append(
            NotExpressed(
                field="failover.override",
                reason="a probe over the circuit moves no traffic there: a failure that leaves BGP and BFD up stays "
                "unnoticed; what moves traffic is the port, BFD and BGP",
            )
        )
        found.append(
            NotExpressed(
                field="failover.hold_down_s",
                reason="traffic returns to the circuit as soon as BGP is up again, with no damping of flaps",
            )
        )
    ends = [(t.local_address, t.remote_address) for t in config.tunnels]
    if len(set(ends)) < len(ends):
        found.append(
            NotExpressed(
                field="tunnels.ike_port",
                reason="two tunnels join the same two addresses, which only ports tell apart, and few can do that; "
                "give the second connection a public address of its own, on either side",
            )
        )
    if config.failover and config.failover.refused:
        found.append(
            NotExpressed(
                field="failover.refused",
                reason="IPv6 has no standby: without the circuit its packets follow the default route, if there is one",
            )
        )
    if config.dns or config.dhcp:
        found.append(NotExpressed(field="dns, dhcp", reason="the text is about the two spans, not names and leases"))
    return found
