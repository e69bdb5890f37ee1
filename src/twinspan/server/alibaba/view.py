"""What the actions of the compatible API may see: the service's resources of one account.

In: a look-up of the service. Out: a `View` for `twinspan.wire.alibaba`. Next: `execute.py`.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
import string
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import replace

from twinspan.engine.quotas import limit_of
from twinspan.engine.stored_routes import stored_routes
from twinspan.model.resource import Actor, Resource
from twinspan.server.alibaba.connected import connected
from twinspan.server.resources.error import NotFound
from twinspan.server.resources.lookup import Lookup
from twinspan.server.resources.port import Page, Query, ReadView
from twinspan.server.resources.spec_text import masked
from twinspan.wire.alibaba.listing import EVERYTHING
from twinspan.wire.alibaba.view import Route, Selected, Selection

KEY_LENGTH = 16
_LETTERS = string.ascii_letters + string.digits
_LOWEST = 10**15
_MOST_IDS = 200


class Source(Protocol):
    """The service, inside a unit of work or a question."""

    def get(self, kind: str, resource_id: str) -> Resource:
        """Raises NotFound."""

    def list(self, query: Query) -> Page:
        """One page."""

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """What refers to it, oldest first."""


class Question:
    """The service inside a question. A viewer is shown no keys: whoever has them can pose as the other end."""

    def __init__(self, view: ReadView, actor: Actor, now_ns: int) -> None:
        self._lookup = Lookup(view, actor, now_ns)
        self._shown: Callable[[Resource], Resource] = masked if actor.role == "viewer" else lambda resource: resource
        self._users: dict[str, tuple[Resource, ...]] = {}

    def get(self, kind: str, resource_id: str) -> Resource:
        """Raises NotFound."""
        return self._shown(self._lookup.get(kind, resource_id))

    def list(self, query: Query) -> Page:
        """One page."""
        page = self._lookup.page(query)
        return replace(page, resources=tuple(map(self._shown, page.resources)))

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """What refers to it, oldest first; asked once, since nothing changes while a question is answered."""
        found = self._users.get(resource_id)
        if found is None:
            found = tuple(map(self._shown, self._lookup.users_of(resource_id)))
            self._users[resource_id] = found
        return found


class ServiceView:
    """One question's, or one unit of work's."""

    def __init__(
        self,
        source: Source,
        stored: ReadView,
        actor: Actor,
        region: str,
        now_ns: int,
        names: Callable[[], Iterable[str]],
    ) -> None:
        """`stored`: for what has no owner check. `names`: the accounts there are."""
        self.account, self.region, self.now_ns = actor.account, region, now_ns
        self._source, self._stored, self._actor, self._names = source, stored, actor, names

    def get(self, kind: str, resource_id: str) -> Resource | None:
        """None: there is none of that kind and id, or it is not to be seen."""
        try:
            return self._source.get(kind, resource_id) if resource_id else None
        except NotFound:
            return None

    def select(self, selection: Selection) -> Selected:
        """One page of those that fit."""
        ids = selection.ids
        if ids is not None and (not ids or len(ids) > _MOST_IDS):
            return Selected(resources=(), total=0)
        page = self._source.list(
            Query(
                kind=selection.kind,
                account=self.account or None,
                ids=ids or (),
                names=(selection.name,) if selection.name else (),
                refers_to=selection.refers_to,
                tags=selection.tags,
                resource_group=selection.resource_group or None,
                limit=selection.limit,
                offset=selection.offset,
                after=selection.after,
            )
        )
        return Selected(resources=page.resources, total=page.total, next=page.next)

    def users(self, kind: str, resource_id: str) -> tuple[Resource, ...]:
        """Those of a kind that mention the id, oldest first."""
        if not resource_id:
            return ()
        return tuple(one for one in self._source.users_of(resource_id) if one.kind == kind)

    def all(self, kind: str) -> tuple[Resource, ...]:
        """Every one of a kind, oldest first."""
        return self.select(Selection(kind=kind, limit=EVERYTHING)).resources

    def account_id(self, account: str) -> str:
        """An account as the cloud numbers them: 16 digits."""
        return number_of(account)

    def account_named(self, text: str) -> str | None:
        """The account of that number or name; None: there is none."""
        return next((name for name in self._names() if text in {name, number_of(name)}), None)

    def routes(self, table: Resource) -> tuple[Route, ...]:
        """Every candidate of a route table of this account, chosen or not."""
        choices = stored_routes(table, connected(self._stored, table, self.now_ns))
        return tuple(
            Route(
                destination=choice.route.destination,
                status=choice.status,
                reason=choice.reason,
                network=choice.route.network,
                origin=choice.route.origin,
                next_hop_kind=choice.route.next_hop_kind,
                next_hop=choice.route.next_hop,
                source=choice.route.source,
                as_path=choice.route.as_path,
                preference=choice.route.preference,
                communities=choice.route.communities,
                entry=choice.route.entry,
            )
            for choice in choices
        )

    def quota(self, name: str) -> int:
        """How many there may be, as the operator or the cloud set it. Raises KeyError for a name that is no quota."""
        limit = self._stored.quota(self.account, name)
        return limit if limit is not None else limit_of(name)

    def of(self, account: str) -> ServiceView:
        """What another account sees; empty: what anybody has."""
        actor = replace(self._actor, account=account)
        source = Question(self._stored, actor, self.now_ns)
        return ServiceView(source, self._stored, actor, self.region, self.now_ns, self._names)

    def secret(self) -> str:
        """A new random key of 16 letters and digits."""
        return "".join(secrets.choice(_LETTERS) for _ in range(KEY_LENGTH))


@functools.lru_cache(maxsize=1024)
def number_of(account: str) -> str:
    """The same for the same name, everywhere; a name that is such a number already is left."""
    if len(account) == 16 and account.isdecimal():
        return account
    digest = int.from_bytes(hashlib.sha256(account.encode()).digest()[:8])
    return str(_LOWEST + digest % (9 * _LOWEST))
