"""What Alembic runs: every revision that the connection's database does not have yet, in the caller's transaction.

In: a connection, from `server.database.migrate`. Out: nothing. Next: `versions/`.
"""

from __future__ import annotations

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
