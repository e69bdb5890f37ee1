"""Who learns whose routes through the transit router: association and propagation as a question of route tables.

In: a `Site`. Out: attachments. A network learns from every other one that propagates into the table it is associated
with (seed 004 Step 3). Next: `facts.py`.
"""

from __future__ import annotations

from typing import Literal

from twinspan.model.attachment import AttachmentSpec
from twinspan.model.site import Site

Kind = Literal["vpc", "virtual_border_router"]


def attachment_of(site: Site, kind: Kind, name: str) -> AttachmentSpec | None:
    """The attachment of a VPC or VBR."""
    return next((a for a in site.attachments.values() if getattr(a, kind) == name), None)


def learned_by(site: Site, own: AttachmentSpec | None) -> tuple[AttachmentSpec, ...]:
    """The attachments whose routes `own` learns: none if it is associated with no table."""
    if own is None or not own.route_table_association:
        return ()
    table = own.route_table_association
    return tuple(a for a in site.attachments.values() if a != own and table in (a.route_table_propagation or ()))
