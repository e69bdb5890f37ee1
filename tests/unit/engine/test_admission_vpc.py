"""How many VPCs a site can have."""

import ipaddress

from twinspan.engine.admission.admit import admit
from twinspan.engine.admission.vpc import MAX_VPCS
from twinspan.engine.expand import expand
from twinspan.model.decode import decode
from twinspan.model.site import Site, SiteFile


def site_with(count: int) -> Site:
    blocks = ipaddress.ip_network("172.16.0.0/12").subnets(new_prefix=24)
    vpcs = {f"v{number}": {"cidr_block": str(block)} for number, block in zip(range(count - 1), blocks, strict=False)}
    plain = {
        "site": "wide",
        "data_center": {"prefixes": ["192.168.1.0/24"]},
        "gateway": {"public_address": "198.18.0.154", "local_asn": 65001},
        "vpcs": {"office": {"cidr_block": "10.64.0.0/16"}, **vpcs},
        "vpn_gateways": {"vpn": {"vpc": "v0"}},
    }
    decoded = decode(SiteFile, plain, profile="edge")
    assert decoded.value is not None, decoded.findings
    return expand(decoded.value)


def test_one_vpc_too_many_is_told() -> None:
    assert "R-VPC-001" in {finding.rule.id for finding in admit(site_with(MAX_VPCS + 1))}
    assert "R-VPC-001" not in {finding.rule.id for finding in admit(site_with(MAX_VPCS))}
