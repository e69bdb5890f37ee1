"""The data centre's side: gateway, hosts, DNS and DHCP.

In: `Site`. Out: findings. Next: `vpn_gateway.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.overlap import RESERVED_BLOCKS
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import SEED_PLANNING, SEED_STEP_1, SEED_STEP_6, TWINSPAN
from twinspan.model.site import Site


@rule("R-GW-001", "The gateway's public address is static.", source=SEED_PLANNING)
def _static(site: Site) -> Iterator[Problem]:
    if site.gateway.address_assignment != "static":
        yield Problem(
            ("gateway", "address_assignment"),
            "the VPN gateway must know where the tunnel ends",
            "order a static address and write address_assignment: static",
            site.gateway.address_assignment,
        )


@rule("R-GW-002", "The public address is a host of its subnet, and the ISP's router another one.", source=TWINSPAN)
def _isp(site: Site) -> Iterator[Problem]:
    gateway = site.gateway
    subnet = str(addressing.network(f"{gateway.public_address}/{gateway.public_prefix_length}"))
    if not addressing.is_host(gateway.public_address, subnet):
        remedy = f"for example {addressing.first_host(subnet)}, or another public_prefix_length"
        yield Problem(("gateway", "public_address"), f"no host can have it in {subnet}", remedy, gateway.public_address)
    elif gateway.isp_next_hop == gateway.public_address or not addressing.is_host(gateway.isp_next_hop, subnet):
        remedy = f"for example {addressing.link_peer(gateway.public_address, gateway.public_prefix_length)}"
        yield Problem(("gateway", "isp_next_hop"), f"it is no other host of {subnet}", remedy, gateway.isp_next_hop)


@rule("R-GW-003", "The public address is outside the site's own networks.", source=SEED_PLANNING)
def _outside(site: Site) -> Iterator[Problem]:
    ip = site.gateway.public_address
    nets = [(prefix, "the data centre") for prefix in site.data_center.prefixes]
    nets += [(vpc.cidr_block, f"VPC {name}") for name, vpc in site.vpcs.items()]
    for prefix, owner in nets:
        if addressing.inside(ip, prefix):
            problem = f"it is inside {prefix} of {owner}"
            yield Problem(("gateway", "public_address"), problem, "write the address that the ISP gave", ip)


@rule("R-GW-004", "The gateway's three ports are different ports, and trunk ports are among them.", source=TWINSPAN)
def _ports(site: Site) -> Iterator[Problem]:
    ports = site.gateway.ports
    names = [ports.circuit, ports.isp, ports.lan]
    for index, field in enumerate(("circuit", "isp", "lan")):
        if names[index] in names[:index]:
            yield Problem(("gateway", "ports", field), "another port has this name", "one name per port", names[index])
    known = {*names, *(circuit.gateway_port for circuit in site.physical_connections.values())}
    for index, name in enumerate(site.gateway.trunk_ports):
        if name not in known:
            problem = "the gateway has no such port"
            yield Problem(("gateway", "trunk_ports", index), problem, f"one of {', '.join(sorted(known))}", name)


@rule("R-DC-001", "The gateway's address in the data centre is a host of its first prefix.", source=SEED_PLANNING)
def _gateway_address(site: Site) -> Iterator[Problem]:
    center = site.data_center
    if not addressing.is_host(center.gateway_address, center.prefixes[0]):
        remedy = f"for example {addressing.first_host(center.prefixes[0])}"
        problem = f"it is no host of {center.prefixes[0]}"
        yield Problem(("data_center", "gateway_address"), problem, remedy, center.gateway_address)


@rule("R-DC-002", "A host's address lies in the data centre and is nobody else's.", source=TWINSPAN)
def _hosts(site: Site) -> Iterator[Problem]:
    center = site.data_center
    used = {center.gateway_address: "the gateway"}
    for index, host in enumerate(center.hosts):
        path = ("data_center", "hosts", index, "address")
        if not host.address:
            continue
        if not any(addressing.is_host(host.address, prefix) for prefix in center.prefixes):
            problem = "it is no host of the data centre's prefixes"
            yield Problem(path, problem, f"choose one of {', '.join(center.prefixes)}", host.address)
        elif host.address in used:
            yield Problem(path, f"{used[host.address]} has it", "choose another address", host.address)
        used.setdefault(host.address, host.name)


@rule(
    "R-DHCP-001", "The pool lies in its prefix, begins before it ends and leaves the gateway out.", source=SEED_STEP_6
)
def _pool(site: Site) -> Iterator[Problem]:
    for name, dhcp in site.dhcp_services.items():
        path = ("dhcp_services", name)
        for field in ("pool_start", "pool_end"):
            ip = getattr(dhcp, field)
            if not addressing.is_host(ip, dhcp.prefix):
                yield Problem((*path, field), f"it is no host of {dhcp.prefix}", f"choose one of {dhcp.prefix}", ip)
        start, end = int(addressing.address(dhcp.pool_start)), int(addressing.address(dhcp.pool_end))
        if start > end:
            yield Problem((*path, "pool_end"), f"it is before {dhcp.pool_start}", "swap them", dhcp.pool_end)
        elif start <= int(addressing.address(site.data_center.gateway_address)) <= end:
            problem = f"the pool would give out {site.data_center.gateway_address}, the gateway's own address"
            yield Problem((*path, "pool_start"), problem, "begin the pool behind it", dhcp.pool_start)


@rule("R-DHCP-002", "A DHCP service serves a prefix of the data centre.", source=SEED_STEP_6)
def _dhcp_prefix(site: Site) -> Iterator[Problem]:
    for name, dhcp in site.dhcp_services.items():
        if not any(addressing.inside(dhcp.prefix, prefix) for prefix in site.data_center.prefixes):
            remedy = f"choose one of {', '.join(site.data_center.prefixes)}"
            yield Problem(("dhcp_services", name, "prefix"), "it is not the data centre's", remedy, dhcp.prefix)


@rule("R-DNS-001", "A site has one DNS service and one DHCP service.", source=SEED_STEP_6)
def _one_service(site: Site) -> Iterator[Problem]:
    for section in ("dns_services", "dhcp_services"):
        for name in list(getattr(site, section))[1:]:
            yield Problem((section, name), "the site has one already", "remove one of them", name)


@rule(
    "R-DNS-002",
    "Hosts are told the resolvers that the DNS service's method means.",
    source=SEED_STEP_6,
    severity="warning",
)
def _told(site: Site) -> Iterator[Problem]:
    dns = next(iter(site.dns_services.values()), None)
    if dns is None:
        return
    wanted = dns.servers if dns.method == "dhcp" else (site.data_center.gateway_address,)
    for name, dhcp in site.dhcp_services.items():
        if not set(wanted) & set(dhcp.dns_servers):
            yield Problem(
                ("dhcp_services", name, "dns_servers"),
                f"with method {dns.method} names of the cloud resolve at {', '.join(wanted)}",
                "leave dns_servers out",
                ", ".join(dhcp.dns_servers),
            )


@rule("R-GW-005", "A loopback, multicast or reserved address is nobody's public address.", source=SEED_STEP_1)
def _reserved(site: Site) -> Iterator[Problem]:
    for block, reason in RESERVED_BLOCKS.items():
        if addressing.inside(site.gateway.public_address, block):
            problem = f"{block} {reason}"
            yield Problem(
                ("gateway", "public_address"),
                problem,
                "write the address that the ISP gave",
                site.gateway.public_address,
            )


RULES = (
    _static,
    _isp,
    _outside,
    _ports,
    _reserved,
    _gateway_address,
    _hosts,
    _pool,
    _dhcp_prefix,
    _one_service,
    _told,
)
