"""What the resource service asks of a store, and the values they exchange.

A store runs one unit of work after another (`change`), each whole or not at all and on disk before it returns; reading
(`read`) sees only what is committed. Both are synchronous; who may not wait runs them in a thread. `sql_store.py` is it
for SQLite and PostgreSQL alike, and `tests/contract/test_resource_store.py` holds for both.

In: nothing. Out: protocols. Next: `service.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from twinspan.model.resource import Actor, Resource

T = TypeVar("T")

Sort = Literal["created", "updated", "name", "id"]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """One resource mentions another."""

    source_kind: str
    source_id: str
    field: str
    """Path of the field in the source's spec: tunnels[0].customer_gateway."""
    target_id: str


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which resources, in which order, and which page of them."""

    kind: str
    account: str | None
    """None: of every account (the administrator)."""
    site: str | None = None
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    refers_to: tuple[str, ...] = ()
    """Only those that mention all of these ids."""
    tags: Mapping[str, str | None] = {}
    """Key to value; None: any value."""
    resource_group: str | None = None
    phase: str | None = None
    """As stored: `deleting` finds what is to be cleared away."""
    text: str = ""
    """Part of the name or the id."""
    sort: Sort = "created"
    descending: bool = False
    limit: int = 50
    after: tuple[str, str] | None = None
    """(sort value as text, id) of the last one of the page before: a cursor, which stays right while others write."""
    offset: int = 0
    """For edges that count pages; not together with `after`."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    resources: tuple[Resource, ...]
    total: int
    """How many fit the query on all pages."""
    next: tuple[str, str] | None
    """Cursor of the next page; None: this was the last."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit: never altered, chained by hash within its account."""

    seq: int
    """Of the whole store, growing; gaps are possible."""
    account: str
    kind: str
    id: str
    action: str
    """create, update, delete, or the verb that was performed."""
    generation: int
    at_ns: int
    by: str
    """Label of the token or key."""
    origin: str
    """Edge and address: native 127.0.0.1."""
    before: msgspec.Raw
    """JSON of the resource before, secrets masked; null where there was none."""
    after: msgspec.Raw
    previous_hash: str
    hash: str


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request with an idempotency key."""

    fingerprint: str
    """Of the request: the same key with another request is a mistake."""
    answer: bytes


class ReadView(Protocol):
    """What can be asked. Resources come as stored; `engine.lifecycle.settled` says what they are now."""

    def get(self, resource_id: str) -> Resource | None:
        """A resource by id, whoever owns it; None if it is not or no more there."""

    def find(self, account: str, kind: str, name: str, site: str | None = None) -> tuple[Resource, ...]:
        """Those of that name."""

    def list(self, query: Query) -> Page:
        """One page."""

    def of_site(self, account: str, site: str) -> tuple[Resource, ...]:
        """Everything bound to the site, and everything of the account that is bound to none."""

    def count(self, account: str, kind: str) -> int:
        """How many there are, for quotas; constant time."""

    def referring_to(self, resource_id: str) -> tuple[Reference, ...]:
        """What uses this?"""

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """The resources themselves that use it, whoever owns them, oldest first."""

    def changes(
        self, *, after: int, account: str | None, resource_id: str | None = None, limit: int = 500
    ) -> tuple[Change, ...]:
        """The audit from there on, oldest first: all of it, or of one account, or of one resource (gone or not)."""

    def newest_change(self) -> int:
        """`seq` of the newest change; 0: there is none. Cheap: who follows changes asks it several times a second."""

    def quota(self, account: str, name: str) -> int | None:
        """What an operator has set; None: the default holds."""


class Work(ReadView, Protocol):
    """One unit of work."""

    def insert(self, resource: Resource, actor: Actor, action: str = "create") -> None:
        """A new resource, with its audit line."""

    def update(self, before: Resource, after: Resource, actor: Actor, action: str = "update") -> None:
        """Raises StaleWrite if the stored generation is not `before.generation`. With its audit line."""

    def remove(self, resource: Resource, actor: Actor, action: str = "delete") -> None:
        """It is gone; its id is never used again. With its audit line."""

    def remember(self, account: str, key: str, remembered: Remembered, at_ns: int) -> None:
        """Keep the answer to a request with an idempotency key (24 hours)."""

    def recall(self, account: str, key: str, at_ns: int) -> Remembered | None:
        """The answer to an earlier request with that key."""

    def set_quota(self, account: str, name: str, limit: int) -> None:
        """Raise or lower one."""


class StaleWrite(Exception):
    """Somebody else was faster."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(f"{resource.id} has generation {resource.generation}")
        self.resource = resource
        """As it is stored now."""


class ResourceStore(Protocol):
    """One store; its methods may be called from several threads."""

    def get(self, resource_id: str) -> Resource | None:
        """As `ReadView.get`, where nothing else is asked. Raises Retryable while the database cannot be reached."""

    def read(self, ask: Callable[[ReadView], T]) -> T:
        """Answer a question. Raises Retryable while the database cannot be reached."""

    def change(self, work: Callable[[Work], T]) -> T:
        """Run a unit of work: whatever it raises undoes it. On disk before this returns. Raises Retryable while the
        database cannot be reached or is full."""

    def change_all(self, works: Sequence[Callable[[Work], Any]]) -> list[Any | Exception]:
        """Several units of work with one write to disk: each whole or not at all, an exception in its place."""

    def write_status(self, statuses: Mapping[str, Mapping[str, Any]], at_ns: int) -> None:
        """Id to what was seen; not audited, no generation."""

    def close(self) -> None: ...
