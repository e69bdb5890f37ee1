"""Builds a topology out of network namespaces: one per node, one per segment with a bridge in it.

In: a `Topology` and the namespaces' names from the lab's state. Out: namespaces, cables and bridges; addresses and
forwarding are the agents' work. Segments get a namespace of their own because that is where faults happen: what a
carrier does to a frame must not be visible to the nodes at its ends. Next: `keeper.py`.
"""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twinspan.lab import namespace
from twinspan.model.deployment import Port, Segment, Topology
from twinspan.model.errors import Unavailable

BRIDGE = "br0"
SEGMENT_MTU = 1600
"""Bytes: carries a full 1500-byte packet with VLAN tags, as a carrier's equipment does."""

FIRST_INDEX = 100
"""Above every index that a new namespace gives out by itself."""

# rp_filter: the larger of `all` and the interface's own counts, so both are 0: paths are asymmetric during a failover.
# arp_ignore: a port answers for its own addresses only; else one would answer, without a tag, for those in its VLANs.
# accept_dad, dad_transmits: an address must be usable at once, not after a second of duplicate detection.
NODE_SYSCTLS = {
    "ipv4/conf/{}/rp_filter": "0",
    "ipv4/conf/{}/arp_ignore": "1",
    "ipv4/conf/{}/send_redirects": "0",
    "ipv4/conf/{}/accept_redirects": "0",
    "ipv6/conf/{}/accept_dad": "0",
    "ipv6/conf/{}/dad_transmits": "0",
    "ipv6/conf/{}/accept_ra": "0",
    "ipv6/conf/{}/autoconf": "0",
    "ipv6/conf/{}/router_solicitations": "0",
    "ipv6/conf/{}/accept_redirects": "0",
}
SEGMENT_SYSCTLS = {"ipv6/conf/{}/disable_ipv6": "1"}


def build(topology: Topology, nodes: Mapping[str, str], segments: Mapping[str, str]) -> None:
    """Makes everything. Raises Unavailable with the kernel's words if a step fails; what was made so far stays."""
    run_ip([f"netns add {name}" for name in (*nodes.values(), *segments.values())])
    for name in nodes.values():
        namespace.call_inside(name, lambda: _write_sysctls(NODE_SYSCTLS))
    for name in segments.values():
        namespace.call_inside(name, lambda: _write_sysctls(SEGMENT_SYSCTLS))
    run_ip(_cables(topology, nodes, segments))
    work = [(name, _node_commands(topology, node)) for node, name in nodes.items()]
    work += [(segments[segment.name], _segment_commands(segment)) for segment in topology.segments]
    with ThreadPoolExecutor(max_workers=4) as pool:
        for _ in pool.map(lambda item: run_ip(item[1], netns=item[0]), work):
            pass


def run_ip(commands: Iterable[str], *, netns: str | None = None) -> None:
    """One `ip -batch` for many commands: a fork each would take longer than the kernel's work."""
    arguments = ["ip", *(["-n", netns] if netns else []), "-batch", "-"]
    done = subprocess.run(arguments, input="\n".join(commands) + "\n", capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())
        raise Unavailable(
            f"the kernel refused a part of the topology: {reason}",
            remedy="check `ip netns add` and `ip link add type veth` by hand; a container may lack the permission",
        )


def segment_ports(segment: Segment) -> dict[Port, str]:
    """The name of each port inside the segment's namespace: that of the node at its other end."""
    nodes = [port.node for port in segment.ports]
    alone = {port: nodes.count(port.node) == 1 for port in segment.ports}
    return {port: port.node if alone[port] else f"{port.node[:9]}-{port.link}"[:15] for port in segment.ports}


def _write_sysctls(values: Mapping[str, str]) -> None:
    for scope in ("all", "default"):
        for key, value in values.items():
            file = Path("/proc/sys/net") / key.format(scope)
            if file.exists():  # a kernel without IPv6 has none of its keys
                file.write_text(value, encoding="ascii")


def _cables(topology: Topology, nodes: Mapping[str, str], segments: Mapping[str, str]) -> list[str]:
    """Both ends of a cable get numbers of their own.

    The kernel tells of a lost carrier at once only if an interface's index differs from its peer's; equal ones, which
    happens by chance across namespaces, wait up to a second (net/core/link_watch.c, linkwatch_urgent_event).
    """
    numbers = itertools.count(FIRST_INDEX)

    def cable(a: str, a_netns: str, b: str, b_netns: str) -> str:
        ends = f"index {next(numbers)} type veth peer name {b} netns {b_netns} index {next(numbers)}"
        return f"link add {a} netns {a_netns} {ends}"

    commands = [cable(w.a.link, nodes[w.a.node], w.b.link, nodes[w.b.node]) for w in topology.wires]
    for segment in topology.segments:
        ports = segment_ports(segment).items()
        commands += [cable(port.link, nodes[port.node], name, segments[segment.name]) for port, name in ports]
    return commands


def _node_commands(topology: Topology, node: str) -> list[str]:
    ports = [port for wire in topology.wires for port in (wire.a, wire.b)]
    ports += [port for segment in topology.segments for port in segment.ports]
    return ["link set dev lo up", *(f"link set dev {port.link} up" for port in ports if port.node == node)]


def _segment_commands(segment: Segment) -> list[str]:
    """A bridge that forwards at once and to everybody: no spanning tree, no learning delay, no multicast snooping."""
    mtu = max(segment.mtu, SEGMENT_MTU)
    commands = ["link set dev lo up", f"link add {BRIDGE} type bridge forward_delay 0 stp_state 0 mcast_snooping 0"]
    for name in segment_ports(segment).values():
        commands.append(f"link set dev {name} mtu {mtu} master {BRIDGE}")
        commands.append(f"link set dev {name} up")
    return [*commands, f"link set dev {BRIDGE} mtu {mtu}", f"link set dev {BRIDGE} up"]
