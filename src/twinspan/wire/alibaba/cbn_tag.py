"""Tags and resource groups of the CEN product in the compatible API.

In: the tag actions of every product. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from twinspan.wire.alibaba.action import CBN, Action, Compose
from twinspan.wire.alibaba.cbn import row
from twinspan.wire.alibaba.spelling import spelled
from twinspan.wire.alibaba.tag import actions, move

TYPES = {
    "CEN": "Cen",
    "TRANSITROUTER": "TransitRouter",
    "TRANSITROUTERVPCATTACHMENT": "Attachment",
    "TRANSITROUTERVBRATTACHMENT": "Attachment",
    "TRANSITROUTERVPNATTACHMENT": "Attachment",
    "TRANSITROUTERROUTETABLE": "RouteTable",
}

GROUPED = {"CEN": "Cen"}

ACTIONS: tuple[Action, ...] = (
    *actions(CBN, ("TagResources", "UntagResources", "ListTagResources"), TYPES, region=False, limit="PageSize"),
    row(
        name="MoveResourceGroup",
        does=Compose(
            (spelled("type", "ResourceType"), spelled("id", "ResourceId"), spelled("group", "NewResourceGroupId")),
            move(GROUPED),
        ),
        needs=("NewResourceGroupId", "ResourceId", "ResourceType"),
    ),
)
