"""Exports: reports frozen as of a sequence."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# STRICT tables of SQLite know INTEGER only, which holds 64 bits there.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "exports",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("id", _TEXT, primary_key=True),
        _required("sequence", _BIG),
        *(_required(name, _TEXT) for name in ("report", "format", "parameters")),
        _required("as_of", _BIG),
        sa.Column("recorded_at", _INSTANT),
        _required("schema_version", sa.Integer()),
        *(_required(name, _TEXT) for name in ("content_type", "file_name", "created_by")),
        *(_required(name, _INSTANT) for name in ("created_at", "updated_at")),
        _required("status", _TEXT),
        _required("rows", _BIG),
        _required("sections", _TEXT),
        *(sa.Column(name, _TEXT) for name in ("digest", "artifact_digest")),
        sa.Column("size", _BIG),
        *(sa.Column(name, _TEXT) for name in ("file", "reason")),
        _required("subtrees", sa.LargeBinary()),
        sqlite_strict=True,
    )
    op.create_index("exports_of_account", "exports", ["account_id", "sequence"], unique=True)
    unfinished = sa.text("status IN ('pending', 'running')")
    op.create_index("exports_unfinished", "exports", ["created_at", "id"], sqlite_where=unfinished, postgresql_where=unfinished)


def downgrade() -> None:
    """Drop the table. The files that its rows name stay where they are."""
    op.drop_table("exports")


def _required(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
