"""A `DeviceConfig` as Comware text: the whole of it, secrets encrypted, and a list of what the text cannot say.

In: a config and a `Cipher`. Out: `ComwareText`, which `parse.py` reads back into the same config. Next: `parse.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.commands_access import write_access
from twinspan.wire.comware.commands_cloud import write_cloud
from twinspan.wire.comware.document import Line, text_of
from twinspan.wire.comware.parse import document_from
from twinspan.wire.comware.writing import Export


class ComwareText(msgspec.Struct, frozen=True, kw_only=True):
    """A config as text."""

    text: str
    not_expressed: tuple[str, ...]
    """Parts of the config that have no words; each is named."""


def render(config: DeviceConfig, export: Cipher) -> ComwareText:
    """The text of `display current-configuration`, with secrets by `export`."""
    writer = Export(export)
    document = document_from("\n".join(_lines(config, writer))).document
    return ComwareText(text=text_of(document), not_expressed=tuple(writer.not_expressed))


def document_of(config: DeviceConfig, cipher: Cipher) -> Line:
    """The config as lines to be edited."""
    return document_from("\n".join(_lines(config, Export(cipher)))).document


def _lines(config: DeviceConfig, export: Export) -> list[str]:
    return [
        *write_access(config, export),
        *write_cloud(config.cloud, export),
    ]
