"""The identity of a config: an equal digest is an equal config, wherever it is compared.

In: a `DeviceConfig`. Out: sixteen hex digits. Next: the agent's report, the config sub-connection.
"""

from __future__ import annotations

import hashlib

import msgspec

from twinspan.model.device_config import DeviceConfig
from twinspan.model.secret import encode_hook


def config_digest(config: DeviceConfig) -> str:
    """Identity of a config without its secrets' text in it: first 16 hex digits of SHA-256 over its JSON."""
    return hashlib.sha256(msgspec.json.encode(config, enc_hook=encode_hook)).hexdigest()[:16]
