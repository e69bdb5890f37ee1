"""A document as a `DeviceConfig`: what its lines say, as far as they make whole things.

In: a document, a cipher, and the config that stands for whatever lines cannot say. Out: `Reading`. Next: `reading.py`.
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from twinspan.model.device_config import DeviceConfig
from twinspan.wire.comware.cipher import Cipher
from twinspan.wire.comware.commands_access import read_access
from twinspan.wire.comware.commands_cloud import read_cloud
from twinspan.wire.comware.document import Line
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
    config = structs.replace(
        base,
        cloud=read_cloud(document, notes, None),
        access=read_access(document, notes, base.node),
    )
    return Reading(config=config, refused=tuple(notes.refused), pending=tuple(notes.pending))
