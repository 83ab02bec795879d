"""Formats: the documents by which accounts have their senders' payloads read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "formats",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("name", _TEXT, primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("document", _TEXT, nullable=False),
        sa.Column("digest", _TEXT, nullable=False),
        sa.Column("created_by", _TEXT, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table: the accounts' formats are gone, what was recorded through them stays."""
    op.drop_table("formats")
