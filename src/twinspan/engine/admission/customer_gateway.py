"""Customer gateways: the data centre as the VPN gateway knows it.

In: `Site`. Out: findings. Next: `ipsec_connection.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.overlap import PRIVATE_BLOCKS
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, TWINSPAN
from twinspan.model.ipsec_connection import tunnels_of
from twinspan.model.site import Site

FORBIDDEN_BLOCKS = ("100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.0.0.0/8")
"""Where a customer gateway cannot be (CreateCustomerGateway)."""


def _used(site: Site) -> set[str]:
    return {tunnel.customer_gateway for spec in site.ipsec_connections.values() for tunnel in tunnels_of(spec)}


@rule(
    "R-CGW-001",
    "A customer gateway is not in 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4 or 255.0.0.0/8.",
    source="CreateCustomerGateway",
)
def _blocks(site: Site) -> Iterator[Problem]:
    for name, gateway in site.customer_gateways.items():
        block = next((block for block in FORBIDDEN_BLOCKS if addressing.inside(gateway.ip_address, block)), None)
        if block:
            path = ("customer_gateways", name, "ip_address")
            yield Problem(path, f"it is in {block}", "write the gateway's public address", gateway.ip_address)


@rule("R-CGW-002", "Both spans see the same ASN of the data centre.", source=TWINSPAN)
def _same_asn(site: Site) -> Iterator[Problem]:
    for name, gateway in site.customer_gateways.items():
        if name in _used(site) and gateway.asn != site.gateway.local_asn:
            yield Problem(
                ("customer_gateways", name, "asn"),
                f"on the circuit the data centre has ASN {site.gateway.local_asn}",
                f"write {site.gateway.local_asn}, or leave it out",
                gateway.asn,
            )


@rule("R-CGW-003", "A customer gateway in use is the site's gateway.", source=SEED_PLANNING)
def _same_address(site: Site) -> Iterator[Problem]:
    for name, gateway in site.customer_gateways.items():
        if name in _used(site) and gateway.ip_address != site.gateway.public_address:
            yield Problem(
                ("customer_gateways", name, "ip_address"),
                f"the gateway's public address is {site.gateway.public_address}",
                f"write {site.gateway.public_address}, or leave it out",
                gateway.ip_address,
            )


@rule("R-CGW-004", "A private address is known only to a private VPN gateway.", source="CreateCustomerGateway")
def _private(site: Site) -> Iterator[Problem]:
    for connection in site.ipsec_connections.values():
        public = site.vpn_gateways[connection.vpn_gateway].network_type == "public"
        for name in {tunnel.customer_gateway for tunnel in tunnels_of(connection)}:
            ip = site.customer_gateways[name].ip_address
            if public and any(addressing.inside(ip, block) for block in PRIVATE_BLOCKS):
                problem = f"VPN gateway {connection.vpn_gateway} is public and {ip} is not routed in the Internet"
                remedy = "write the gateway's public address, or network_type: private"
                yield Problem(("customer_gateways", name, "ip_address"), problem, remedy, ip)


@rule(
    "R-CGW-005",
    "A key for BGP inside IPsec is 1 to 64 printable ASCII characters without spaces and '?'.",
    source="CreateCustomerGateway",
)
def _key(site: Site) -> Iterator[Problem]:
    for name, gateway in site.customer_gateways.items():
        if gateway.auth_key is None or gateway.auth_key.value is None:
            continue
        key = gateway.auth_key.value.reveal()
        if len(key) > 64 or not all("!" <= character <= "~" and character != "?" for character in key):
            problem = "the key is too long or has a character that is not allowed"
            yield Problem(
                ("customer_gateways", name, "auth_key"), problem, "choose letters, digits and marks, at most 64"
            )


RULES = (_blocks, _same_asn, _same_address, _private, _key)
