"""The parts of IPsec connections in the compatible API: IKE, IPsec and BGP configs, health check, tunnels.

In requests they are JSON (one tunnel) or TunnelOptionsSpecification.N (two); in answers they have other names. In: the
spec of a connection. Out: spellings. Next: `ipsec_connection.py`.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec

from twinspan.model.field_plan import fields_of
from twinspan.model.ike import IkeSpec, IpsecSpec, TunnelBgpSpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, IpsecHealthCheckSpec, TunnelSpec
from twinspan.model.secret import Secret
from twinspan.wire.alibaba.spelling import (
    Spelling,
    Wrong,
    derived,
    list_of,
    revealed,
    spelled,
    structure,
    switch,
    text,
)


def _parts(cls: type[msgspec.Struct]) -> tuple[Spelling, ...]:
    return tuple(filter(None, map(derived, fields_of(cls).values())))


IKE = (*_parts(IkeSpec), spelled("psk", "Psk"))
IPSEC = _parts(IpsecSpec)
BGP = _parts(TunnelBgpSpec)
HEALTH = (*_parts(IpsecHealthCheckSpec), spelled("enable", "enable", switch))
_read_ike, _read_health, _read_bgp = (
    structure(IKE),
    structure(HEALTH),
    structure((*BGP, spelled("on", "EnableBgp", switch))),
)


def read_ike(value: Any) -> Any:
    """IkeConfig: phase 1 and the key."""
    found = _read_ike(value)
    if isinstance(found, Wrong):
        return found
    key = {"psk": found.pop("psk")} if "psk" in found else {}
    return {**({"ike": found} if found else {}), **key}


def read_bgp(value: Any) -> Any:
    """BgpConfig: nothing unless EnableBgp is true."""
    found = _read_bgp(value)
    if isinstance(found, Wrong):
        return found
    return found if found.pop("on", False) else None


def read_health(value: Any) -> Any:
    """HealthCheckConfig: nothing unless enable is true."""
    found = _read_health(value)
    if isinstance(found, Wrong):
        return found
    return found if found.pop("enable", False) else None


_WITH_KEY = (*IKE, Spelling(parameter="", field="ike", read=text, write=text, reply="", parts=IKE))
"""An IkeConfig is two fields of ours: the key, and all the rest."""
_TUNNEL_IKE = Spelling(parameter="TunnelIkeConfig", field="", read=read_ike, write=text, reply="", parts=_WITH_KEY)
_TUNNEL_PARTS = (
    *(part for part in _parts(TunnelSpec) if part.field in {"role", "customer_gateway"}),
    _TUNNEL_IKE,
    Spelling(parameter="TunnelIpsecConfig", field="ipsec", read=structure(IPSEC), write=text, reply="", parts=IPSEC),
    Spelling(parameter="TunnelBgpConfig", field="bgp", read=structure(BGP), write=text, reply="", parts=BGP),
    spelled("enable_dpd", "EnableDpd", switch),
    spelled("enable_nat_traversal", "EnableNatTraversal", switch),
    spelled("id", "TunnelId"),
)
_read_tunnels = list_of(structure(_TUNNEL_PARTS))
_SHARED = ("enable_dpd", "enable_nat_traversal")


def read_tunnels(value: Any) -> Any:
    """TunnelOptionsSpecification: the tunnels, and what both share in our model."""
    found = _read_tunnels(value)
    if isinstance(found, Wrong):
        return found
    shared: dict[str, Any] = {}
    for number, tunnel in enumerate(found, 1):
        for name in _SHARED:
            wanted = tunnel.pop(name, None)
            if wanted is not None and shared.setdefault(name, wanted) != wanted:
                return Wrong(
                    problem="the two tunnels differ in it",
                    remedy="write the same for both",
                    at=f"{number}.{_word(name)}",
                )
    return {"tunnels": found, **shared}


def _word(field: str) -> str:
    return next(part.parameter for part in _TUNNEL_PARTS if part.field == field)


TUNNELS = Spelling(
    parameter="TunnelOptionsSpecification",
    field="",
    read=read_tunnels,
    write=text,
    reply="",
    parts=(Spelling(parameter="", field="tunnels", read=text, write=text, reply="", parts=_TUNNEL_PARTS),),
)
IKE_CONFIG = Spelling(
    parameter="IkeConfig",
    field="",
    read=read_ike,
    write=text,
    reply="",
    parts=_WITH_KEY,
)
BGP_CONFIG = Spelling(parameter="BgpConfig", field="bgp", read=read_bgp, write=text, reply="", parts=BGP)
HEALTH_CONFIG = Spelling(
    parameter="HealthCheckConfig", field="health_check", read=read_health, write=text, reply="", parts=HEALTH
)


# ------------------------------------------------------------------------------------------------------ answers


def tunnel_id(connection_id: str, role: str) -> str:
    """A tunnel has no resource of its own; its id is made of the connection's and its role."""
    return f"tun-{hashlib.sha256(f'{connection_id} {role}'.encode()).hexdigest()[:20]}"


def other_address(tunnel_cidr: str, local: str) -> str:
    """The data centre's address of a tunnel's /30: the one that is not ours."""
    try:
        hosts = [str(host) for host in ipaddress.IPv4Network(tunnel_cidr).hosts()]
    except ValueError:
        return ""
    return next((host for host in hosts if host != (local or hosts[0])), "")


def local_address(bgp: TunnelBgpSpec) -> str:
    """The cloud's address of a tunnel's /30: the first unless another was given."""
    if bgp.local_ip or not bgp.tunnel_cidr:
        return bgp.local_ip
    return str(next(ipaddress.IPv4Network(bgp.tunnel_cidr).hosts()))


def plain_tunnels(spec: IpsecConnectionSpec) -> list[dict[str, Any]]:
    """The tunnels as the service takes them, keys included: for a change of one of them."""
    found = []
    for tunnel in spec.tunnels:
        plain = msgspec.to_builtins(tunnel, enc_hook=_key)
        plain["psk"] = revealed(tunnel.psk) or None
        found.append({name: part for name, part in plain.items() if part is not None})
    return found


def _key(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else str(value)


def merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A tunnel with what a request changes of it."""
    found = dict(before)
    for name, part in change.items():
        known = found.get(name)
        found[name] = {**known, **part} if isinstance(known, dict) and isinstance(part, dict) else part
    return found
