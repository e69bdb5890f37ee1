"""Links of a config as interfaces, and back: ports, management ports, loopbacks, VLAN subinterfaces, VLAN interface 1.

In: the `interface` views of a document, or the links of a config. Out: the other. Next: `commands_ike.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface, ip_interface

import msgspec

from twinspan.model.device_config import Bfd, DeviceConfig, Link
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.parameters import length_of_mask
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

_MTU = 1500
_LONGEST_LINK = 15
"""Bytes of a Linux link's name (IFNAMSIZ less its end)."""


class Interfaces(msgspec.Struct, frozen=True, kw_only=True):
    """What the interfaces say of a config."""

    links: tuple[Link, ...]
    dhcp_client: str | None
    shutdown: tuple[str, ...]
    descriptions: tuple[tuple[str, str], ...]


def read_interfaces(document: Line, notes: Notes) -> Interfaces:
    """Links in the order of their lines."""
    views = []
    for view in document.every("interface"):
        name = view.args["name"]
        if name.startswith("NULL"):
            notes.refuse("NULL0 has nothing to be set; a route to it refuses its prefix.")
        link = None if name.startswith(("Vlan-interface", "NULL")) else _link(view, notes)
        if link is None:
            continue
        if any(link.name == other.name for other in notes.links.values()):
            notes.refuse(f"The port {link.name} is bound to another interface already.")
        if link.kind == "loopback" and view.has("shutdown"):
            notes.refuse(f"{name} is never shut: programs of this device speak to one another over it.")
        notes.links[name] = link
        views.append((link.name, view))
        _read_bfd(view, notes)
    clients = [name for name, view in views if view.has("dhcp-alloc") or view.has("dhcp-client")]
    if len(clients) > 1:
        notes.refuse(f"One interface can be a DHCP client; {clients[0]} is.")
    _read_vlan_interface(document, notes)
    return Interfaces(
        links=tuple(notes.links.values()),
        dhcp_client=clients[0] if clients else None,
        shutdown=tuple(name for name, view in views if view.has("shutdown")),
        descriptions=tuple((name, view.get("description", "text")) for name, view in views if view.has("description")),
    )


def _link(view: Line, notes: Notes) -> Link | None:
    name = view.args["name"]
    parent_name, is_vlan, _ = name.partition(".")
    parent = notes.links.get(parent_name) if is_vlan else None
    vlan = view.get("vlan-type", "vlan")
    ours = view.get("binding", "ours") or _usual_binding(name, parent, vlan)
    if is_vlan and (parent is None or not vlan):
        notes.wait(f"{name}: a subinterface needs its port {parent_name} first, and vlan-type dot1q vid")
        return None
    if not ours:
        notes.wait(f"{name} is bound to no port: twinspan binding NAME, with the Linux name of the port")
        return None
    if len(ours.encode()) > _LONGEST_LINK:
        notes.refuse(f"{ours}: the name of a Linux link has at most {_LONGEST_LINK} bytes.")
    return Link(
        name=ours,
        kind="vlan" if is_vlan else "loopback" if name.startswith("LoopBack") else "physical",
        addresses=addresses_of(view),
        mtu=int(view.get("mtu", "bytes", str(_MTU))),
        parent=parent.name if parent else None,
        vlan_id=int(vlan) if is_vlan else None,
        management=name.startswith("M-"),
    )


def _usual_binding(name: str, parent: Link | None, vlan: str) -> str:
    if name == "LoopBack0":
        return "lo"
    return f"{parent.name}.{vlan}" if parent and vlan else ""


def addresses_of(view: Line) -> tuple[str, ...]:
    """Addresses of both families in the order of their lines."""
    found = []
    for line in view.every("ip address", "ip address sub", "ipv6 address"):
        mask = line.args.get("mask")
        found.append(f"{line.args['address']}/{length_of_mask(mask)}" if mask else line.args["address"])
    return tuple(found)


def _read_bfd(view: Line, notes: Notes) -> None:
    if view.has("bfd tx") or view.has("bfd rx") or view.has("bfd multiplier"):
        notes.bfd[view.args["name"]] = Bfd(
            min_tx_interval_ms=int(view.get("bfd tx", "ms", "400")),
            min_rx_interval_ms=int(view.get("bfd rx", "ms", "400")),
            detect_multiplier=int(view.get("bfd multiplier", "times", "5")),
        )


def _read_vlan_interface(document: Line, notes: Notes) -> None:
    for view in document.every("interface"):
        name = view.args["name"]
        if not name.startswith("Vlan-interface"):
            continue
        if name != "Vlan-interface1":
            notes.refuse("Only Vlan-interface1 is known here: this device routes and has no switch ports.")
            continue
        port = notes.links.get(view.get("port of vlan", "port"))
        if port is None or not view.has("dhcp-alloc"):
            notes.wait("Vlan-interface1: it needs twinspan port, with one of the ports, and ip address dhcp-alloc")
            continue
        notes.dhcp_link = port.name


def write_interfaces(config: DeviceConfig, export: Export, bfd: dict[str, Bfd]) -> list[str]:
    """The lines of all links. `bfd`: timers that the sessions of a link share."""
    lines: list[str] = []
    descriptions = dict(config.descriptions)
    for link in config.links:
        name = export.names.interface_of_link.get(link.name)
        if name is None:
            export.skip(f"the link {link.name}: its parent {link.parent} or its VLAN ID is missing")
            continue
        lines += [f"interface {name}", *_link_lines(link, name, config, export)]
        if link.name in bfd:
            lines += bfd_lines(bfd[link.name])
        if link.name in descriptions:
            lines.append(f"description {export.word(descriptions[link.name])}")
        if link.name in config.shutdown:
            lines.append("shutdown")
    _report_strangers(config, export)
    return lines + _vlan_interface_lines(config, export)


def _link_lines(link: Link, name: str, config: DeviceConfig, export: Export) -> list[str]:
    lines = ["port link-mode route"] if name.startswith("Gigabit") and "." not in name else []
    if link.kind == "vlan":
        lines.append(f"vlan-type dot1q vid {link.vlan_id}")
    if link.name != ("lo" if name == "LoopBack0" else f"{link.parent}.{link.vlan_id}" if link.parent else ""):
        lines.append(f"twinspan binding {export.word(link.name)}")
    if config.dhcp_client == link.name:
        fixed = any(":" not in address for address in link.addresses)
        lines.append("twinspan dhcp-client" if fixed else "ip address dhcp-alloc")
    if link.mtu != _MTU:
        lines.append(f"mtu {link.mtu}")
    return lines + address_lines(link.addresses)


def address_lines(addresses: tuple[str, ...]) -> list[str]:
    """`ip address` and `ipv6 address`, the first IPv4 address being the primary one."""
    lines, has_primary = [], False
    for address in addresses:
        parsed: IPv4Interface | IPv6Interface = ip_interface(address)
        if isinstance(parsed, IPv6Interface):
            lines.append(f"ipv6 address {parsed}")
            continue
        lines.append(f"ip address {parsed.ip} {parsed.netmask}{' sub' if has_primary else ''}")
        has_primary = True
    return lines


def bfd_lines(bfd: Bfd) -> list[str]:
    """The timers of an interface."""
    return [
        f"bfd min-transmit-interval {bfd.min_tx_interval_ms}",
        f"bfd min-receive-interval {bfd.min_rx_interval_ms}",
        f"bfd detect-multiplier {bfd.detect_multiplier}",
    ]


def _report_strangers(config: DeviceConfig, export: Export) -> None:
    links = {link.name for link in config.links}
    named = {*config.shutdown, *(name for name, _ in config.descriptions)} | (
        {config.dhcp_client} if config.dhcp_client else set()
    )
    for name in sorted(named - links):
        export.skip(f"what is said of {name}, which is no link of this config")


def _vlan_interface_lines(config: DeviceConfig, export: Export) -> list[str]:
    link = config.cloud.dhcp_link if config.cloud else None
    if link is None:
        return []
    port = export.names.interface_of_link.get(link)
    if port is None:
        export.skip(f"the DHCP client for the cloud server: {link} is no link of this config")
        return []
    return ["interface Vlan-interface1", f"twinspan port {port}", "ip address dhcp-alloc"]
