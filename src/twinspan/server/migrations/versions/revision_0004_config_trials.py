"""Configs on trial: how long one may prove itself, and what was decided about it."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, text

revision = "0004"
down_revision = "0003"

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
SMALL: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False}


def _number(name: str, **more: Any) -> Column[Any]:
    return Column(name, NUMBER, nullable=False, **more)


def upgrade() -> None:
    """What is wanted already goes on being wanted without a trial."""
    op.add_column("wanted_config", _number("trial_s", server_default=text("0")))
    op.create_table(
        "config_trial",
        Column("serial", TEXT, primary_key=True, autoincrement=False),
        _number("generation"),
        Column("digest", TEXT, nullable=False),
        Column("decision", TEXT, nullable=False),
        Column("reason", TEXT, nullable=False, server_default=text("''")),
        _number("attempts", server_default=text("1")),
        _number("at_ns"),
        **SMALL,
    )
