"""The keys of a site, already read: compile is pure and never opens a file.

In: resolved secrets by name of what they belong to. Out: `Keys`. The command line reads them from the site file's
places, the lab makes those that nobody gave. Next: `gateway.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.site import Site


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    bgp: Mapping[str, Secret]
    """By BGP group."""
    psk: Mapping[str, Secret]
    """By IPsec connection and tunnel index: "vpn/0"."""

    def of_bgp_group(self, name: str) -> Secret | None:
        return self.bgp.get(name)

    def of_tunnel(self, connection: str, index: int) -> Secret:
        return self.psk[f"{connection}/{index}"]


def wanted_keys(site: Site) -> dict[str, SecretSource | None]:
    """Every key the site needs, as "bgp:GROUP" and "psk:CONNECTION/INDEX", with where to read it or None."""
    wanted: dict[str, SecretSource | None] = {f"bgp:{name}": group.auth_key for name, group in site.bgp_groups.items()}
    for name, connection in site.ipsec_connections.items():
        for tunnel in tunnels_of(connection):
            wanted[f"psk:{name}/{tunnel.index}"] = tunnel.psk
    return wanted


def keys_from(resolved: Mapping[str, Secret]) -> Keys:
    """`Keys` from a mapping with the names that `wanted_keys` gives."""
    bgp = {n.removeprefix("bgp:"): s for n, s in resolved.items() if n.startswith("bgp:")}
    psk = {n.removeprefix("psk:"): s for n, s in resolved.items() if n.startswith("psk:")}
    return Keys(bgp=bgp, psk=psk)
