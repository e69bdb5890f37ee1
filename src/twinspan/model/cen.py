"""CEN instance: what joins VPCs and VBRs.

In: nothing. Out: `CenSpec`. Next: `transit_router.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_PREPARATIONS, ResourceSpec, about


class CenSpec(ResourceSpec, frozen=True, kw_only=True):
    """A Cloud Enterprise Network instance."""

    protection_level: Annotated[
        Literal["reduced"],
        about(
            "reduced: attached networks may overlap as long as they are not identical.",
            source=SEED_PREPARATIONS,
            api="ProtectionLevel",
        ),
    ] = "reduced"
