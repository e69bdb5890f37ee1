"""The faults a lab can be hurt with: name, what it does, and the effects it is made of.

In: a `Lab` and `FaultOptions`. Out: effects, ready to be prepared. Interface names come from the deployment, never from
a guess. What each fault should lead to stands in docs/reference/faults.md. Next: `injection.py` carries them out.
"""

from __future__ import annotations

import signal
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_network
from pathlib import Path

import msgspec

from twinspan.lab import places, process
from twinspan.lab.effect import (
    SET_NAME,
    BirdCommand,
    Drop,
    Effect,
    Keys,
    LinksDown,
    LinksFlap,
    PortOrder,
    Signal,
    name_keys,
)
from twinspan.lab.lab import Lab
from twinspan.lab.netlink import NftSet
from twinspan.lab.places import GATEWAY, VBR, VPN_GATEWAY
from twinspan.lab.process import ProcessId
from twinspan.lab.state import FaultOptions, write_private
from twinspan.model.deployment import Segment
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected
from twinspan.wire.bird import render_bird, session_name

LARGE_BYTES = 1000
"""`large-only`: packets above this die. Below it pass keepalives, BFD and small probes; full-size data does not."""
BGP_PORT = 179


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One way to hurt a lab."""

    name: str
    does: str
    """What it does, in one sentence."""
    effects: Callable[[Lab, FaultOptions], Sequence[Effect]]
    uses: tuple[str, ...] = ()
    """Options it reads besides `expires_s`."""
    lasts: bool = True
    """False: done in an instant, there is nothing to mend."""


# ---------------------------------------------------------------------------------------------------------- circuit


def _segment_drop(lab: Lab, where: Segment, fault: str, rules: Sequence[str], *, sender: str | None = None) -> Drop:
    """Drops on the segment's bridge what comes from `sender`, or from every port. `@on` holds the ports."""
    return Drop(
        lab.segment_netns(where.name),
        NftSet(family="bridge", table=_table(fault), name=SET_NAME),
        hook="forward",
        keys=Keys(kind="ifname", values=name_keys(places.ports(where, sender))),
        rules=rules,
    )


def _table(fault: str) -> str:
    """One table per fault, so that several can be in force in one namespace and end each by itself."""
    return f"twinspan_fault_{fault.replace('-', '_')}"


def _port_shutdown(lab: Lab, options: FaultOptions) -> list[Effect]:
    return [PortOrder(lab.agent(GATEWAY), places.circuit_port(lab, GATEWAY))]


def _cable(lab: Lab, options: FaultOptions) -> list[Effect]:
    circuit = places.segment(lab, "circuit")
    return [LinksDown(lab.segment_netns(circuit.name), places.ports(circuit))]


def _flap(lab: Lab, options: FaultOptions) -> list[Effect]:
    circuit = places.segment(lab, "circuit")
    netns, ports = lab.segment_netns(circuit.name), places.ports(circuit)
    return [LinksFlap(netns, ports, times=options.times, period_s=options.period_s)]


def _silent(lab: Lab, options: FaultOptions) -> list[Effect]:
    return [_segment_drop(lab, places.segment(lab, "circuit"), "silent", ["iifname @on drop"])]


def _one_way(lab: Lab, options: FaultOptions) -> list[Effect]:
    sender = GATEWAY if options.direction == "to-cloud" else VBR
    return [_segment_drop(lab, places.segment(lab, "circuit"), "one-way", ["iifname @on drop"], sender=sender)]


def _large_only(lab: Lab, options: FaultOptions) -> list[Effect]:
    """BFD packets are far below the limit; BGP is let through by its port (`th`: the kernel has found the transport
    header behind a VLAN tag already, and a match on the Ethernet type would not)."""
    bgp = [f"iifname @on meta l4proto tcp th {end} {BGP_PORT} accept" for end in ("sport", "dport")]
    rules = [*bgp, f"iifname @on meta length > {LARGE_BYTES} drop"]
    return [_segment_drop(lab, places.segment(lab, "circuit"), "large-only", rules)]


# -------------------------------------------------------------------------------------------------------------- VBR


def _vbr_drop(lab: Lab, fault: str, rules: Sequence[str]) -> Drop:
    """In the VBR's forward path: what is for the VBR itself (BGP, BFD) never passes there."""
    return Drop(
        lab.netns(VBR),
        NftSet(family="inet", table=_table(fault), name=SET_NAME),
        hook="forward",
        keys=Keys(kind="ifname", values=name_keys(places.circuit_links(lab, VBR))),
        rules=rules,
    )


def _dead_transit(lab: Lab, options: FaultOptions) -> list[Effect]:
    return [_vbr_drop(lab, "dead-transit", ["iifname @on drop", "oifname @on drop"])]


def _prefix_only(lab: Lab, options: FaultOptions) -> list[Effect]:
    prefix = places.office_prefix(lab)
    family = "ip" if ip_network(prefix).version == 4 else "ip6"
    rules = [f"iifname @on {family} daddr {prefix} drop", f"oifname @on {family} saddr {prefix} drop"]
    return [_vbr_drop(lab, "prefix-only", rules)]


def _bgp_reset(lab: Lab, options: FaultOptions) -> list[Effect]:
    return [_ask_bird(lab, f"restart {session_name(peer.name)}") for peer in places.circuit_peers(lab)]


def _ask_bird(lab: Lab, command: str) -> BirdCommand:
    return BirdCommand(lambda: places.bird_argument(lab, VBR, "-s"), lambda _: command)


def _prefix_withdrawn(lab: Lab, options: FaultOptions) -> list[Effect]:
    """A config without the prefix, as a trial that BIRD itself takes back when nobody confirms it."""
    original = Path(places.bird_argument(lab, VBR, "-c"))
    trial = lab.paths.node(VBR) / "fault-bird.conf"
    peers = {peer.name for peer in places.circuit_peers(lab)}
    config = without_prefix(places.config(lab, VBR), peers, places.office_prefix(lab))
    write_private(trial, render_bird(config, {}, log_path=str(original.with_name("bird.log"))).encode())

    def command(expires_s: float) -> str:
        return f'configure "{trial}" timeout {max(1, round(expires_s))}'

    return [BirdCommand(lambda: places.bird_argument(lab, VBR, "-s"), command, undo=f'configure "{original}"')]


def without_prefix(config: DeviceConfig, peers: set[str], prefix: str) -> DeviceConfig:
    """The same config that no longer announces `prefix` to `peers`."""
    if config.bgp is None:
        return config
    replace = msgspec.structs.replace
    spans = {peer.span for peer in config.bgp.peers if peer.name in peers}
    changed = tuple(
        replace(peer, export_filters=tuple(item for item in peer.export_filters if item.prefix != prefix))
        if peer.name in peers
        else peer
        for peer in config.bgp.peers
    )
    originate = tuple(item for item in config.bgp.originate if item.prefix != prefix or item.span not in spans)
    return replace(config, bgp=replace(config.bgp, peers=changed, originate=originate))


# -------------------------------------------------------------------------------------------------------- processes


def _daemon_kill(lab: Lab, options: FaultOptions) -> list[Effect]:
    def find() -> tuple[ProcessId, ...]:
        return places.daemons(lab, options.node, options.daemon)

    return [Signal(find, f"{options.node}: {options.daemon}", signal.SIGKILL)]


def _agent_kill(lab: Lab, options: FaultOptions) -> list[Effect]:
    def find() -> tuple[ProcessId, ...]:
        with lab.agent(options.node) as agent:
            worker = process.identify(agent.report().agent_pid)
        return (worker,) if worker else ()

    return [Signal(find, f"{options.node}: the agent", signal.SIGKILL)]


# -------------------------------------------------------------------------------------------------------------- VPN


def _vpn_down(lab: Lab, options: FaultOptions) -> list[Effect]:
    """First nothing gets in any more, then the daemons are told to end: they say goodbye to their peers, are started
    again by the agent, and stay without a partner until the ports open."""
    closed = Drop(
        lab.netns(VPN_GATEWAY),
        NftSet(family="inet", table=_table("vpn-down"), name=SET_NAME),
        hook="input",
        keys=Keys(kind="inet_service", values=tuple(struct.pack(">H", port) for port in places.tunnel_ports(lab))),
        rules=["udp dport @on drop"],
    )
    ended = Signal(lambda: places.daemons(lab, VPN_GATEWAY, "charon"), f"{VPN_GATEWAY}: charon", signal.SIGTERM)
    return [closed, ended]


def _blackhole(lab: Lab, fault: str, ports: Sequence[int], *, esp: bool) -> Drop:
    numbers = ", ".join(str(port) for port in ports)
    rules = [f"iifname @on meta l4proto udp th {end} {{ {numbers} }} drop" for end in ("sport", "dport")]
    if esp:
        rules.append("iifname @on meta l4proto esp drop")
    return _segment_drop(lab, places.segment(lab, "isp"), fault, rules)


def _vpn_blackhole(lab: Lab, options: FaultOptions) -> list[Effect]:
    return [_blackhole(lab, "vpn-blackhole", places.tunnel_ports(lab), esp=True)]


def _vpn_active_down(lab: Lab, options: FaultOptions) -> list[Effect]:
    names = [tunnel.name for tunnel in places.config(lab, GATEWAY).tunnels]
    if len(names) < 2:
        raise Rejected(f"lab {lab.name} has only {len(names)} tunnel", remedy="use vpn-blackhole")
    first = set(places.tunnel_ports(lab, names[:1])) - set(places.tunnel_ports(lab, names[1:]))
    if not first:
        raise Rejected("the first tunnel has no port of its own", remedy="use vpn-blackhole")
    return [_blackhole(lab, "vpn-active-down", sorted(first), esp=False)]


def _isp_down(lab: Lab, options: FaultOptions) -> list[Effect]:
    isp = places.segment(lab, "isp")
    return [LinksDown(lab.segment_netns(isp.name), places.ports(isp))]


def _both(lab: Lab, options: FaultOptions) -> list[Effect]:
    circuit = _segment_drop(lab, places.segment(lab, "circuit"), "both", ["iifname @on drop"])
    return [circuit, _blackhole(lab, "both", places.tunnel_ports(lab), esp=True)]


# ------------------------------------------------------------------------------------------------------ cloud server


def _server_kill(lab: Lab, options: FaultOptions) -> list[Effect]:
    places.require_cloud(lab)
    return [Signal(lambda: places.cloud_server(lab), "the cloud server", signal.SIGKILL)]


def _server_down(lab: Lab, options: FaultOptions) -> list[Effect]:
    """On the server's own port: what the nodes say to each other passes."""
    places.require_cloud(lab)
    return [
        Drop(
            lab.segment_netns("management"),
            NftSet(family="bridge", table=_table("server-down"), name=SET_NAME),
            hook="forward",
            keys=Keys(kind="ifname", values=name_keys([places.CLOUD_SERVER])),
            rules=["iifname @on drop", "oifname @on drop"],
        )
    ]


# ------------------------------------------------------------------------------------------------------ the registry


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(name="port-shutdown", does="The gateway shuts its circuit port, by order.", effects=_port_shutdown),
        Fault(name="cable", does="The circuit's cable is pulled: both ends lose the carrier.", effects=_cable),
        Fault(name="silent", does="The circuit drops everything; the carrier stays.", effects=_silent),
        Fault(
            name="one-way",
            does="The circuit drops one direction; the carrier stays.",
            effects=_one_way,
            uses=("direction",),
        ),
        Fault(
            name="dead-transit",
            does="The VBR drops all it forwards over the circuit; its own BGP and BFD live.",
            effects=_dead_transit,
        ),
        Fault(
            name="prefix-only",
            does="The VBR drops what it forwards to and from the office VPC; all else passes.",
            effects=_prefix_only,
        ),
        Fault(
            name="large-only",
            does=f"The circuit drops packets above {LARGE_BYTES} bytes, except BGP.",
            effects=_large_only,
        ),
        Fault(name="bgp-reset", does="The VBR restarts its BGP session once.", effects=_bgp_reset, lasts=False),
        Fault(
            name="prefix-withdrawn",
            does="The VBR stops announcing the office VPC to the gateway.",
            effects=_prefix_withdrawn,
        ),
        Fault(
            name="daemon-kill",
            does="A daemon gets SIGKILL: BIRD on the gateway, or --daemon on --node.",
            effects=_daemon_kill,
            uses=("node", "daemon"),
            lasts=False,
        ),
        Fault(
            name="agent-kill",
            does="The agent of the gateway, or of --node, gets SIGKILL.",
            effects=_agent_kill,
            uses=("node",),
            lasts=False,
        ),
        Fault(
            name="vpn-down",
            does="The VPN gateway ends its tunnels, with notice, and takes no new ones.",
            effects=_vpn_down,
        ),
        Fault(name="vpn-blackhole", does="The ISP drops IKE and ESP; the carrier stays.", effects=_vpn_blackhole),
        Fault(name="vpn-active-down", does="The ISP drops the first of two tunnels.", effects=_vpn_active_down),
        Fault(name="isp-down", does="The ISP's cable is pulled: both ends lose the carrier.", effects=_isp_down),
        Fault(name="both", does="silent and vpn-blackhole together.", effects=_both),
        Fault(
            name="server-kill",
            does="The cloud server gets SIGKILL; the keeper starts it again.",
            effects=_server_kill,
            lasts=False,
        ),
        Fault(
            name="server-down",
            does="Nothing reaches the cloud server any more, and nothing comes from it.",
            effects=_server_down,
        ),
        Fault(
            name="flap",
            does="The circuit's cable goes off and on, --times times, every --period seconds.",
            effects=_flap,
            uses=("times", "period_s"),
        ),
    )
}


def find_fault(name: str) -> Fault:
    """The fault of that name. Raises Rejected, listing all, if there is none."""
    if name not in FAULTS:
        raise Rejected(f"there is no fault {name!r}", remedy=f"faults: {', '.join(FAULTS)}")
    return FAULTS[name]
