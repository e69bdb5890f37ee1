"""Questions to the resource store, and rows as values.

In: a session, questions of `port.ReadView`. Out: resources, pages, references, changes. Next: `sql_work.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from twinspan.model.resource import Resource
from twinspan.server.database.port import DialectName, Row, Session, Values
from twinspan.server.database.storable import storable
from twinspan.server.resources.listing import (
    FEW,
    LARGEST,
    Shape,
    count_statement,
    page_statement,
    shape_of,
    users_statement,
    values_of,
)
from twinspan.server.resources.port import Change, Page, Query, Reference
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sealed_spec import opened_spec
from twinspan.server.resources.statements import statements


class SqlView:
    """What can be asked in one transaction."""

    def __init__(self, session: Session, dialect: DialectName, key: SealKey) -> None:
        self._session, self._dialect, self._key = session, dialect, key
        self._sql = statements(dialect)

    def get(self, resource_id: str) -> Resource | None:
        """A resource by id, whoever owns it; None if it is not or no more there."""
        row = self._session.row(self._sql.get, {"id": storable(resource_id)})
        return None if row is None else resource_of(row, self._key)

    def find(self, account: str, kind: str, name: str, site: str | None = None) -> tuple[Resource, ...]:
        """Those of that name."""
        values = {"account": account, "kind": kind, "name": storable(name)}
        if site is None:
            rows = self._session.rows(self._sql.find, values)
        else:
            rows = self._session.rows(self._sql.find_in_site, {**values, "site": storable(site)})
        return self._resources(rows)

    def list(self, query: Query) -> Page:
        """One page. Raises Rejected for a cursor that is none."""
        shape = shape_of(query, self._dialect)
        if shape.one_id and not query.offset and query.limit:
            return self._alone(query)
        values, total = values_of(query), -1
        if shape.one_tag:
            total = self._counted(shape, values)
            shape = shape._replace(few=total <= FEW)
        rows = self._session.rows(page_statement(shape), values)
        found = self._resources(rows[: query.limit])
        more = len(rows) > len(found) and found
        if total >= 0:
            pass  # it was asked first
        elif not shape.after and not more and (found or not query.offset):
            total = query.offset + len(found)  # this is the end of the list
        elif not shape.whole_kind:
            total = self._counted(shape, values)
        elif query.account is not None:
            total = self.count(query.account, query.kind)
        else:
            counted = self._session.row(self._sql.count_of_all, {"kind": query.kind})
            total = int(counted[0]) if counted else 0
        return Page(resources=found, total=total, next=cursor_of(query, found[-1]) if more else None)

    def of_site(self, account: str, site: str) -> tuple[Resource, ...]:
        """Everything bound to the site, and everything of the account that is bound to none."""
        return self._resources(self._session.rows(self._sql.of_site, {"account": account, "site": storable(site)}))

    def count(self, account: str, kind: str) -> int:
        """How many there are, for quotas; constant time."""
        row = self._session.row(self._sql.count, {"account": account, "kind": kind})
        return 0 if row is None else int(row[0])

    def referring_to(self, resource_id: str) -> tuple[Reference, ...]:
        """What uses this?"""
        rows = self._session.rows(self._sql.referring_to, {"id": storable(resource_id)})
        return tuple(Reference(source_kind=row[0], source_id=row[1], field=row[2], target_id=row[3]) for row in rows)

    def users_of(self, resource_id: str) -> tuple[Resource, ...]:
        """The resources that use it, oldest first."""
        return self._resources(self._session.rows(users_statement(self._dialect), {"id": storable(resource_id)}))

    def changes(
        self, *, after: int, account: str | None, resource_id: str | None = None, limit: int = 500
    ) -> tuple[Change, ...]:
        """The audit from there on, oldest first; of one resource: its history."""
        values = {"after": min(after, LARGEST), "limit": min(limit, LARGEST), "account": account}
        values["resource_id"] = storable(resource_id or "")
        rows = self._session.rows(self._sql.changes[account is not None, resource_id is not None], values)
        return tuple(change_of(row) for row in rows)

    def newest_change(self) -> int:
        """`seq` of the newest change; 0: there is none."""
        row = self._session.row(self._sql.newest_change)
        return 0 if row is None or row[0] is None else int(row[0])

    def quota(self, account: str, name: str) -> int | None:
        """What an operator has set; None: the default holds."""
        row = self._session.row(self._sql.quota, {"account": account, "name": name})
        return None if row is None else int(row[0])

    def _counted(self, shape: Shape, values: Values) -> int:
        row = self._session.row(count_statement(shape), values)
        return int(row[0]) if row else 0

    def _alone(self, query: Query) -> Page:
        """A list of one id: what programs ask most."""
        found = self.get(query.ids[0])
        fits = found is not None and found.kind == query.kind and query.account in (None, found.account)
        resources = (found,) if found is not None and fits else ()
        return Page(resources=resources, total=len(resources), next=None)

    def _resources(self, rows: Sequence[Row]) -> tuple[Resource, ...]:
        return tuple([resource_of(row, self._key) for row in rows])


def resource_of(row: Row, key: SealKey) -> Resource:
    """A row of `statements.ROW`. Raises Unavailable if it cannot be read."""
    return Resource(
        id=row[0], kind=row[1], account=row[2], name=row[3], site=row[4], generation=row[5],
        spec=opened_spec(row[1], row[6], row[0], key), phase=row[7], phase_until_ns=row[8], created_ns=row[9],
        updated_ns=row[10], status=msgspec.json.decode(row[11]) if row[11] else {},
    )  # fmt: skip


def change_of(row: Row) -> Change:
    """A row of `statements.CHANGE_ROW`."""
    return Change(
        seq=row[0], account=row[1], kind=row[2], id=row[3], action=row[4], generation=row[5], at_ns=row[6], by=row[7],
        origin=row[8], before=msgspec.Raw(row[9].encode()), after=msgspec.Raw(row[10].encode()),
        previous_hash=row[11], hash=row[12],
    )  # fmt: skip


def cursor_of(query: Query, last: Resource) -> tuple[str, str]:
    """Where the next page begins."""
    if query.sort == "id":
        return last.id, last.id
    if query.sort == "name":
        return last.name, last.id
    return str(last.created_ns if query.sort == "created" else last.updated_ns), last.id
