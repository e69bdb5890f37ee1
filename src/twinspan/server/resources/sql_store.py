"""The resource store in a database: `port.ResourceStore` for SQLite and PostgreSQL alike.

In: works and questions, from several threads. Out: their answers. Next: `service.py` uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from twinspan.model.errors import Rejected, TwinspanError
from twinspan.model.resource import Resource
from twinspan.server.clock import wall_ns
from twinspan.server.database.migrate import open_database
from twinspan.server.database.port import Database
from twinspan.server.database.storable import storable
from twinspan.server.resources.port import ReadView, Work
from twinspan.server.resources.seal import SealKey
from twinspan.server.resources.sql_view import SqlView, resource_of
from twinspan.server.resources.sql_work import batch
from twinspan.server.resources.statements import statements

T = TypeVar("T")


def open_store(url: str, key: SealKey, clock: Callable[[], int] = wall_ns) -> SqlStore:
    """The store at sqlite:///PATH or postgresql://..., made or brought to this version first.

    `clock` dates the audit. Raises Rejected for another URL or a newer database, Unavailable or Retryable where it
    cannot be used.
    """
    store = SqlStore(open_database(url), key, clock)
    try:
        store.require_its_key()
    except BaseException:
        store.close()
        raise
    return store


class SqlStore:
    """One per process; its methods may be called from several threads."""

    def __init__(self, database: Database, key: SealKey, clock: Callable[[], int] = wall_ns) -> None:
        self.database, self.key = database, key
        self._get = statements(database.dialect).get
        self._clock = clock

    def read(self, ask: Callable[[ReadView], T]) -> T:
        """Answer a question. Raises Retryable while the database cannot be reached."""
        with self.database.reading() as session:
            return ask(SqlView(session, self.database.dialect, self.key))

    def get(self, resource_id: str) -> Resource | None:
        """One resource, whoever owns it."""
        row = self.database.row(self._get, {"id": storable(resource_id)})
        return None if row is None else resource_of(row, self.key)

    def change(self, work: Callable[[Work], T]) -> T:
        """Run a unit of work: whatever it raises undoes it. Raises Retryable while the database cannot take it."""
        answer = self.change_all([work])[0]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]  # T, by the signature of `work`

    def change_all(self, works: Sequence[Callable[[Work], Any]]) -> list[Any | Exception]:
        """Several units of work with one write to disk: each whole or not at all, an exception in its place."""
        try:
            with batch(self.database, self.key, self._clock) as running:
                return [running.run(work) for work in works]
        except TwinspanError as error:  # of the database: none of them has happened
            return [error for _ in works]

    def write_status(self, statuses: Mapping[str, Mapping[str, Any]], at_ns: int) -> None:
        """Id to what was seen; what is older than what is known, or the same, changes nothing."""
        sql = statements(self.database.dialect)
        with self.database.writing() as session:
            session.run_many(sql.write_status, [
                {"id": resource_id, "status": msgspec.json.encode(status).decode(), "at_ns": at_ns}
                for resource_id, status in statuses.items()
            ])  # fmt: skip

    def require_its_key(self) -> None:
        """Raises Rejected if the database was sealed with other keys than these."""
        with self.database.reading() as session:
            chains = session.rows(statements(self.database.dialect).chains)
        if chains and not any(self.key.knows(row[3].partition(":")[0]) for row in chains):
            raise Rejected(
                f"the database was sealed with another key than {self.key.path}",
                remedy="copy seal.key from the server that made the database, or from its backup",
            )

    def close(self) -> None:
        self.database.close()
