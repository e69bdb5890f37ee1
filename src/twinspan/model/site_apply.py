"""Applying a site file to a server: what is asked, what would change, what has changed.

In: nothing. Out: the values that `cli.apply` and `server.resources.apply` exchange. Next: `server.resources.apply`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Action = Literal["create", "update", "replace", "delete"]


class ApplyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole site, as its file says it; what the file leaves out is filled as for a lab."""

    site: dict[str, Any]
    """The site file as JSON, with its keys read."""
    only_data_center: bool = False
    """Only the data centre's own half: the cloud's resources are made in another way and left as they are."""
    plan: str = ""
    """`SitePlanned.plan` of the plan that a person has seen: if another one would be carried out now, nothing is."""


class ResourceChange(Struct, frozen=True, kw_only=True):
    """What happens to one resource."""

    action: Action
    kind: str
    name: str
    id: str = ""
    """Empty for one that does not exist yet."""
    fields: tuple[str, ...] = ()
    """What differs; never what it says, since it may be a key."""
    reason: str = ""
    """Why it is made anew instead of changed: the fields that cannot change."""


class SitePlanned(Struct, frozen=True, kw_only=True):
    """Changes, in the order in which they are made."""

    site: str
    changes: tuple[ResourceChange, ...]
    unchanged: int
    """Resources that are as they shall be."""
    plan: str
    """Names exactly these changes to exactly what is stored now."""
    applied: bool = False
    warnings: tuple[str, ...] = ()
