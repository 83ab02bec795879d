"""An index of a license's life alone: its corrections may be a thousand times as many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_NAME = "entries_life_by_license"
_WHERE = sa.text("license_id IS NOT NULL AND kind <> 'usage'")


def upgrade() -> None:
    """Make the index."""
    op.create_index(_NAME, "entries", ["account_id", "license_id", "sequence"], sqlite_where=_WHERE, postgresql_where=_WHERE)


def downgrade() -> None:
    """Drop it."""
    op.drop_index(_NAME, "entries")
