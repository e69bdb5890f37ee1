"""Tags know the account, kind and time of their resource: a list by tag counts and turns pages in one index."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0003"
down_revision = "0002"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
SMALL: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _key(name: str) -> Column[Any]:
    return Column(name, TEXT, primary_key=True, autoincrement=False)


def _text(name: str) -> Column[Any]:
    return Column(name, TEXT, nullable=False)


def upgrade() -> None:
    """The table anew, since SQLite adds no column without a default."""
    op.execute("CREATE TABLE former_tag AS SELECT id, key, value FROM resource_tag")
    op.drop_table("resource_tag")
    op.create_table(
        "resource_tag",
        _key("id"), _key("key"), _text("value"), _text("account"), _text("kind"),
        Column("created_ns", NUMBER, nullable=False),
        **SMALL,
    )  # fmt: skip
    op.execute(
        "INSERT INTO resource_tag (id, key, value, account, kind, created_ns) "
        "SELECT t.id, t.key, t.value, r.account, r.kind, r.created_ns FROM former_tag t JOIN resource r ON r.id = t.id"
    )
    op.create_index("resource_tag_value", "resource_tag", ["account", "kind", "key", "value", "created_ns", "id"])
    op.drop_table("former_tag")
