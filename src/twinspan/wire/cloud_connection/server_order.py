"""In which order a device dials its cloud servers, and which one is next.

In: the device's `CloudManagement` and the name that DHCP brought, if it counts (`engine.dhcp_trust` decides that). Out:
the `Endpoint`s in stored order, the `Turn` after an attempt that failed, findings about the entries. Next: `backoff`
says how long to wait, `agent` resolves and dials.

The seed stores names alphabetically and the ports of a name in descending order, gives the first specified server the
highest priority, and puts a name from DHCP above all manual ones. What it leaves open is read so:

- The primary is first whatever its name; the order is that of the backups. Case does not matter, as in DNS.
- A DHCP name is dialled first, on `CloudManagement.port`; the manual servers stay behind it. If it names a server that
  is set by hand, nothing is added: that name's entries come first, since they know port, instance and source.
- After the last comes the first again. Once round without success is one backoff round.
- After a start or a reset the first is dialled; only while connected is there no way back to it.
- Eight backups are eight entries; three ports count the primary and the backups of a name together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from twinspan.model.cloud_management import MAX_BACKUP_SERVERS, MAX_PORTS_PER_DOMAIN, CloudManagement, CloudServer
from twinspan.model.finding import Finding, Path, Rule
from twinspan.wire.dns_name import is_host

Kind = Literal["primary", "backup", "dhcp"]
_Identity = tuple[str, int, str | None, str | None, bool]

_SOURCE = "seed 000, restrictions and guidelines"
DOMAIN = Rule(
    id="cloud-server-domain",
    text="A server is named by a host name (letters, digits, hyphens and points) or by a whole IPv4 or IPv6 address.",
    source="RFC 1123 2.1; Twinspan: a resolver would read 1.2.3 as 1.2.0.3",
)
BACKUPS = Rule(
    id="cloud-backup-servers", text=f"There are at most {MAX_BACKUP_SERVERS} backup servers.", source=_SOURCE
)
PORTS = Rule(
    id="cloud-server-ports",
    text=f"A server name has at most {MAX_PORTS_PER_DOMAIN} ports, primary and backups together.",
    source=_SOURCE,
)
DUPLICATE = Rule(
    id="cloud-server-duplicate",
    text="A server is named once.",
    source="Twinspan: the second entry could only repeat what has just failed",
)
SOURCE_IP = Rule(
    id="cloud-server-source-ip",
    text="A source address is an IPv4 address, and its server is dialled over IPv4.",
    source="seed 000, procedure, steps 2 and 3",
)


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One server as it is dialled. A name may still have several addresses; all of them belong to the attempt."""

    domain: str
    port: int
    vpn_instance: str | None = None
    """None: the public network."""
    source_ip: str | None = None
    ipv6: bool = False
    """Only IPv6 addresses of the name are dialled."""
    kind: Kind
    """Where the entry comes from."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to dial next."""

    endpoint: Endpoint
    round_over: bool
    """All servers have been tried since the round began: wait for the backoff of a whole round."""
    reason: Literal["first", "next", "wrapped"]
    """`first`: start, reset, or the current server is no longer stored. `wrapped`: after the last."""


def dial_order(config: CloudManagement, dhcp_domain: str | None = None) -> tuple[Endpoint, ...]:
    """All servers of the device, the one to dial first at the start; empty if it knows none.

    An entry that repeats another in everything is left out. `dhcp_domain` is a checked name or address.
    """
    named = [_endpoint(config, entry, "primary") for entry in (config.primary,) if entry is not None]
    backups = (_endpoint(config, entry, "backup") for entry in config.backups)
    named += sorted(backups, key=_stored)
    first: dict[_Identity, Endpoint] = {}
    for endpoint in named:
        first.setdefault(_identity(endpoint), endpoint)
    order = tuple(first.values())
    if dhcp_domain is None:
        return order
    wanted = [endpoint for endpoint in order if _same_name(endpoint.domain, dhcp_domain)]
    if not wanted:
        is_ipv6 = ":" in dhcp_domain
        return (Endpoint(domain=dhcp_domain, port=config.port, ipv6=is_ipv6, kind="dhcp"), *order)
    return (*wanted, *(endpoint for endpoint in order if not _same_name(endpoint.domain, dhcp_domain)))


def next_after(
    order: tuple[Endpoint, ...], current: Endpoint | None = None, began: Endpoint | None = None
) -> Turn | None:
    """Whom to dial when `current` did not answer, or at a start (`None`); None if there is no server at all.

    `began` is the server that was dialled first in this round; left out, a round begins with the first of the order.
    """
    if not order:
        return None
    if current is None or current not in order:
        return Turn(endpoint=order[0], round_over=False, reason="first")
    place = order.index(current) + 1
    endpoint = order[place % len(order)]
    start = began if began is not None and began in order else order[0]
    return Turn(endpoint=endpoint, round_over=endpoint == start, reason="next" if place < len(order) else "wrapped")


def preferred_to(order: tuple[Endpoint, ...], current: Endpoint) -> tuple[Endpoint, ...]:
    """The servers of higher priority than the connected one: what `switch_back` may try; all if it is not stored."""
    return order[: order.index(current)] if current in order else order


def same_server(order: tuple[Endpoint, ...], endpoint: Endpoint) -> Endpoint | None:
    """The entry that is reached the same way as `endpoint`, wherever it came from; None: there is none any more."""
    return next((each for each in order if _identity(each) == _identity(endpoint)), None)


def check_servers(config: CloudManagement) -> tuple[Finding, ...]:
    """Every limit that the entries do not keep; paths start in `CloudManagement`."""
    return (
        *_bad_domains(config),
        *_too_many(config),
        *_too_many_ports(config),
        *_duplicates(config),
        *_bad_sources(config),
    )


def _endpoint(config: CloudManagement, entry: CloudServer, kind: Kind) -> Endpoint:
    return Endpoint(
        domain=entry.domain,
        port=config.port if entry.port is None else entry.port,
        vpn_instance=entry.vpn_instance,
        source_ip=entry.source_ip,
        ipv6=entry.ipv6,
        kind=kind,
    )


def _stored(endpoint: Endpoint) -> tuple[str, int, str, str, bool, str]:
    """The seed's order; what follows the port only makes it the same on every device."""
    rest = (endpoint.vpn_instance or "", endpoint.source_ip or "", endpoint.ipv6, endpoint.domain)
    return (_name(endpoint.domain), -endpoint.port, *rest)


def _name(domain: str) -> str:
    """RFC 4343: case does not matter. A closing point only says that the name is complete."""
    return domain.removesuffix(".").lower()


def _same_name(one: str, other: str) -> bool:
    return _name(one) == _name(other)


def _identity(endpoint: Endpoint) -> _Identity:
    return (_name(endpoint.domain), endpoint.port, endpoint.vpn_instance, endpoint.source_ip, endpoint.ipv6)


def _entries(config: CloudManagement) -> Iterator[tuple[Path, Endpoint]]:
    if config.primary is not None:
        yield ("primary",), _endpoint(config, config.primary, "primary")
    for place, entry in enumerate(config.backups):
        yield ("backups", place), _endpoint(config, entry, "backup")


def _bad_domains(config: CloudManagement) -> Iterator[Finding]:
    for path, endpoint in _entries(config):
        if not is_host(endpoint.domain.removesuffix(".")):
            yield Finding(
                rule=DOMAIN,
                path=(*path, "domain"),
                value=endpoint.domain,
                problem=f"{endpoint.domain!r} is neither",
                remedy="give the server's host name, such as cloud.example.com, or its whole address",
            )


def _too_many(config: CloudManagement) -> Iterator[Finding]:
    if (count := len(config.backups)) > MAX_BACKUP_SERVERS:
        yield Finding(
            rule=BACKUPS,
            path=("backups",),
            value=str(count),
            problem=f"there are {count} backup servers",
            remedy=f"remove {count - MAX_BACKUP_SERVERS}",
        )


def _too_many_ports(config: CloudManagement) -> Iterator[Finding]:
    ports: dict[str, set[int]] = {}
    for path, endpoint in _entries(config):
        known = ports.setdefault(_name(endpoint.domain), set())
        if endpoint.port in known:
            continue
        if len(known) >= MAX_PORTS_PER_DOMAIN:
            yield Finding(
                rule=PORTS,
                path=(*path, "port"),
                value=str(endpoint.port),
                problem=f"{endpoint.domain} already has the ports {_listed(sorted(known))}",
                remedy="remove one of them, or give this server another name",
            )
            continue
        known.add(endpoint.port)


def _duplicates(config: CloudManagement) -> Iterator[Finding]:
    seen: set[_Identity] = set()
    for path, endpoint in _entries(config):
        if _identity(endpoint) in seen:
            yield Finding(
                rule=DUPLICATE,
                path=path,
                value=f"{endpoint.domain} port {endpoint.port}",
                problem="another entry is the same server, reached the same way",
                remedy="remove one of them, or change its port",
            )
        seen.add(_identity(endpoint))


def _bad_sources(config: CloudManagement) -> Iterator[Finding]:
    for path, endpoint in _entries(config):
        if endpoint.source_ip is None:
            continue
        if not _is_ipv4(endpoint.source_ip):
            problem, remedy = "it is no IPv4 address", "give an address of this device, such as 10.0.0.1"
        elif endpoint.ipv6:
            problem = "the server is dialled over IPv6, and this is an IPv4 address"
            remedy = "leave out the source address, or leave out ipv6"
        else:
            continue
        at = (*path, "source_ip")
        yield Finding(rule=SOURCE_IP, path=at, value=endpoint.source_ip, problem=problem, remedy=remedy)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _listed(ports: Iterable[int]) -> str:
    return ", ".join(str(port) for port in ports)
