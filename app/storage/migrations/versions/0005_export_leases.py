"""Leases of exports, how far unfinished ones are, and an index of those that have files."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# STRICT tables of SQLite know INTEGER only, which holds 64 bits there.
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INSTANT = TIMESTAMP(timezone=True).with_variant(sa.Integer(), "sqlite")
# Binary order, whatever the database's own is; SQLite has no other.
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the columns, the table and the index."""
    op.add_column("exports", sa.Column("rows_expected", _BIG))
    op.add_column("exports", sa.Column("worker", _TEXT))
    # Null in the rows that are there, which nobody has leased.
    op.add_column("exports", sa.Column("lease", sa.Integer()))
    op.add_column("exports", sa.Column("leased_until", _INSTANT))
    with_file = sa.text("file IS NOT NULL")
    op.create_index("exports_with_file", "exports", ["updated_at", "id"], sqlite_where=with_file, postgresql_where=with_file)
    op.create_table(
        "export_marks",
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("export_id", _TEXT, primary_key=True),
        _required("file", _TEXT),
        _required("size", _BIG),
        _required("digest", sa.LargeBinary()),
        _required("rows", _BIG),
        _required("subtrees", sa.LargeBinary()),
        *(_required(name, _TEXT) for name in ("sections", "keys")),
        sa.Column("sequence", _BIG),
        _required("head", _BIG),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Drop them. Unfinished exports are begun anew; the version before knows no cancelled and no expired ones: they failed."""
    op.drop_table("export_marks")
    op.drop_index("exports_with_file", "exports")
    op.execute("UPDATE exports SET status = 'failed', file = NULL WHERE status IN ('cancelled', 'expired')")
    for name in ("rows_expected", "worker", "lease", "leased_until"):
        op.drop_column("exports", name)


def _required(name: str, type_: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False)
