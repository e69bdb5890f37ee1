"""Units of work: what they write, and the audit's chain that they prolong.

Several of them go into one transaction (`Batch`), so that they share one write to disk; each is whole or not at all.
While the batch runs nobody else writes, so numbers and hashes of the audit are made here.

In: a session that writes, works. Out: their answers, an exception in the place of each that failed.
Next: `sql_store.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from twinspan.engine.audit_chain import GENESIS, Line, line_hash
from twinspan.engine.reference_walk import references
from twinspan.model.errors import Rejected
from twinspan.model.resource import Actor, Resource
from twinspan.server.database.port import Database, Session
from twinspan.server.database.storable import storable
from twinspan.server.resources.port import Remembered, StaleWrite, Work
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sealed_spec import audit_text, sealed_text
from twinspan.server.resources.sql_view import SqlView
from twinspan.server.resources.statements import statements

REMEMBERED_NS = 24 * 3600 * 1_000_000_000
"""So long the answer to a request with an idempotency key is kept."""

Chain = tuple[int, str]
"""How many lines it has, and the hash of the last one."""


class Batch:
    """One transaction of works."""

    def __init__(self, database: Database, session: Session, key: SealKey, clock: Callable[[], int]) -> None:
        self.session, self.key, self.clock = session, key, clock
        self.dialect = database.dialect
        self._database = database
        self._chains: dict[str, Chain] = {}
        self._written: set[str] = set()
        """Accounts whose chain is longer than in the database."""
        self._seq: int | None = None

    def run(self, work: Callable[[Work], Any]) -> Any | Exception:
        """Its answer, or what it raised; then nothing of it has happened. Raises what ends the whole transaction."""
        kept = dict(self._chains), set(self._written), self._seq
        try:
            with self.session.savepoint():
                return work(SqlWork(self))
        except Exception as error:
            if self._database.is_fatal(error):
                raise
            self._chains, self._written, self._seq = kept
            return self._database.translated(error)

    def finish(self) -> None:
        """What is written once for all works."""
        sql = statements(self.dialect)
        for account in sorted(self._written):
            lines, last = self._chains[account]
            mac = self.key.mac(chain_text(account, lines, last))
            self.session.run(sql.set_chain, {"account": account, "lines": lines, "hash": last, "mac": mac})

    def next_seq(self) -> int:
        if self._seq is None:
            row = self.session.row(statements(self.dialect).newest_change)
            self._seq = 0 if row is None or row[0] is None else row[0]
        self._seq += 1
        return self._seq

    def chain(self, account: str) -> Chain:
        if account not in self._chains:
            row = self.session.row(statements(self.dialect).chain, {"account": account})
            self._chains[account] = (0, GENESIS) if row is None else (row[1], row[2])
        return self._chains[account]

    def prolong(self, account: str, last: str) -> None:
        self._chains[account] = self.chain(account)[0] + 1, last
        self._written.add(account)


def chain_text(account: str, lines: int, last: str) -> str:
    """What the MAC of a chain's end is over."""
    return f"{lines} {last} {account}"


class SqlWork(SqlView):
    """One unit of work."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch.session, batch.dialect, batch.key)
        self._batch = batch

    def insert(self, resource: Resource, actor: Actor, action: str = "create") -> None:
        """A new resource, with its audit line. Raises Rejected if the id was ever used."""
        if self._session.row(self._sql.was_used, {"id": resource.id}) is not None:
            raise Rejected(f"the id {resource.id} was used before", remedy="take another one")
        self._session.run(self._sql.insert, {**self._values(resource), "id": resource.id, "kind": resource.kind,
                          "account": resource.account, "created_ns": resource.created_ns})  # fmt: skip
        self._insert_references(resource)
        self._insert_tags(resource)
        self._add_to_count(resource, 1)
        self._audit(None, resource, actor, action)

    def update(self, before: Resource, after: Resource, actor: Actor, action: str = "update") -> None:
        """Raises StaleWrite if the stored generation is not `before.generation`, Rejected if it is gone."""
        chosen = {"of_id": before.id, "of_generation": before.generation}
        if not self._session.run(self._sql.update, {**self._values(after), **chosen}):
            self._refuse(before)
        if after.spec != before.spec:
            if references(after.spec) != references(before.spec):
                self._session.run(self._sql.remove_references, chosen)
                self._insert_references(after)
            if after.spec.tags != before.spec.tags:
                self._session.run(self._sql.remove_tags, chosen)
                self._insert_tags(after)
        self._audit(before, after, actor, action)

    def remove(self, resource: Resource, actor: Actor, action: str = "delete") -> None:
        """It is gone. Raises StaleWrite if the stored generation is another, Rejected if it is gone already."""
        chosen = {"of_id": resource.id, "of_generation": resource.generation}
        if not self._session.run(self._sql.remove, chosen):
            self._refuse(resource)
        for statement in (self._sql.remove_status, self._sql.remove_references, self._sql.remove_tags):
            self._session.run(statement, chosen)
        self._add_to_count(resource, -1)
        self._audit(resource, None, actor, action)

    def remember(self, account: str, key: str, remembered: Remembered, at_ns: int) -> None:
        """Keep the answer to a request with an idempotency key, and forget those that are a day old."""
        self._session.run(self._sql.forget, {"until": at_ns - REMEMBERED_NS})
        self._session.run(self._sql.remember, {"account": account, "key": storable(key), "at_ns": at_ns,
                          "fingerprint": remembered.fingerprint, "answer": remembered.answer})  # fmt: skip

    def recall(self, account: str, key: str, at_ns: int) -> Remembered | None:
        """The answer to an earlier request with that key."""
        whose = {"account": account, "key": storable(key), "after": at_ns - REMEMBERED_NS}
        row = self._session.row(self._sql.recall, whose)
        return None if row is None else Remembered(fingerprint=row[0], answer=row[1])

    def set_quota(self, account: str, name: str, limit: int) -> None:
        """Raise or lower one."""
        self._session.run(self._sql.set_quota, {"account": account, "name": name, "maximum": limit})

    def _values(self, resource: Resource) -> dict[str, Any]:
        return {
            "name": storable(resource.name), "site": storable(resource.site), "generation": resource.generation,
            "spec": sealed_text(resource.spec, resource.id, self._key), "phase": resource.phase,
            "resource_group": storable(resource.spec.resource_group), "phase_until_ns": resource.phase_until_ns,
            "updated_ns": resource.updated_ns,
        }  # fmt: skip

    def _insert_references(self, resource: Resource) -> None:
        mentions = references(resource.spec)
        if mentions:
            self._session.run_many(self._sql.insert_reference, [
                {"source_id": resource.id, "field": path, "source_kind": resource.kind, "target_id": storable(target)}
                for path, _, target in mentions
            ])  # fmt: skip

    def _insert_tags(self, resource: Resource) -> None:
        if resource.spec.tags:
            whose = {"id": resource.id, "account": resource.account, "kind": resource.kind,
                     "created_ns": resource.created_ns}  # fmt: skip
            self._session.run_many(self._sql.insert_tag, [
                {**whose, "key": storable(key), "value": storable(value)}
                for key, value in resource.spec.tags.items()
            ])  # fmt: skip

    def _add_to_count(self, resource: Resource, difference: int) -> None:
        values = {"account": resource.account, "kind": resource.kind, "count": difference}
        self._session.run(self._sql.add_to_count, values)

    def _refuse(self, expected: Resource) -> None:
        stored = self.get(expected.id)
        if stored is None:
            raise Rejected(f"{expected.id} is gone: somebody else has deleted it", remedy="read again what there is")
        raise StaleWrite(stored)

    def _audit(self, before: Resource | None, after: Resource | None, actor: Actor, action: str) -> None:
        resource = after or before
        assert resource is not None
        line = Line(
            previous_hash=self._batch.chain(resource.account)[1], seq=self._batch.next_seq(),
            account=resource.account, kind=resource.kind, id=resource.id, action=action,
            generation=resource.generation, at_ns=self._batch.clock(), by=actor.label,
            origin=f"{actor.edge} {actor.address}".strip(), before=audit_text(before), after=audit_text(after),
        )  # fmt: skip
        last = line_hash(line)
        self._session.run(self._sql.insert_change, {
            **{name: getattr(line, name) for name in _SAME}, "resource_id": line.id, "hash": last,
        })  # fmt: skip
        self._batch.prolong(resource.account, last)


_SAME = tuple(name for name in Line.__struct_fields__ if name != "id")
"""Fields of a line whose column has the same name."""


@contextlib.contextmanager
def batch(database: Database, key: SealKey, clock: Callable[[], int]) -> Iterator[Batch]:
    """Works that share one transaction; on disk when the block ends."""
    with database.writing() as session:
        made = Batch(database, session, key, clock)
        yield made
        made.finish()
