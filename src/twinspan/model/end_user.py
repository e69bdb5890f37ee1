"""End user: who logs in to cloud computers.

In: nothing. Out: `EndUserSpec`. Next: `kinds.py`.
"""

from typing import Annotated, Literal

from twinspan.model.fields import SEED_PREPARATIONS, ResourceSpec, about
from twinspan.model.secret_source import SecretSource

CREATE = "CreateUsers"


class EndUserSpec(ResourceSpec, frozen=True, kw_only=True):
    """A convenience user; its resource name is its logon name."""

    end_user_id: Annotated[
        str,
        about(
            "Logon name: 3 to 24 lower case letters, digits and underscores; once per account.",
            source=CREATE,
            min_length=3,
            max_length=24,
            immutable=True,
            api="EndUserId",
        ),
    ]
    password: Annotated[
        SecretSource | None,
        about(
            "At least 10 characters of three classes: lower case, upper case, digits, marks. Left out: sent by mail.",
            source=CREATE,
            api="Password",
        ),
    ] = None
    email: Annotated[str, about("Where logon data goes.", source=SEED_PREPARATIONS, max_length=254, api="Email")] = ""
    phone: Annotated[str, about("Telephone number.", source=CREATE, max_length=32, api="Phone")] = ""
    real_name: Annotated[str, about("Name as people say it.", source=CREATE, max_length=128, api="RealNickName")] = ""
    remark: Annotated[str, about("Free words.", source=CREATE, max_length=128, api="Remark")] = ""
    owner_type: Annotated[
        Literal["normal", "create_from_manager"],
        about(
            "normal: activated by the user. create_from_manager: by the administrator, who sets the password.",
            source=CREATE,
            api="OwnerType",
        ),
    ] = "normal"
    org_id: Annotated[str, about("Organisation it belongs to; free text.", source=CREATE, api="OrgId")] = ""
    locked: Annotated[bool, about("Whether it may not log in at present.", source="LockUsers")] = False
