"""VPCs: how many one site can have.

In: `Site`. Out: findings. Next: `overlap.py`.
"""

from collections.abc import Iterator

from twinspan.engine.admission.rule_book import Problem, rule
from twinspan.model.fields import TWINSPAN
from twinspan.model.site import Site

MAX_VPCS = 200
"""Each is a node, and the management network has 254 addresses."""


@rule("R-VPC-001", f"A site has at most {MAX_VPCS} VPCs.", source=TWINSPAN)
def _not_too_many(site: Site) -> Iterator[Problem]:
    if len(site.vpcs) > MAX_VPCS:
        problem = f"there are {len(site.vpcs)}, and each is a node with an address of the management network"
        yield Problem(("vpcs",), problem, "make several sites of it, or detach what the data centre does not need")


RULES = (_not_too_many,)
