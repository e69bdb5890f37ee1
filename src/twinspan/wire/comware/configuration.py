"""A document as a `DeviceConfig`: what its lines say, as far as they make whole things.

In: a document, a cipher, and the config that stands for whatever lines cannot say. Out: `Reading`. Next: `reading.py`.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.bgp_reading import read_bgp
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.commands_access import read_access
from twinspan.wire.comware.commands_cloud import read_cloud
from twinspan.wire.comware.commands_failover import read_failover, read_health_checks
from twinspan.wire.comware.commands_ipsec import read_tunnels
from twinspan.wire.comware.commands_nqa import read_probes
from twinspan.wire.comware.commands_route import read_routing
from twinspan.wire.comware.commands_services import read_dhcp, read_dns, read_resolvers
from twinspan.wire.comware.commands_system import read_node
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.interfaces import read_interfaces
from twinspan.wire.comware.names import Pairs, names_to_keep
from twinspan.wire.comware.reading import Notes


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a document means."""

    config: DeviceConfig
    refused: tuple[str, ...]
    """Why some of it cannot be."""
    pending: tuple[str, ...]
    """What still lacks lines, and which."""


def read_document(document: Line, cipher: Cipher, base: DeviceConfig) -> Reading:
    """The config that the lines make; equal lines make an equal config."""
    notes = Notes(cipher)
    config = read_node(document, base)
    interfaces = read_interfaces(document, notes)
    tunnels = read_tunnels(document, notes)
    probes = read_probes(document, notes)
    routing = read_routing(document, notes)
    config = structs.replace(
        config,
        links=interfaces.links,
        tables=routing.tables,
        rules=routing.rules,
        routes=routing.routes,
        bgp=read_bgp(document, notes),
        tunnels=tunnels,
        probes=probes,
        failover=read_failover(document, notes),
        health_checks=read_health_checks(document),
        dns=read_dns(document),
        dhcp=read_dhcp(document, notes),
        dhcp_client=interfaces.dhcp_client,
        resolvers=read_resolvers(document),
        cloud=read_cloud(document, notes, notes.dhcp_link),
        access=read_access(document, notes, config.node),
        names=(),
        shutdown=interfaces.shutdown,
        descriptions=interfaces.descriptions,
    )
    config = structs.replace(config, names=names_to_keep(config, _names(notes)))
    return Reading(config=config, refused=tuple(notes.refused), pending=tuple(notes.pending))


def _names(notes: Notes) -> Pairs:
    """Every name that the text gives."""
    links = tuple((interface, link.name) for interface, link in notes.links.items())
    tracks = tuple((f"track {number}", probe) for number, probe in notes.tracks.items())
    return (*links, *notes.tunnels.items(), *tracks)
