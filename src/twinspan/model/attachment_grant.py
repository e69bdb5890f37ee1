"""Attachment grant: the owner of a network lets another account's CEN instance attach it.

In: nothing. Out: `AttachmentGrantSpec`. Next: `kinds.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_3, ResourceSpec, about

GRANT = "GrantInstanceToTransitRouter"


class AttachmentGrantSpec(ResourceSpec, frozen=True, kw_only=True):
    """Without it no transit router of another account can attach the network (seed 004 Step 3, Resource Owner ID)."""

    instance: Annotated[
        str, about("Id of the VPC, VBR or IPsec connection.", source=GRANT, immutable=True, api="InstanceId")
    ]
    cen: Annotated[str, about("Id of the CEN instance that may attach it.", source=GRANT, immutable=True, api="CenId")]
    cen_account: Annotated[
        str, about("Account that owns the CEN instance.", source=SEED_STEP_3, immutable=True, api="CenOwnerId")
    ]
