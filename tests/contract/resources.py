"""Resources for the tests of the store, and who makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from twinspan.model.bgp_group import BgpGroupSpec
from twinspan.model.customer_gateway import CustomerGatewaySpec
from twinspan.model.ipsec_connection import IpsecConnectionSpec, TunnelSpec
from twinspan.model.resource import Actor, Resource
from twinspan.model.secret import Secret
from twinspan.model.secret_source import SecretSource
from twinspan.model.vpc import VpcSpec
from twinspan.model.vswitch import VswitchSpec
from twinspan.server.resources.port import Work

NOW = 1_800_000_000_000_000_000
KIEL = Actor(account="kiel", label="kiel-token", address="192.0.2.1")
BONN = Actor(account="bonn", label="bonn-token")
PSK = "a very secret key"


def vpc(resource_id: str, account: str = "kiel", **more: Any) -> Resource:
    spec = VpcSpec(cidr_block="10.0.0.0/16", **more.pop("spec", {}))
    given = {"created_ns": NOW, "updated_ns": NOW, "name": resource_id} | more
    return Resource(kind="Vpc", id=resource_id, account=account, spec=spec, **given)


def vswitch(resource_id: str, vpc_id: str, account: str = "kiel", **more: Any) -> Resource:
    spec = VswitchSpec(vpc=vpc_id, cidr_block="10.0.1.0/24")
    given = {"created_ns": NOW, "updated_ns": NOW, "name": resource_id} | more
    return Resource(kind="Vswitch", id=resource_id, account=account, spec=spec, **given)


def bgp_group(resource_id: str, key: str = PSK) -> Resource:
    spec = BgpGroupSpec(peer_asn=65001, auth_key=SecretSource(value=Secret(key)))
    return Resource(kind="BgpGroup", id=resource_id, account="kiel", spec=spec, created_ns=NOW, updated_ns=NOW)


def connection(resource_id: str) -> Resource:
    """An IPsec connection with three secrets, two of them deep inside."""
    tunnels = tuple(
        TunnelSpec(role=role, customer_gateway=f"cgw-{role}", psk=SecretSource(value=Secret(f"{PSK} {role}")))
        for role in ("master", "slave")
    )
    spec = IpsecConnectionSpec(
        vpn_gateway="vpn-1", customer_gateway="cgw-0", psk=SecretSource(value=Secret(PSK)), tunnels=tunnels
    )
    return Resource(kind="IpsecConnection", id=resource_id, account="kiel", spec=spec, created_ns=NOW, updated_ns=NOW)


def customer_gateway(resource_id: str) -> Resource:
    spec = CustomerGatewaySpec(ip_address="198.18.0.1")
    return Resource(kind="CustomerGateway", id=resource_id, account="kiel", spec=spec, created_ns=NOW, updated_ns=NOW)


def inserting(*resources: Resource, actor: Actor = KIEL) -> Callable[[Work], None]:
    """A unit of work that inserts them."""

    def work(work: Work) -> None:
        for resource in resources:
            work.insert(resource, actor)

    return work


def renamed(resource: Resource, name: str) -> Resource:
    """The next generation of a resource, with another name."""
    changed: Resource = msgspec.structs.replace(
        resource, name=name, generation=resource.generation + 1, updated_ns=resource.updated_ns + 1
    )
    return changed
