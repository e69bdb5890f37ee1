"""The tables of the device store, once for SQLite and PostgreSQL.

`server.migrations` makes them, step by step; a test holds the two against each other. Their statements are written
out where they are used, in SQL that both databases take: a look-up on the hot path costs microseconds.

In: nothing. Out: tables. Next: `store.py`.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text

from twinspan.server.database.metadata import BYTES, METADATA, NUMBER, ROWS, SMALL, TEXT, key, number
from twinspan.server.database.metadata import text as words

EMPTY = text("''")
ZERO = text("0")

ACCOUNT = Table("account", METADATA, key("name"), number("created_at_ns"), words("note", server_default=EMPTY), **SMALL)

TOKEN = Table(
    "token", METADATA,
    key("hash", BYTES), words("label", unique=True),
    Column("account", TEXT, ForeignKey("account.name", ondelete="CASCADE")), number("created_at_ns"),
    words("role", server_default=text("'operator'")), words("scopes", server_default=EMPTY),
    Column("expires_at_ns", NUMBER),
    **SMALL,
)  # fmt: skip
"""Of a token there is its SHA-256 alone. What it may do, on which paths (empty: all), until when. Without an account it
is for the whole server."""

ACCESS_KEY = Table(
    "access_key", METADATA,
    key("id"), Column("account", TEXT, ForeignKey("account.name", ondelete="CASCADE"), nullable=False), words("label"),
    words("role"), Column("sealed", BYTES, nullable=False), number("created_at_ns"), Column("expires_at_ns", NUMBER),
    **SMALL,
)  # fmt: skip
"""Keys of the compatible API. Its signatures need the secret itself, so it is sealed and not hashed."""

DEVICE = Table(
    "device", METADATA,
    key("serial"), Column("owner", TEXT, ForeignKey("account.name")), words("platform", server_default=EMPTY),
    words("module_type", server_default=EMPTY), words("tags", server_default=EMPTY), number("added_at_ns"),
    Column("credential", TEXT, CheckConstraint("credential IN ('password', 'token', 'certificate')"), nullable=False),
    words("credential_id"), Column("salt", TEXT), Column("iterations", NUMBER), Column("stored_key", TEXT),
    Column("server_key", TEXT), Column("token_expires_at_ns", NUMBER), Column("token_used_at_ns", NUMBER),
    number("epoch", server_default=ZERO), Column("resume_id", TEXT), Column("boot_id", TEXT), Column("worker", TEXT),
    Column("address", TEXT), words("reported_platform", server_default=EMPTY),
    words("reported_module_type", server_default=EMPTY), words("software", server_default=EMPTY),
    words("note", server_default=EMPTY), Column("connected_at_ns", NUMBER), Column("last_heard_ns", NUMBER),
    Column("last_down_reason", TEXT), Column("last_down_at_ns", NUMBER), words("swaps", server_default=EMPTY),
    Column("quarantined_at_ns", NUMBER),
    Index("device_owner", "owner"),
    Index("device_worker", "worker", sqlite_where=text("worker IS NOT NULL"),
          postgresql_where=text("worker IS NOT NULL")),
    **SMALL,
)  # fmt: skip

FORMER_DEVICE = Table("former_device", METADATA, key("serial"), number("epoch"), **SMALL)
"""A serial that is removed and added again goes on counting: an old ticket never fits."""

EVENT = Table(
    "event", METADATA,
    Column("id", NUMBER, primary_key=True), words("serial"), number("at_ns"), words("kind"),
    words("detail", server_default=EMPTY), Column("epoch", NUMBER), Column("account", TEXT),
    Index("event_serial", "serial", "id"),
    **ROWS,
)  # fmt: skip

_OPEN, _ENDED = text("state IN ('queued', 'sent')"), text("finished_at_ns IS NOT NULL")
_STATES = "state IN ('queued', 'sent', 'finished', 'cancelled', 'expired')"
COMMAND = Table(
    "command", METADATA,
    key("id"), words("serial"), words("name"), words("arguments"), Column("account", TEXT), number("queued_at_ns"),
    number("expires_at_ns"),
    Column("state", TEXT, CheckConstraint(_STATES), nullable=False, server_default=text("'queued'")),
    Column("epoch", NUMBER), Column("outcome", TEXT), Column("output", TEXT), Column("finished_at_ns", NUMBER),
    Index("command_open", "serial", "queued_at_ns", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("command_finished", "finished_at_ns", sqlite_where=_ENDED, postgresql_where=_ENDED),
    **SMALL,
)  # fmt: skip

UNBINDING = Table("unbinding", METADATA, key("serial"), words("state"), **SMALL)

WANTED_CONFIG = Table(
    "wanted_config", METADATA,
    key("serial"), number("generation"), words("digest"), Column("config", BYTES, nullable=False),
    Column("taken_digest", TEXT), words("refusal", server_default=EMPTY), number("revision", server_default=ZERO),
    words("site", server_default=EMPTY), number("trial_s", server_default=ZERO),
    Index("wanted_config_revision", "revision"),
    Index("wanted_config_of_site", "site"),
    **SMALL,
)  # fmt: skip
"""What a device shall be, as JSON with its secrets in it: the database is for its owner only. `revision` grows with
every change: each worker looks for what is newer than it has seen. `site` is the config's own. `trial_s`: so long it
may prove itself; 0: it is for good."""

CONFIG_TRIAL = Table(
    "config_trial", METADATA,
    key("serial"), number("generation"), words("digest"), words("decision"), words("reason", server_default=EMPTY),
    number("attempts", server_default=text("1")), number("at_ns"),
    **SMALL,
)  # fmt: skip
"""What was decided about the wanted config of a device; here before the device is told. A new config begins anew."""

DEVICE_REPORT = Table(
    "device_report", METADATA,
    Column("seq", NUMBER, primary_key=True),
    Column("serial", TEXT, ForeignKey("device.serial", ondelete="CASCADE"), nullable=False, unique=True),
    Column("report", BYTES, nullable=False),
    sqlite_autoincrement=True, **ROWS,
)  # fmt: skip
"""With several workers: reports of configured devices, for the one that makes statuses of them. `seq` only grows."""
