"""Keys that nobody chose: made when a resource is made, and kept with it.

In: a spec. Out: the same spec with a key. Next: `apply.py`.
"""

from __future__ import annotations

import secrets

from msgspec.structs import replace

from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.fields import ResourceSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource

KEY_BYTES = 24
"""192 bits, written in the alphabet every gateway takes."""


def with_new_keys(spec: ResourceSpec) -> ResourceSpec:
    """What a site file leaves out: the key of an IPsec connection and the TCP-MD5 key of a BGP group."""
    if isinstance(spec, IpsecConnectionSpec) and spec.psk is None:
        return replace(spec, psk=_new_key())
    if isinstance(spec, BgpGroupSpec) and spec.auth_key is None:
        return replace(spec, auth_key=_new_key())
    return spec


def _new_key() -> SecretSource:
    return SecretSource(value=Secret(secrets.token_urlsafe(KEY_BYTES)))
