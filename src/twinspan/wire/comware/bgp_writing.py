"""The lines of a BGP speaker: prefix lists, the `bgp` view, its address families.

In: a config. Out: lines. BFD timers that all sessions of a link share stand at the interface, as Comware wants them;
others stand in an own line of the peer. Next: `commands_failover.py`.
"""

from __future__ import annotations

from ipaddress import ip_network

from msgspec import structs

from twinspan.model.device_config import Bfd, Bgp, BgpPeer, DeviceConfig, Family, Originate, PrefixFilter
from twinspan.wire.comware.interfaces import bfd_lines
from twinspan.wire.comware.writing import Export


def shared_bfd(config: DeviceConfig) -> dict[str, Bfd]:
    """Timers by link, where all single-hop sessions of the link agree."""
    by_link: dict[str, list[Bfd]] = {}
    for peer in config.bgp.peers if config.bgp else ():
        if peer.bfd is not None and peer.link is not None and peer.bfd.hop_count == 1:
            by_link.setdefault(peer.link, []).append(peer.bfd)
    return {link: timers[0] for link, timers in by_link.items() if len(set(timers)) == 1}


def _shared_multi_hop(bgp: Bgp) -> Bfd | None:
    timers = {structs.replace(peer.bfd, hop_count=1) for peer in bgp.peers if peer.bfd and peer.bfd.hop_count > 1}
    return timers.pop() if len(timers) == 1 else None


def write_bgp(config: DeviceConfig, export: Export) -> list[str]:
    """All lines."""
    bgp = config.bgp
    if bgp is None:
        return []
    multi_hop = _shared_multi_hop(bgp)
    lines = [f"bfd multi-hop {line.removeprefix('bfd ')}" for line in bfd_lines(multi_hop)] if multi_hop else []
    peers = _sayable(bgp, export)
    for peer in peers:
        lines += _list_lines(f"{peer.name}-import", peer.import_filters)
        lines += _list_lines(f"{peer.name}-export", peer.export_filters)
    lines += [f"bgp {bgp.asn}", f"router-id {bgp.router_id}"]
    plain = _plain_networks(bgp.originate)
    if not plain:
        lines += [_originate_line(originate, export) for originate in bgp.originate]
    links, timers = shared_bfd(config), multi_hop
    for peer in peers:
        lines += _peer_lines(peer, bgp, export)
        lines += _bfd_lines(peer, links, timers, export)
    families: tuple[Family, ...] = ("ipv4", "ipv6")
    for family in families:
        own = [line for peer in peers if peer.family == family for line in _family_lines(peer)]
        own += [f"network {_spaced(o.prefix)}" for o in plain if _version(o.prefix) == family]
        lines += [f"address-family {family} unicast", *own] if own else []
    return lines


def _sayable(bgp: Bgp, export: Export) -> list[BgpPeer]:
    found: dict[str, BgpPeer] = {}
    for peer in bgp.peers:
        if peer.peer_address in found:
            export.skip(f"the BGP peer {peer.name}: {peer.peer_address} is the address of another peer")
        found.setdefault(peer.peer_address, peer)
    return list(found.values())


def _version(prefix: str) -> Family:
    return "ipv6" if ":" in prefix else "ipv4"


def _spaced(prefix: str) -> str:
    address, _, length = prefix.partition("/")
    return f"{address} {length}"


def _plain_networks(originate: tuple[Originate, ...]) -> tuple[Originate, ...]:
    """All of them, if `network` can say all and their order; else none."""
    plain = all(o == Originate(prefix=o.prefix) for o in originate)
    in_order = list(originate) == sorted(originate, key=lambda o: _version(o.prefix))
    return originate if plain and in_order and len(set(originate)) == len(originate) else ()


def _originate_line(originate: Originate, export: Export) -> str:
    words = ["twinspan network", originate.prefix]
    if originate.span is not None:
        words += ["span", export.word(originate.span)]
    words += ["pinned"] if originate.pinned else []
    if originate.local_pref != 100:
        words += ["local-preference", str(originate.local_pref)]
    return " ".join(words)


def _list_lines(name: str, filters: tuple[PrefixFilter, ...]) -> list[str]:
    lines = []
    for number, one in enumerate(filters, 1):
        network = ip_network(one.prefix)
        longest = f" less-equal {one.max_length}" if one.max_length is not None else ""
        ip = "ip" if network.version == 4 else "ipv6"
        lines.append(f"{ip} prefix-list {name} index {number * 10} permit {_spaced(str(network))}{longest}")
    return lines + [f"twinspan prefix-list {name} pinned {one.prefix}" for one in filters if one.pinned]


def _peer_lines(peer: BgpPeer, bgp: Bgp, export: Export) -> list[str]:
    head = f"peer {peer.peer_address}"
    lines = [f"{head} as-number {peer.peer_asn}", f"{head} description {export.word(peer.name)}"]
    if peer.link or peer.tunnel:
        interface = export.interface(peer.link, peer.tunnel, f"the BGP peer {peer.name}")
        lines += [f"{head} connect-interface {interface}"] if interface else []
    lines.append(f"{head} source-address {peer.local_address}")
    lines.append(f"{head} timer keepalive {peer.keepalive_interval_s} hold {peer.hold_time_s}")
    if peer.auth_key is not None:
        lines.append(f"{head} password cipher {export.secret(peer.auth_key)}")
    if peer.ebgp_multihop != 1:
        lines.append(f"{head} ebgp-max-hop {peer.ebgp_multihop}")
    if peer.local_asn != bgp.asn:
        lines.append(f"{head} local-as {peer.local_asn}")
    if peer.span is not None:
        lines.append(f"twinspan {head} span {export.word(peer.span)}")
    if not peer.kernel:
        lines.append(f"twinspan {head} no-kernel")
    if peer.local_pref != 100:
        lines.append(f"twinspan {head} local-preference {peer.local_pref}")
    return lines


def _bfd_lines(peer: BgpPeer, links: dict[str, Bfd], multi_hop: Bfd | None, export: Export) -> list[str]:
    bfd = peer.bfd
    if bfd is None:
        return []
    head = f"peer {peer.peer_address}"
    several = bfd.hop_count > 1
    lines = [f"{head} bfd{' multi-hop' if several else ''}"]
    if several:
        said = multi_hop is not None and bfd.hop_count == max(peer.ebgp_multihop, 2)
    else:
        said = peer.link is not None and links.get(peer.link) == bfd and peer.link in export.names.interface_of_link
    if not said:
        lines.append(
            f"twinspan {head} bfd transmit {bfd.min_tx_interval_ms} receive {bfd.min_rx_interval_ms} "
            f"multiplier {bfd.detect_multiplier} hops {bfd.hop_count}"
        )
    return lines


def _family_lines(peer: BgpPeer) -> list[str]:
    head = f"peer {peer.peer_address}"
    lines = [f"{head} enable"]
    if peer.import_filters:
        lines.append(f"{head} prefix-list {peer.name}-import import")
    if peer.export_filters:
        lines.append(f"{head} prefix-list {peer.name}-export export")
    if peer.import_limit is not None:
        lines.append(f"{head} route-limit {peer.import_limit}")
    if peer.reflect:
        lines.append(f"{head} reflect-client")
    return lines
