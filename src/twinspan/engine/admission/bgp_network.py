"""BGP networks: prefixes that a VBR announces by itself.

In: `Site`. Out: findings. Next: `health_check.py`.
"""

from collections.abc import Iterator

from twinspan.engine import addressing
from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.site import Site


@rule("R-BGPNET-001", "A BGP network is a prefix of its VPC.", source="AddBgpNetwork")
def _network(site: Site) -> Iterator[Problem]:
    for name, network in site.bgp_networks.items():
        block = site.vpcs[network.vpc].cidr_block
        if not addressing.inside(network.prefix, block):
            problem = f"it is not inside {block} of VPC {network.vpc}"
            yield Problem(("bgp_networks", name, "prefix"), problem, f"choose a part of {block}", network.prefix)


RULES = (_network,)
