"""Resource: a noun with an identity, as the store keeps it and every edge shows it.

A spec says what shall be; a resource adds who owns it, which generation it is, and where it is on its way between
created and deleted. In: the specs. Out: `Resource`, `Actor`. Next: `engine.lifecycle` decides phases,
`server.resources` keeps them.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from twinspan.model.fields import Edge, ResourceSpec

READY, CREATING, CHANGING, DELETING, DELETED = "ready", "creating", "changing", "deleting", "deleted"
"""The phases that every kind has; some kinds have more (`engine.lifecycle`)."""

Role = Literal["viewer", "operator", "administrator"]
"""viewer: reads. operator: reads and changes. administrator: also accounts, tokens and quotas."""


class Resource(Struct, frozen=True, kw_only=True):
    """One stored resource. Times are nanoseconds of the wall clock."""

    kind: str
    """Name of its kind: VirtualBorderRouter."""
    id: str
    """Unique in the whole store, never used again: vbr-...."""
    account: str
    """Who owns it; no other account sees that it exists."""
    name: str = ""
    """What people call it; the name in the site file. Unique in its site and kind where it has a site."""
    site: str = ""
    """Name of the site it belongs to; empty: it is not bound to one (see `engine.site_assembly`)."""
    generation: int = 1
    """One more with every change of name, site or spec."""
    spec: ResourceSpec
    """What shall be. References in it are ids."""
    status: dict[str, Any] = {}
    """What was seen: written by reports of nodes, never by people."""
    phase: str = READY
    """Where it is between created and deleted, as of `phase_since_ns`; `engine.lifecycle.settled` says it as of now."""
    phase_until_ns: int = 0
    """When a phase on the way (creating, changing, ...) ends by itself; 0: it does not."""
    created_ns: int
    updated_ns: int


class Actor(Struct, frozen=True, kw_only=True):
    """Who does something, and through which door."""

    account: str
    """Whose resources they are."""
    label: str
    """The token or access key, by its name; for the audit."""
    role: Role = "operator"
    edge: Edge = "native"
    address: str = ""
    """Where the request came from."""
