"""The resources that hang together with a route table: what its routes follow from.

An account may have a hundred thousand resources; a transit router joins some of them. Networks of other accounts that
it attaches belong to it, too, with what makes their routes. In: a view of the store, a table. Out: settled resources.
Next: `view.py`, which has the routes chosen.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from twinspan.engine.lifecycle import settled
from twinspan.engine.reference_walk import references
from twinspan.model.resource import DELETED, Resource
from twinspan.server.resources.port import Query, ReadView

_FOREIGN = frozenset({
    "PhysicalConnection", "VirtualBorderRouter", "BgpGroup", "BgpPeer", "Vpc", "Vswitch", "RouteTable", "VpnGateway",
    "CustomerGateway", "IpsecConnection", "DestinationRoute", "PolicyRoute",
})  # fmt: skip
"""Kinds of another account that say what an attached network brings; nothing else of it is looked at."""
_BESIDE = ("Site", "FailoverTestJob")
"""Kinds that say something of all others; there are few of them."""
MOST = 1000


def connected(stored: ReadView, table: Resource, now_ns: int) -> list[Resource]:
    """Everything that refers to one another around the table, in no order; foreign resources are bound to no site."""
    found: dict[str, Resource] = {table.id: table}
    edge = [table]
    while edge:
        for one in _near(stored, edge.pop()):
            if one.id in found or not _counts(one, table.account):
                continue
            now = settled(one, now_ns)
            if now.phase != DELETED:
                found[one.id] = now if one.account == table.account else replace(now, site="")
                edge.append(one)
    for kind in _BESIDE:
        page = stored.list(Query(kind=kind, account=table.account, limit=MOST))
        found |= {one.id: settled(one, now_ns) for one in page.resources}
    return list(found.values())


def _near(stored: ReadView, resource: Resource) -> Iterator[Resource]:
    """What it mentions, and what mentions it."""
    ids = [mention.target for mention in references(resource.spec)]
    ids += [use.source_id for use in stored.referring_to(resource.id)]
    for one in dict.fromkeys(ids):
        near = stored.get(one)
        if near is not None:
            yield near


def _counts(resource: Resource, account: str) -> bool:
    return resource.account == account or resource.kind in _FOREIGN
