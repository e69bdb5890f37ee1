"""CEN instances in the compatible API.

In: the kind Cen. Out: `ACTIONS`. Next: `table.py`.
"""

from __future__ import annotations

from twinspan.wire.alibaba.action import Action, Create, Delete, List, Update
from twinspan.wire.alibaba.cbn import CEN, row
from twinspan.wire.alibaba.listing import by_ids, by_name

ACTIONS: tuple[Action, ...] = (
    row(name="CreateCen", does=Create(CEN), never=("ResourceGroupId",)),
    row(name="DescribeCens", does=List(CEN, into="Cens.Cen", keys={"CenId": by_ids(), "Name": by_name()})),
    row(name="ModifyCenAttribute", does=Update(CEN), never=("ResourceGroupId",)),
    row(name="DeleteCen", does=Delete(CEN)),
)
