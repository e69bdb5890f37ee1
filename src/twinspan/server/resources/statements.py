"""Every statement of the resource store that has one shape, compiled once per dialect. Lists are `listing.py`.

In: a dialect. Out: `Statements`. Next: `sql_view.py` asks, `sql_work.py` writes.
"""

from __future__ import annotations

import functools
from typing import Any

from sqlalchemy import Table, bindparam, delete, exists, func, literal_column, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from twinspan.server.database.metadata import NUMBER, TEXT
from twinspan.server.database.port import DialectName, Statement
from twinspan.server.resources.tables import (
    CHAIN,
    CHANGE,
    COUNT,
    IDEMPOTENCY,
    QUOTA,
    REFERENCE,
    RESOURCE,
    STATUS,
    TAG,
)

R = RESOURCE.c
ROW = (
    R.id, R.kind, R.account, R.name, R.site, R.generation, R.spec, R.phase, R.phase_until_ns, R.created_ns,
    R.updated_ns, STATUS.c.status,
)  # fmt: skip
"""What `sql_view.resource_of` reads."""
WITH_STATUS = RESOURCE.outerjoin(STATUS, STATUS.c.id == R.id)


def text(name: str) -> Any:
    """A parameter."""
    return bindparam(name, type_=TEXT)


def number(name: str) -> Any:
    """A parameter."""
    return bindparam(name, type_=NUMBER)


class Statements:
    """Named by what they do; their parameters are named as the columns, or `of_...` where they choose rows."""

    def __init__(self, dialect: DialectName) -> None:
        self._dialect = dialect
        self._resources()
        self._references_and_tags()
        self._audit()
        self._requests()

    def _made(self, statement: Any) -> Statement:
        return Statement(statement, self._dialect)

    def _insert(self, table: Table) -> Any:
        insert = sqlite.insert if self._dialect == "sqlite" else postgresql.insert
        return insert(table)

    def _resources(self) -> None:
        rows = select(*ROW).select_from(WITH_STATUS)
        self.get = self._made(rows.where(R.id == text("id")))
        named = rows.where(R.account == text("account"), R.kind == text("kind"), R.name == text("name"))
        self.find = self._made(named.order_by(R.created_ns, R.id))
        self.find_in_site = self._made(named.where(R.site == text("site")).order_by(R.created_ns, R.id))
        bound = or_(R.site == text("site"), R.site == literal_column("''"))
        self.of_site = self._made(rows.where(R.account == text("account"), bound).order_by(R.created_ns, R.id))
        self.insert = self._made(self._insert(RESOURCE))
        values: Any = {name: bindparam(name) for name in _CHANGING}
        same = (R.id == text("of_id"), R.generation == number("of_generation"))
        self.update = self._made(update(RESOURCE).values(values).where(*same))
        self.remove = self._made(delete(RESOURCE).where(*same))
        self.remove_status = self._made(delete(STATUS).where(STATUS.c.id == text("of_id")))
        self.write_status = self._made(self._status_upsert())
        self.next_specs = self._made(
            select(R.id, R.kind, R.spec).where(R.id > text("after")).order_by(R.id).limit(number("limit"))
        )
        self.replace_spec = self._made(update(RESOURCE).values(spec=bindparam("spec")).where(R.id == text("of_id")))
        counts = select(R.account, R.kind, func.count()).group_by(R.account, R.kind)
        self.counted = self._made(counts.order_by(R.account, R.kind))
        self._counts()

    def _counts(self) -> None:
        C = COUNT.c  # noqa: N806
        upsert = self._insert(COUNT)
        added = {"count": C.count + upsert.excluded.count}
        self.add_to_count = self._made(upsert.on_conflict_do_update(index_elements=[C.account, C.kind], set_=added))
        self.count = self._made(select(C.count).where(C.account == text("account"), C.kind == text("kind")))
        self.count_of_all = self._made(
            select(func.coalesce(func.sum(C.count), literal_column("0"))).where(C.kind == text("kind"))
        )
        self.counts = self._made(select(C.account, C.kind, C.count).order_by(C.account, C.kind))

    def _status_upsert(self) -> Any:
        """Of a resource that is there, if it is newer and says something else."""
        there = exists().where(R.id == text("id"))
        chosen = select(text("id"), text("status"), number("at_ns")).where(there)
        upsert = self._insert(STATUS).from_select(["id", "status", "at_ns"], chosen)
        new = upsert.excluded
        return upsert.on_conflict_do_update(
            index_elements=[STATUS.c.id],
            set_={"status": new.status, "at_ns": new.at_ns},
            where=(STATUS.c.status != new.status) & (STATUS.c.at_ns <= new.at_ns),
        )

    def _references_and_tags(self) -> None:
        F, T = REFERENCE.c, TAG.c  # noqa: N806
        self.insert_reference = self._made(self._insert(REFERENCE))
        self.remove_references = self._made(delete(REFERENCE).where(F.source_id == text("of_id")))
        mentions = select(F.source_kind, F.source_id, F.field, F.target_id).where(F.target_id == text("id"))
        self.referring_to = self._made(mentions.order_by(F.source_id, F.field))
        kept = select(F.field, F.target_id).where(F.source_id == text("id"))
        self.references_of = self._made(kept.order_by(F.field))
        self.insert_tag = self._made(self._insert(TAG))
        self.remove_tags = self._made(delete(TAG).where(T.id == text("of_id")))

    def _audit(self) -> None:
        C, H = CHANGE.c, CHAIN.c  # noqa: N806
        self.newest_change = self._made(select(func.max(C.seq)))
        self.insert_change = self._made(self._insert(CHANGE))
        of_resource = select(C.after).where(C.resource_id == text("id"))
        self.newest_change_of = self._made(of_resource.order_by(C.seq.desc()))
        newest = select(func.max(C.seq)).group_by(C.resource_id)
        self.living = self._made(select(func.count()).where(C.seq.in_(newest), C.after != literal_column("'null'")))
        self.was_used = self._made(select(C.seq).where(C.resource_id == text("id")))
        lines = select(*CHANGE_ROW).where(C.seq > number("after")).order_by(C.seq).limit(number("limit"))
        of_account, of_resource = C.account == text("account"), C.resource_id == text("resource_id")
        self.changes = {
            (False, False): self._made(lines),
            (True, False): self._made(lines.where(of_account)),
            (False, True): self._made(lines.where(of_resource)),
            (True, True): self._made(lines.where(of_account, of_resource)),
        }
        """By whether an account and a resource are asked for."""
        heads = select(H.account, H.lines, H.hash, H.mac)
        self.chain = self._made(heads.where(H.account == text("account")))
        self.chains = self._made(heads.order_by(H.account))
        self.audited_accounts = self._made(select(C.account).distinct().order_by(C.account))
        upsert = self._insert(CHAIN)
        new = {name: upsert.excluded[name] for name in ("lines", "hash", "mac")}
        self.set_chain = self._made(upsert.on_conflict_do_update(index_elements=[H.account], set_=new))

    def _requests(self) -> None:
        I, Q = IDEMPOTENCY.c, QUOTA.c  # noqa: E741, N806
        upsert = self._insert(IDEMPOTENCY)
        new = {name: upsert.excluded[name] for name in ("fingerprint", "answer", "at_ns")}
        self.remember = self._made(upsert.on_conflict_do_update(index_elements=[I.account, I.key], set_=new))
        whose = (I.account == text("account"), I.key == text("key"), I.at_ns > number("after"))
        self.recall = self._made(select(I.fingerprint, I.answer).where(*whose))
        self.forget = self._made(delete(IDEMPOTENCY).where(I.at_ns <= number("until")))
        upsert = self._insert(QUOTA)
        raised = {"maximum": upsert.excluded.maximum}
        self.set_quota = self._made(upsert.on_conflict_do_update(index_elements=[Q.account, Q.name], set_=raised))
        self.quota = self._made(select(Q.maximum).where(Q.account == text("account"), Q.name == text("name")))


_CHANGING = (
    "name", "site", "generation", "spec", "resource_group", "phase", "phase_until_ns", "updated_ns",
)  # fmt: skip
CHANGE_ROW = (
    CHANGE.c.seq, CHANGE.c.account, CHANGE.c.kind, CHANGE.c.resource_id, CHANGE.c.action, CHANGE.c.generation,
    CHANGE.c.at_ns, CHANGE.c.by, CHANGE.c.origin, CHANGE.c.before, CHANGE.c.after, CHANGE.c.previous_hash,
    CHANGE.c.hash,
)  # fmt: skip
"""What `sql_view.change_of` reads."""


@functools.cache
def statements(dialect: DialectName) -> Statements:
    """Compiled at the first call."""
    return Statements(dialect)
