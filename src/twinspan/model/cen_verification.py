"""CEN verification: the code by which the owner of a CEN instance lets another account's office network in.

In: nothing. Out: `CenVerificationSpec`. Next: `kinds.py`.
"""

from typing import Annotated

from twinspan.model.fields import ResourceSpec, about

SEND = "SendVerifyCode"
VALID_MIN = 15
"""How long a code is worth something."""


class CenVerificationSpec(ResourceSpec, frozen=True, kw_only=True):
    """The cloud sends the code by mail; here the owner of the CEN instance reads it and tells who asked for it."""

    cen: Annotated[
        str,
        about("Id of the CEN instance that an office network shall be attached to.", source=SEND, immutable=True),
    ]
    asked_by: Annotated[str, about("Account that has the office network.", source=SEND, immutable=True)]
    code: Annotated[str, about("What that account must say, within 15 minutes.", source=SEND, immutable=True)]
