"""An index of a license's corrections and of its entries other than usage: few among many, and what an audit tells."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NAME = "entries_changes_by_license"
_WHERE = sa.text("license_id IS NOT NULL AND (kind <> 'usage' OR correction IS NOT NULL)")


def upgrade() -> None:
    """Make the index."""
    op.create_index(_NAME, "entries", ["account_id", "license_id", "sequence"], sqlite_where=_WHERE, postgresql_where=_WHERE)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(_NAME, "entries")
