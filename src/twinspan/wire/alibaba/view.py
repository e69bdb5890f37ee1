"""What an action may ask about the resources of the account it works for.

In: nothing. Out: the protocol `View`, and `Selection`. Next: `action.py`; `server.alibaba.view` asks the service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from twinspan.model.resource import Resource


class Selection(Struct, frozen=True, kw_only=True):
    """Which resources, and which page of them."""

    kind: str
    ids: tuple[str, ...] | None = None
    """None: of any id."""
    name: str = ""
    refers_to: tuple[str, ...] = ()
    tags: Mapping[str, str | None] = {}
    """Key to value; None: any value."""
    resource_group: str = ""
    limit: int
    offset: int = 0
    after: tuple[str, str] | None = None
    """Cursor of the page before."""


class Selected(Struct, frozen=True, kw_only=True):
    """One page."""

    resources: tuple[Resource, ...]
    total: int
    next: tuple[str, str] | None = None


class Route(Struct, frozen=True, kw_only=True):
    """One route of a table, and what became of it."""

    destination: str
    status: str
    """Active, Standby, Candidate, Rejected or Prohibited."""
    reason: str
    network: str
    """vpc, vbr, vpn, ccn: the sort of network that brought it."""
    origin: str
    """system, static, bgp."""
    next_hop_kind: str
    next_hop: str
    """Id."""
    source: str
    """Id of the network that brought it; empty: people wrote it."""
    as_path: tuple[int, ...] = ()
    preference: int = 50
    communities: tuple[str, ...] = ()
    entry: bool = False
    """Somebody wrote it into this table."""


class View(Protocol):
    """Of one account, as of one moment. Resources are settled; secrets in them are there."""

    account: str
    region: str
    """The one region of this server."""
    now_ns: int

    def get(self, kind: str, resource_id: str) -> Resource | None:
        """None: there is none of that kind and id, or it is not to be seen."""

    def select(self, selection: Selection) -> Selected:
        """One page of those that fit."""

    def users(self, kind: str, resource_id: str) -> tuple[Resource, ...]:
        """Those of a kind that mention the id, oldest first."""

    def all(self, kind: str) -> tuple[Resource, ...]:
        """Every one of a kind, oldest first."""

    def account_id(self, account: str) -> str:
        """An account as the cloud numbers them: 16 digits."""

    def account_named(self, text: str) -> str | None:
        """The account of that number or name; None: there is none."""

    def routes(self, table: Resource) -> tuple[Route, ...]:
        """Every candidate of a route table of this account, chosen or not."""

    def quota(self, name: str) -> int:
        """How many there may be, as the operator or the cloud set it. Raises KeyError for a name that is no quota."""

    def of(self, account: str) -> View:
        """What another account sees, for a row that knows why it may look; empty: what anybody has."""

    def secret(self) -> str:
        """A new random key of 16 letters and digits."""
