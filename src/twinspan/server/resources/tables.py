"""The tables of the resource store, once for SQLite and PostgreSQL.

`server.migrations` makes them, step by step; a test holds the two against each other. JSON is text: readable in either,
and decoded by msgspec.

In: nothing. Out: tables. Next: `statements.py`.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from twinspan.server.database.metadata import BYTES, METADATA, NUMBER, ROWS, SMALL, key, number, text

RESOURCE = Table(
    "resource", METADATA,
    key("id"), text("kind"), text("account"), text("name"), text("site"), number("generation"),
    text("spec"),  # JSON; each secret in it sealed (`seal.py`)
    text("resource_group"),  # of the spec, for lists
    text("phase"), number("phase_until_ns"), number("created_ns"), number("updated_ns"),
    Index("resource_created", "account", "kind", "created_ns", "id"),
    Index("resource_updated", "account", "kind", "updated_ns", "id"),
    Index("resource_name", "account", "kind", "name", "id"),
    Index("resource_id", "account", "kind", "id"),
    Index("resource_kind", "kind", "created_ns", "id"),
    Index("resource_phase", "kind", "phase", "created_ns", "id"),
    Index("resource_site", "account", "site"),
    **ROWS,
)  # fmt: skip
"""What shall be."""

STATUS = Table("resource_status", METADATA, key("id"), text("status"), number("at_ns"), **ROWS)
"""What was seen of a resource, as JSON; apart from it, since it changes all the time."""

TAG = Table(
    "resource_tag", METADATA,
    key("id"), key("key"), text("value"), text("account"), text("kind"), number("created_ns"),
    Index("resource_tag_value", "account", "kind", "key", "value", "created_ns", "id"),
    **SMALL,
)  # fmt: skip
"""Tags of the specs, for lists; with what a list chooses by, so that it need not look at each resource."""

COUNT = Table(
    "resource_count", METADATA, key("account"), key("kind"), number("count"),
    **SMALL,
)  # fmt: skip
"""How many resources there are: quotas and pages ask it all the time."""

REFERENCE = Table(
    "reference", METADATA, key("source_id"), key("field"), text("source_kind"), text("target_id"),
    Index("reference_target", "target_id", "source_id"),
    **SMALL,
)  # fmt: skip
"""Which resource mentions which."""

CHANGE = Table(
    "change", METADATA,
    key("seq", NUMBER), text("account"), text("kind"), text("resource_id"), text("action"), number("generation"),
    number("at_ns"), text("by"), text("origin"), text("before"), text("after"), text("previous_hash"), text("hash"),
    Index("change_account", "account", "seq"),
    Index("change_resource", "resource_id", "seq"),
    **ROWS,
)  # fmt: skip
"""The audit: `engine.audit_chain` says how its lines hang together."""

CHAIN = Table(
    "audit_chain", METADATA, key("account"), number("lines"), text("hash"), text("mac"),
    **SMALL,
)  # fmt: skip
"""Where the chain of each account ends; with a MAC by the seal key, so that who has the database alone cannot make
another chain."""

IDEMPOTENCY = Table(
    "idempotency", METADATA, key("account"), key("key"), text("fingerprint"), Column("answer", BYTES, nullable=False),
    number("at_ns"), Index("idempotency_age", "at_ns"),
    **SMALL,
)  # fmt: skip
"""Answers to requests with an idempotency key, a day long."""

QUOTA = Table(
    "quota", METADATA, key("account"), key("name"), number("maximum"), **SMALL,
)  # fmt: skip
"""What operators have set."""
