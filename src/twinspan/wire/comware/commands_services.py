"""DNS and DHCP: resolvers of the device, the DHCP service of the site, the forwarder of the cloud's names.

In: lines, or the services of a config. Out: the other. The DHCP service is plain Comware; of the DNS service Comware
knows no forwarding by suffix, so it has a view of its own, `twinspan dns`. Next: `commands_access.py`.
"""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

from twinspan.model.device_config import DeviceConfig, DhcpServer, DnsServer
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

_MOST_DNS = 8
_LEASE_S = 86400
"""Comware's default: one day."""
_POOL, _DNS = "dhcp-pool", "dns"


def _dns_list() -> str:
    pattern = ""
    for number in range(_MOST_DNS, 1, -1):
        pattern = f"[ <d{number}:ipv4> {pattern} ]"
    return f"dns-list <d1:ipv4> {pattern}"


COMMANDS = (
    Command(
        view=SYSTEM,
        id="resolver",
        pattern="dns server <address:ip>",
        key=("address",),
        undo=("dns server [ <address:ip> ]",),
        help={"address": "Address of a DNS server that this device asks"},
    ),
    Command(view=SYSTEM, id="dhcp on", pattern="dhcp enable", undo=("dhcp enable",)),
    Command(
        view=SYSTEM,
        id="pool",
        pattern="dhcp server ip-pool <name:str:1-63>",
        key=("name",),
        undo=("dhcp server ip-pool <name:str:1-63>",),
        opens=_POOL,
        prompt="-dhcp-pool-{name}",
    ),
    Command(view=_POOL, id="pool network", pattern="network <network:ipv4> mask <mask:mask>", undo=("network",)),
    Command(view=_POOL, id="pool range", pattern="address range <first:ipv4> <last:ipv4>", undo=("address range",)),
    Command(view=_POOL, id="pool router", pattern="gateway-list <address:ipv4>", undo=("gateway-list",)),
    Command(view=_POOL, id="pool dns", pattern=_dns_list(), undo=("dns-list",)),
    Command(
        view=_POOL,
        id="pool lease",
        pattern="expired day <day:int:0-3650> [ hour <hour:int:0-23> [ minute <minute:int:0-59> "
        "[ second <second:int:0-59> ] ] ]",
        undo=("expired",),
    ),
    Command(view=SYSTEM, id="dns", pattern="twinspan dns", undo=("twinspan dns",), opens=_DNS, prompt="-dns"),
    Command(view=_DNS, id="dns listen", pattern="listen <address:ip>", key=("address",), undo=("listen <address:ip>",)),
    Command(
        view=_DNS,
        id="dns record",
        pattern="record <name:str:1-253> <address:ip>",
        key=("name", "address"),
        undo=("record <name:str:1-253> [ <address:ip> ]",),
    ),
    Command(
        view=_DNS,
        id="dns local",
        pattern="local-suffix <name:str:1-253>",
        key=("name",),
        undo=("local-suffix <name:str:1-253>",),
    ),
    Command(
        view=_DNS,
        id="dns forward",
        pattern="forward-suffix <name:str:1-253>",
        key=("name",),
        undo=("forward-suffix <name:str:1-253>",),
        help={"name": "Names under it go to the forwarders"},
    ),
    Command(
        view=_DNS, id="dns upstream", pattern="upstream <address:ip>", key=("address",), undo=("upstream <address:ip>",)
    ),
    Command(
        view=_DNS,
        id="dns forwarder",
        pattern="forwarder <address:ip>",
        key=("address",),
        undo=("forwarder <address:ip>",),
    ),
)


def read_resolvers(document: Line) -> tuple[str, ...]:
    """The servers that the device itself asks."""
    return tuple(line.args["address"] for line in document.every("resolver"))


def read_dns(document: Line) -> DnsServer | None:
    """The DNS service; None without its view."""
    view = next(document.every("dns"), None)
    if view is None:
        return None
    return DnsServer(
        listen_addresses=_every(view, "dns listen", "address"),
        records=tuple((line.args["name"], line.args["address"]) for line in view.every("dns record")),
        local_suffixes=_every(view, "dns local", "name"),
        forward_suffixes=_every(view, "dns forward", "name"),
        upstream_servers=_every(view, "dns upstream", "address"),
        forwarders=_every(view, "dns forwarder", "address"),
    )


def _every(view: Line, id_: str, name: str) -> tuple[str, ...]:
    return tuple(line.args[name] for line in view.every(id_))


def read_dhcp(document: Line, notes: Notes) -> DhcpServer | None:
    """The DHCP service; None without `dhcp enable` and an interface that applies a whole pool."""
    applied = [(view, view.get("dhcp apply", "pool")) for view in document.every("interface") if view.has("dhcp apply")]
    if len(applied) > 1:
        notes.refuse("One interface can serve DHCP.")
    if not applied or not document.has("dhcp on"):
        if document.has("pool") or applied:
            notes.wait("DHCP: it needs dhcp enable, and dhcp server apply ip-pool at an interface")
        return None
    view, name = applied[0]
    pool = next((line for line in document.every("pool") if line.args["name"] == name), None)
    link = notes.links.get(view.args["name"])
    lines = {line.id: line for line in pool.lines} if pool else {}
    if link is None or not {"pool network", "pool range", "pool router"} <= lines.keys():
        notes.wait(f"DHCP pool {name}: it needs network, address range and gateway-list")
        return None
    dns = lines["pool dns"].args if "pool dns" in lines else {}
    return DhcpServer(
        link=link.name,
        range_start=lines["pool range"].args["first"],
        range_end=lines["pool range"].args["last"],
        netmask=lines["pool network"].args["mask"],
        router=lines["pool router"].args["address"],
        dns_servers=tuple(dns[f"d{n}"] for n in range(1, _MOST_DNS + 1) if f"d{n}" in dns),
        lease_s=_lease(lines.get("pool lease")),
    )


def _lease(line: Line | None) -> int:
    if line is None:
        return _LEASE_S
    day, hour, minute, second = (int(line.args.get(unit, 0)) for unit in ("day", "hour", "minute", "second"))
    return ((day * 24 + hour) * 60 + minute) * 60 + second


def write_services(config: DeviceConfig, export: Export) -> list[str]:
    """Resolvers, DHCP service, DNS service."""
    lines = [f"dns server {address}" for address in config.resolvers]
    if config.dhcp is not None:
        lines += _dhcp_lines(config.dhcp, export)
    return lines + (_dns_lines(config.dns, export) if config.dns is not None else [])


def _dhcp_lines(dhcp: DhcpServer, export: Export) -> list[str]:
    interface = export.interface(dhcp.link, None, "the DHCP service")
    if interface is None:
        return []
    name, network = export.word(dhcp.link), IPv4Network(f"{dhcp.range_start}/{dhcp.netmask}", strict=False)
    lines = ["dhcp enable", f"dhcp server ip-pool {name}"]
    lines.append(f"network {network.network_address} mask {network.netmask}")
    lines += [f"address range {dhcp.range_start} {dhcp.range_end}", f"gateway-list {dhcp.router}"]
    servers = [server for server in dhcp.dns_servers if ip_address(server).version == 4][:_MOST_DNS]
    if len(servers) < len(dhcp.dns_servers):
        export.skip(f"DNS servers of the DHCP service beyond the first {_MOST_DNS} IPv4 ones")
    lines += [f"dns-list {' '.join(servers)}"] if servers else []
    minutes, second = divmod(dhcp.lease_s, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    lines.append(f"expired day {day} hour {hour} minute {minute} second {second}")
    return [*lines, f"interface {interface}", f"dhcp server apply ip-pool {name}"]


def _dns_lines(dns: DnsServer, export: Export) -> list[str]:
    return [
        "twinspan dns",
        *(f"listen {address}" for address in dns.listen_addresses),
        *(f"record {export.word(name)} {address}" for name, address in dns.records),
        *(f"local-suffix {export.word(name)}" for name in dns.local_suffixes),
        *(f"forward-suffix {export.word(name)}" for name in dns.forward_suffixes),
        *(f"upstream {address}" for address in dns.upstream_servers),
        *(f"forwarder {address}" for address in dns.forwarders),
    ]
