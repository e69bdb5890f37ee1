"""Every action of the compatible API, joined from the tables of the nouns.

In: the nouns' `ACTIONS`. Out: `ACTIONS` by version and name, `ABSENT`. Next: `server.alibaba.execute`.
"""

from __future__ import annotations

from twinspan.wire.alibaba import bgp, physical_connection, virtual_border_router
from twinspan.wire.alibaba.action import Action, Compose, Compute

_TABLES: tuple[tuple[Action, ...], ...] = (
    physical_connection.ACTIONS,
    virtual_border_router.ACTIONS,
    bgp.ACTIONS,
)

ACTIONS: dict[tuple[str, str], Action] = {
    (action.version, action.name): action for table in _TABLES for action in table
}
"""By version and name."""

ABSENT: dict[str, str] = {}
"""Kind to the error code where there is none of an id; the first product's that has the kind."""
for _action in ACTIONS.values():
    if not isinstance(_action.does, Compute | Compose):
        ABSENT.setdefault(_action.does.shape.kind, _action.does.shape.absent)
