"""What the gateway has signed and keeps: checkpoints of ledgers, manifests of exports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "attestations",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("kind", _TEXT, primary_key=True),
        sa.Column("sequence", _BIG, primary_key=True, autoincrement=False),
        sa.Column("document", _TEXT, nullable=False),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop the table: what was handed out before still verifies, for those who have it."""
    op.drop_table("attestations")
