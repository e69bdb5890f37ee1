"""How a database of any earlier version becomes one of this version: Alembic's tree, for SQLite and PostgreSQL.

A revision that was ever released is never changed; a new one is a new file in `versions/`, and `HEAD` names it. The
tables as they are now stand in `server.resources.tables`. Next: `server.database.migrate` runs it.
"""

HEAD = "0004"
"""The newest revision: a database that has it is opened without loading Alembic at all."""
