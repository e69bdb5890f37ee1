"""The resource store: resources, their status, tags and references, the audit, idempotency keys, quotas."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

revision = "0001"
down_revision = None

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
STRICT = {"sqlite_strict": True}
SMALL = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _key(name: str, type_: Text | BigInteger = TEXT) -> Column[object]:
    return Column(name, type_, primary_key=True, autoincrement=False)


def _texts(*names: str) -> list[Column[object]]:
    return [Column(name, TEXT, nullable=False) for name in names]


def _number(name: str) -> Column[object]:
    return Column(name, NUMBER, nullable=False)


def upgrade() -> None:
    """Makes them."""
    _resources()
    _audit()
    _requests()


def _resources() -> None:
    op.create_table(
        "resource",
        _key("id"), *_texts("kind", "account", "name", "site"), _number("generation"),
        *_texts("spec", "resource_group", "phase"), _number("phase_until_ns"), _number("created_ns"),
        _number("updated_ns"),
        **STRICT,
    )  # fmt: skip
    op.create_index("resource_created", "resource", ["account", "kind", "created_ns", "id"])
    op.create_index("resource_updated", "resource", ["account", "kind", "updated_ns", "id"])
    op.create_index("resource_name", "resource", ["account", "kind", "name", "id"])
    op.create_index("resource_id", "resource", ["account", "kind", "id"])
    op.create_index("resource_kind", "resource", ["kind", "created_ns", "id"])
    op.create_index("resource_phase", "resource", ["kind", "phase", "created_ns", "id"])
    op.create_index("resource_site", "resource", ["account", "site"])
    op.create_table("resource_status", _key("id"), *_texts("status"), _number("at_ns"), **STRICT)
    op.create_table("resource_tag", _key("id"), _key("key"), *_texts("value"), **SMALL)
    op.create_index("resource_tag_value", "resource_tag", ["key", "value", "id"])
    op.create_table("resource_count", _key("account"), _key("kind"), _number("count"), **SMALL)
    op.create_table("reference", _key("source_id"), _key("field"), *_texts("source_kind", "target_id"), **SMALL)
    op.create_index("reference_target", "reference", ["target_id", "source_id"])


def _audit() -> None:
    op.create_table(
        "change",
        _key("seq", NUMBER), *_texts("account", "kind", "resource_id", "action"), _number("generation"),
        _number("at_ns"), *_texts("by", "origin", "before", "after", "previous_hash", "hash"),
        **STRICT,
    )  # fmt: skip
    op.create_index("change_account", "change", ["account", "seq"])
    op.create_index("change_resource", "change", ["resource_id", "seq"])
    op.create_table("audit_chain", _key("account"), _number("lines"), *_texts("hash", "mac"), **SMALL)


def _requests() -> None:
    op.create_table(
        "idempotency",
        _key("account"), _key("key"), *_texts("fingerprint"), Column("answer", LargeBinary, nullable=False),
        _number("at_ns"),
        **SMALL,
    )  # fmt: skip
    op.create_index("idempotency_age", "idempotency", ["at_ns"])
    op.create_table("quota", _key("account"), _key("name"), _number("maximum"), **SMALL)
