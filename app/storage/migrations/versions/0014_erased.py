"""Which texts of a catalogue record's version were erased: told beside it, also of what was erased before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_TAGS = ("message", "actor", "reason", "name", "additional_data")
"""The private texts in the order of a veil's tags; an erased one has the high bit set, and 32 bytes in place of 16."""


def upgrade() -> None:
    """Add the column, and fill it from the entries' veils."""
    op.add_column("catalogue", sa.Column("erased", _TEXT, nullable=True))
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT catalogue.account_id, catalogue.kind, record_id, catalogue.sequence, veil FROM catalogue JOIN entries"
            " ON entries.account_id = catalogue.account_id AND entries.sequence = catalogue.sequence"
            " WHERE stub = 0 AND entries.kind = 'catalogue' AND (catalogue.name IS NULL OR catalogue.additional_data IS NULL)"
        )
    ).fetchall()
    for account_id, kind, record_id, sequence, veil in rows:
        gone = _erased(bytes(veil))
        if gone:
            connection.execute(
                sa.text(
                    "UPDATE catalogue SET erased = :erased WHERE account_id = :account_id AND kind = :kind"
                    " AND record_id = :record_id AND sequence = :sequence"
                ),
                {
                    "erased": " ".join(gone),
                    "account_id": account_id,
                    "kind": kind,
                    "record_id": record_id,
                    "sequence": sequence,
                },
            )


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("catalogue", "erased")


def _erased(veil: bytes) -> list[str]:
    found, at = [], 0
    while at < len(veil):
        tag = veil[at]
        if tag & 0x80:
            found.append(_TAGS[tag & 0x7F])
        at += 33 if tag & 0x80 else 17
    return found
