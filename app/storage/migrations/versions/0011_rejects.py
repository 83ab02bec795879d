"""Rejects: what was sent and not recorded, with its payload and the reason."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "rejects",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("number", _BIG, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", _TEXT, nullable=False),
        sa.Column("kind", _TEXT, nullable=False),
        sa.Column("format", _TEXT, nullable=False),
        sa.Column("source", _TEXT),
        sa.Column("shape", _TEXT, nullable=False),
        sa.Column("payload", sa.LargeBinary()),
        sa.Column("field", _TEXT),
        sa.Column("reason", _TEXT),
        sa.Column("sender", _TEXT),
        sa.Column("sender_id", _TEXT),
        sa.Column("sequence", _BIG),
        sa.Column("times", _BIG, nullable=False),
        sa.Column("first_at", _INSTANT, nullable=False),
        sa.Column("last_at", _INSTANT, nullable=False),
        sa.Column("received_by", _TEXT, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("rejects_by_digest", "rejects", ["account_id", "digest"], unique=True)
    _partial("rejects_open", "status IN ('rejected', 'conflict')", "number")
    _partial("rejects_by_sender_id", "sender_id IS NOT NULL", "sender_id", "number")
    _partial("rejects_by_sequence", "sequence IS NOT NULL", "sequence", "number")
    op.create_index("rejects_by_last_at", "rejects", ["last_at"])


def downgrade() -> None:
    """Drop the table: what was not recorded is lost."""
    op.drop_table("rejects")


def _partial(name: str, where: str, *columns: str) -> None:
    op.create_index(name, "rejects", ["account_id", *columns], sqlite_where=sa.text(where), postgresql_where=sa.text(where))
