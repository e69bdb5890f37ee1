"""A `DeviceConfig` as Comware text: the whole of it, secrets encrypted, and a list of what the text cannot say.

In: a config and a `Cipher`. Out: `ComwareText`, which `parse.py` reads back into the same config. Next: `parse.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.bgp_writing import shared_bfd, write_bgp
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.commands_access import write_access
from twinspan.wire.comware.commands_cloud import write_cloud
from twinspan.wire.comware.commands_failover import write_failover
from twinspan.wire.comware.commands_ipsec import write_tunnels
from twinspan.wire.comware.commands_nqa import write_probes
from twinspan.wire.comware.commands_route import write_routes, write_tables
from twinspan.wire.comware.commands_services import write_services
from twinspan.wire.comware.commands_system import write_node
from twinspan.wire.comware.document import Line, put, text_of
from twinspan.wire.comware.interfaces import write_interfaces
from twinspan.wire.comware.parse import document_from
from twinspan.wire.comware.writing import Export


class ComwareText(msgspec.Struct, frozen=True, kw_only=True):
    """A config as text."""

    text: str
    not_expressed: tuple[str, ...]
    """Parts of the config that have no words; each is named."""


def render(config: DeviceConfig, export: Cipher) -> ComwareText:
    """The text of `display current-configuration`, with secrets by `export`."""
    writer = Export(config, export)
    document = document_from("\n".join(_lines(config, writer))).document
    return ComwareText(text=text_of(document), not_expressed=tuple(writer.not_expressed))


def document_of(config: DeviceConfig, cipher: Cipher) -> Line:
    """The config as lines to be edited."""
    return document_from("\n".join(_lines(config, Export(config, cipher)))).document


def with_node(document: Line, config: DeviceConfig, cipher: Cipher) -> Line:
    """The document with another identity, its generation above all."""
    lines = document_from("\n".join(write_node(config, Export(config, cipher)))).document.lines
    for line in lines:
        document = put(document, (), line)
    return document


def _lines(config: DeviceConfig, export: Export) -> list[str]:
    return [
        *write_node(config, export),
        *write_access(config, export),
        *write_interfaces(config, export, shared_bfd(config)),
        *write_tunnels(config, export),
        *write_probes(config, export),
        *write_tables(config, export),
        *write_routes(config, export),
        *write_bgp(config, export),
        *write_failover(config, export),
        *write_services(config, export),
        *write_cloud(config.cloud, export),
    ]
