"""The device store joins the tree: accounts, tokens, devices, their events, commands and wanted configs.

A file of the time before has its tables already, from `former_steps.py`; only the site of a wanted config, which was
looked up inside its JSON, becomes a column.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Text, inspect, text

revision = "0002"
down_revision = "0001"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
STRICT: dict[str, Any] = {"sqlite_strict": True}
SMALL: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}
EMPTY, ZERO = text("''"), text("0")


def _key(name: str, type_: Any = TEXT) -> Column[Any]:
    return Column(name, type_, primary_key=True, autoincrement=False)


def _texts(*names: str, **more: Any) -> list[Column[Any]]:
    return [Column(name, TEXT, nullable=False, **more) for name in names]


def _numbers(*names: str) -> list[Column[Any]]:
    return [Column(name, NUMBER, nullable=False) for name in names]


def _maybe(type_: Any, *names: str) -> list[Column[Any]]:
    return [Column(name, type_) for name in names]


def upgrade() -> None:
    """Makes them, or takes over those that are there."""
    if inspect(op.get_bind()).has_table("device"):
        _take_over()
        return
    _accounts()
    _devices()
    _histories()
    _configs()


def _take_over() -> None:
    op.add_column("wanted_config", Column("site", TEXT, nullable=False, server_default=EMPTY))
    op.execute("UPDATE wanted_config SET site = COALESCE(json_extract(CAST(config AS TEXT), '$.site'), '')")
    op.drop_index("wanted_config_site")
    op.create_index("wanted_config_of_site", "wanted_config", ["site"])
    op.execute("PRAGMA user_version = 0")


def _accounts() -> None:
    op.create_table("account", _key("name"), *_numbers("created_at_ns"), *_texts("note", server_default=EMPTY), **SMALL)
    op.create_table(
        "token",
        _key("hash", LargeBinary()), *_texts("label", unique=True),
        Column("account", TEXT, ForeignKey("account.name", ondelete="CASCADE")), *_numbers("created_at_ns"),
        *_texts("role", server_default=text("'operator'")), *_texts("scopes", server_default=EMPTY),
        *_maybe(NUMBER, "expires_at_ns"),
        **SMALL,
    )  # fmt: skip
    op.create_table(
        "access_key",
        _key("id"), Column("account", TEXT, ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
        *_texts("label", "role"), Column("sealed", LargeBinary(), nullable=False), *_numbers("created_at_ns"),
        *_maybe(NUMBER, "expires_at_ns"),
        **SMALL,
    )  # fmt: skip


def _devices() -> None:
    credentials = CheckConstraint("credential IN ('password', 'token', 'certificate')")
    op.create_table(
        "device",
        _key("serial"), Column("owner", TEXT, ForeignKey("account.name")),
        *_texts("platform", "module_type", "tags", server_default=EMPTY), *_numbers("added_at_ns"),
        Column("credential", TEXT, credentials, nullable=False), *_texts("credential_id"), *_maybe(TEXT, "salt"),
        *_maybe(NUMBER, "iterations"), *_maybe(TEXT, "stored_key", "server_key"),
        *_maybe(NUMBER, "token_expires_at_ns", "token_used_at_ns"),
        Column("epoch", NUMBER, nullable=False, server_default=ZERO),
        *_maybe(TEXT, "resume_id", "boot_id", "worker", "address"),
        *_texts("reported_platform", "reported_module_type", "software", "note", server_default=EMPTY),
        *_maybe(NUMBER, "connected_at_ns", "last_heard_ns"), *_maybe(TEXT, "last_down_reason"),
        *_maybe(NUMBER, "last_down_at_ns"), *_texts("swaps", server_default=EMPTY),
        *_maybe(NUMBER, "quarantined_at_ns"),
        **SMALL,
    )  # fmt: skip
    connected = text("worker IS NOT NULL")
    op.create_index("device_owner", "device", ["owner"])
    op.create_index("device_worker", "device", ["worker"], sqlite_where=connected, postgresql_where=connected)
    op.create_table("former_device", _key("serial"), *_numbers("epoch"), **SMALL)
    op.create_table("unbinding", _key("serial"), *_texts("state"), **SMALL)


def _histories() -> None:
    op.create_table(
        "event",
        Column("id", NUMBER, primary_key=True), *_texts("serial"), *_numbers("at_ns"), *_texts("kind"),
        *_texts("detail", server_default=EMPTY), *_maybe(NUMBER, "epoch"), *_maybe(TEXT, "account"),
        **STRICT,
    )  # fmt: skip
    op.create_index("event_serial", "event", ["serial", "id"])
    states = CheckConstraint("state IN ('queued', 'sent', 'finished', 'cancelled', 'expired')")
    op.create_table(
        "command",
        _key("id"), *_texts("serial", "name", "arguments"), *_maybe(TEXT, "account"),
        *_numbers("queued_at_ns", "expires_at_ns"),
        Column("state", TEXT, states, nullable=False, server_default=text("'queued'")), *_maybe(NUMBER, "epoch"),
        *_maybe(TEXT, "outcome", "output"), *_maybe(NUMBER, "finished_at_ns"),
        **SMALL,
    )  # fmt: skip
    waiting, ended = text("state IN ('queued', 'sent')"), text("finished_at_ns IS NOT NULL")
    op.create_index(
        "command_open", "command", ["serial", "queued_at_ns"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("command_finished", "command", ["finished_at_ns"], sqlite_where=ended, postgresql_where=ended)


def _configs() -> None:
    op.create_table(
        "wanted_config",
        _key("serial"), *_numbers("generation"), *_texts("digest"), Column("config", LargeBinary(), nullable=False),
        *_maybe(TEXT, "taken_digest"), *_texts("refusal", server_default=EMPTY),
        Column("revision", NUMBER, nullable=False, server_default=ZERO), *_texts("site", server_default=EMPTY),
        **SMALL,
    )  # fmt: skip
    op.create_index("wanted_config_revision", "wanted_config", ["revision"])
    op.create_index("wanted_config_of_site", "wanted_config", ["site"])
    op.create_table(
        "device_report",
        Column("seq", NUMBER, primary_key=True),
        Column("serial", TEXT, ForeignKey("device.serial", ondelete="CASCADE"), nullable=False, unique=True),
        Column("report", LargeBinary(), nullable=False),
        sqlite_autoincrement=True, **STRICT,
    )  # fmt: skip
