"""Proves a store: every line of the audit, every count, and that each resource is what the audit says it became.

It reads everything once, in one snapshot, page by page. In: a store. Out: what is wrong, in sentences. Next:
`backup.py`.
"""

from __future__ import annotations

import msgspec

from twinspan.engine.audit_chain import ChainProof, Head, Line
from twinspan.engine.reference_walk import references
from twinspan.model.errors import TwinspanError
from twinspan.model.resource import Resource
from twinspan.server.database.port import Row, Session
from twinspan.server.resources.sealed_spec import audit_text, decoded_spec
from twinspan.server.resources.sql_store import SqlStore
from twinspan.server.resources.sql_view import SqlView
from twinspan.server.resources.sql_work import chain_text
from twinspan.server.resources.statements import Statements, statements

PAGE = 500
"""Rows that are in memory at a time."""
MOST = 20
"""Problems that are told; who has more needs no list."""


def verify(store: SqlStore) -> tuple[str, ...]:
    """What is wrong with it; empty: nothing is. Raises Retryable while the database cannot be reached."""
    with store.database.reading() as session:
        return tuple(_Proof(store, session).problems()[:MOST])


class _Proof:
    def __init__(self, store: SqlStore, session: Session) -> None:
        self._store, self._session = store, session
        self._sql: Statements = statements(store.database.dialect)
        self._view = SqlView(session, store.database.dialect, store.key)
        self._found: list[str] = []

    def problems(self) -> list[str]:
        accounts = {row[0] for row in self._session.rows(self._sql.audited_accounts)}
        chains = {row[0]: row for row in self._session.rows(self._sql.chains)}
        for account in sorted(accounts | chains.keys()):
            self._prove_chain(account, chains.get(account))
        self._prove_counts()
        self._prove_resources()
        return self._found

    def _prove_chain(self, account: str, kept: Row | None) -> None:
        head = None
        if kept is not None:
            head = Head(account=account, lines=kept[1], hash=kept[2])
            if not self._store.key.is_ours(chain_text(*kept[:3]), kept[3]):
                self._found.append(f"audit of {account}: where its chain ends was not written with this seal key")
        proof, after = ChainProof(account), 0
        while rows := self._session.rows(
            self._sql.changes[True, False], {"after": after, "account": account, "limit": PAGE}
        ):
            for row in rows:
                if (broken := proof.follow(_line(row), row[12])) is not None:
                    self._found.append(f"audit of {account}, line {broken.seq}: {broken.problem}")
                    return
            after = rows[-1][0]
        if (broken := proof.end(head)) is not None:
            self._found.append(f"audit of {account}: {broken.problem}")

    def _prove_counts(self) -> None:
        kept = {row[:2]: row[2] for row in self._session.rows(self._sql.counts) if row[2]}
        there = {row[:2]: row[2] for row in self._session.rows(self._sql.counted)}
        for account, kind in sorted(kept.keys() | there.keys()):
            told, counted = kept.get((account, kind), 0), there.get((account, kind), 0)
            if told != counted:
                self._found.append(f"{account} has {counted} of kind {kind}, and {told} are counted")

    def _prove_resources(self) -> None:
        """Each is what the audit says, and nothing that the audit knows is missing."""
        after, seen = "", 0
        while rows := self._session.rows(self._sql.next_specs, {"after": after, "limit": PAGE}):
            for resource_id, _, _ in rows:
                self._prove_resource(resource_id)
            seen += len(rows)
            after = rows[-1][0]
        row = self._session.row(self._sql.living)
        if row is not None and row[0] != seen:
            self._found.append(f"{seen} resources are there, and the audit knows of {row[0]}")

    def _prove_resource(self, resource_id: str) -> None:
        try:
            resource = self._view.get(resource_id)
            row = self._session.row(self._sql.newest_change_of, {"id": resource_id})
            told = None if row is None or row[0] == "null" else _told(row[0])
        except (TwinspanError, msgspec.MsgspecError) as error:
            self._found.append(f"{resource_id}: {error}")
            return
        if resource is None or told is None or audit_text(resource) != audit_text(told):
            self._found.append(f"{resource_id} is not what the audit says it became")
            return
        mentions = {(path, target) for path, _, target in references(resource.spec)}
        kept = self._session.rows(self._sql.references_of, {"id": resource_id})
        if mentions != {(row[0], row[1]) for row in kept}:
            self._found.append(f"{resource_id}: what it mentions is not what is written down as its references")


def _line(row: Row) -> Line:
    names = ("seq", "account", "kind", "id", "action", "generation", "at_ns", "by", "origin", "before", "after")
    return Line(previous_hash=row[11], **dict(zip(names, row, strict=False)))


def _told(text: str) -> Resource:
    """The resource of an audit line, its spec in today's form."""
    plain = msgspec.json.decode(text)
    spec = decoded_spec(plain["kind"], msgspec.json.encode(plain.pop("spec")).decode(), plain["id"])
    return Resource(spec=spec, **plain)
