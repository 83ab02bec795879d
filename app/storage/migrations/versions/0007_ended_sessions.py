"""Sessions that were ended before their tokens expire."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ended_sessions",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("session_id", _TEXT, primary_key=True),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table: a session that was ended holds again until its token expires."""
    op.drop_table("ended_sessions")
