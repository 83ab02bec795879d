"""First answers: what calls with an idempotency key were answered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "first_answers",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("key", _TEXT, primary_key=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("subject", _TEXT, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("data", _TEXT),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table: a repeated call will then be answered anew."""
    op.drop_table("first_answers")
