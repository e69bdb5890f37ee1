"""IPsec: transform sets, profiles, and the lines of a tunnel interface; whole tunnels from them.

In: lines, or the tunnels of a config. Out: the other. A tunnel is part of the config once it has source, destination,
profile, key and proposals; until then its lines wait. `twinspan` lines: traffic selectors, ports, who begins, and what
bandwidth it has. Next: `commands_nqa.py`.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig, IpsecTunnel
from twinspan.wire.comware.algorithms import CIPHERS, GROUPS, HASHES, comware_words, strongswan_words, words_of
from twinspan.wire.comware.command import SYSTEM, Command, Show
from twinspan.wire.comware.commands_ike import write_ike
from twinspan.wire.comware.commands_interface import of_addresses
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.ike_side import find, read_ike
from twinspan.wire.comware.interfaces import address_lines, addresses_of
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

_PFS = {ours: f"dh-{words}" for ours, words in GROUPS.items()}
_TUNNEL = "tunnel"
_LIFETIME_S = 3600
"""Comware's default."""
_ANY = ("0.0.0.0/0",)
_ROUTE_BASED = (
    " % Tunnels are route-based here: write an ipsec profile and bind it to a tunnel interface with "
    "tunnel protection ipsec profile.\n"
)

COMMANDS = (
    Command(
        view=SYSTEM,
        id="transform-set",
        pattern="ipsec transform-set <name:str:1-63>",
        key=("name",),
        undo=("ipsec transform-set <name:str:1-63>",),
        opens="ipsec-transform-set",
        prompt="-ipsec-transform-set-{name}",
    ),
    Command(
        view="ipsec-transform-set", id="esp mode", pattern="encapsulation-mode tunnel", undo=("encapsulation-mode",)
    ),
    Command(view="ipsec-transform-set", id="esp", pattern="protocol esp", undo=("protocol",)),
    Command(
        view="ipsec-transform-set",
        id="esp cipher",
        pattern=f"esp encryption-algorithm {words_of(CIPHERS)}",
        undo=("esp encryption-algorithm",),
    ),
    Command(
        view="ipsec-transform-set",
        id="esp hash",
        pattern=f"esp authentication-algorithm {words_of(HASHES)}",
        undo=("esp authentication-algorithm",),
    ),
    Command(view="ipsec-transform-set", id="pfs", pattern=f"pfs {words_of(_PFS)}", undo=("pfs",)),
    Command(
        view="ipsec-transform-set",
        id="esp own",
        pattern="twinspan algorithms <algorithms:str:1-255>",
        undo=("twinspan algorithms",),
    ),
    Command(
        view=SYSTEM,
        id="ipsec profile",
        pattern="ipsec profile <name:str:1-63> [ isakmp ]",
        key=("name",),
        undo=("ipsec profile <name:str:1-63>",),
        opens="ipsec-profile",
        prompt="-ipsec-profile-{name}",
    ),
    Command(
        view="ipsec-profile", id="transform-set of", pattern="transform-set <name:str:1-63>", undo=("transform-set",)
    ),
    Command(
        view="ipsec-profile",
        id="ike-profile",
        pattern="ike-profile <profile:str:1-63>",
        displaces=("ikev2-profile",),
        undo=("ike-profile",),
    ),
    Command(
        view="ipsec-profile",
        id="ikev2-profile",
        pattern="ikev2-profile <profile:str:1-63>",
        displaces=("ike-profile",),
        undo=("ikev2-profile",),
    ),
    Command(
        view="ipsec-profile",
        id="ipsec lifetime",
        pattern="sa duration time-based <seconds:int:60-604800>",
        undo=("sa duration time-based",),
    ),
    Command(
        view="ipsec-profile",
        id="selector local",
        pattern="twinspan selector local <prefix:prefix>",
        key=("prefix",),
        undo=("twinspan selector local [ <prefix:prefix> ]",),
    ),
    Command(
        view="ipsec-profile",
        id="selector remote",
        pattern="twinspan selector remote <prefix:prefix>",
        key=("prefix",),
        undo=("twinspan selector remote [ <prefix:prefix> ]",),
    ),
    Command(
        view=SYSTEM,
        pattern="ipsec policy <name:str:1-63> <number:int:1-65535> [ isakmp | manual ]",
        run=lambda _said: Show(_ROUTE_BASED),
    ),
    Command(
        view=SYSTEM,
        id="tunnel",
        pattern="interface <name:tunnel> [ mode ipsec ]",
        key=("name",),
        undo=("interface <name:tunnel>",),
        opens=_TUNNEL,
        prompt="-{name}",
        help={"name": "Name of the interface"},
    ),
    *of_addresses(_TUNNEL),
    Command(view=_TUNNEL, id="source", pattern="source <address:ip>", undo=("source",)),
    Command(view=_TUNNEL, id="destination", pattern="destination <address:ip>", undo=("destination",)),
    Command(view=_TUNNEL, id="tcp mss", pattern="tcp mss <bytes:int:0-65535>", undo=("tcp mss",)),
    Command(
        view=_TUNNEL,
        id="protection",
        pattern="tunnel protection ipsec profile <profile:str:1-63>",
        undo=("tunnel protection ipsec profile",),
    ),
    Command(view=_TUNNEL, id="respond-only", pattern="twinspan respond-only", undo=("twinspan respond-only",)),
    Command(
        view=_TUNNEL,
        id="ike ports",
        pattern="twinspan ike-port <port:int:1-65535> nat-t-port <nat:int:1-65535>",
        undo=("twinspan ike-port",),
    ),
    Command(
        view=_TUNNEL, id="bandwidth", pattern="twinspan bandwidth <mbit:int:1-1000000>", undo=("twinspan bandwidth",)
    ),
)


def read_tunnels(document: Line, notes: Notes) -> tuple[IpsecTunnel, ...]:
    """The whole tunnels, in the order of their interfaces."""
    found: list[IpsecTunnel] = []
    for view in document.every("tunnel"):
        interface = view.args["name"]
        tunnel = _tunnel(document, view, notes)
        if tunnel is None:
            continue
        if any(tunnel.name == other.name for other in found):
            notes.refuse(f"The tunnel {tunnel.name} is bound to another interface already.")
        found.append(tunnel)
        notes.tunnels[interface] = tunnel.name
    return tuple(found)


def _tunnel(document: Line, view: Line, notes: Notes) -> IpsecTunnel | None:
    interface = view.args["name"]
    source, destination = view.get("source", "address"), view.get("destination", "address")
    profile = find(document, "ipsec profile", "name", view.get("protection", "profile"))
    if not source or not destination or profile is None:
        notes.wait(f"{interface}: it needs source, destination and tunnel protection ipsec profile")
        return None
    ike = read_ike(document, profile, destination, notes)
    esp = _esp_proposal(document, profile, notes)
    if ike is None or esp is None:
        return None
    ports = next((line.args for line in view.every("ike ports")), {"port": "500", "nat": "4500"})
    bandwidth = view.get("bandwidth", "mbit")
    return IpsecTunnel(
        name=view.get("binding", "ours") or interface.lower(),
        ike_version=ike.ike_version,
        ike_mode=ike.ike_mode,
        local_address=source,
        remote_address=destination,
        local_id=ike.local_id or source,
        remote_id=ike.remote_id or destination,
        psk=ike.psk,
        ike_port=int(ports["port"]),
        nat_t_port=int(ports["nat"]),
        ike_proposal=ike.ike_proposal,
        esp_proposal=esp,
        ike_lifetime_s=ike.ike_lifetime_s,
        ipsec_lifetime_s=int(profile.get("ipsec lifetime", "seconds", str(_LIFETIME_S))),
        local_ts=tuple(line.args["prefix"] for line in profile.every("selector local")) or _ANY,
        remote_ts=tuple(line.args["prefix"] for line in profile.every("selector remote")) or _ANY,
        inner_addresses=addresses_of(view),
        initiate=not view.has("respond-only"),
        dpd_delay_s=ike.dpd_delay_s,
        mtu=int(view.get("mtu", "bytes", "1400")),
        tcp_mss=int(view.get("tcp mss", "bytes", "1360")),
        bandwidth_mbit=int(bandwidth) if bandwidth else None,
    )


def _esp_proposal(document: Line, profile: Line, notes: Notes) -> str | None:
    chosen = find(document, "transform-set", "name", profile.get("transform-set of", "name"))
    if chosen is None:
        notes.wait(f"IPsec profile {profile.args['name']}: it names no transform-set that exists")
        return None
    if chosen.has("esp own"):
        return chosen.get("esp own", "algorithms")
    cipher, hash_ = (next((x.text.split()[2] for x in chosen.every(f"esp {part}")), "") for part in ("cipher", "hash"))
    group = next((line.text.split()[1].removeprefix("dh-") for line in chosen.every("pfs")), None)
    if not cipher or not hash_:
        notes.wait(f"{chosen.text}: it needs esp encryption-algorithm and esp authentication-algorithm")
        return None
    return strongswan_words(cipher, hash_, group)


def write_tunnels(config: DeviceConfig, export: Export) -> list[str]:
    """All objects of all tunnels."""
    lines: list[str] = []
    for number, tunnel in enumerate(config.tunnels, 1):
        lines += write_ike(tunnel, number, export)
        lines += _ipsec_lines(tunnel, export)
        lines += _interface_lines(tunnel, export)
    return lines


def _ipsec_lines(tunnel: IpsecTunnel, export: Export) -> list[str]:
    name, words = export.word(tunnel.name), comware_words(tunnel.esp_proposal)
    lines = [f"ipsec transform-set {name}", "encapsulation-mode tunnel", "protocol esp"]
    if words is None:
        lines.append(f"twinspan algorithms {export.word(tunnel.esp_proposal)}")
    else:
        lines += [f"esp encryption-algorithm {words.cipher}", f"esp authentication-algorithm {words.hash}"]
        lines += [f"pfs dh-{words.group}"] if words.group else []
    kind = "ikev2-profile" if tunnel.ike_version == "ikev2" else "ike-profile"
    lines += [f"ipsec profile {name} isakmp", f"transform-set {name}", f"{kind} {name}"]
    lines.append(f"sa duration time-based {tunnel.ipsec_lifetime_s}")
    for side, prefixes in (("local", tunnel.local_ts), ("remote", tunnel.remote_ts)):
        lines += [f"twinspan selector {side} {prefix}" for prefix in prefixes if prefixes != _ANY]
        if not prefixes:
            export.skip(f"the tunnel {tunnel.name}: it has no {side} traffic selector")
    return lines


def _interface_lines(tunnel: IpsecTunnel, export: Export) -> list[str]:
    interface = export.names.interface_of_tunnel[tunnel.name]
    lines = [f"interface {interface} mode ipsec"]
    if tunnel.name != interface.lower():
        lines.append(f"twinspan binding {export.word(tunnel.name)}")
    lines += address_lines(tunnel.inner_addresses)
    lines += [f"source {tunnel.local_address}", f"destination {tunnel.remote_address}"]
    lines += [f"mtu {tunnel.mtu}", f"tcp mss {tunnel.tcp_mss}"]
    lines.append(f"tunnel protection ipsec profile {export.word(tunnel.name)}")
    if not tunnel.initiate:
        lines.append("twinspan respond-only")
    if (tunnel.ike_port, tunnel.nat_t_port) != (500, 4500):
        lines.append(f"twinspan ike-port {tunnel.ike_port} nat-t-port {tunnel.nat_t_port}")
    if tunnel.bandwidth_mbit is not None:
        lines.append(f"twinspan bandwidth {tunnel.bandwidth_mbit}")
    return lines
