"""Keys that nobody chose: made when a resource is made, and kept with it.

In: a spec. Out: the same spec with a key. Next: `apply.py`, and `cli.site` for a lab.
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
        return replace(spec, psk=SecretSource(value=new_key()))
    if isinstance(spec, BgpGroupSpec) and spec.auth_key is None:
        return replace(spec, auth_key=SecretSource(value=new_key()))
    return spec


def new_key() -> Secret:
    """A key that nobody chose."""
    return Secret(secrets.token_urlsafe(KEY_BYTES))
