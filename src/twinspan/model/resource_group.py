"""Resource group: a name under which resources are billed and permitted.

In: nothing. Out: `ResourceGroupSpec`. Next: `kinds.py`.
"""

from typing import Annotated

from twinspan.model.fields import SEED_STEP_1, ResourceSpec, about


class ResourceGroupSpec(ResourceSpec, frozen=True, kw_only=True):
    """A group; resources name it by its id."""

    display_name: Annotated[
        str, about("What people call it.", source=SEED_STEP_1, max_length=64, api="DisplayName")
    ] = ""
